# SPDX-License-Identifier: Apache-2.0
"""What changes who may approve while a request waits: ways open, and lists are asked for again. It is a part of ``request``.

Law: pure. A way opens by an event of the clock, which is recorded, and never before its time. What was approved before counts for
the ways that open later, and by the lists as they are then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from jitd.core.approvers import tally
from jitd.core.decision import Approval
from jitd.core.effects import ListsChanged, Moment, Screen, SetDeadline, TellRequester, WayOpened
from jitd.core.law import Actor, IllegalEvent
from jitd.core.ways import Open, next_after, opened

if TYPE_CHECKING:
    from jitd.core.request import Request
    from jitd.core.subject import Subject

WAY, LISTS = "way", "lists"
"""The names under which it is kept among the deadlines when the next way opens, and when the lists are asked for again."""
LISTS_EVERY = 30
"""Seconds after which the lists of a request that waits are asked for again."""


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


@dataclass(frozen=True, slots=True)
class Relisted:
    """The lists that limit who may approve were fetched again, and at least one of them has changed. ``lists`` are all of them,
    each with whom it names; None if that is not known.
    """

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    lists: tuple[tuple[str, tuple[str, ...] | None], ...]

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"lists": {also: None if among is None else list(among) for also, among in self.lists}}


def open_ways(request: Request) -> Open:
    """Return what ``request`` asks of approvers, with the ways that are open."""
    without_kdc = "deny" if request.obligations is None else request.obligations.without_kdc
    return opened(_approvals(request), request.opened, without_kdc)


def lists_in(approvals: Iterable[Approval]) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """Return the lists that narrow ``approvals``, each once, with whom it names."""
    return tuple(sorted({way.also: way.among for approval in approvals for way in approval.ways if way.also}.items()))


def due_after(request: Request, now: Moment) -> int | None:
    """Return the ``after`` of the last closed way of ``request`` whose time has come ``now``; None if there is none."""
    found, until = None, request.opened
    while (after := next_after(_approvals(request), until)) is not None and request.submitted_boot + after <= now.boot:
        found = until = after
    return found


def deadlines_of(request: Request, boot: float) -> tuple[SetDeadline, ...]:
    """Return the orders to look at ``request`` again: when its next way opens, and when its lists are asked for again,
    counted from ``boot``.
    """
    after = next_after(_approvals(request), request.opened)
    way = () if after is None else (SetDeadline(WAY, request.id, request.submitted_boot + after),)
    return (*way, SetDeadline(LISTS, request.id, boot + LISTS_EVERY)) if lists_in(_approvals(request)) else way


def changed(
    request: Request, event: WaysOpened | Relisted, approved_by: tuple[Subject, ...], now: Moment
) -> tuple[Request, tuple[Any, ...]]:
    """Return ``request`` after ``event``, and what follows. If the approvals of ``approved_by`` are enough now, policy and
    gatekeepers are asked again, as after the last approval. Raises IllegalEvent.
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
        raise IllegalEvent(f"no way to approve {request.id} opens now")
    return replace(request, opened=event.after)


def _relisted(request: Request, event: Relisted) -> Request:
    lists = dict(event.lists)
    if request.obligations is None or lists.keys() != dict(lists_in(_approvals(request))).keys():
        raise IllegalEvent(f"the approvals of {request.id} are narrowed by other lists")
    asked = tuple(approval.with_lists(lists.__getitem__) for approval in _approvals(request))
    return replace(request, obligations=replace(request.obligations, approvals=asked))


def _approvals(request: Request) -> tuple[Approval, ...]:
    return () if request.obligations is None else request.obligations.approvals
