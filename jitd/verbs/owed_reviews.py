# SPDX-License-Identifier: Apache-2.0
"""Contains the verb with which people give owed reviews, and defines who sees these reviews. A review is owed after a person
broke glass.

Law: a person may not review their own request, whichever of their accounts they used. A review covers exactly the request that
was shown, and everything that ran under this request. Therefore jitd accepts a review only when nothing can run under the request
any more. An operator who could not have given any of the skipped approvals may review only when the review is overdue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.law import ByDoor, IllegalEvent, Origin
from jitd.core.lock import LockedOut
from jitd.core.owed_review import NotAsShown, NotTheirs, OwedReview, Reviewed
from jitd.core.request import Request
from jitd.core.rights import Act
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider
from jitd.lifecycle.integrity import why_unread
from jitd.lifecycle.perform import Perform
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.receipts import Receipts
from jitd.verbs.refusal import Refusal
from jitd.verbs.reviewers import Reviewers, Signed
from jitpam.wire.shown import shown

VERDICT = "reviewed"  # the verdict in a protocol message with which a person gives an owed review


class OwedReviews:
    """The verb with which people give owed reviews."""

    def __init__(
        self,
        access: Access,
        decider: Decider,
        perform: Perform,
        store: Store,
        now: Callable[[], Moment],
        receipts: Receipts | None = None,
    ) -> None:
        self._access = access
        self._decider = decider
        self._perform = perform
        self._store = store
        self._reviewers = Reviewers(access, decider, now, receipts)

    async def give(
        self,
        who: Identity,
        typed: str,
        fingerprint: bytes,
        comment: str,
        origin: Origin | ByDoor,
        signed: Signed | None = None,
    ) -> str:
        """Accept a review from ``origin``, perhaps ``signed``. Return a sentence about its effect. Raises Refusal."""
        self._reviewers.refuse_at_once(who, comment)
        found = self._access.request(Act.SEE, who, typed)
        self._refuse(self._reviewers.perhaps(who, signed), found)  # check this first, so that the KDC is queried only if needed
        fresh, answer = await self._reviewers.as_now(who)
        found = self._access.request(Act.SEE, fresh, found.id)
        fresh, given = self._reviewers.signing(fresh, found, signed)
        self._refuse(fresh, found)
        self._reviewers.must_state(given, fresh, found, VERDICT, found.obligations)
        by = replace(self._access.actor(Act.GIVE, fresh, found), origin=origin)
        event = Reviewed(found.id, by, fresh, fingerprint, comment, answer, given, self._access.demands)
        try:
            self._perform.act(event)
        except NotAsShown:
            raise Refusal("not_done", f"request {found.id} is not what you were shown: look at it again") from None
        except (NotTheirs, LockedOut) as fault:
            raise Refusal("forbidden", str(fault)) from None
        except IllegalEvent:  # another review came first
            raise self._too_late(self._owed_for(found)) from None
        return f"what was done by request {found.id} is reviewed"

    def _owed_for(self, found: Request) -> OwedReview:
        owed = self._store.owed_review(found.id)
        if owed is None:
            if because := why_unread(self._store, "owed_review", found.id, f"the review owed for request {found.id}"):
                raise Refusal("not_done", because)
            why = f"it belongs to the review of {found.lease}" if found.lease else "nobody broke glass for it"
            raise Refusal("not_done", f"no review is owed for request {found.id}: {why}")
        return owed

    def _refuse(self, who: Identity, found: Request) -> None:
        """Raise Refusal if ``who`` may not give the owed review of ``found``, or if nobody may give it yet."""
        self._owed_for(found)
        self._access.refuse(Act.GIVE, who, found)
        grant = self._store.grant(found.id)
        if (grant is not None and grant.is_live) or any(self._store.runs(grant=found.id)):
            raise Refusal("not_done", f"request {found.id} cannot be reviewed yet: {_goes_on(grant)}")

    def _too_late(self, owed: OwedReview) -> Refusal:
        now = self._store.owed_review(owed.id) or owed
        by = "" if now.given_by is None else f" by {shown(now.given_by.principal)}"
        return Refusal("late", f"request {owed.id} was reviewed already{by}")


def _goes_on(grant: Grant | None) -> str:
    """Return the reason why it is too early to review the runs under ``grant``, which is None if it was damaged."""
    if grant is None or not grant.is_live:
        return "its grant has ended, but what runs under it is not gone yet: see jitd runs"
    if grant.living:
        return f"what it permits still runs; wait for its end, or end it: jitd revoke {grant.id}"
    return f"it may be used until its grant ends; wait for that, or end it: jitd revoke {grant.id}"
