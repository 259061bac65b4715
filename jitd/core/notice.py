# SPDX-License-Identifier: Apache-2.0
"""Notices: what people outside are to be told of a request, as its state has it at a moment, and who they are.

Law: pure. A notice follows from state alone, so after a crash it is derived again; one that no longer follows is moot, and is
not sent. Nobody is told as an approver of their own request. No notice changes a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.opening import open_ways
from jitd.core.request import Request, RequestState, Verdict
from jitd.core.subject import Subject
from jitd.core.ways import flat

STILL_TOLD_FOR = timedelta(days=1)
"""How long after its deadline a request's end is still told. A channel that fails for longer never tells it."""
NOTHING: Mapping[str, datetime] = MappingProxyType({})


class Event(StrEnum):
    """What happened. The words are in the told marks."""

    WAITS = "waits"
    OPENED = "opened"
    REMINDER = "reminder"
    DECIDED = "decided"
    BREAK_GLASS = "break_glass"
    OVERDUE = "overdue"
    REVIEWED = "reviewed"


class Whom(StrEnum):
    """Who is told: those who could approve, those who were told that the request waits, or the requester."""

    APPROVERS = "approvers"
    TOLD = "told"
    REQUESTER = "requester"


ENDS = frozenset({Event.DECIDED, Event.REVIEWED})
"""Events after which an address is told nothing more of the request."""
LOUD = frozenset({Event.BREAK_GLASS, Event.OVERDUE})
"""Events that nobody mutes, that are never left to a digest, and that the record names when they were sent."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``whom`` is to be told ``event`` of the request ``request``. APPROVERS are the people of ``approvals``. ``key`` is how
    marks call the event; an event that happens more than once has a key of its own each time. ``by`` is the account of whoever
    gave a review that was owed.
    """

    event: Event
    request: str
    whom: Whom
    approvals: tuple[Approval, ...] = ()
    key: str = ""
    by: str = ""

    @property
    def mark(self) -> str:
        """The name of this event in a told mark."""
        return self.key or str(self.event)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A review that is owed because the glass was broken. ``approvals`` were skipped: their people are told. ``is_overdue``: its
    time is over. ``given_by`` is the account of the person who gave it, at ``given_at``; empty and None as long as nobody has.
    """

    approvals: tuple[Approval, ...]
    is_overdue: bool = False
    given_by: str = ""
    given_at: datetime | None = None


def half_time(request: Request) -> float | None:
    """Return when half of the request's time is over (seconds on CLOCK_BOOTTIME); None if it has no deadline yet."""
    if request.expires_boot is None:
        return None
    return request.submitted_boot + (request.expires_boot - request.submitted_boot) / 2


def owed(
    request: Request, now: Moment, told: Mapping[str, datetime] = NOTHING, skipped: Skipped | None = None
) -> tuple[Notice, ...]:
    """Return all that is to be told of ``request`` at ``now``, told already or not. ``told`` is what one address was told of it
    (mark → moment): only who heard of the request in the first half of its time needs a reminder. ``skipped`` is the review that
    is owed for the request.
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


def is_stale(request: Request, now: Moment) -> bool:
    """True if ``request`` has ended too long ago for its end to be told."""
    return request.expires_at is not None and request.expires_at + STILL_TOLD_FOR < now.at


def _of_waiting(request: Request, now: Moment, told: Mapping[str, datetime]) -> tuple[Notice, ...]:
    is_over = request.expires_boot is not None and (request.boot_id != now.boot_id or request.expires_boot <= now.boot)
    if request.obligations is None or is_over or request.asking_at is not None:  # then gatekeepers are asked, and nobody is owed
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
    """True if ``request`` was decided later than it was made, so that its requester may not have heard the answer."""
    owed = request.obligations
    return request.lease is None and owed is not None and bool(owed.approvals or owed.gatekeepers)


def decider(request: Request) -> Subject | None:
    """Return whose review ended ``request``; None if no review did."""
    last = request.reviews[-1] if request.reviews else None
    ended_so = {Verdict.APPROVE: RequestState.APPROVED, Verdict.DENY: RequestState.DENIED}
    return last.by if last is not None and request.state is ended_so[last.verdict] else None


def decided_by(request: Request) -> str:
    """Return the principal whose review ended ``request``; empty if no review did."""
    by = decider(request)
    return "" if by is None else by.principal


def has_approved(person: str, request: Request) -> bool:
    """True if ``person`` has approved ``request`` already."""
    return any(review.by.person == person for review in request.reviews if review.verdict is Verdict.APPROVE)
