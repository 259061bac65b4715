# SPDX-License-Identifier: Apache-2.0
"""Collects the data that the client sends to jitd about itself. The run uses the command's directory, variables and locale from
this data. Nobody can check the claims about the client (terminal, login session, parent processes).

Law: everything here is read from this process and this host. It is an error if the path of the working directory cannot be found.
Other values that cannot be read are left out. Bytes are not converted to text.
"""

from __future__ import annotations

import errno
import posix  # importing `os` would make each start 1 ms longer
from _stat import S_ISDIR
from sys import getfilesystemencoding

from jitpam.options import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PARENTS = 8  # parent processes that are named: enough to tell a shell in a terminal from a cron job
UNSET_SESSION = 0xFFFFFFFF
LONGEST = 4096  # bytes from which on a path is too long for the kernel (PATH_MAX), also to open its directory


class NoDirectory(UsageError):
    """The working directory has no path: it was removed, or this user cannot read a directory above."""


def directory(chdir: bytes | None) -> tuple[bytes, int, int]:
    """Return the absolute path of the command's working directory, with its device and inode. If this user cannot read the device
    and the inode, both are 0.

    ``chdir`` is the argument of ``-D`` as typed; None means the current directory. Raises NoDirectory.
    """
    try:
        path = posix.getcwdb()
        if len(path) >= LONGEST:
            raise OSError(errno.ENAMETOOLONG, posix.strerror(errno.ENAMETOOLONG))
    except OSError as fault:
        if chdir is None or not chdir.startswith(b"/"):
            raise NoDirectory(f"the path of the working directory cannot be found ({fault.strerror}): cd elsewhere") from None
        path = b"/"
    if chdir is not None:
        import posixpath

        path = posixpath.normpath(posixpath.join(path, chdir)) if b".." not in chdir.split(b"/") else posixpath.join(path, chdir)
    which = "working directory" if chdir is None else "-D"
    try:
        found = posix.stat(b"/proc/self/cwd" if chdir is None else path)  # works even if we may not enter our directory again
    except PermissionError:
        return path, 0, 0
    except (OSError, ValueError) as fault:
        raise NoDirectory(f"{which} {_shown(path)}: {getattr(fault, 'strerror', None) or fault}; nothing was asked") from None
    if not S_ISDIR(found.st_mode):
        raise NoDirectory(f"{which} {_shown(path)}: is not a directory; nothing was asked")
    return path, found.st_dev, found.st_ino


def terminal_name() -> bytes | None:
    """Return the path of the terminal on descriptor 0, 1 or 2, such as ``/dev/pts/3``. Return None if there is no terminal."""
    for descriptor in range(3):
        try:
            return posix.ttyname(descriptor).encode(getfilesystemencoding(), "surrogateescape")
        except OSError:
            continue
    return None


def login_session() -> int:
    """Return the number of this login session, by which ``-k`` ends leases: the kernel's audit session, or the session leader's
    pid where that is unset or 0, as in a container.
    """
    try:
        with open("/proc/self/sessionid", "rb") as file:
            session = int(file.read(32))
    except (OSError, ValueError):
        session = UNSET_SESSION
    return session if 0 < session < UNSET_SESSION else posix.getsid(0)


def parents() -> list[str]:
    """Return the names of this process's ancestors, its parent first: ``["bash", "tmux: server", "systemd"]``."""
    names: list[str] = []
    parent = posix.getppid()
    while parent > 0 and len(names) < MAX_PARENTS:
        try:
            with open(f"/proc/{parent}/stat", "rb") as file:
                line = file.read(4096)
        except OSError:
            break
        # The line is "pid (name) state ppid …". The name may contain any character, even a parenthesis, so it ends at the last
        # one.
        name = line[line.find(b"(") + 1 : line.rfind(b")")]
        names.append(_shown(name))
        parent = int(line[line.rfind(b")") + 2 :].split()[1])
    return names


def _shown(value: bytes) -> str:
    """Return ``shown(value)``. If ``value`` is plain printable ASCII, as nearly always, the module ``shown`` is not imported."""
    if value.isascii() and value.decode("ascii").isprintable() and b"\\" not in value:
        return value.decode("ascii")
    from jitpam.wire.shown import shown

    return shown(value)


def preserved(names: list[bytes], typed: list[list[bytes]], *, everything: bool) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """Return the variables of this environment for ``-E`` (``everything``), without the locale and those of the second list: all
    ``typed``, and what this environment has of ``names``.
    """
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
    """Return TERM, COLORTERM, LANG, LC_* and TZ, sorted, if acceptable, which the daemon checks again. Others are left out
    without a message, as in sudo: the locale is then the plain one.
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
    """True for the name of a zone in /usr/share/zoneinfo, and for a rule. sudo uses the same check (sudoers(5), env_check)."""
    zone = value.removeprefix(b":").removeprefix(b"/usr/share/zoneinfo/")
    return 0 < len(zone) <= 64 and _ZONE.issuperset(zone) and zone[0] not in b"/.,:>"
