# SPDX-License-Identifier: Apache-2.0
"""Finds and ends the descendants of this process, including the ones whose parents have already ended.

Law: this module never starts a process. Sources: PR_SET_CHILD_SUBREAPER in prctl(2), and proc(5).
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Make this process the new parent of every descendant whose own parent ends. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def children() -> list[int]:
    """Return the pids of the children of this process. This process must have only one thread. Raises OSError."""
    pid = os.getpid()
    with open(f"/proc/self/task/{pid}/children", "rb") as file:
        return [int(word) for word in file.read().split()]


def end_all_below() -> None:
    """Kill all descendants of this process. This process must be a subreaper: when a child has been killed, this process becomes
    the parent of the child's own children. It then kills them, too.
    """
    while True:
        with suppress(OSError):
            for child in children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
