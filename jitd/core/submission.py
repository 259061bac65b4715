# SPDX-License-Identifier: Apache-2.0
"""The submission of a request: the details for the chain, and the deadline of the request.

Law: pure. The chain contains all texts of these details in full length. Therefore a program can read the details again. A
deadline never changes after it was set.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jitd.core.changed import replace
from jitd.core.claims import Point
from jitd.core.decision import Decision, Deny, Obligations, Permit, narrow
from jitd.core.effects import Moment
from jitd.core.later import decided_within
from jitd.core.public_key import told_of
from jitd.core.question import spelled

if TYPE_CHECKING:
    from jitd.core.request import Request


def detail_of(request: Request) -> dict[str, Any]:
    """Return the details about the submission of ``request`` for the chain. The chain also stores a digest of the request."""
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
        **({"brought": told_of(command.brought)} if command.brought else {}),
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
    """Return the terms that the requester asked for, in the form in which the fingerprint contains them (PROTOCOL.md section 7,
    tag ``t``).
    """
    starts = () if starts_at is None else (int(starts_at.timestamp()),)
    return (lasts_for, uses, timeout_for, *starts)


def to_be_asked(made: Request, permit: Permit, now: Moment) -> Request:
    """Return the new request ``made`` with a rule, obligations and a deadline. The request has these values while jitd queries
    the gatekeepers of ``permit``. The rule and the obligations may still change. The deadline is the same for the gatekeepers
    and the approvers.
    """
    expires_at, expires_boot = decide_by(made, permit.obligations, now)
    return replace(
        made,
        rule=permit.rule,
        obligations=permit.obligations,
        asking_at=now.at,
        expires_at=expires_at,
        expires_boot=expires_boot,
    )


def decide_by(request: Request, obligations: Obligations, now: Moment) -> tuple[datetime | None, float]:
    """Return the deadline of ``request``, on the wall clock and on the boot clock. If ``request`` has no deadline yet, compute
    the deadline from ``obligations``.
    """
    if request.expires_boot is not None:
        return request.expires_at, request.expires_boot
    within = decided_within(request, obligations)
    return now.at + timedelta(seconds=within), now.boot + within


def lease_for(decision: Decision, obligations: Obligations) -> str | None:
    """Return the lease in ``decision``. Return None if ``obligations`` contain approvals that jitd did not know when it found
    the lease.
    """
    if isinstance(decision, Deny) or decision.lease is None:
        return None
    found_for = decision.obligations
    if obligations.approvals == found_for.approvals:
        return decision.lease
    return decision.lease if narrow(found_for, obligations).approvals == narrow(found_for, found_for).approvals else None


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}
