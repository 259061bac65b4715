# SPDX-License-Identifier: Apache-2.0
"""Facts about the host as a whole: its name, how long it has been up, how busy it is, and whether its kernel is tainted.

Law: each function asks the kernel and nobody else. A value that the kernel does not give raises OSError or ValueError.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_TAINTED = Path("/proc/sys/kernel/tainted")


def name() -> str:
    """Return the name that the kernel has for this host (uname(2), ``nodename``)."""
    return os.uname().nodename


def up_for() -> int:
    """Return the seconds since the host started. Time in which it was suspended counts."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))


def load() -> float:
    """Return the load of the last minute (proc(5), ``loadavg``) for each processor that is online."""
    return os.getloadavg()[0] / max(1, os.sysconf("SC_NPROCESSORS_ONLN"))


def is_tainted(file: Path = _TAINTED) -> bool:
    """True if the kernel calls itself tainted: by a module from elsewhere, an error, or the like (proc(5),
    ``sys/kernel/tainted``).
    """
    return int(file.read_bytes()) != 0
