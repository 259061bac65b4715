# SPDX-License-Identifier: Apache-2.0
"""The verb review, with which one person approves or denies a waiting request.

Law: nobody reviews their own request. A verdict applies only to the version of the request that the approver was shown. Before
an approval counts, the policy decides again about the request.
"""

from __future__ import annotations

from collections.abc import Callable

from jitd.core.approvers import lack, tally
from jitd.core.authentication import KdcAnswer
from jitd.core.decision import Deny, Permit, Why, narrow
from jitd.core.effects import Moment
from jitd.core.law import ByDoor, IllegalEvent, Origin, Role
from jitd.core.lock import LockedOut
from jitd.core.receipt import Receipt
from jitd.core.request import NotYours, Request, RequestState, Reviewed, Stale, Verdict, open_ways
from jitd.core.rights import Act
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider, FreshDecision
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.screenings import Overtaken
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.receipts import Receipts
from jitd.verbs.refusal import Refusal
from jitd.verbs.reviewers import Reviewers, Signed
from jitd.verbs.sentences import asking, too_late
from jitpam.wire.shown import reshown

_STANDS = {
    Verdict.APPROVE: (RequestState.PENDING, RequestState.APPROVED),
    Verdict.DENY: (RequestState.DENIED,),
}
"""Maps each verdict to the states that may follow, in which it may be repeated."""


class Reviews:
    """The verb that approvers use."""

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

    async def review(
        self,
        who: Identity,
        typed: str,
        verdict: Verdict,
        fingerprint: bytes,
        comment: str,
        origin: Origin | ByDoor,
        signed: Signed | None = None,
    ) -> str:
        """Accept a review from ``origin``, perhaps ``signed``. Return a sentence about its effect. Raises Refusal."""
        self._reviewers.refuse_at_once(who, comment)
        act = Act.APPROVE if verdict is Verdict.APPROVE else Act.DENY
        found = self._access.request(act, self._reviewers.perhaps(who, signed), typed)
        self._refuse_now(who, found, verdict, fingerprint)  # refuse first, so that the KDC is queried only if needed
        fresh, answer = await self._reviewers.as_now(who)
        while True:
            found = self._access.request(Act.SEE, who, found.id)
            fresh, given = self._reviewers.signing(fresh, found, signed)
            self._access.refuse(act, fresh, found)
            self._refuse_now(fresh, found, verdict, fingerprint)
            if repeated := self._repeated(fresh, found, verdict):
                return repeated
            try:
                await self._take(fresh, answer, found, verdict, fingerprint, comment, origin, given)
            except Overtaken:  # another review came first, so the decision was about an older state
                continue
            return self._said(fresh, found.id, verdict)

    async def _take(
        self,
        who: Identity,
        answer: KdcAnswer,
        found: Request,
        verdict: Verdict,
        fingerprint: bytes,
        comment: str,
        origin: Origin | ByDoor,
        given: Receipt | None,
    ) -> None:
        """Take the review of ``who`` on ``found``. ``answer`` is what the KDC says about ``who``. For an approval, the policy
        first decides again about ``found``. Raises Refusal. Raises Overtaken if the request has changed in the meantime.
        """
        if verdict is Verdict.DENY:  # a deny needs no look-up, so a server that does not answer cannot prevent it
            self._reviewers.must_state(given, who, found, verdict, found.obligations)
            fresh = FreshDecision(found, Deny(Why.APPROVALS, "an approver denies it"), ())
        else:
            fresh = await self._decider.decide_again(found)
            if isinstance(fresh.decision, Permit):  # otherwise nobody has looked at the earlier approvers
                left = None if found.obligations is None else narrow(found.obligations, fresh.decision.obligations)
                self._reviewers.must_state(given, who, found, verdict, left)
                self._perform.note_uncounted(found.id, self._access.uncounted(found, fresh.standing))
            else:
                given = None  # nothing was compared with what it states
        event = Reviewed(
            found.id,
            who.actor(Role.APPROVER, origin),
            who,
            verdict,
            fingerprint,
            comment,
            fresh.decision,
            fresh.standing,
            self._perform.is_attended(found),
            answer,
            given,
        )
        try:
            self._perform.act_on(event, found)
        except (NotYours, LockedOut) as fault:
            raise Refusal("forbidden", str(fault)) from None
        except Stale as fault:
            raise Refusal("not_done", str(fault)) from None
        except IllegalEvent:
            raise self._too_late(found.id) from None

    def _refuse_now(self, who: Identity, found: Request, verdict: Verdict, fingerprint: bytes) -> None:
        """Raise Refusal if ``found`` cannot be reviewed in its present state."""
        if verdict is Verdict.APPROVE and (because := self._decider.broken):
            raise Refusal("not_done", f"request {found.id} stays as it is: {because}")
        if fingerprint != found.fingerprint:
            raise Refusal("not_done", f"request {found.id} is not what you were shown: look at it again")
        if found.state is RequestState.SCREENING:
            names = () if found.obligations is None else found.obligations.gatekeepers
            raise Refusal(
                "not_done", f"request {found.id} cannot be reviewed yet: {asking(names) if names else 'it is screened'}"
            )
        if not found.is_open and not self._repeated(who, found, verdict):
            raise self._too_late(found.id)

    def _repeated(self, who: Identity, found: Request, verdict: Verdict) -> str | None:
        last = next((r for r in reversed(found.reviews) if r.by.person == who.person), None)
        if last is None or last.verdict is not verdict or found.state not in _STANDS[verdict]:
            return None
        if not _waits_for_a_count(found) and not _asks_for_more(found, last.by):
            word = "approved" if verdict is Verdict.APPROVE else "denied"
            return f"you have {word} request {found.id} already; it is {found.state}"
        return None

    def _too_late(self, id: str) -> Refusal:
        found = self._store.request(id)
        if found is None:
            return Refusal("late", f"request {id} is gone")
        grant = self._store.grant(id)
        more = f"; to end what it permits: jitd revoke {id}" if grant is not None and grant.is_live else ""
        return Refusal("late", f"{too_late(found)}{more}")

    def _said(self, who: Identity, id: str, verdict: Verdict) -> str:
        found = self._access.read_again(id)
        if found.asking_at is not None and found.obligations is not None and found.obligations.gatekeepers:
            return f"request {id}: your approval counts; {asking(found.obligations.gatekeepers)}"
        if found.state is RequestState.PENDING and (because := self._access.why_not_asked(who, found)):
            return f"request {id}: your approval is recorded, and does not count now: {because}"
        if found.state is RequestState.PENDING:
            return f"request {id}: your approval counts; more are needed"
        if verdict is Verdict.APPROVE and found.state is RequestState.DENIED:
            raise Refusal("not_done", f"request {id} is over: {reshown(found.because)}")
        return f"request {id} is {found.state}"


def _asks_for_more(found: Request, approver: Identity) -> bool:
    """True if ``found`` demands more of an approval by now than ``approver`` had when they gave theirs, such as a receipt."""
    return found.state is RequestState.PENDING and bool(lack(open_ways(found), approver, found.requester))


def _waits_for_a_count(found: Request) -> bool:
    """True if the approvals of ``found`` would be enough, but one of them did not count at the last review. It may count again by
    now, so that an approval that is repeated is not idle: jitd decides again.
    """
    if found.state is not RequestState.PENDING or found.asking_at is not None:
        return False
    approvers = tuple(review.by for review in found.reviews if review.verdict is Verdict.APPROVE)
    return tally(open_ways(found), approvers, found.requester) == 0
