# SPDX-License-Identifier: Apache-2.0
"""The first steps of each child process of jitd-kdc. Law: a child ends at the latest when jitd-kdc ends."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
"""The option of prctl(2) that sets the signal which a process gets when its parent ends."""


def end_with(parent: int) -> None:
    """Let the kernel kill this process when its ``parent`` ends (prctl(2), PR_SET_PDEATHSIG). Set the handling of SIGINT, SIGTERM
    and SIGHUP back to the default, so that these signals end this process.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
