# SPDX-License-Identifier: Apache-2.0
"""An owed review. A requester has broken glass. This means: in an emergency, the requester used a permit that skips the approvals
of another rule. A person who could have given these approvals must review the actions afterwards.

Law: only the tables LAW and MAY_CAUSE decide which state an owed review can have. Each request that breaks glass has one review.
This review covers all runs under the request. The requester can never give the review of their own request, from any of their
accounts. jitd measures the time of the review on the boot clock. Of the time before a reboot, jitd counts only the part that the
record proves. Therefore a review never becomes overdue too early, but it may become overdue too late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from jitd.core.approvers import lack, least_signed, may_approve, may_review
from jitd.core.authentication import KdcAnswer
from jitd.core.decision import BreakGlass, Deny, Why, raised
from jitd.core.effects import ListsChanged, Moment, Notify, SetDeadline
from jitd.core.law import IllegalEvent, LifeEvent, Role, check
from jitd.core.receipt import Receipt, detail_of, is_enough, proved_by, stricter
from jitd.core.subject import Identity, Subject, is_one_person
from jitd.core.values import TYPED, value
from jitd.core.ways import every_way, flat
from jitd.core.wording import count, listed


class OwedReviewState(StrEnum):
    """The state of an owed review."""

    OWED = "owed"
    OVERDUE = "overdue"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class OwedReview:
    """The review that is owed for the request ``id``. ``rule`` is the rule that permitted this request to ``requester``.
    ``glass`` contains the skipped approvals. ``fingerprint`` is the fingerprint of the request.

    ``left_for`` is the number of seconds that the review still had at ``since_boot``. ``since_boot`` is a time on the boot clock
    of the boot ``boot_id``. ``given_as`` is the role of the reviewer ``given_by``: approver or operator. ``signed`` is what
    their receipt has to prove at least (see Obligations).
    """

    id: str
    requester: Subject
    rule: str
    glass: BreakGlass
    fingerprint: bytes
    begun_at: datetime
    boot_id: str
    since_boot: float
    left_for: float
    overdue_at: datetime | None = None
    given_by: Identity | None = None
    given_as: str = ""
    given_at: datetime | None = None
    comment: Annotated[str, TYPED] = ""
    state: OwedReviewState = OwedReviewState.OWED
    version: int = 1
    receipt: Receipt | None = None
    signed: str = ""

    def raised(self, signed: str) -> OwedReview:
        """Return this review on a host that demands ``signed`` now."""
        glass = replace(self.glass, skipped=raised(self.glass.skipped, signed))
        return replace(self, glass=glass, signed=stricter(self.signed, signed))

    @property
    def is_open(self) -> bool:
        """True until somebody has given the review."""
        return bool(LAW[self.state])

    @property
    def due_boot(self) -> float:
        """The time at which the review becomes overdue, in seconds on the clock of the boot ``boot_id``."""
        return self.since_boot + self.left_for

    def is_late_at(self, now: Moment) -> bool:
        """True if the review's time is over on the boot clock: the wall clock is changed by anybody with root's rights."""
        return now.boot_id == self.boot_id and now.boot >= self.due_boot

    def due_at(self, now: Moment) -> datetime:
        """Return the time on the wall clock at which the review is due. This time is shown to people."""
        return now.at + timedelta(seconds=self.due_boot - now.boot if now.boot_id == self.boot_id else self.left_for)


@dataclass(frozen=True, slots=True)
class OwedReviewEvent(LifeEvent):
    """An event of an owed review."""

    life = "owed_review"


@dataclass(frozen=True, slots=True)
class Begun(OwedReviewEvent):
    """A request that breaks glass was permitted, so a review is owed. This event creates the owed review."""

    review: OwedReview

    def detail(self) -> dict[str, Any]:
        return {"rule": self.review.rule, **self.review.glass.detail()}


@dataclass(frozen=True, slots=True)
class Reviewed(OwedReviewEvent):
    """``reviewer`` has reviewed the request (``fingerprint``) and all its runs. ``signed``: what the host demands now."""

    reviewer: Identity
    fingerprint: bytes
    comment: str
    kdc: KdcAnswer
    receipt: Receipt | None = None  # as in ``request.Reviewed``
    signed: str = ""

    def detail(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint.hex(),
            "comment": value("comment", self.comment),
            **self.reviewer.membership(),
            "kdc": str(self.kdc),
            **self.reviewer.ticket(),
            **self.reviewer.users(),
            **detail_of(self.receipt),
        }


@dataclass(frozen=True, slots=True)
class Overdue(OwedReviewEvent):
    """Nobody gave the review in time."""


@dataclass(frozen=True, slots=True)
class Carried(OwedReviewEvent):
    """After a reboot, the rest of the time is counted on the new boot clock. ``spent_for`` seconds surely passed before."""

    spent_for: float

    def detail(self) -> dict[str, Any]:
        return {"spent_for": f"{self.spent_for:.6f}"}


Event = Reviewed | Overdue | Carried

LAW: dict[OwedReviewState, dict[type, frozenset[OwedReviewState]]] = {
    OwedReviewState.OWED: {
        Carried: frozenset({OwedReviewState.OWED}),
        Overdue: frozenset({OwedReviewState.OVERDUE}),
        Reviewed: frozenset({OwedReviewState.REVIEWED}),
    },
    OwedReviewState.OVERDUE: {
        Reviewed: frozenset({OwedReviewState.REVIEWED}),
    },
    OwedReviewState.REVIEWED: {},
}
"""Maps each state and event to the states that may follow. The final state REVIEWED is also in the table, but without events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Begun: frozenset({Role.REQUESTER}),
    Reviewed: frozenset({Role.APPROVER, Role.OPERATOR}),
    Overdue: frozenset({Role.CLOCK}),
    Carried: frozenset({Role.DAEMON}),
}
"""Maps each event to the roles that may cause it. An operator may give a review only if the review is overdue."""


class NotTheirs(IllegalEvent):
    """Raised if the reviewer is not allowed to give the review. No object was changed."""


class NotAsShown(IllegalEvent):
    """The fingerprint in the review differs from the fingerprint of the request. No object was changed."""


def begin(event: Begun) -> tuple[OwedReview, tuple[Any, ...]]:
    """Return the new owed review and the resulting effects."""
    if event.by.role not in MAY_CAUSE[Begun]:
        raise IllegalEvent(f"a review cannot be owed by the {event.by.role}")
    made = event.review
    return made, (Notify(made.id), SetDeadline("owed_review", made.id, made.due_boot), ListsChanged())


def transition(owed: OwedReview, event: Event, now: Moment) -> tuple[OwedReview, tuple[Any, ...]]:
    """Return ``owed`` after ``event``, and the effects. If IllegalEvent, NotTheirs or NotAsShown is raised, it is unchanged."""
    check(LAW, MAY_CAUSE, owed.state, event)
    follows: tuple[Any, ...] = (Notify(owed.id), ListsChanged())
    match event:
        case Reviewed():
            after = _reviewed(owed, event, now)
        case Overdue():
            if not owed.is_late_at(now):
                raise IllegalEvent(f"the review of request {owed.id} has time left")
            after = replace(owed, state=OwedReviewState.OVERDUE, overdue_at=now.at)
        case Carried():
            if now.boot_id == owed.boot_id or event.spent_for < 0:
                raise IllegalEvent(f"the time of the review of request {owed.id} is counted on this boot already")
            after = replace(owed, boot_id=now.boot_id, since_boot=0.0, left_for=max(0.0, owed.left_for - event.spent_for))
            follows = (SetDeadline("owed_review", owed.id, after.due_boot), ListsChanged())
    if after.state not in LAW[owed.state][type(event)]:
        raise IllegalEvent(f"the review of request {owed.id} cannot go from {owed.state} to {after.state}")
    return replace(after, version=owed.version + 1), follows


def _reviewed(owed: OwedReview, event: Reviewed, now: Moment) -> OwedReview:
    if event.fingerprint != owed.fingerprint:
        raise NotAsShown(f"the reviewed fingerprint is not that of request {owed.id}")
    reviewer = event.reviewer.looked_at(now.at).signing(proved_by(event.receipt))
    owed = owed.raised(event.signed)
    if event.by.role not in roles_of(owed, reviewer) or not is_enough(proved_by(event.receipt), owed.signed):
        raise NotTheirs(f"{reviewer.principal} may not review request {owed.id} as {event.by.role}")
    return replace(
        owed,
        state=OwedReviewState.REVIEWED,
        given_by=reviewer,
        given_as=str(event.by.role),
        given_at=now.at,
        comment=event.comment,
        receipt=event.receipt,
    )


# --- who may review ----------------------------------------------------------------------------------------------------


def was_skipped(glass: BreakGlass, who: Identity, requester: Subject) -> bool:
    """True if the skipped approvals name ``who``. The function does not check how ``who`` authenticated."""
    return bool(may_review(every_way(glass.skipped), who, requester))


def roles_of(owed: OwedReview, who: Identity) -> frozenset[Role]:
    """Return the roles in which ``who`` may review ``owed``: none as root, without a ticket, with a made account, or as the
    requester. OPERATOR if the review is overdue; the caller checks whether ``who`` is one.
    """
    if is_own(owed, who) or who.is_root or who.is_local or who.is_by_pam or who.is_made or who.is_superuser:
        return frozenset()
    as_approver = {Role.APPROVER} if may_approve(every_way(owed.glass.skipped), who, owed.requester) else set()
    as_operator = {Role.OPERATOR} if owed.state is OwedReviewState.OVERDUE else set()
    return frozenset(as_approver | as_operator)


def is_own(owed: OwedReview, who: Identity) -> bool:
    """True if ``who`` may be the person who broke glass (``subject.is_one_person``)."""
    return is_one_person(who, owed.requester)


def lacks(owed: OwedReview, who: Identity) -> str:
    """The approval of ``who`` was skipped, so ``who`` may review. Return a text about the authentication that ``who`` still needs
    for the review, such as ``wants …: kinit``. Return an empty text if the present authentication is enough.
    """
    return lack(every_way(owed.glass.skipped), who, owed.requester)


def least_signed_of(glass: BreakGlass, who: Identity, requester: Subject) -> str:
    """Return what a receipt of ``who`` has to prove at least for the review (``core.receipt.LEVELS``)."""
    return least_signed(every_way(glass.skipped), who, requester)


def reviewers(glass: BreakGlass) -> str:
    """Return the words of the rule that name the skipped approvers, such as ``group:ops or group:dba``."""
    return listed(tuple(dict.fromkeys(word for way in flat(every_way(glass.skipped)) for word in way.of_whom)), "or")


# --- what an owed review prevents --------------------------------------------------------------------------------------


def bar(owed: Iterable[OwedReview], rule: str, glass: BreakGlass, request: str) -> Deny | None:
    """Check whether a person who owes the reviews ``owed`` may break glass under ``rule`` for ``request``. Return a deny if this
    is not allowed. Otherwise return None.

    An overdue review always causes a deny, for every rule and every request. Reviews that are not overdue cause a deny only if
    too many reviews are owed under ``rule``. The review of ``request`` itself is not counted.
    """
    owed = tuple(owed)
    late = next((one for one in owed if one.state is OwedReviewState.OVERDUE), None)
    if late is not None:
        whose = f"{reviewers(late.glass)}, or an operator who is not you"
        return Deny(
            Why.REVIEW,
            f"the review of request {late.id} is overdue; {whose}, must review the request first: jitd review {late.id}",
            rule,
        )
    others = [one for one in owed if one.is_open and one.rule == rule and one.id != request]
    if len(others) < glass.open:
        return None
    waiting = f"{count(len(others), 'review')} of your requests by rule {rule} {'is' if len(others) == 1 else 'are'} owed"
    first = others[0]
    return Deny(Why.REVIEW, f"{waiting}; {reviewers(first.glass)} must review one request first: jitd review {first.id}", rule)
