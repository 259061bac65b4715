# SPDX-License-Identifier: Apache-2.0
"""What ``jitsudo`` says when it cannot do what it was asked, and its exit status then (jitsudo(1), EXIT STATUS).

Law: every fault has a sentence and an exit status of jitsudo, never one of the command.
"""

from __future__ import annotations

from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.options import UsageError
from jitpam.saying import Unwritable, say
from jitpam.wire.codes import EXITS

UNAUTHENTICATED, USAGE, UNREACHABLE = 119, 120, 125


def tell(fault: Exception) -> int:
    """Say what went wrong; the exit status."""
    if isinstance(fault, RefusedByDaemon):
        say(fault.text)
        return EXITS[fault.code][0]
    for kind, status in ((UsageError, USAGE), (NotAuthenticated, UNAUTHENTICATED), ((Unreachable, Unwritable), UNREACHABLE)):
        if isinstance(fault, kind):
            say(str(fault))
            return status
    # a defect of jitsudo: the command must not run, and no trace may reach a script as its output
    say(f"internal error: {type(fault).__name__}: {fault}; the command was not run by this")
    return UNREACHABLE
