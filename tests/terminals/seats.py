# SPDX-License-Identifier: Apache-2.0
"""Real pseudo terminals that belong to an account, and login records that name them."""

from __future__ import annotations

import grp
import os
import pwd
import struct
import tty
from dataclasses import dataclass, field
from pathlib import Path

TTY = grp.getgrnam("tty").gr_gid
ACCOUNT = "nobody"
"""The account of jitd-terminals in tests: it has no right to anybody's terminal but by the group tty."""
PERSON, OTHER = "daemon", "bin"
"""Accounts of every host, as the people who are told."""


@dataclass
class Seat:
    """A terminal. ``line`` is its name below /dev."""

    master: int
    slave: int
    line: str

    def read(self) -> bytes:
        """All that was written to it until now."""
        os.set_blocking(self.master, False)
        found = b""
        try:
            while data := os.read(self.master, 65536):
                found += data
        except BlockingIOError:
            pass
        return found

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


def seat(account: str = PERSON, mode: int = 0o620, gid: int = TTY) -> Seat:
    """A terminal of ``account``, as a login makes it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.fchown(slave, pwd.getpwnam(account).pw_uid, gid)
    os.fchmod(slave, mode)
    return Seat(master, slave, os.ttyname(slave).removeprefix("/dev/"))


@dataclass
class Records:
    """Login records below ``place``: utmp, and logind's files."""

    place: Path
    entries: list[bytes] = field(default_factory=list)

    @property
    def utmp(self) -> Path:
        return self.place / "utmp"

    @property
    def sessions(self) -> Path:
        return self.place / "sessions"

    def login(self, account: str, line: str, pid: int = 0) -> None:
        """Note in utmp that ``account`` is logged in on ``line``."""
        entry = struct.pack("<h2xi32s4s32s256s52x", 7, pid or os.getpid(), line.encode(), b"", account.encode(), b"")
        self.entries.append(entry)
        self.utmp.write_bytes(b"".join(self.entries))
        self.utmp.chmod(0o644)

    def session(
        self, name: str, account: str, line: str = "", state: str = "active", kind: str = "user", leader: object = ""
    ) -> None:
        """Note as logind does that ``account`` has a session on ``line``, or one that ``leader`` has made without a terminal."""
        self.sessions.mkdir(exist_ok=True)
        uid = pwd.getpwnam(account).pw_uid
        said = f"UID={uid}\nUSER={account}\nSTATE={state}\nCLASS={kind}\nLEADER={leader}\n"
        (self.sessions / name).write_text(said + (f"TTY={line}\n" if line else ""))
