# SPDX-License-Identifier: Apache-2.0
"""A request when it is made: what the chain keeps of it, and its deadline.

Law: pure. The record can be read back; nothing in it is shortened. A deadline that is set is never moved.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jitd.core.claims import Point
from jitd.core.decision import Decision, Deny, Obligations, Permit, narrow
from jitd.core.effects import Moment
from jitd.core.later import decided_within
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
        **({} if request.starts_at is None else {"starts_at": request.starts_at.isoformat()}),
        **({} if request.extends is None else {"extends": request.extends}),
        **request.requester.ticket(),
        "groups": sorted(request.requester.groups),
    }


def terms_of(
    lasts_for: int | None, uses: int | None, timeout_for: int | None, starts_at: datetime | None
) -> tuple[int | None, ...]:
    """Return the terms that were asked for, as a fingerprint has them (PROTOCOL.md section 7, ``t``)."""
    starts = () if starts_at is None else (int(starts_at.timestamp()),)
    return (lasts_for, uses, timeout_for, *starts)


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
    within = decided_within(request, obligations)
    return replace(request, expires_at=now.at + timedelta(seconds=within), expires_boot=now.boot + within)


def lease_for(decision: Decision, obligations: Obligations) -> str | None:
    """Return the lease in ``decision``, unless ``obligations`` have approvals that it was not found for."""
    if isinstance(decision, Deny):
        return None
    found_for = decision.obligations
    return decision.lease if narrow(found_for, obligations).approvals == narrow(found_for, found_for).approvals else None


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}
