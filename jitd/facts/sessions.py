# SPDX-License-Identifier: Apache-2.0
"""Login sessions, as logind and utmp(5) know them: who is logged in, on which terminals, and where a session began.

Law: only what root has written is read: logind's files (those that sd-login(3) reads), or utmp where there is no logind. If they
do not say where a session began, that is Unknown.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jitd.core.facts import Unknown
from jitd.core.origin import CONSOLE, LOCAL, REMOTE, spell_address

SESSIONS = Path("/run/systemd/sessions")
"""The directory with a file for each session. It is there if logind is."""
UTMP = Path("/run/utmp")
_ID = re.compile(r"[A-Za-z0-9]+")
_SCOPE = re.compile(r"/user\.slice/user-[0-9]+\.slice/session-([A-Za-z0-9]+)\.scope(?:/|\Z)")
_OWN_TERMINAL = re.compile(r"(?:/dev/)?(?:console|(?:tty|hvc|xvc|sclp_line)[A-Za-z]*[0-9]+)")
_MOST = 64 * 1024
_LIVE = ("online", "active")
"""The states in which somebody is logged in. The third one, ``closing``, is of sessions of which only processes are left."""
_ENTRY = struct.Struct("<h2xi32s4s32s256s52x")
"""An entry of utmp: type, pid, line, id, user, host; then what is not needed here (utmp(5), on every Linux)."""
_USER_PROCESS = 7

Session = dict[str, str]
"""What logind says of one session: names and values."""


def origin(audit_session: int | None, cgroup: str, directory: Path = SESSIONS) -> str | Unknown:
    """Return where the login session of a process began: ``local``, ``console``, ``remote``, or an address.

    ``audit_session`` is the process's (None: it has none), ``cgroup`` the path of its control group. Both are the kernel's, and
    only root can give a process others. The audit session names the session of logind. Where logind knows no audit sessions, as
    in a container, the control group does. Raises OSError.
    """
    if not directory.is_dir():
        return Unknown("logind does not run on this host")
    if audit_session is not None:
        number = str(audit_session)
        for session in _named(number, directory):
            if session.get("AUDIT") == number:
                return _began(session)
        for session in _all(directory):
            if session.get("AUDIT") == number:
                return _began(session)
    found = _SCOPE.match(cgroup)
    for session in () if found is None else _named(found[1], directory):
        if "AUDIT" not in session:
            return _began(session)
        return Unknown("its audit session and its control group are of different login sessions")
    if audit_session is not None:
        return Unknown(f"logind does not know the login session {audit_session}, which may have ended")
    return Unknown("the process that asked is in no login session")


def _began(session: Session) -> str | Unknown:
    host, said = session.get("REMOTE_HOST", ""), session.get("REMOTE")
    if said not in ("0", "1"):
        return Unknown("logind does not say whether the login session began on this host")
    if said == "1" or (host and not session.get("SEAT")):  # logind calls no session remote that came by way of "localhost"
        return spell_address(host) or REMOTE
    return CONSOLE if session.get("SEAT") else of_terminal(session.get("TTY", ""))


def of_terminal(tty: str) -> str:
    """Return where a session began that nobody began from another host: ``console`` if ``tty``, its terminal, is a screen or a
    serial line of this host; otherwise ``local``.
    """
    return CONSOLE if _OWN_TERMINAL.fullmatch(tty) else LOCAL


def n_people(directory: Path = SESSIONS, utmp: Path = UTMP) -> int:
    """Count the accounts that are logged in. One account in two sessions counts once. Raises OSError if neither logind nor utmp
    tells.
    """
    if directory.is_dir():
        return len({
            session["UID"]
            for session in _all(directory)
            if session.get("CLASS") == "user" and session.get("STATE") in _LIVE and "UID" in session
        })  # fmt: skip
    content = utmp.read_bytes()
    entries = _ENTRY.iter_unpack(content[: len(content) - len(content) % _ENTRY.size])
    return len({user for kind, pid, _, _, user, _ in entries if kind == _USER_PROCESS and _lives(pid)})


def terminals(user: str, uid: int, directory: Path = SESSIONS, utmp: Path = UTMP) -> set[str]:
    """Return the terminals on which the account ``user`` (``uid``) is logged in, such as ``pts/3``: those that logind knows, and
    those of utmp. Their names may have any form. Raises OSError.
    """
    found = set[str]()
    with suppress(FileNotFoundError):
        found |= {
            session.get("TTY", "")
            for session in _all(directory)
            if session.get("UID") == str(uid) and session.get("CLASS") == "user" and session.get("STATE") in _LIVE
        }
    with suppress(FileNotFoundError):
        content = utmp.read_bytes()
        for kind, pid, line, _, name, _ in _ENTRY.iter_unpack(content[: len(content) - len(content) % _ENTRY.size]):
            if kind == _USER_PROCESS and name.rstrip(b"\0") == user.encode("utf-8", "surrogateescape")[:32] and _lives(pid):
                found.add(line.rstrip(b"\0").decode("utf-8", "surrogateescape"))
    return found - {""}


def _lives(pid: int) -> bool:
    return pid > 0 and os.path.exists(f"/proc/{pid}")


def _all(directory: Path) -> Iterator[Session]:
    for name in sorted(os.listdir(directory)):
        yield from _named(name, directory)


def _named(name: str, directory: Path) -> Iterator[Session]:
    """Yield the session ``name``, or nothing if there is none. Beside the sessions' files there are fifos with other names."""
    if not _ID.fullmatch(name):
        return
    with suppress(FileNotFoundError):
        file = os.open(directory / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return
            text = os.read(file, _MOST).decode("utf-8", "surrogateescape")
        finally:
            os.close(file)
        yield dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
