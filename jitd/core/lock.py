# SPDX-License-Identifier: Apache-2.0
"""A lock. While a lock is active, jitd permits nothing new to the locked people, and their approvals do not count. When a lock is
placed, the open requests and the grants of the locked people end.

Law: only the tables LAW and MAY_CAUSE decide which state a lock can have. A lock only takes rights away, and never permits an
action. jitd measures the time of a lock on the boot clock. For each boot, jitd counts only the time that the record proves.
Therefore a lock never ends too early, but it may end too late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Protocol

from jitd.core import owed_review
from jitd.core.approvers import tally
from jitd.core.decision import Deny, Why
from jitd.core.effects import ForgetAnswers, ListsChanged, Moment, SeatsChanged, SetDeadline, TellRequester
from jitd.core.grant import Grant, Revoked, Used
from jitd.core.holding import Holding, Taking
from jitd.core.law import Actor, IllegalEvent, LifeEvent, Role, check
from jitd.core.party import Party
from jitd.core.receipt import IN_WORDS, Receipt, detail_of, is_enough, proved_by
from jitd.core.request import Locked, Request, Reviewed, Screened, Verdict, open_ways
from jitd.core.run import Run, StopOrdered
from jitd.core.subject import Identity, Subject, User, Who
from jitd.core.values import TEXT, TYPED, value
from jitd.core.wording import with_words


class Today(Protocol):
    """Returns ``who`` as the person of today."""

    def __call__(self, who: Who, /) -> Who: ...


"""Returns a subject that was stored as the person to whom its account belongs today."""


def as_stored(who: Who) -> Who:
    """Return ``who``. Callers that know of no change of ``[people]`` use this function."""
    return who


class LockState(StrEnum):
    """The state of a lock."""

    ACTIVE = "active"
    LIFTED = "lifted"
    EXPIRED = "expired"


class Whom(StrEnum):
    """The kind of the name in a lock: an account, a principal, or everybody."""

    USER = "user"
    PRINCIPAL = "principal"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock: who is locked, who placed the lock, and why. ``uid`` and ``person`` describe the locked account. If a principal is
    locked, they describe the account to which the principal maps. jitd stores the values from the time when the lock was placed.
    If jitd did not know a value at that time, ``uid`` is None or ``person`` is empty.

    ``left_for`` is the number of seconds that the lock still had at ``since_boot``. ``since_boot`` is a time on the boot clock of
    the boot ``boot_id``. ``left_for`` is None if the lock has no end.
    """

    id: str
    whom: Whom
    name: str
    uid: int | None
    person: str
    reason: Annotated[str, TYPED]
    placed_by: str
    placed_at: datetime
    lasts_for: int | None
    boot_id: str
    since_boot: float
    left_for: float | None
    ended_by: str = ""
    ended_at: datetime | None = None
    because: Annotated[str, TEXT] = ""
    state: LockState = LockState.ACTIVE
    version: int = 1

    @property
    def is_active(self) -> bool:
        """True until the lock is lifted or expires."""
        return bool(LAW[self.state])

    @property
    def ends_boot(self) -> float | None:
        """The end of the lock, in seconds on the clock of the boot ``boot_id``. None if the lock has no end."""
        return None if self.left_for is None else self.since_boot + self.left_for

    def is_over_at(self, now: Moment) -> bool:
        """True if the lock's time is over on the boot clock: the wall clock is changed by anybody with root's rights."""
        return self.ends_boot is not None and now.boot_id == self.boot_id and now.boot >= self.ends_boot

    def ends_at(self, now: Moment) -> datetime | None:
        """Return when the lock will end on the wall clock, for people, or None if it has no end."""
        if self.ends_boot is None or self.left_for is None:
            return None
        left = self.ends_boot - now.boot if now.boot_id == self.boot_id else self.left_for
        return now.at + timedelta(seconds=left)


@dataclass(frozen=True, slots=True)
class LockEvent(LifeEvent):
    """An event of a lock."""

    life = "lock"


@dataclass(frozen=True, slots=True)
class Placed(LockEvent):
    """An operator placed a lock. This event creates the lock."""

    lock: Lock

    def detail(self) -> dict[str, Any]:
        placed = self.lock
        reason = value("reason", placed.reason)
        return {"whom": str(placed.whom), "name": placed.name, "reason": reason, "lasts_for": placed.lasts_for}


@dataclass(frozen=True, slots=True)
class Lifted(LockEvent):
    """An operator lifted the lock. ``signed`` is what the host demands of the receipt (``core.receipt.LEVELS``)."""

    because: str
    receipt: Receipt | None = None
    signed: str = ""

    def detail(self) -> dict[str, Any]:
        return {"because": value("because", self.because), **detail_of(self.receipt)}


@dataclass(frozen=True, slots=True)
class Carried(LockEvent):
    """After a reboot, the rest of the time is counted on the new boot clock. ``spent_for`` seconds surely passed before."""

    spent_for: float

    def detail(self) -> dict[str, Any]:
        return {"spent_for": f"{self.spent_for:.6f}"}


@dataclass(frozen=True, slots=True)
class Expired(LockEvent):
    """The time of the lock is over."""


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
"""Maps each state and event to the states that may follow. Final states are also in the table, but without events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Placed: frozenset({Role.OPERATOR}),
    Lifted: frozenset({Role.OPERATOR}),
    Carried: frozenset({Role.DAEMON}),
    Expired: frozenset({Role.CLOCK}),
}


class LockedOut(IllegalEvent):
    """Raised if the author of an event is locked. No object was changed."""


def place(event: Placed) -> tuple[Lock, tuple[Any, ...]]:
    """Return the new lock and the resulting effects. The function ``consequences`` returns the events that the lock causes."""
    if event.by.role not in MAY_CAUSE[Placed]:
        raise IllegalEvent(f"a lock cannot be placed by the {event.by.role}")
    return event.lock, (*_deadline(event.lock), ForgetAnswers(), ListsChanged())


def transition(lock: Lock, event: Event, now: Moment) -> tuple[Lock, tuple[Any, ...]]:
    """Return ``lock`` after ``event``, and the effects. If IllegalEvent is raised, nothing has changed."""
    check(LAW, MAY_CAUSE, lock.state, event)
    match event:
        case Lifted():
            if not is_enough(proved_by(event.receipt), event.signed):
                raise IllegalEvent(f"lock {lock.id} is lifted only by what is {IN_WORDS.get(event.signed, 'signed')}")
            after = _ended(lock, LockState.LIFTED, event.by, now, event.because)
        case Expired():
            if not lock.is_over_at(now):
                raise IllegalEvent(f"lock {lock.id} has time left")
            after = _ended(lock, LockState.EXPIRED, event.by, now, "its time is over")
        case Carried():
            if lock.left_for is None or now.boot_id == lock.boot_id or event.spent_for < 0:
                raise IllegalEvent(f"lock {lock.id} has no end, or its time is counted on this boot already")
            after = replace(lock, boot_id=now.boot_id, since_boot=0.0, left_for=max(0.0, lock.left_for - event.spent_for))
    if after.state not in LAW[lock.state][type(event)]:
        raise IllegalEvent(f"lock {lock.id} cannot go from {lock.state} to {after.state}")
    follows = _deadline(after) if after.is_active else (SeatsChanged(), ListsChanged())
    return replace(after, version=lock.version + 1), follows


def _ended(lock: Lock, state: LockState, by: Actor, now: Moment, because: str) -> Lock:
    return replace(lock, state=state, ended_by=by.principal, ended_at=now.at, because=because)


def _deadline(lock: Lock) -> tuple[Any, ...]:
    return () if lock.ends_boot is None else (SetDeadline("lock", lock.id, lock.ends_boot),)


# --- the people that a lock applies to, and what it ends ---------------------------------------------------------------


def is_on(lock: Lock, who: Identity) -> bool:
    """True if ``lock`` locks ``who``. A lock of the kind ALL locks everybody. Any other lock applies to ``who`` if the lock
    contains the account, the principal, the uid or the person of ``who``. Therefore the lock also applies to other accounts and
    principals of the same person, and to what this person may have done with somebody else's account (ADR 0151).

    A lock never applies to local root without a ticket. Therefore root can always act on the host.
    """
    return not who.is_root and (_is_on_themselves(lock, who) or _user_under(lock, who) is not None)


def ends(lock: Lock, who: Identity) -> bool:
    """True if ``lock`` ends what ``who`` has asked for. This is also what root has asked for in a run of a locked person."""
    return is_on(lock, who) or (who.is_root and any(user.run and is_on_user(lock, user) for user in who.used_by))


def ends_today(lock: Lock, today: Today, who: Identity) -> bool:
    """True if ``lock`` ends what ``who`` has asked for, as the person who ``who`` was then or is today."""
    return ends(lock, who) or ends(lock, today(who))


def is_on_user(lock: Lock, user: User) -> bool:
    """True if ``lock`` locks ``user``, who uses somebody else's account."""
    is_named = lock.whom is Whom.PRINCIPAL and lock.name == user.principal
    return lock.is_active and (lock.whom is Whom.ALL or is_named or _is_on_account(lock, user))


def of_today(lock: Lock, person: Callable[[str], str]) -> Lock:
    """Return ``lock`` as it is on the ``person`` to whom its account belongs today, as ``person_of`` says. A lock on a principal
    has the account of its person at hand only if ``[people]`` did not name this person.
    """
    account = lock.name if lock.whom is Whom.USER else lock.person
    return replace(lock, person=person(account)) if lock.person else lock


def _is_on_themselves(lock: Lock, who: Identity) -> bool:
    account = (who.user,) if isinstance(who, Subject) else ()
    names = account if lock.whom is Whom.USER else who.principals
    return lock.is_active and (lock.whom is Whom.ALL or lock.name in names or _is_on_account(lock, who))


def _user_under(lock: Lock, who: Identity) -> User | None:
    return next((user for user in who.used_by if is_on_user(lock, user)), None)


def _is_on_account(lock: Lock, who: Identity | User) -> bool:
    is_theirs = lock.uid is not None and Party.of_account(lock.uid) == who.party
    return is_theirs or (bool(lock.person) and lock.person == who.person)


def sentence(lock: Lock) -> str:
    """Return the reason of the lock in the form that is shown to the locked people: ``locked: "REASON"``."""
    return with_words("locked", lock.reason) if lock.reason else f"locked by {lock.placed_by}"


def sentence_to(lock: Lock, who: Identity) -> str:
    """Return the reason why ``lock`` concerns ``who``. The reason of a lock on somebody else is not told."""
    user = None if _is_on_themselves(lock, who) else _user_under(lock, who)
    if user is None:
        return sentence(lock)
    return f"{user.principal} is locked, and may act as {who.account or who.principal}" + (
        f" in run {user.run}" if user.run else ""
    )


def lock_on(locks: Iterable[Lock], who: Identity) -> Lock | None:
    """Return the first of ``locks`` that applies to ``who``. Return None if no lock applies."""
    return next((lock for lock in locks if is_on(lock, who)), None)


def answer_to(locks: Iterable[Lock], who: Identity) -> Deny | None:
    """Return the deny that answers every request of ``who``, if they are locked, before any rule, or None."""
    found = lock_on(locks, who)
    return None if found is None else Deny(Why.LOCKED, sentence_to(found, who))


def under(locks: tuple[Lock, ...], life: Any, event: Any, today: Today = as_stored) -> Any:
    """``event`` happens to the object ``life``. Return ``event`` with the changes that ``locks`` require. A locked requester gets
    no permit and no use. The approval of a locked person does not count. A requester is locked as the person of then or of
    ``today``.

    ``lifecycle.handle`` calls this function. Therefore, after a lock is placed, jitd does not store a decision that ignores the
    lock. Raises LockedOut if the author of the event is locked.
    """
    match event:
        case Screened():
            return _without_locked(locks, life, event, today)
        case Reviewed():
            _refuse(locks, event.reviewer)
            return _without_locked(locks, life, event, today)
        case owed_review.Reviewed():
            _refuse(locks, event.reviewer)
        case Used():
            _refuse(locks, life.holder)
            _refuse(locks, today(life.holder))
    return event


def _without_locked(locks: tuple[Lock, ...], asked: Request, event: Screened | Reviewed, today: Today) -> Screened | Reviewed:
    if not locks:
        return event
    standing = tuple(who for who in event.standing if lock_on(locks, today(who)) is None)
    denied = answer_to(locks, asked.requester) or answer_to(locks, today(asked.requester))
    return replace(event, decision=denied or event.decision, standing=standing)


def _refuse(locks: tuple[Lock, ...], who: Identity) -> None:
    found = lock_on(locks, who)
    if found is not None:
        raise LockedOut(sentence_to(found, who))


def consequences(
    event: Placed,
    locks: tuple[Lock, ...],
    waiting: Iterable[Request],
    permitted: Iterable[tuple[Grant, Request]],
    living: Iterable[tuple[Run | Holding, Subject]] = (),
    today: Today = as_stored,
) -> tuple[Any, ...]:
    """Return the events and effects that result from a new lock. The events end waiting requests, and end grants with their runs
    and holdings. The effects inform requesters that one of their approvals no longer counts. ``locks`` contains the locks that
    existed before ``event``. ``permitted`` contains the live grants, each with the request for which it was issued. ``living``
    contains the live runs and holdings that others than the holder may have begun, each with who has begun it: the grant of a
    person who is not locked stays, and what a locked person has begun under it ends. ``today`` returns a subject as the person of
    today.
    """
    lock, locks = event.lock, (*locks, event.lock)
    follows: list[Any] = []
    for asked in waiting:
        if ends_today(lock, today, asked.requester):
            follows.append(Locked(asked.id, event.by, event.id, sentence_to(lock, asked.requester)))
        elif any(is_on(lock, today(review.by)) for review in asked.reviews):
            follows.append(TellRequester(asked.id))  # one of the approvals no longer counts
    for grant, asked in permitted:
        asked = replace(asked, reviews=tuple(replace(review, by=today(review.by)) for review in asked.reviews))
        if ends_today(lock, today, asked.requester):
            follows.append(Revoked(grant.id, event.by, sentence_to(lock, asked.requester)))
        elif _rests_on(locks, lock, asked):
            follows.append(Revoked(grant.id, event.by, sentence(lock)))
    for begun, who in living:
        if ends_today(lock, today, who):
            stop = StopOrdered if isinstance(begun, Run) else Taking
            follows.append(stop(begun.id, event.by, sentence_to(lock, who)))
    return tuple(follows)


def _rests_on(locks: tuple[Lock, ...], lock: Lock, asked: Request) -> bool:
    """True if ``lock`` applies to an approver of ``asked``, which has too few approvals that still count (``counted``)."""
    if asked.obligations is None or not any(is_on(lock, review.by) for review in asked.reviews):
        return False
    return tally(open_ways(asked), counted(locks, asked), asked.requester) > 0


def counted(locks: tuple[Lock, ...], asked: Request) -> tuple[Identity, ...]:
    """Return the people who approved ``asked`` and whose approvals still count under ``locks``."""
    return tuple(r.by for r in asked.reviews if r.verdict is Verdict.APPROVE and lock_on(locks, r.by) is None)
