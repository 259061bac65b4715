# SPDX-License-Identifier: Apache-2.0
"""What the kernel tells: what time it is, and from where a process speaks.

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
"""The audit session of what nobody has logged in for."""
_PTS, _TTY, _FIRST_SERIAL = range(136, 144), 4, 64
"""The major numbers of pseudo-terminals, that of consoles and serial lines, and the minor one from which these begin."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def moment() -> Moment:
    """Now."""
    return Moment(datetime.now(UTC), time.clock_gettime(time.CLOCK_BOOTTIME), _BOOT_ID)


def started_at(pid: int) -> int:
    """When process ``pid`` was started, in ticks since the boot (proc(5), ``stat``). Raises OSError."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def origin(pid: int, uid: int) -> Origin:
    """From where process ``pid`` speaks, whose uid the kernel has told with the connection. What cannot be read is left out."""
    tty, session = "", None
    with suppress(OSError, ValueError, IndexError):
        tty = _terminal(int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[4]))
    with suppress(OSError, ValueError):
        session = int(Path(f"/proc/{pid}/sessionid").read_bytes())
    return Origin(uid, tty, None if session == _NO_SESSION else session)


def _terminal(device: int) -> str:
    """The name of a terminal below /dev by its number (proc(5), ``tty_nr``); ``MAJOR:MINOR`` where it has none that is known."""
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    if not device:
        return ""
    if major in _PTS:
        return f"pts/{minor + 256 * _PTS.index(major)}"
    if major == _TTY:
        return f"tty{minor}" if minor < _FIRST_SERIAL else f"ttyS{minor - _FIRST_SERIAL}"
    return f"{major}:{minor}"
