# SPDX-License-Identifier: Apache-2.0
"""Notices: the messages about a request that jitd sends to people through external channels, and the recipients of these
messages. Notices are derived from the state of the request at one moment.

Law: a notice depends only on the state of the request, so jitd can derive the same notice again after a crash. If the state has
changed and the notice does not apply any more, jitd does not send the notice. jitd never treats a requester as an approver of
their own request. A notice never changes a decision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.request import Request, RequestState, Verdict, open_ways
from jitd.core.subject import Identity
from jitd.core.ways import flat

STILL_TOLD_FOR = timedelta(days=1)
"""After a request's deadline, or a given review: a channel that fails for longer never tells the end."""
NOTHING: Mapping[str, datetime] = MappingProxyType({})


class Event(StrEnum):
    """What a notice reports. A told mark, stored for each address that got it, is usually this word, such as ``waits``."""

    WAITS = "waits"
    OPENED = "opened"
    REMINDER = "reminder"
    DECIDED = "decided"
    BREAK_GLASS = "break_glass"
    OVERDUE = "overdue"
    REVIEWED = "reviewed"
    NOT_TAKEN = "not_taken"
    TAKEN = "taken"


class Whom(StrEnum):
    """APPROVERS: could approve. TOLD: were told that it waits. REQUESTER. ANSWERABLE: have approved, and operators."""

    APPROVERS = "approvers"
    TOLD = "told"
    REQUESTER = "requester"
    ANSWERABLE = "answerable"


ENDS = frozenset({Event.DECIDED, Event.REVIEWED})  # after one of these, an address gets no more of the request
LOUD = frozenset({Event.BREAK_GLASS, Event.OVERDUE, Event.NOT_TAKEN})
"""Events whose notices nobody mutes and no digest delays. The chain records that they were sent."""


@dataclass(frozen=True, slots=True)
class Back:
    """A thing that jitd must take back. ``thing`` is the thing's name, and ``holding`` is the id of its holding. If jitd cannot
    take the thing back now, ``why`` is a sentence with the reason. If the thing has been taken back, ``why`` is empty. After the
    thing has been taken back, ``left`` describes the part of the thing that the person still has.
    """

    holding: str
    thing: str
    why: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that tells ``whom`` about an event of the request with the id ``request``. If ``whom`` is APPROVERS, ``approvals``
    names the approvers. If events of the same kind can happen several times, ``key`` is the told mark for this one event.
    Otherwise ``key`` is empty. ``by`` is the account of the person who gave the owed review. If the event is about a thing,
    ``back`` is this thing.
    """

    event: Event
    request: str
    whom: Whom
    approvals: tuple[Approval, ...] = ()
    key: str = ""
    by: str = ""
    back: Back | None = None

    @property
    def mark(self) -> str:
        """The told mark for this notice: ``key``, or the word of ``event`` if ``key`` is empty."""
        return self.key or str(self.event)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A review that is owed because somebody broke glass, that is, acted in an emergency without the required approvals.
    ``approvals`` are the skipped approvals. jitd informs the people whom these approvals name. ``is_overdue`` is True if the time
    of the review is over. ``given_by`` is the account of the person who gave the review at ``given_at``. Before the review,
    ``given_by`` is empty and ``given_at`` is None.
    """

    approvals: tuple[Approval, ...]
    is_overdue: bool = False
    given_by: str = ""
    given_at: datetime | None = None


class Missed(StrEnum):
    """Why a person who could approve was not told yet. AWAY: they cannot be reached now, because they are not logged in.
    UNWILLING: they have muted notices (``jitd mute``) or messages to their terminal (mesg(1)). LATER: they get too many notices,
    so this one comes within a minute. FAILED: the channel does not work, and is tried again.
    """

    AWAY = "away"
    UNWILLING = "unwilling"
    LATER = "later"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Heard:
    """What one channel has done so far to tell the approvers that a request waits. ``told`` are the accounts of the people who
    were told. If the channel is for a group that was told, ``told`` has one empty text. ``missed`` tells why others were not told
    yet. It is empty if all were told. ``refusing`` are the accounts whose terminal takes no messages
    (mesg(1)), and ``n_muted`` is the number of people who have muted notices.
    """

    channel: str
    is_on_terminals: bool
    told: tuple[str, ...]
    missed: frozenset[Missed]
    refusing: tuple[str, ...] = ()
    n_muted: int = 0


def half_time(request: Request) -> float | None:
    """Return the middle of the request's time, in seconds on CLOCK_BOOTTIME. Return None if the request has no deadline yet."""
    if request.expires_boot is None:
        return None
    return request.submitted_boot + (request.expires_boot - request.submitted_boot) / 2


def owed(
    request: Request, now: Moment, told: Mapping[str, datetime] = NOTHING, skipped: Skipped | None = None
) -> tuple[Notice, ...]:
    """Return all notices about ``request`` at ``now``. The result also contains notices that were already sent.

    ``told`` contains the notices about the request that one address already got. It maps the told mark of each notice to the time
    when the notice was sent. An address gets a reminder only if it got a notice in the first half of the request's time. If the
    request broke glass, ``skipped`` is the review that is owed for the request.
    """
    if skipped is not None:
        return _of_broken_glass(request, skipped, now)
    if request.state is RequestState.PENDING:
        return _of_waiting(request, now, told)
    if request.is_open or is_stale(request, now):
        return ()
    ended = [Notice(Event.DECIDED, request.id, Whom.TOLD)]
    if _was_open(request) and not request.waits and request.state is not RequestState.WITHDRAWN:
        ended.append(Notice(Event.DECIDED, request.id, Whom.REQUESTER))
    return tuple(ended)


def owed_of_things(request: str, things: tuple[Back, ...], told: Mapping[str, datetime]) -> tuple[Notice, ...]:
    """Return the notices about ``things`` given for ``request``: that one cannot be taken back, and later that it was, for the
    addresses that were told the first (``told``, see ``owed``).
    """
    found = []
    for back in things:
        untaken, taken = f"{Event.NOT_TAKEN}-{back.holding}", f"{Event.TAKEN}-{back.holding}"
        if back.why:
            found.append(Notice(Event.NOT_TAKEN, request, Whom.ANSWERABLE, key=untaken, back=back))
        elif untaken in told:
            found.append(Notice(Event.TAKEN, request, Whom.ANSWERABLE, key=taken, back=back))
    return tuple(found)


def awaits_things(told: Collection[str]) -> bool:
    """True if an address got a notice that a thing cannot be taken back, but has not got the second notice yet. The second
    notice reports that the thing has been taken back. ``told`` contains the told marks of all notices that the address got.
    """
    heard = {mark.partition("-")[2] for mark in told if mark.startswith(f"{Event.NOT_TAKEN}-")}
    return not heard <= {mark.partition("-")[2] for mark in told if mark.startswith(f"{Event.TAKEN}-")}


def is_of_things(mark: str) -> bool:
    """True if the told mark ``mark`` belongs to a notice about a thing. False if it belongs to a notice about a request."""
    return mark.startswith((f"{Event.NOT_TAKEN}-", f"{Event.TAKEN}-"))


def is_of_waiting(mark: str) -> bool:
    """True if the told mark ``mark`` belongs to a notice to the people who could approve a waiting request."""
    return mark.partition("-")[0] in {Event.WAITS, Event.OPENED, Event.REMINDER}


def is_stale(request: Request, now: Moment) -> bool:
    """True if the deadline of ``request`` passed so long ago that jitd no longer sends a notice about the end of the request."""
    return request.expires_at is not None and request.expires_at + STILL_TOLD_FOR < now.at


def _of_waiting(request: Request, now: Moment, told: Mapping[str, datetime]) -> tuple[Notice, ...]:
    is_over = request.expires_boot is not None and (request.boot_id != now.boot_id or request.expires_boot <= now.boot)
    if request.obligations is None or is_over or request.asking_at is not None:  # ``asking_at``: gatekeepers must answer first
        return ()
    asked = request.obligations.approvals
    found = [Notice(Event.WAITS, request.id, Whom.APPROVERS, flat(open_ways(replace(request, opened=0))))]
    ways = [way for approval in asked for way in approval.ways if 0 < way.after <= request.opened]
    for after in sorted({way.after for way in ways}):
        its = tuple(way for way in ways if way.after == after)
        found.append(Notice(Event.OPENED, request.id, Whom.APPROVERS, its, f"{Event.OPENED}-{after}"))
    half, heard_at = half_time(request), min(told.values(), default=None)
    if half is not None and half <= now.boot and heard_at is not None and heard_at < now.at - timedelta(seconds=now.boot - half):
        found.append(Notice(Event.REMINDER, request.id, Whom.APPROVERS, flat(open_ways(request))))
    return tuple(found)


def _of_broken_glass(request: Request, skipped: Skipped, now: Moment) -> tuple[Notice, ...]:
    if skipped.given_at is not None:
        is_news = now.at <= skipped.given_at + STILL_TOLD_FOR
        return (Notice(Event.REVIEWED, request.id, Whom.TOLD, by=skipped.given_by),) if is_news else ()
    found = [Notice(Event.BREAK_GLASS, request.id, Whom.APPROVERS, skipped.approvals)]
    if skipped.is_overdue:
        found.append(Notice(Event.OVERDUE, request.id, Whom.APPROVERS, skipped.approvals))
    return tuple(found)


def _was_open(request: Request) -> bool:
    """True if approvals or gatekeepers were needed: after such a delay, the requester may not have seen the decision."""
    owed = request.obligations
    return request.lease is None and owed is not None and bool(owed.approvals or owed.gatekeepers)


def decider(request: Request) -> Identity | None:
    """Return the person whose review ended ``request``. Return None if ``request`` was not ended by a review."""
    last = request.reviews[-1] if request.reviews else None
    ended_so = {Verdict.APPROVE: RequestState.APPROVED, Verdict.DENY: RequestState.DENIED}
    return last.by if last is not None and request.state is ended_so[last.verdict] else None


def has_approved(person: str, request: Request) -> bool:
    """True if ``person`` has already approved ``request``."""
    return any(review.by.person == person for review in request.reviews if review.verdict is Verdict.APPROVE)
