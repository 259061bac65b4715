# SPDX-License-Identifier: Apache-2.0
"""An owed review. Somebody broke glass: they used a permit without the approvals of the rule that it stands in for. One of those
who could have given these approvals has to look at what was done.

Law: LAW and MAY_CAUSE hold all that decides a review's state. There is one for each request, with all that ran under it. It is
never given by the requester's own person. Its time is counted on the boot clock, in each boot as far as the record proves it. So
a review is never overdue early, but it may be overdue late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core.approvers import lack, may_approve, may_review
from jitd.core.decision import BreakGlass, Deny, Why
from jitd.core.effects import ListsChanged, Moment, ReviewGiven, ReviewOverdue, ReviewOwed, SetDeadline
from jitd.core.law import Actor, IllegalEvent, Role, check
from jitd.core.subject import Subject
from jitd.core.ways import every_way, flat
from jitd.core.wording import count, listed


class OwedReviewState(StrEnum):
    """The state of an owed review."""

    OWED = "owed"
    OVERDUE = "overdue"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class OwedReview:
    """The review that is owed for the request ``id``, which ``requester`` was permitted by ``rule``. ``glass`` has the approvals
    that were skipped. ``fingerprint`` is that of the request.

    ``left_for`` is the number of seconds that were left at ``since_boot``, a moment on the clock of the boot ``boot_id``.
    ``given_as`` is the role in which ``given_by`` reviewed: an approver, or an operator.
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
    given_by: Subject | None = None
    given_as: str = ""
    given_at: datetime | None = None
    comment: str = ""
    state: OwedReviewState = OwedReviewState.OWED
    version: int = 1

    @property
    def is_open(self) -> bool:
        """True until somebody has reviewed."""
        return bool(LAW[self.state])

    @property
    def due_boot(self) -> float:
        """When the review is overdue, in seconds on the clock of the boot ``boot_id``."""
        return self.since_boot + self.left_for

    def is_late_at(self, now: Moment) -> bool:
        """True if all of the review's time has gone by on the boot clock. The wall clock proves nothing."""
        return now.boot_id == self.boot_id and now.boot >= self.due_boot

    def due_at(self, now: Moment) -> datetime:
        """Return when the review is due, by the wall clock, for people."""
        return now.at + timedelta(seconds=self.due_boot - now.boot if now.boot_id == self.boot_id else self.left_for)


@dataclass(frozen=True, slots=True)
class Begun:
    """Somebody broke glass: their request was permitted, and a review is owed. This event creates the owed review."""

    life: ClassVar[str] = "owed_review"
    id: str
    by: Actor
    review: OwedReview

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"rule": self.review.rule, **self.review.glass.detail()}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """``reviewer`` has looked at the request with exactly ``fingerprint``, and at all that ran under it."""

    life: ClassVar[str] = "owed_review"
    id: str
    by: Actor
    reviewer: Subject
    fingerprint: bytes
    comment: str

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {
            "fingerprint": self.fingerprint.hex(),
            "comment": self.comment,
            "groups": sorted(self.reviewer.groups),
            **self.reviewer.ticket(),
        }


@dataclass(frozen=True, slots=True)
class Overdue:
    """Nobody reviewed in time."""

    life: ClassVar[str] = "owed_review"
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {}


@dataclass(frozen=True, slots=True)
class Carried:
    """The host was rebooted: the rest of the time is counted on the new boot clock. The record proves that ``spent_for`` seconds
    of it went by in the boot before.
    """

    life: ClassVar[str] = "owed_review"
    id: str
    by: Actor
    spent_for: float

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
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
"""Maps each state and event to the states that may follow. The ended state is there too, with no events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Begun: frozenset({Role.REQUESTER}),
    Reviewed: frozenset({Role.APPROVER, Role.OPERATOR}),
    Overdue: frozenset({Role.CLOCK}),
    Carried: frozenset({Role.DAEMON}),
}
"""Maps each event to the roles that may cause it. An operator reviews only what is overdue."""


class NotTheirs(IllegalEvent):
    """The reviewer may not give this review. Nothing was changed."""


class NotAsShown(IllegalEvent):
    """The fingerprint of the review is not that of the request. Nothing was changed."""


def begin(event: Begun) -> tuple[OwedReview, tuple[Any, ...]]:
    """Return the new owed review, and what follows."""
    if event.by.role not in MAY_CAUSE[Begun]:
        raise IllegalEvent(f"a review cannot be owed by the {event.by.role}")
    made = event.review
    return made, (ReviewOwed(made.id), SetDeadline("owed_review", made.id, made.due_boot), ListsChanged())


def transition(owed: OwedReview, event: Event, now: Moment) -> tuple[OwedReview, tuple[Any, ...]]:
    """Return ``owed`` after ``event``, and what follows. Raises IllegalEvent (or NotTheirs, NotAsShown), and then changes
    nothing.
    """
    check(LAW, MAY_CAUSE, owed.state, event)
    follows: tuple[Any, ...] = (ReviewGiven(owed.id), ListsChanged())
    match event:
        case Reviewed():
            after = _reviewed(owed, event, now)
        case Overdue():
            if not owed.is_late_at(now):
                raise IllegalEvent(f"the review of request {owed.id} has time left")
            after = replace(owed, state=OwedReviewState.OVERDUE, overdue_at=now.at)
            follows = (ReviewOverdue(owed.id), ListsChanged())
        case Carried():
            if now.boot_id == owed.boot_id or event.spent_for < 0:
                raise IllegalEvent(f"the review of request {owed.id} is not of a boot before")
            after = replace(owed, boot_id=now.boot_id, since_boot=0.0, left_for=max(0.0, owed.left_for - event.spent_for))
            follows = (SetDeadline("owed_review", owed.id, after.due_boot), ListsChanged())
    if after.state not in LAW[owed.state][type(event)]:
        raise IllegalEvent(f"the review of request {owed.id} cannot go from {owed.state} to {after.state}")
    return replace(after, version=owed.version + 1), follows


def _reviewed(owed: OwedReview, event: Reviewed, now: Moment) -> OwedReview:
    if event.fingerprint != owed.fingerprint:
        raise NotAsShown(f"request {owed.id} is not what was reviewed")
    reviewer = event.reviewer.looked_at(now.at)
    if event.by.role not in roles_of(owed, reviewer):
        raise NotTheirs(f"{reviewer.principal} may not review request {owed.id} as {event.by.role}")
    return replace(
        owed,
        state=OwedReviewState.REVIEWED,
        given_by=reviewer,
        given_as=str(event.by.role),
        given_at=now.at,
        comment=event.comment,
    )


# --- who may review ----------------------------------------------------------------------------------------------------


def was_skipped(glass: BreakGlass, who: Subject, requester: Subject) -> bool:
    """True if the skipped approvals name ``who``. It is not asked how they have authenticated."""
    return bool(may_review(every_way(glass.skipped), who, requester))


def roles_of(owed: OwedReview, who: Subject) -> frozenset[Role]:
    """Return the roles in which ``who`` may review ``owed``; as an operator only if they are one, which the caller knows. Nobody
    reviews without a ticket, and nobody reviews what their own person has done.
    """
    if is_own(owed, who) or who.is_root or who.is_local or who.is_by_pam or who.uid == 0:
        return frozenset()
    as_approver = {Role.APPROVER} if may_approve(every_way(owed.glass.skipped), who, owed.requester) else set()
    as_operator = {Role.OPERATOR} if owed.state is OwedReviewState.OVERDUE else set()
    return frozenset(as_approver | as_operator)


def is_own(owed: OwedReview, who: Subject) -> bool:
    """True if ``who`` is the person who broke glass, by any of their accounts."""
    its = owed.requester
    return who.person == its.person or who.uid == its.uid or who.principal == its.principal


def lacks(owed: OwedReview, who: Subject) -> str:
    """Return what ``who``, who was skipped, has to change to review, such as ``wants …: kinit``; empty if nothing."""
    return lack(every_way(owed.glass.skipped), who, owed.requester)


def reviewers(glass: BreakGlass) -> str:
    """Return the people who were skipped, in the words of the rule: ``group:ops or group:dba``."""
    return listed(tuple(dict.fromkeys(word for way in flat(every_way(glass.skipped)) for word in way.of_whom)), "or")


# --- what an owed review prevents --------------------------------------------------------------------------------------


def bar(owed: Iterable[OwedReview], rule: str, glass: BreakGlass, request: str) -> Deny | None:
    """Return why a person who owes the reviews ``owed`` may not break glass by ``rule`` for ``request``; None if they may.

    A review that is overdue bars, whatever its rule and request are. Reviews that are owed bar if there are too many by this rule
    beside that of ``request``.
    """
    owed = tuple(owed)
    late = next((one for one in owed if one.state is OwedReviewState.OVERDUE), None)
    if late is not None:
        whose = f"{reviewers(late.glass)}, or an operator who is not you"
        return Deny(
            Why.REVIEW, f"the review of request {late.id} is overdue; {whose}, has to give it: jitd review {late.id}", rule
        )
    others = [one for one in owed if one.is_open and one.rule == rule and one.id != request]
    if len(others) < glass.open:
        return None
    waiting = f"{count(len(others), 'review')} of what you did by rule {rule} {'is' if len(others) == 1 else 'are'} owed"
    first = others[0]
    return Deny(Why.REVIEW, f"{waiting}; {reviewers(first.glass)} has to give one first: jitd review {first.id}", rule)
