# SPDX-License-Identifier: Apache-2.0
"""Prints the output of ``jitsudo --get … --json``, which is one JSON object on one line. The output is printed when everything
else is done.

Law: only one JSON object is written to standard output. The exit status is the same as without ``--json``.
"""

from __future__ import annotations

from jitpam.client import NotAuthenticated, RefusedByDaemon, TooLong
from jitpam.failing import UNREACHABLE, tell
from jitpam.options import UsageError
from jitpam.saying import Unwritable, print_out, say
from jitpam.ticket import NoTicket
from jitpam.wire.exact import exact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jitpam.wire.messages import Given

_CODES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    ((UsageError, TooLong), "usage"),
    (NotAuthenticated, "unauthenticated"),
    (NoTicket, "unusable"),
)


def submitted(request: str) -> None:
    """Print that ``request`` was submitted, and that this client does not wait for it. Raises Unwritable."""
    _print({"state": "submitted", "request": request})


def held(request: str, given: list[Given], variables: dict[bytes, bytes], file: bytes | None) -> None:
    """Print the given things, the variables that a program needs, and the file of a secret. Raises Unwritable."""
    things = [{"holding": one.id, "thing": one.thing, "name": one.name, "to": one.to, "until": one.until} for one in given]
    found = {name.decode(): value.decode("utf-8", "surrogateescape") for name, value in variables.items()}
    told = None if file is None else file.decode("utf-8", "backslashreplace")
    _print({"state": "held", "request": request, "things": things, "variables": found, "file": told})


def failed(fault: Exception, request: str) -> int:
    """Print ``fault`` as a sentence for people, and as a JSON object for programs. Returns the exit status."""
    if isinstance(fault, NoTicket):
        say(f"{fault}; what was given is given back")
    status = UNREACHABLE if isinstance(fault, NoTicket) else tell(fault)
    if isinstance(fault, Unwritable):
        return status
    code = (
        fault.code if isinstance(fault, RefusedByDaemon) else next((c for kind, c in _CODES if isinstance(fault, kind)), "failed")
    )
    try:
        _print({"state": "failed", "request": request, "code": code, "because": str(fault), "status": status})
    except Unwritable as unwritable:
        return tell(unwritable)
    return status


def _print(row: dict[str, Any]) -> None:
    import json

    print_out(json.dumps(exact(row), ensure_ascii=True), "the answer of --json")
