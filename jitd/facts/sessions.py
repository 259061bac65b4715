# SPDX-License-Identifier: Apache-2.0
"""Reads login sessions from logind and utmp(5). The sessions show who is logged in, on which terminals, and where a session
began.

Law: this module reads only what root or the kernel has written: utmp, the files of logind that sd-login(3) also reads, and /proc.
If these files do not say where a session began, the origin is Unknown.
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

SESSIONS = Path("/run/systemd/sessions")  # one file for each session. It is there if logind runs
UTMP = Path("/run/utmp")
_ID = re.compile(r"[A-Za-z0-9]+")
_SCOPE = re.compile(r"/user\.slice/user-[0-9]+\.slice/session-([A-Za-z0-9]+)\.scope(?:/|\Z)")
_OWN_TERMINAL = re.compile(r"(?:/dev/)?(?:console|(?:tty|hvc|xvc|sclp_line)[A-Za-z]*[0-9]+)")
_PID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_PSEUDO = 136  # major number of /dev/pts/N
_MOST = 64 * 1024
_LIVE = ("online", "active")  # somebody is logged in. In the third state, `closing`, only leftover processes remain
_ENTRY = struct.Struct("<h2xi32s4s32s256s52x")
"""An entry of utmp: type, pid, line, id, user, host, and an unused rest. It is the same on every Linux (utmp(5))."""
_USER_PROCESS = 7

Session = dict[str, str]  # maps names to the values that logind has about one session


def origin(audit_session: int | None, cgroup: str, directory: Path = SESSIONS) -> str | Unknown:
    """Return where the login session of a process began: ``local``, ``console``, ``remote``, or an address.

    ``audit_session`` is the audit session of the process, or None if the process has no audit session. ``cgroup`` is the path of
    the process's control group. The audit session and the control group come from the kernel, and only root can change them.
    jitd finds the login session in logind's files by the audit session. If these files contain no audit sessions, for example in
    a container, jitd finds the login session by the control group. Raises OSError.
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
    # logind does not call a session remote if the session came from "localhost"
    if said == "1" or (host and not session.get("SEAT")):
        return spell_address(host) or REMOTE
    return CONSOLE if session.get("SEAT") else of_terminal(session.get("TTY", ""))


def of_terminal(tty: str) -> str:
    """Return the place where a local session began. Return ``console`` if the session's terminal ``tty`` is a screen or a serial
    line of this host. Otherwise return ``local``.
    """
    return CONSOLE if _OWN_TERMINAL.fullmatch(tty) else LOCAL


def n_people(directory: Path = SESSIONS, utmp: Path = UTMP) -> int:
    """Return the number of accounts that are logged in. An account with two sessions is counted once. The accounts come from
    logind, or from utmp if logind does not run. Raises OSError.
    """
    if directory.is_dir():
        return len(
            {
                session["UID"]
                for session in _all(directory)
                if session.get("CLASS") == "user" and session.get("STATE") in _LIVE and "UID" in session
            }
        )
    content = utmp.read_bytes()
    entries = _ENTRY.iter_unpack(content[: len(content) - len(content) % _ENTRY.size])
    return len({user for kind, pid, _, _, user, _ in entries if kind == _USER_PROCESS and _lives(pid)})


def terminals(user: str, uid: int, directory: Path = SESSIONS, utmp: Path = UTMP) -> set[str]:
    """Return the terminals on which the account ``user`` (``uid``) is logged in, such as ``pts/3``. The terminals come from
    logind and from utmp. sshd makes a session before its terminal, so logind does not know the terminal, and Debian 13 has no
    utmp. The terminal is then that of the session's first processes. The name of a terminal may have any form. Raises OSError.
    """
    found = set[str]()
    with suppress(FileNotFoundError):
        for session in _all(directory):
            if session.get("UID") == str(uid) and session.get("CLASS") == "user" and session.get("STATE") in _LIVE:
                found |= {session["TTY"]} if session.get("TTY") else _terminals_below(session.get("LEADER", ""))
    with suppress(FileNotFoundError):
        content = utmp.read_bytes()
        for kind, pid, line, _, name, _ in _ENTRY.iter_unpack(content[: len(content) - len(content) % _ENTRY.size]):
            if kind == _USER_PROCESS and name.rstrip(b"\0") == user.encode("utf-8", "surrogateescape")[:32] and _lives(pid):
                found.add(line.rstrip(b"\0").decode("utf-8", "surrogateescape"))
    return found - {""}


def _terminals_below(leader: str) -> set[str]:
    """Return the pseudo terminals of the children of the process ``leader`` and of their children. With sshd, the child is
    sshd's process for the person, and its child is the person's shell. What the shell starts may have other terminals.
    """
    children = _children(leader)
    below = [*children, *(pid for child in children for pid in _children(child))]
    return {f"pts/{number}" for number in map(_pseudo_terminal, below) if number is not None}


def _children(pid: str) -> list[str]:
    if not _PID.fullmatch(pid):
        return []
    with suppress(OSError):  # it has ended
        return Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return []


def _pseudo_terminal(pid: str) -> int | None:
    """Return N if the controlling terminal of the process is /dev/pts/N (proc_pid_stat(5), pts(4))."""
    with suppress(OSError):  # it has ended
        device = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[4])
        return os.minor(device) if os.major(device) == _PSEUDO else None
    return None


def _lives(pid: int) -> bool:
    return pid > 0 and os.path.exists(f"/proc/{pid}")


def _all(directory: Path) -> Iterator[Session]:
    for name in sorted(os.listdir(directory)):
        yield from _named(name, directory)


def _named(name: str, directory: Path) -> Iterator[Session]:
    """Yield nothing if ``name`` is not the name of a session: the directory also contains fifos."""
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
