# SPDX-License-Identifier: Apache-2.0
"""Defines what ``jitsudo`` prints and which exit status it returns when it fails (jitsudo(1), EXIT STATUS).

Law: each fault has a sentence and an exit status. The exit status after a fault is jitsudo's own, and not the command's.
"""

from __future__ import annotations

from jitpam.client import NoProcess, NotAuthenticated, RefusedByDaemon, TooLong, Unreachable
from jitpam.options import UsageError
from jitpam.saying import Unwritable, say
from jitpam.wire.codes import EXITS

UNAUTHENTICATED, USAGE, UNREACHABLE = 119, 120, 125


def tell(fault: Exception) -> int:
    """Print a sentence about ``fault``, and return the exit status for it."""
    if isinstance(fault, RefusedByDaemon):
        say(fault.text)
        return EXITS[fault.code][0]
    kinds = (
        ((UsageError, TooLong), USAGE),
        (NotAuthenticated, UNAUTHENTICATED),
        ((Unreachable, Unwritable, NoProcess), UNREACHABLE),
    )
    for kind, status in kinds:
        if isinstance(fault, kind):
            say(str(fault))
            return status
    # This is a defect of jitsudo. The command must not run, and a script must not mistake a traceback for the command's output.
    say(f"internal error: {type(fault).__name__}: {fault}; jitsudo did not run the command")
    return UNREACHABLE
