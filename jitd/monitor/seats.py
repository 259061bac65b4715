# SPDX-License-Identifier: Apache-2.0
"""Finds the terminals of the people in a session (their seats), and writes lines on these terminals.

Law: this module never waits for a terminal. It writes to a terminal only if the owner of the terminal is the account of a process
that uses the terminal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from jitpam.wire.shown import shown


def seats(pids: Iterable[int]) -> list[tuple[str, int]]:
    """Return the terminals that ``pids`` use, each with the user id of a process on it."""
    return sorted({(found, uid) for pid in pids if (found := terminal_of(pid)) and (uid := owner_of(pid)) is not None})


def owner_of(pid: int) -> int | None:
    """Return the user id of process ``pid``. Return None if the process has ended."""
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def terminal_of(pid: int) -> str:
    """Return a process's controlling terminal (proc(5), ``tty_nr``), or "" if it has none."""
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
    """Write a line on ``terminal`` if the terminal belongs to ``uid``. Return True if the line was written. This function does
    not wait if the terminal accepts no output.

    The owner is checked, because the path ``terminal`` may lead to another person's terminal. A container numbers its terminals
    itself, so a terminal of the host may have the same number as a terminal of a container.
    """
    with suppress(OSError):
        descriptor = os.open(terminal, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if os.isatty(descriptor) and os.fstat(descriptor).st_uid == uid:
                return os.write(descriptor, f"\r\n{shown(text)}\r\n".encode()) > 0
        finally:
            os.close(descriptor)
    return False
