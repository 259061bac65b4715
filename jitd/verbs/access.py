# SPDX-License-Identifier: Apache-2.0
"""Asks the table of rights (``core.rights``) for the verbs, and says in words why a person may not do something.

Law: each verb asks here who may do it, and nowhere else. If a person may not see an object, jitd answers as if the object did not
exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from jitd.core import approvers, owed_review, rights
from jitd.core.authentication import Demand
from jitd.core.command import read_id
from jitd.core.law import Actor, ByDoor, Origin
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.request import Request, Verdict, open_ways
from jitd.core.rights import Act, Bar, Case, Part, Refused
from jitd.core.subject import Identity
from jitd.core.used_accounts import why_own
from jitd.settings.config import Config
from jitd.store import Store, permits_nothing
from jitd.store.used_accounts import UsedAccounts
from jitd.verbs.refusal import Refusal
from jitpam.wire.shown import shown

ROOT_REVIEWS_NOTHING = "root may not review; do it from your own account, with a Kerberos ticket"
"""The answer to root, who may not review, and to a person in root's account with their own ticket."""
NOT_YOURS = "without a Kerberos ticket you may end only your own requests, grants and runs: run kinit when a KDC can be reached"
AUDITORS_LOOK = "you may look at this, but not end it: you are an auditor"


@dataclass(frozen=True, slots=True)
class Here:
    """What this host knows, for ``core.rights``. ``store`` is one that the caller's thread may read."""

    config: Config
    store: Store
    uses: UsedAccounts

    @property
    def operators(self) -> tuple[str, ...]:
        return self.config.operators

    @property
    def auditors(self) -> tuple[str, ...]:
        return self.config.auditors

    @property
    def operators_by_door(self) -> Demand | None:
        return self.config.door.operators

    @property
    def signed(self) -> str:
        return self.config.approvals.signed

    def locks(self) -> Iterator[Lock]:
        return self.uses.locks(self.store)

    def owed_review(self, id: str) -> OwedReview | None:
        owed = self.store.owed_review(id)
        return None if owed is None else owed.raised(self.config.approvals.signed)


class Access:
    """Tells the verbs who may do what. The operators and auditors are those in jitd.toml. ``people`` is ``[people]`` there."""

    def __init__(
        self,
        config: Config,
        store: Store,
        people: Mapping[str, frozenset[str]] = MappingProxyType({}),
        uses: UsedAccounts | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._people = people
        self._uses = uses or UsedAccounts(store, people)

    def _case(self, who: Identity, found: Request | None, store: Store | None = None) -> Case:
        if store is None:
            return Case(who, Here(self._config, self._store, self._uses), found)
        return Case(who, Here(self._config, store, UsedAccounts(store, self._people)), found)

    @property
    def demands(self) -> str:
        """What this host demands of each receipt, whatever its rules say (``core.receipt.LEVELS``)."""
        return self._config.approvals.signed

    def of_now(self) -> Callable[[Store], Access]:
        """Return a function for other threads than the event loop: for a store that such a thread may read, it returns an Access
        with the live runs and the locks of this moment, so that they are not read for each row.
        """
        known = tuple(self._uses()), tuple(self._uses.locks())
        return lambda store: Access(self._config, store, self._people, UsedAccounts(store, self._people, known))

    # --- may this person -----------------------------------------------------------------------------------------------

    def may(self, act: Act, who: Identity, found: Request | None = None, *, store: Store | None = None) -> bool:
        """True if ``who`` may do ``act``, to the request ``found`` or on this host. ``store`` is for a caller in another thread
        than the event loop: a store that this thread may read.
        """
        return rights.may(act, self._case(who, found, store)) is None

    def refuse(self, act: Act, who: Identity, found: Request | None = None) -> None:
        """Raise Refusal unless ``who`` may do ``act``. ``found`` is a request that ``who`` may see."""
        case = self._case(who, found)
        if (refused := rights.may(act, case)) is not None:
            raise _refusal(refused, case)

    def request(self, act: Act, who: Identity, typed: str) -> Request:
        """Return the request ``typed``. Raises Refusal if ``who`` may not see it or do ``act`` to it, or it is not there."""
        id = read_id(typed)
        found = self._store.request(id.partition(".")[0]) if id is not None else None
        if found is None or not self.may(Act.SEE, who, found):
            raise self._unseen(who, found, typed)
        self.refuse(act, who, found)
        return found

    def why_not_asked(self, who: Identity, found: Request) -> str:
        """Return why the rule of ``found`` takes no review from ``who``, as the end of a sentence, or ""."""
        case = self._case(who, found)
        return _why_no_review(case) if rights.may(Act.BE_ASKED, case) else ""

    def barred(self, act: Act, who: Identity, found: Request) -> str:
        """``who`` is somebody who is asked for ``act``: to approve ``found``, or to give the review that is owed for it. If they
        may not do it for another reason than how they have authenticated, return the refusal. Otherwise return an empty string.
        """
        case = self._case(who, found)
        if rights.may(_ASKED[act], case) is not None:
            return ""
        refused = rights.may(act, case)
        return "" if refused is None or refused.step in _OF_PROOF else str(_refusal(refused, case))

    def uncounted(self, found: Request, today: Iterable[Identity]) -> dict[str, str]:
        """Map the principals of those who approved ``found``, and whose approval does not count now, to the reason, in words
        that the requester may read. ``today`` contains the approvers who are still there, with their present data. Locks are
        left out: ``core.lock.counted`` knows them.
        """
        now = {one.principal: one for one in today}
        reasons: dict[str, str] = {}
        for review in found.reviews:
            if review.verdict is not Verdict.APPROVE:
                continue
            who = now.get(review.by.principal)
            if who is None:
                because = "this account is gone, disabled or expired, or may not be used on this host"
            elif (refused := rights.may(Act.COUNT, self._case(who, found))) is None:
                continue
            elif refused.step is Bar.OWN:
                because = "the requester may act as this account, in a run or by a login"
            elif refused.step is Bar.UNSIGNED:
                because = "the rule demands more of it now, or its key does not count any more"
            else:
                because = "the rule does not name this person any more"
            reasons[review.by.principal] = because
        return reasons

    def actor(self, act: Act, who: Identity, found: Request, origin: Origin | ByDoor | None = None) -> Actor:
        """``who``, who may do ``act`` to ``found``, does it. Return ``who`` as an Actor, with the role in which they act."""
        return who.actor(rights.role_in(act, self._case(who, found)), origin)

    def read_again(self, id: str) -> Request:
        """Return the request ``id``, which was there a moment ago. Raises Refusal if it is damaged in the database by now."""
        found = self._store.request(id)
        if found is None:
            raise Refusal("failed", f"{permits_nothing('request', id)}: its requester has to ask again")
        return found

    def _unseen(self, who: Identity, found: Request | None, typed: str) -> Refusal:
        if found is not None and who.person == found.requester.person and not who.is_local:
            # Give no details here. An attacker who controls one account of a person must not learn what the person's other
            # account sees.
            its = "see it and end it with that account; somebody else has to review it"
            return Refusal("forbidden", f"request {found.id} is your own, from another of your accounts: {its}")
        if found is not None and self.may(Act.SEE, *_alone(who, found)):
            return Refusal("forbidden", shown(why_own(who, found.requester, found.id, self._uses)))
        return Refusal("unknown", f"there is no request {shown(typed)}, as far as you may see")


def _alone(who: Identity, found: Request) -> tuple[Identity, Request]:
    """Return ``who`` and ``found`` as if nobody else used their accounts."""
    return who.but(used_by=()), replace(found, requester=replace(found.requester, used_by=()))


# --- the words of a refusal ----------------------------------------------------------------------------------------------

_ASKED = {Act.APPROVE: Act.BE_ASKED, Act.GIVE: Act.BE_ASKED_LATER}  # who is asked for an act
_OF_PROOF = (Bar.UNPROVED, Bar.UNSIGNED, Bar.UNSIGNED_HERE)  # bars that go if the person proves more
_VERBS = {Act.DENY: "review", Act.APPROVE: "review", Act.GIVE: "review", Act.OBSERVE: "watch"}


def _refusal(refused: Refused, case: Case) -> Refusal:
    act, step, because = refused.act, refused.step, refused.because
    if isinstance(step, Bar):
        return _barred(act, step, because, case)
    if Part.OPERATOR in step and case.found is None:
        who = "operators, auditors and root" if Part.AUDITOR in step else "operators and root"
        lack = rights.why_not_by_door(case)
        return Refusal("forbidden", f"only {who} may {act}{f', and this host {lack}' if lack else ''}")
    if case.found is None:
        return Refusal("forbidden", f"only root may {act}")
    about = f"request {case.request.id}"
    if act is Act.OWN:
        return Refusal("forbidden", f"{about} is not yours: only its requester may withdraw it")
    if act is Act.END:
        return Refusal("forbidden", NOT_YOURS if case.who.is_by_pam else AUDITORS_LOOK)
    if act in _VERBS:
        why = _why_no_late_review(case) if act is Act.GIVE else _why_no_review(case)
        return Refusal("forbidden", f"you may not {_VERBS[act]} {about}: {why}")
    return Refusal("forbidden", f"you may not watch {about}: its rule does not let you")


def _barred(act: Act, bar: Bar, because: str, case: Case) -> Refusal:
    match bar:
        case Bar.ROOT:
            return Refusal("forbidden", ROOT_REVIEWS_NOTHING)
        case Bar.OWN | Bar.OWN_ACCOUNT:
            return Refusal("forbidden", shown(because))
        case Bar.GIVEN:
            return Refusal("late", f"request {case.request.id} was {shown(because)}")
        case Bar.UNPROVED | Bar.UNSIGNED:
            verb = "approve" if act is Act.APPROVE else _VERBS[act]
            return Refusal("forbidden", f"you may not {verb} request {case.request.id}: its rule {because}")
        case Bar.UNSIGNED_HERE:
            verb = act if case.found is None else f"{_VERBS[act]} request {case.found.id}"
            return Refusal("forbidden", f"you may not {verb}: {because}")
        case Bar.NAMED_IN_LOCK:
            return Refusal("forbidden", f"you are locked yourself: another operator, or root, has to {act} ({because})")
        case Bar.LOCKED:
            locked = f"you may {_VERBS[act]} nothing: {because}" if act in _VERBS else because
            return Refusal("forbidden" if act in _VERBS else "denied", locked)


def _why_no_review(case: Case) -> str:
    """``case.who`` is not a reviewer of the request. Return the reason as the end of a sentence."""
    who, obligations = case.who, case.request.obligations
    if who.is_superuser:
        return ROOT_REVIEWS_NOTHING
    if who.is_made:
        return "an account made by jitd may not review: use your own account"
    if who.is_local:
        return "you cannot review without a Kerberos ticket: run kinit"
    if who.is_by_pam and (obligations is None or obligations.without_kdc != "local"):
        return "its rule accepts no approval that is proved by local PAM: run kinit when a KDC can be reached"
    approvals = () if obligations is None else obligations.approvals
    if because := approvers.why_not(approvals, open_ways(case.request), who):
        return shown(because)
    return "its rule names neither you nor a group that you are in"


def _why_no_late_review(case: Case) -> str:
    """Return the reason why ``case.who`` may not give the owed review, as the end of a sentence."""
    who, owed = case.who, case.owed
    if who.is_superuser:
        return ROOT_REVIEWS_NOTHING
    if who.is_local:
        return "you cannot review without a Kerberos ticket: run kinit"
    if owed is None:
        return "no review is owed"
    if owed_review.was_skipped(owed.glass, who, owed.requester):
        return f"its rule {owed_review.lacks(owed, who)}"
    whose = f"{shown(owed_review.reviewers(owed.glass))} has to do it"
    if owed.state is OwedReviewState.OWED and rights.may(Act.OPERATE, case) is None:
        return f"{whose}, and an operator only when it is overdue"
    return whose
