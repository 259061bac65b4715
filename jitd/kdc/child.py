# SPDX-License-Identifier: Apache-2.0
"""What each child of jitd-kdc does first. Law: a child never outlives jitd-kdc."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def end_with(parent: int) -> None:
    """Let the kernel end this process when its ``parent`` ends (prctl(2), PR_SET_PDEATHSIG), and signals end it as usual."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
