# SPDX-License-Identifier: Apache-2.0
"""Reads values from the kernel: the time, and the terminal and the session of a process.

Law: if a value cannot be read, the result does not contain this value. There is no default.
"""

from __future__ import annotations

import ctypes
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jitd.core.effects import Moment
from jitd.core.law import Origin

_NO_SESSION = 2**32 - 1  # a process without a login session has this audit session id
_PTS, _TTY, _FIRST_SERIAL = range(136, 144), 4, 64  # majors of pseudo-terminals, of consoles and serial lines; first serial minor
_TIMEX, _TIME_ERROR = 256, 5
"""More bytes than ``struct timex`` has (208): all zero, it only asks. And the answer of a clock that nobody keeps."""
_LIBC = ctypes.PyDLL(None)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def moment() -> Moment:
    """Return the present time: wall clock, boot clock and boot id."""
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Moment(datetime.now(UTC), boot, _BOOT_ID, _is_synchronised(int(boot)))


@lru_cache(maxsize=1)
def _is_synchronised(second: int) -> bool:
    """True if the kernel's clock follows another, as by NTP (adjtimex(2)). It is asked at most once in each ``second``."""
    answer: int = _LIBC.adjtimex(ctypes.create_string_buffer(_TIMEX))
    return 0 <= answer < _TIME_ERROR


def started_at(pid: int) -> int:
    """Return the start time of process ``pid``, in clock ticks since the boot (proc(5), ``stat``). Raises OSError."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def origin(pid: int, uid: int) -> Origin:
    """Return the terminal and the session of process ``pid`` of ``uid`` (by the kernel), as far as they can be read."""
    tty, session = "", None
    with suppress(OSError, ValueError, IndexError):
        tty = _terminal(int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[4]))
    with suppress(OSError, ValueError):
        session = int(Path(f"/proc/{pid}/sessionid").read_bytes())
    return Origin(uid, tty, None if session == _NO_SESSION else session)


def _terminal(device: int) -> str:
    """Return the name of the terminal below /dev (proc(5), ``tty_nr``), or ``MAJOR:MINOR`` if it is not known."""
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    if not device:
        return ""
    if major in _PTS:
        return f"pts/{minor + 256 * _PTS.index(major)}"
    if major == _TTY:
        return f"tty{minor}" if minor < _FIRST_SERIAL else f"ttyS{minor - _FIRST_SERIAL}"
    return f"{major}:{minor}"
