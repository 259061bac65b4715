# SPDX-License-Identifier: Apache-2.0
"""The opening of a way to approve: a part of the life of a request.

Law: pure. A way opens by an event of the clock, which is recorded, and never before its time. What was approved before counts for
the ways that open later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from jitd.core.approvers import tally
from jitd.core.effects import ListsChanged, Moment, Screen, SetDeadline, TellRequester, WayOpened
from jitd.core.law import Actor, IllegalEvent
from jitd.core.ways import Open, next_after, opened

if TYPE_CHECKING:
    from jitd.core.request import Request
    from jitd.core.subject import Subject

LIFE = "way"
"""The name under which the time of the next way is kept among the deadlines."""


@dataclass(frozen=True, slots=True)
class WaysOpened:
    """Those ways to approve are open from now on that open ``after`` so many seconds."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    after: int

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"after": self.after}


def open_ways(request: Request) -> Open:
    """Return what ``request`` asks of approvers, with the ways that are open."""
    return opened(() if request.obligations is None else request.obligations.approvals, request.opened)


def due_after(request: Request, now: Moment) -> int | None:
    """Return the ``after`` of the last closed way of ``request`` whose time has come ``now``; None if there is none."""
    later = None
    while (after := _next(request, later)) is not None and request.submitted_boot + after <= now.boot:
        later = after
    return later


def next_deadline(request: Request) -> tuple[SetDeadline, ...]:
    """Return the order to look at ``request`` again when its next way opens; nothing if no way is closed."""
    after = _next(request, None)
    return () if after is None else (SetDeadline(LIFE, request.id, request.submitted_boot + after),)


def _next(request: Request, until: int | None) -> int | None:
    approvals = () if request.obligations is None else request.obligations.approvals
    return next_after(approvals, request.opened if until is None else until)


def ways_opened(
    request: Request, event: WaysOpened, approved_by: tuple[Subject, ...], now: Moment
) -> tuple[Request, tuple[Any, ...]]:
    """Return ``request`` after ``event``, and what follows. If the approvals of ``approved_by`` are enough now, policy and
    gatekeepers are asked again, as after the last approval. Raises IllegalEvent before the time.
    """
    if event.after <= request.opened or now.boot_id != request.boot_id or now.boot < request.submitted_boot + event.after:
        raise IllegalEvent(f"no way to approve {request.id} opens now")
    request = replace(request, opened=event.after)
    told = (*next_deadline(request), WayOpened(request.id), TellRequester(request.id), ListsChanged())
    is_enough = bool(approved_by) and tally(open_ways(request), approved_by, request.requester) == 0
    if request.asking_at is not None or not is_enough:
        return request, told
    return replace(request, asking_at=now.at), (*told, Screen(request.id))
