# SPDX-License-Identifier: Apache-2.0
"""Writes a text to the terminals on which a person is logged in.

Law: a text for an account is written to a terminal only if the login records list the terminal for this account, and the account
owns the terminal. The file's device number must also be the number of a terminal. When this module opens a terminal, it follows
no symbolic link and never blocks. The terminal does not become the controlling terminal of this process. The kernel decides
whether writing is allowed: ``mesg n`` takes the write permission from the group tty. Writing to all terminals together takes at
most WITHIN seconds. After WITHIN seconds, the rest of the text is dropped.

Sources: mesg(1), pts(4), Documentation/admin-guide/devices.txt of Linux (the numbers of devices).
"""

from __future__ import annotations

import os
import pwd
import re
import select
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jitd.facts.sessions import SESSIONS, UTMP, terminals
from jitd_outsiders.terminals.messages import MOST_TERMINALS, Tell, Told, text_of

DEVICES = Path("/dev")
WITHIN = 0.1  # seconds at most in which the text is written to all terminals together
FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
PSEUDO = range(136, 144)  # major numbers of pseudo terminals, /dev/pts/N
REAL = 4  # major number of screens and serial lines, /dev/ttyN and /dev/ttySN. Minor number 0 is the visible virtual console
_LINE = re.compile(r"pts/[0-9]{1,9}|tty[A-Za-z]{0,8}[0-9]{1,4}")


def tell(question: Tell, sessions: Path = SESSIONS, utmp: Path = UTMP) -> Told:
    """Write the text of ``question`` to its addressees' terminals. Raises OSError without logind and utmp."""
    opened = list[int]()
    n_refused = 0
    try:
        for uid, line in _places(question.people, sessions, utmp):
            terminal = _open(line, uid)
            if terminal is None:
                n_refused += 1
            else:
                opened.append(terminal)
        n_told = _write(opened, text_of(question.lines).encode("ascii"))
        return Told(n_told, n_refused + len(opened) - n_told)
    finally:
        for terminal in opened:
            os.close(terminal)


def _places(people: Iterable[str], sessions: Path, utmp: Path) -> list[tuple[int, str]]:
    """Return each terminal with the uid of its owner. Accounts that do not exist are ignored. Raises OSError."""
    found = list[tuple[int, str]]()
    for account in dict.fromkeys(people):
        with suppress(KeyError):
            uid = pwd.getpwnam(account).pw_uid
            found += [(uid, line) for line in sorted(terminals(account, uid, sessions, utmp)) if _LINE.fullmatch(line)]
    return list(dict.fromkeys(found))[:MOST_TERMINALS]


def _open(line: str, uid: int) -> int | None:
    """Return None if nobody may write to the terminal, or if it does not belong to ``uid``."""
    try:
        terminal = os.open(DEVICES / line, FLAGS)
    except OSError:
        return None
    if _is_terminal_of(terminal, uid):
        return terminal
    os.close(terminal)
    return None


def _is_terminal_of(terminal: int, uid: int) -> bool:
    status = os.fstat(terminal)
    major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    is_known = major in PSEUDO or (major == REAL and minor > 0)
    return stat.S_ISCHR(status.st_mode) and is_known and status.st_uid == uid and os.isatty(terminal)


def _write(opened: Iterable[int], text: bytes) -> int:
    """Write to all in parallel. Return how many have accepted the whole text within WITHIN seconds."""
    left = dict.fromkeys(opened, text)
    n_told = 0
    until = time.monotonic() + WITHIN
    waits = select.poll()
    for terminal in left:
        waits.register(terminal, select.POLLOUT)
    while left and (rest := until - time.monotonic()) > 0:
        for terminal, event in waits.poll(rest * 1000):
            try:
                n_written = os.write(terminal, left[terminal])
            except BlockingIOError:
                n_written = 0
            except OSError:
                event |= select.POLLHUP
                n_written = 0
            left[terminal] = left[terminal][n_written:]
            if not left[terminal] or event & (select.POLLHUP | select.POLLERR):
                n_told += not left.pop(terminal)
                waits.unregister(terminal)
    return n_told
