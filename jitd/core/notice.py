# SPDX-License-Identifier: Apache-2.0
"""Notices: what people outside are to be told of a request, as its state has it at a moment, and who they are.

Law: pure. A notice follows from state alone, so after a crash it is derived again; one that no longer follows is moot, and is
not sent. Nobody is told as an approver of their own request. No notice changes a decision.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.request import Request, RequestState

LONGEST_OWED = 24 * 3600.0
"""Seconds after its end for which a request's end is still told. A channel that fails for longer leaves it out."""


class Event(StrEnum):
    """What happened. The words are in the told marks."""

    WAITS = "waits"
    OPENED = "opened"
    REMINDER = "reminder"
    DECIDED = "decided"
    BREAK_GLASS = "break_glass"
    OVERDUE = "overdue"


class Whom(StrEnum):
    """Who is told: those who could approve, those who were told that the request waits, or the requester."""

    APPROVERS = "approvers"
    TOLD = "told"
    REQUESTER = "requester"


LOUD = frozenset({Event.BREAK_GLASS, Event.OVERDUE})
"""Events that nobody mutes, that are never left to a digest, and that the record names when they were sent."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``whom`` is to be told ``event`` of the request ``request``. ``approvals``: whose people they are, if ``whom`` is APPROVERS.
    ``key`` is what told marks call the event: an event that happens more than once has a key of its own each time.
    """

    event: Event
    request: str
    whom: Whom
    approvals: tuple[Approval, ...] = ()
    key: str = ""

    @property
    def mark(self) -> str:
        """The name of this event in a told mark."""
        return self.key or str(self.event)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A review that is owed because the glass was broken. ``approvals`` were skipped: their people are told. ``is_overdue``: its
    time is over. ``is_over``: it was given.
    """

    approvals: tuple[Approval, ...]
    is_overdue: bool = False
    is_over: bool = False


def half_time(request: Request) -> float | None:
    """Return when half of the request's time is over (seconds on CLOCK_BOOTTIME); None if it has no deadline yet."""
    if request.expires_boot is None:
        return None
    return request.submitted_boot + (request.expires_boot - request.submitted_boot) / 2


def owed(request: Request, now: Moment, told: Collection[str] = (), skipped: Skipped | None = None) -> tuple[Notice, ...]:
    """Return all that is to be told of ``request`` at ``now``, told already or not. ``told`` are the marks of what the address was
    told of it: who has only just been told that it waits needs no reminder. ``skipped`` is the review that is owed for it.
    """
    if skipped is not None:
        return _of_broken_glass(request, skipped)
    if request.state is RequestState.PENDING:
        return _of_waiting(request, now, told)
    if request.is_open:
        return ()
    ended = [Notice(Event.DECIDED, request.id, Whom.TOLD)]
    if _was_open(request) and not request.waits and request.state is not RequestState.WITHDRAWN:
        ended.append(Notice(Event.DECIDED, request.id, Whom.REQUESTER))
    return tuple(ended)


def _of_waiting(request: Request, now: Moment, told: Collection[str]) -> tuple[Notice, ...]:
    is_over = request.expires_boot is not None and (request.boot_id != now.boot_id or request.expires_boot <= now.boot)
    if request.obligations is None or is_over:
        return ()
    approvals = request.obligations.approvals
    found = [Notice(Event.WAITS, request.id, Whom.APPROVERS, approvals)]
    half = half_time(request)
    if half is not None and half <= now.boot and str(Event.WAITS) in told:
        found.append(Notice(Event.REMINDER, request.id, Whom.APPROVERS, approvals))
    return tuple(found)


def _of_broken_glass(request: Request, skipped: Skipped) -> tuple[Notice, ...]:
    if skipped.is_over:
        return (Notice(Event.DECIDED, request.id, Whom.TOLD),)
    found = [Notice(Event.BREAK_GLASS, request.id, Whom.APPROVERS, skipped.approvals)]
    if skipped.is_overdue:
        found.append(Notice(Event.OVERDUE, request.id, Whom.APPROVERS, skipped.approvals))
    return tuple(found)


def _was_open(request: Request) -> bool:
    """True if ``request`` was decided later than it was made, so that its requester may not have heard the answer."""
    owed = request.obligations
    return request.lease is None and owed is not None and bool(owed.approvals or owed.gatekeepers)


def decided_by(request: Request) -> str:
    """Return the principal whose review ended ``request``; empty if no review did."""
    ended_so = request.state in (RequestState.APPROVED, RequestState.DENIED) and request.lock is None
    return request.reviews[-1].by.principal if ended_so and request.reviews else ""
