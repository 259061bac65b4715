# SPDX-License-Identifier: Apache-2.0
"""A request when it is made: what the chain keeps of it, and its deadline.

Law: pure. The record can be read back; nothing in it is shortened. A deadline that is set is never moved.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jitd.core.claims import Point
from jitd.core.decision import Obligations, Permit
from jitd.core.effects import Moment
from jitd.core.question import spelled

if TYPE_CHECKING:
    from jitd.core.request import Request


def detail_of(request: Request) -> dict[str, Any]:
    """Return what the chain keeps of the submission of ``request``, beside the document's digest."""
    command, claims = request.command, request.claims
    return {
        "argv": [spelled(a) for a in command.argv],
        "path": spelled(command.path),
        "digest": command.digest.hex(),
        "run_as": f"{command.run_as.user}:{command.run_as.group}",
        "cwd": spelled(command.cwd),
        "reason": claims.reason,
        "service": request.service,
        **({"gives": list(command.things), "stays": command.stays} if command.gives else {}),
        **({"options": [spelled(option) for option in command.options]} if command.options else {}),
        **({"doubt": command.doubt} if command.doubt else {}),
        **({"break_glass": True} if request.breaks_glass else {}),
        **({} if request.point is None else {"point": _point(request.point)}),
        **request.requester.ticket(),
        "groups": sorted(request.requester.groups),
    }


def to_be_asked(made: Request, permit: Permit, now: Moment) -> Request:
    """Return the new request ``made`` as it is while the gatekeepers of ``permit`` are asked. Rule and obligations may still
    change. The deadline is for gatekeepers and approvals together.
    """
    provisional = replace(made, rule=permit.rule, obligations=permit.obligations, asking_at=now.at)
    return until(provisional, permit.obligations, now)


def until(request: Request, obligations: Obligations, now: Moment) -> Request:
    """Return ``request`` with the deadline of ``obligations``, unless it has one."""
    if request.expires_boot is not None:
        return request
    within = obligations.expires_for
    return replace(request, expires_at=now.at + timedelta(seconds=within), expires_boot=now.boot + within)


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}
