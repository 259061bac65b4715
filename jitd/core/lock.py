# SPDX-License-Identifier: Apache-2.0
"""A lock holds: nothing new is permitted to the people it is on, their approvals do not count, and what they had ends.

Law: whatever decides a lock's state stands in LAW and MAY_CAUSE. A lock only ever takes away: no permit comes of one. Its time is
counted on the boot clock, boot by boot and as far as the record proves it, so that it never ends early; it may end late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core.decision import Deny, Why
from jitd.core.effects import ListsChanged, Moment, SetDeadline, TellRequester
from jitd.core.grant import Grant, Revoked, Used
from jitd.core.law import Actor, IllegalEvent, Role, check
from jitd.core.policy import tally
from jitd.core.request import Locked, Request, Reviewed, Screened, Verdict
from jitd.core.subject import Subject


class LockState(StrEnum):
    """The state of a lock."""

    ACTIVE = "active"
    LIFTED = "lifted"
    EXPIRED = "expired"


class Whom(StrEnum):
    """What kind of name a lock is on."""

    USER = "user"
    PRINCIPAL = "principal"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Lock:
    """Whom it locks, who placed it, and why. ``uid`` and ``person`` are those of the account when it was placed, or of the
    account that the principal maps to, as far as they were known.

    ``left_for`` are the seconds that were left of it when the clock of the boot ``boot_id`` stood at ``since_boot``; None if it
    has no end.
    """

    id: str
    whom: Whom
    name: str
    uid: int | None
    person: str
    reason: str
    placed_by: str
    placed_at: datetime
    lasts_for: int | None
    boot_id: str
    since_boot: float
    left_for: float | None
    ended_by: str = ""
    ended_at: datetime | None = None
    because: str = ""
    state: LockState = LockState.ACTIVE
    version: int = 1

    @property
    def is_active(self) -> bool:
        """True while it holds."""
        return bool(LAW[self.state])

    @property
    def ends_boot(self) -> float | None:
        """When it ends, on the clock of the boot ``boot_id``; None if it has no end."""
        return None if self.left_for is None else self.since_boot + self.left_for

    def is_over_at(self, now: Moment) -> bool:
        """True if its whole time has gone by, as far as can be proved. The wall clock proves nothing."""
        return self.ends_boot is not None and now.boot_id == self.boot_id and now.boot >= self.ends_boot

    def ends_at(self, now: Moment) -> datetime | None:
        """When it will end, for people, as the wall clock goes now; None if it has no end."""
        if self.ends_boot is None or self.left_for is None:
            return None
        left = self.ends_boot - now.boot if now.boot_id == self.boot_id else self.left_for
        return now.at + timedelta(seconds=left)


@dataclass(frozen=True, slots=True)
class Placed:
    """Somebody locked. Creates the lock."""

    life: ClassVar[str] = "lock"
    id: str
    by: Actor
    lock: Lock

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        placed = self.lock
        return {"whom": str(placed.whom), "name": placed.name, "reason": placed.reason, "lasts_for": placed.lasts_for}


@dataclass(frozen=True, slots=True)
class Lifted:
    """Somebody unlocked."""

    life: ClassVar[str] = "lock"
    id: str
    by: Actor
    because: str

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"because": self.because}


@dataclass(frozen=True, slots=True)
class Carried:
    """The host was booted anew: what is left is counted on from there. Of the boot before, ``spent_for`` seconds are proved."""

    life: ClassVar[str] = "lock"
    id: str
    by: Actor
    spent_for: float

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"spent_for": f"{self.spent_for:.6f}"}


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time is over."""

    life: ClassVar[str] = "lock"
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {}


Event = Lifted | Carried | Expired

LAW: dict[LockState, dict[type, frozenset[LockState]]] = {
    LockState.ACTIVE: {
        Carried: frozenset({LockState.ACTIVE}),
        Lifted: frozenset({LockState.LIFTED}),
        Expired: frozenset({LockState.EXPIRED}),
    },
    LockState.LIFTED: {},
    LockState.EXPIRED: {},
}
"""Maps each state and event to the states that may follow. Ended states are there too, with no events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Placed: frozenset({Role.OPERATOR}),
    Lifted: frozenset({Role.OPERATOR}),
    Carried: frozenset({Role.DAEMON}),
    Expired: frozenset({Role.CLOCK}),
}
"""Maps each event to the roles that may cause it."""


class LockedOut(IllegalEvent):
    """The person who asked for this is locked. Nothing was changed."""


def place(event: Placed) -> tuple[Lock, tuple[Any, ...]]:
    """Begin the life of ``event.lock``. What it ends is in ``consequences``."""
    if event.by.role not in MAY_CAUSE[Placed]:
        raise IllegalEvent(f"a lock cannot be placed by the {event.by.role}")
    return event.lock, (*_deadline(event.lock), ListsChanged())


def transition(lock: Lock, event: Event, now: Moment) -> tuple[Lock, tuple[Any, ...]]:
    """``lock`` after ``event``, and what follows. Raises IllegalEvent, and changes nothing then."""
    check(LAW, MAY_CAUSE, lock.state, event)
    match event:
        case Lifted():
            after = _ended(lock, LockState.LIFTED, event.by, now, event.because)
        case Expired():
            if not lock.is_over_at(now):
                raise IllegalEvent(f"lock {lock.id} has time left")
            after = _ended(lock, LockState.EXPIRED, event.by, now, "its time is over")
        case Carried():
            if lock.left_for is None or now.boot_id == lock.boot_id or event.spent_for < 0:
                raise IllegalEvent(f"lock {lock.id} is not of a boot before, or has no end")
            after = replace(lock, boot_id=now.boot_id, since_boot=0.0, left_for=max(0.0, lock.left_for - event.spent_for))
    if after.state not in LAW[lock.state][type(event)]:
        raise IllegalEvent(f"lock {lock.id} cannot go from {lock.state} to {after.state}")
    follows = _deadline(after) if after.is_active else (ListsChanged(),)
    return replace(after, version=lock.version + 1), follows


def _ended(lock: Lock, state: LockState, by: Actor, now: Moment, because: str) -> Lock:
    return replace(lock, state=state, ended_by=by.principal, ended_at=now.at, because=because)


def _deadline(lock: Lock) -> tuple[Any, ...]:
    return () if lock.ends_boot is None else (SetDeadline("lock", lock.id, lock.ends_boot),)


# --- whom it is on, and what comes of it -----------------------------------------------------------------------------


def is_on(lock: Lock, who: Subject) -> bool:
    """True if ``lock`` is on ``who``: by the name of account or principal, by the account's number, or by the person behind it.
    No other spelling of the same person is left out.

    Local root without a ticket is locked out by none: that is the way in that remains.
    """
    if who.is_root or not lock.is_active:
        return False
    if lock.whom is Whom.ALL:
        return True
    names = (who.user,) if lock.whom is Whom.USER else (who.principal, *who.perhaps)
    return lock.name in names or lock.uid == who.uid or (bool(lock.person) and lock.person == who.person)


def sentence(lock: Lock) -> str:
    """Why, for all whom it concerns: ``locked: REASON``."""
    return f"locked: {lock.reason}" if lock.reason else f"locked by {lock.placed_by}"


def lock_on(locks: Iterable[Lock], who: Subject) -> Lock | None:
    """The first of ``locks`` that is on ``who``."""
    return next((lock for lock in locks if is_on(lock, who)), None)


def answer_to(locks: Iterable[Lock], who: Subject) -> Deny | None:
    """The answer to whatever ``who`` asks for, before any rule is asked; None if they are not locked."""
    found = lock_on(locks, who)
    return None if found is None else Deny(Why.LOCKED, sentence(found))


def under(locks: tuple[Lock, ...], life: Any, event: Any) -> Any:
    """``event`` as ``locks`` let it happen to ``life``: no permit for a requester who is locked, no approval by one, no use.

    It is asked at the one door, so that nothing decided a moment before a lock comes in after it. Raises LockedOut.
    """
    match event:
        case Screened():
            denied = answer_to(locks, life.requester)
            return event if denied is None else replace(event, decision=denied)
        case Reviewed():
            _refuse(locks, event.reviewer)
            standing = tuple(who for who in event.standing if lock_on(locks, who) is None)
            return replace(event, decision=answer_to(locks, life.requester) or event.decision, standing=standing)
        case Used():
            _refuse(locks, life.holder)
    return event


def _refuse(locks: tuple[Lock, ...], who: Subject) -> None:
    found = lock_on(locks, who)
    if found is not None:
        raise LockedOut(sentence(found))


def consequences(
    event: Placed, locks: tuple[Lock, ...], waiting: Iterable[Request], permitted: Iterable[tuple[Grant, Request]]
) -> tuple[Any, ...]:
    """What ends by ``event``: requests that wait, and grants with what runs under them; and who else is to be told.

    ``locks`` are those before it, ``permitted`` the live grants, each with the request that it answers.
    """
    because, locks = sentence(event.lock), (*locks, event.lock)
    follows: list[Any] = []
    for asked in waiting:
        if is_on(event.lock, asked.requester):
            follows.append(Locked(asked.id, event.by, event.id, because))
        elif any(is_on(event.lock, review.by) for review in asked.reviews):
            follows.append(TellRequester(asked.id))  # an approval counts no longer
    follows += (Revoked(grant.id, event.by, because) for grant, asked in permitted if _rests_on(locks, event.lock, asked))
    return tuple(follows)


def _rests_on(locks: tuple[Lock, ...], lock: Lock, asked: Request) -> bool:
    """True if a locked person asked for what ``asked`` got, or if it stands no longer without the approvals of one."""
    if is_on(lock, asked.requester):
        return True
    if asked.obligations is None or not any(is_on(lock, review.by) for review in asked.reviews):
        return False
    return tally(asked.obligations.approvals, counted(locks, asked), asked.requester) > 0


def counted(locks: tuple[Lock, ...], asked: Request) -> tuple[Subject, ...]:
    """Those who approved ``asked`` and whose approval counts under ``locks``."""
    return tuple(r.by for r in asked.reviews if r.verdict is Verdict.APPROVE and lock_on(locks, r.by) is None)
