# SPDX-License-Identifier: Apache-2.0
"""Facts about the whole host: its name, its uptime, its load, and whether its kernel is tainted.

Law: each function reads only from the kernel. If the kernel does not give a value, OSError or ValueError is raised.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_TAINTED = Path("/proc/sys/kernel/tainted")


def name() -> str:
    """Return the kernel's name for this host (uname(2), ``nodename``)."""
    return os.uname().nodename


def up_for() -> int:
    """Return the number of seconds since the host started. The time in which the host was suspended is included."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))


def load() -> float:
    """Return the load of the last minute (proc(5), ``loadavg``), divided by the number of online processors."""
    return os.getloadavg()[0] / max(1, os.sysconf("SC_NPROCESSORS_ONLN"))


def is_tainted(file: Path = _TAINTED) -> bool:
    """True if the kernel says that it is tainted, as by a foreign module or an error (proc(5), ``sys/kernel/tainted``)."""
    return int(file.read_bytes()) != 0
