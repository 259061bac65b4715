# SPDX-License-Identifier: Apache-2.0
"""What the kernel says about time, and about the terminal and the session of a process.

Law: what cannot be read is left out, and nothing is put in its place.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from jitd.core.effects import Moment
from jitd.core.law import Origin

_NO_SESSION = 2**32 - 1
"""The audit session id of a process for which nobody has logged in."""
_PTS, _TTY, _FIRST_SERIAL = range(136, 144), 4, 64
"""Major numbers of pseudo-terminals; the major number of consoles and serial lines; the first minor number of serial lines."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def moment() -> Moment:
    """Return the present time: wall clock, boot clock and boot id."""
    return Moment(datetime.now(UTC), time.clock_gettime(time.CLOCK_BOOTTIME), _BOOT_ID)


def started_at(pid: int) -> int:
    """Return when process ``pid`` was started, in clock ticks since the boot (proc(5), ``stat``). Raises OSError."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def origin(pid: int, uid: int) -> Origin:
    """Return the terminal and the session of process ``pid``. ``uid`` is the peer's, as the kernel has told it. What cannot be
    read is left out.
    """
    tty, session = "", None
    with suppress(OSError, ValueError, IndexError):
        tty = _terminal(int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[4]))
    with suppress(OSError, ValueError):
        session = int(Path(f"/proc/{pid}/sessionid").read_bytes())
    return Origin(uid, tty, None if session == _NO_SESSION else session)


def _terminal(device: int) -> str:
    """Return the name below /dev of the terminal with this number (proc(5), ``tty_nr``), or ``MAJOR:MINOR`` if its name is not
    known.
    """
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    if not device:
        return ""
    if major in _PTS:
        return f"pts/{minor + 256 * _PTS.index(major)}"
    if major == _TTY:
        return f"tty{minor}" if minor < _FIRST_SERIAL else f"ttyS{minor - _FIRST_SERIAL}"
    return f"{major}:{minor}"
