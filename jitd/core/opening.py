# SPDX-License-Identifier: Apache-2.0
"""While a request waits, its possible approvers can change. A further way to approve the request can open. At regular
intervals, jitd also fetches the lists of possible approvers again. This module is a part of ``request``.

Law: pure. Each way to approve has a time at which it opens. Only the clock opens a way, and it never opens a way before its time.
jitd records the opening of a way as an event. Earlier approvals also count for ways that open later. When a way opens, jitd
checks the earlier approvals against the present lists of people.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from jitd.core.approvers import tally
from jitd.core.changed import replace
from jitd.core.decision import Approval
from jitd.core.effects import ListsChanged, Moment, Screen, SetDeadline, TellRequester, WayOpened
from jitd.core.frozen import dataclass
from jitd.core.law import Actor, IllegalEvent
from jitd.core.ways import Open, next_after, opened

if TYPE_CHECKING:
    from jitd.core.request import Request
    from jitd.core.subject import Subject

WAY, LISTS = "way", "lists"
"""The names of two kinds of deadlines of a request. At the deadline WAY, the next way to approve opens. At the deadline LISTS,
jitd fetches the lists of possible approvers again.
"""
LISTS_EVERY = 30
"""Number of seconds between two fetches of the lists that limit the approvers of a waiting request."""


@dataclass(frozen=True, slots=True)
class WaysOpened:
    """The clock has opened ways to approve. ``after`` is a number of seconds since the submission. From now on, every way with
    the same ``after`` or a smaller one is open.
    """

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    after: int

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event."""
        return {"after": self.after}


@dataclass(frozen=True, slots=True)
class Relisted:
    """jitd has again fetched the lists that limit the approvers, and at least one list has changed. ``lists`` contains the name
    and the members of each list. The members are None if the list is not known.
    """

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    lists: tuple[tuple[str, tuple[str, ...] | None], ...]

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event."""
        return {"lists": {also: None if among is None else list(among) for also, among in self.lists}}


def open_ways(request: Request) -> Open:
    """Return the approvals that ``request`` needs. Each approval contains the ways that are open now."""
    without_kdc = "deny" if request.obligations is None else request.obligations.without_kdc
    return opened(_approvals(request), request.opened, without_kdc)


def lists_in(approvals: Iterable[Approval]) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """Return the lists that limit ``approvals``. The result contains each list once, with its members."""
    return tuple(sorted({way.also: way.among for approval in approvals for way in approval.ways if way.also}.items()))


def due_after(request: Request, now: Moment) -> int | None:
    """Find the closed ways of ``request`` that are due at ``now``. Return the largest ``after`` of these ways, or None if no way
    is due.
    """
    found, until = None, request.opened
    while (after := next_after(_approvals(request), until)) is not None and request.submitted_boot + after <= now.boot:
        found = until = after
    return found


def deadlines_of(request: Request, boot: float) -> tuple[SetDeadline, ...]:
    """Return the effects that set the next deadlines of ``request``: the opening of its next way, and the next fetch of its
    lists. The next fetch is LISTS_EVERY seconds after ``boot``.
    """
    after = next_after(_approvals(request), request.opened)
    way = () if after is None else (SetDeadline(WAY, request.id, request.submitted_boot + after),)
    return (*way, SetDeadline(LISTS, request.id, boot + LISTS_EVERY)) if lists_in(_approvals(request)) else way


def changed(
    request: Request, event: WaysOpened | Relisted, approved_by: tuple[Subject, ...], now: Moment
) -> tuple[Request, tuple[Any, ...]]:
    """Apply ``event`` to ``request``. Return the new state of ``request`` and the resulting effects. ``approved_by`` contains the
    people who have approved. If their approvals are now enough, the policy and the gatekeepers decide again, as they do after the
    last approval. Raises IllegalEvent.
    """
    told: tuple[Any, ...] = (TellRequester(request.id), ListsChanged())
    if isinstance(event, Relisted):
        request = _relisted(request, event)
    else:
        request = _opened(request, event, now)
        told = (*deadlines_of(request, now.boot), WayOpened(request.id), *told)
    is_enough = bool(approved_by) and tally(open_ways(request), approved_by, request.requester) == 0
    if request.asking_at is not None or not is_enough:
        return request, told
    return replace(request, asking_at=now.at), (*told, Screen(request.id))


def _opened(request: Request, event: WaysOpened, now: Moment) -> Request:
    if event.after <= request.opened or now.boot_id != request.boot_id or now.boot < request.submitted_boot + event.after:
        raise IllegalEvent(f"request {request.id}: this way to approve it is open already, or its time has not come")
    return replace(request, opened=event.after)


def _relisted(request: Request, event: Relisted) -> Request:
    lists = dict(event.lists)
    if request.obligations is None or lists.keys() != dict(lists_in(_approvals(request))).keys():
        raise IllegalEvent(f"request {request.id}: the lists of people in its approvals are not the lists that were looked up")
    asked = tuple(approval.with_lists(lists.__getitem__) for approval in _approvals(request))
    return replace(request, obligations=replace(request.obligations, approvals=asked))


def _approvals(request: Request) -> tuple[Approval, ...]:
    return () if request.obligations is None else request.obligations.approvals
