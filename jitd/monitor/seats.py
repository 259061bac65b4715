# SPDX-License-Identifier: Apache-2.0
"""Where the people of a session sit, and a line to be read there.

Law: nobody is waited for, and nothing is written but on a terminal of the very account whose process has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from jitpam.wire.shown import shown


def seats(pids: Iterable[int]) -> list[tuple[str, int]]:
    """The terminals of these processes, each with whose process has it."""
    return sorted({(found, uid) for pid in pids if (found := terminal_of(pid)) and (uid := owner_of(pid)) is not None})


def owner_of(pid: int) -> int | None:
    """Whose a process is; None if it is gone."""
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def terminal_of(pid: int) -> str:
    """The controlling terminal of a process, by its number (proc(5), ``tty_nr``); empty where there is none to write to."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            number = int(file.read(4096).rpartition(b")")[2].split()[4])
    except (OSError, ValueError, IndexError):
        return ""
    major, minor = os.major(number), os.minor(number)
    if 136 <= major <= 143:
        return f"/dev/pts/{(major - 136) * 256 + minor}"
    try:
        with open(f"/sys/dev/char/{major}:{minor}/uevent", encoding="ascii") as file:
            return next((f"/dev/{line[8:].strip()}" for line in file if line.startswith("DEVNAME=")), "")
    except (OSError, ValueError):
        return ""


def tell(terminal: str, uid: int, text: str) -> bool:
    """A line on a terminal of ``uid``'s; whether it was written. One that is full or gone is not waited for, and a number may
    be another's terminal: that of a process in a place with terminals of its own.
    """
    with suppress(OSError):
        descriptor = os.open(terminal, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if os.isatty(descriptor) and os.fstat(descriptor).st_uid == uid:
                return os.write(descriptor, f"\r\n{shown(text)}\r\n".encode()) > 0
        finally:
            os.close(descriptor)
    return False
