# SPDX-License-Identifier: Apache-2.0
"""What the asking side says of itself: the command's surroundings, which bind the run, and claims that nobody can check.

Law: everything here is read from this process and this host, and nothing fails for want of it but the working directory.
Bytes stay bytes.
"""

from __future__ import annotations

import errno
import posix  # `os` is a millisecond of start more
from _stat import S_ISDIR
from sys import getfilesystemencoding

from jitpam.options import UsageError
from jitpam.wire.shown import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PARENTS = 8
"""How far up the chain of parents we look: enough to tell a shell in a terminal from a cron job."""
UNSET_SESSION = 0xFFFFFFFF
LONGEST = 4096
"""Bytes of a path that the kernel takes, and one: who stands deeper stands where nobody can go by name."""


class NoDirectory(UsageError):
    """The working directory cannot be named: it is gone, or may not be read."""


def directory(chdir: bytes | None) -> tuple[bytes, int, int]:
    """The directory to run in, absolute, with its device and inode; both 0 where this user may not look.

    ``chdir`` is as typed; None is the present one. Raises NoDirectory.
    """
    try:
        path = posix.getcwdb()
        if len(path) >= LONGEST:
            raise OSError(errno.ENAMETOOLONG, posix.strerror(errno.ENAMETOOLONG))
    except OSError as fault:
        if chdir is None or not chdir.startswith(b"/"):
            raise NoDirectory(f"the working directory cannot be named ({fault.strerror}): cd elsewhere") from None
        path = b"/"
    if chdir is not None:
        import posixpath

        path = posixpath.normpath(posixpath.join(path, chdir)) if b".." not in chdir.split(b"/") else posixpath.join(path, chdir)
    try:
        found = posix.stat(b"/proc/self/cwd" if chdir is None else path)  # one that we are in, though we may no longer enter it
    except PermissionError:
        return path, 0, 0
    except (OSError, ValueError) as fault:
        raise NoDirectory(f"{shown(path)}: {getattr(fault, 'strerror', None) or fault}") from None
    if not S_ISDIR(found.st_mode):
        raise NoDirectory(f"{shown(path)}: is not a directory")
    return path, found.st_dev, found.st_ino


def terminal_name() -> bytes | None:
    """The terminal of this process, such as ``/dev/pts/3``; None without one."""
    for descriptor in range(3):
        try:
            return posix.ttyname(descriptor).encode(getfilesystemencoding(), "surrogateescape")
        except OSError:
            continue
    return None


def login_session() -> int:
    """A number that is the same for all of this login session: the kernel's audit session, else the session leader's id.

    It is what ``-k`` gives back by. Inside a container both may be shared or 0: then it is the session leader's.
    """
    try:
        with open("/proc/self/sessionid", "rb") as file:
            session = int(file.read(32))
    except (OSError, ValueError):
        session = UNSET_SESSION
    return session if 0 < session < UNSET_SESSION else posix.getsid(0)


def parents() -> list[str]:
    """The names of the processes above this one, the nearest first: ``["bash", "tmux: server", "systemd"]``."""
    names: list[str] = []
    parent = posix.getppid()
    while parent > 0 and len(names) < MAX_PARENTS:
        try:
            with open(f"/proc/{parent}/stat", "rb") as file:
                line = file.read(4096)
        except OSError:
            break
        # "pid (name) state ppid …": the name may hold anything, a parenthesis too, so it ends at the last one.
        name = line[line.find(b"(") + 1 : line.rfind(b")")]
        names.append(shown(name))
        parent = int(line[line.rfind(b")") + 2 :].split()[1])
    return names


def preserved(names: list[bytes], typed: list[list[bytes]], *, everything: bool) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """What is offered to the rule of this environment (``-E``), and what is asked for: ``typed``, and what ``names`` adds."""
    around = posix.environ
    known = {name for name, _ in typed}
    wanted = [[name, around[name]] for name in dict.fromkeys(names) if name in around and name not in known]
    known |= {name for name, _ in wanted}
    return [[n, v] for n, v in around.items() if n not in known and n and n not in _NAMES] if everything else [], typed + wanted


# --- locale ------------------------------------------------------------------------------------------------------------

_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_PLAIN = _LETTERS | frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_.,:@+-")
_ZONE = _PLAIN - frozenset(b"@") | frozenset(b"/<>")
_NAMES = (b"COLORTERM", b"LANG", b"TERM", b"TZ")


def locale(environment: Mapping[bytes, bytes] | None = None) -> list[list[bytes]]:
    """Of TERM, COLORTERM, LANG, LC_* and TZ those whose value passes the check, sorted; the daemon checks again.

    One that does not pass stays behind without a word, as with sudo: the command runs, in the plain locale.
    """
    found = posix.environ if environment is None else environment
    return [[name, found[name]] for name in sorted(found) if _is_name(name) and _may_come(name, found[name])]


def _is_name(name: bytes) -> bool:
    return name in _NAMES or (name.startswith(b"LC_") and 3 < len(name) <= 23 and _LETTERS.issuperset(name[3:]))


def _may_come(name: bytes, value: bytes) -> bool:
    if b".." in value:
        return False
    return _is_zone(value) if name == b"TZ" and value else len(value) <= 64 and _PLAIN.issuperset(value)


def _is_zone(value: bytes) -> bool:
    """A zone by name or by rule, relative to the system's zones, which may be written out: sudo's rule."""
    zone = value.removeprefix(b":").removeprefix(b"/usr/share/zoneinfo/")
    return 0 < len(zone) <= 64 and _ZONE.issuperset(zone) and zone[0] not in b"/.,:>"
