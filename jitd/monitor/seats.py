# SPDX-License-Identifier: Apache-2.0
"""The terminals at which people of a session read (their seats), and how to write a line there.

Law: no terminal is waited for. A line is written only if the terminal belongs to the account of the process that has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from jitpam.wire.shown import shown


def seats(pids: Iterable[int]) -> list[tuple[str, int]]:
    """Return the terminals of these processes, each with the user id of a process that has it."""
    return sorted({(found, uid) for pid in pids if (found := terminal_of(pid)) and (uid := owner_of(pid)) is not None})


def owner_of(pid: int) -> int | None:
    """Return the user id of a process; None if it has ended."""
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def terminal_of(pid: int) -> str:
    """Return the path of a process's controlling terminal (proc(5), ``tty_nr``); empty if there is none to write to."""
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
    """Write a line on ``terminal`` if it belongs to ``uid``. True if it was written. A full terminal is not waited for.

    The path may lead to somebody else's terminal: terminals in a container have numbers of their own, and the host may have
    another terminal with the same number.
    """
    with suppress(OSError):
        descriptor = os.open(terminal, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if os.isatty(descriptor) and os.fstat(descriptor).st_uid == uid:
                return os.write(descriptor, f"\r\n{shown(text)}\r\n".encode()) > 0
        finally:
            os.close(descriptor)
    return False
