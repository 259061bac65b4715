# SPDX-License-Identifier: Apache-2.0
"""What the chain keeps of a request when it is made. Law: the record can be read back; nothing in it is shortened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitd.core.claims import Point

if TYPE_CHECKING:
    from jitd.core.request import Request


def detail_of(request: Request) -> dict[str, Any]:
    """Return what the chain keeps of the submission of ``request``, beside the document's digest."""
    command, claims = request.command, request.claims
    return {
        "argv": [_spelled(a) for a in command.argv],
        "path": _spelled(command.path),
        "digest": command.digest.hex(),
        "run_as": f"{command.run_as.user}:{command.run_as.group}",
        "cwd": _spelled(command.cwd),
        "reason": claims.reason,
        "service": request.service,
        **({"gives": list(command.things), "stays": command.stays} if command.gives else {}),
        **({"options": [_spelled(option) for option in command.options]} if command.options else {}),
        **({"doubt": command.doubt} if command.doubt else {}),
        **({} if request.point is None else {"point": _point(request.point)}),
        "ticket_ends_at": str(request.requester.ticket_ends_at),
        "groups": sorted(request.requester.groups),
    }


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}


def _spelled(value: bytes) -> str:
    r"""Return ``value`` as text that can be read back: bytes that are not UTF-8 as ``\xNN``, a backslash doubled."""
    return value.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
