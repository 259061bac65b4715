# SPDX-License-Identifier: Apache-2.0
"""Where a name leads, what could be executed there, and who may see that nothing is there.

Law: nothing is opened; what somebody could not find out by looking is told to nobody; what cannot be judged is an Uninspectable
with a sentence, never a guess.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Container, Iterable
from contextlib import suppress

from jitd.inspection import ABSENT, MOST_LINKS, Uninspectable, access_list, parts


def resolve(argv0: bytes, cwd: bytes, search_path: bytes) -> bytes:
    """The path that ``argv0`` means: absolute, its directories resolved, a last symbolic link kept.

    A name without a slash is looked for in the absolute directories of ``search_path`` alone; one with a slash is
    taken from ``cwd``. Raises Uninspectable.
    """
    if not argv0 or b"\0" in argv0:
        raise Uninspectable("an empty name, or one with a NUL in it, is no command", is_absent=True)
    name = os.path.basename(argv0)
    if not cwd.startswith(b"/"):
        raise Uninspectable("the working directory is not absolute")
    asked = os.path.join(cwd, argv0)
    if name in (b"", b".", b".."):
        if b"/" in argv0 and not os.path.isdir(asked):
            raise Uninspectable("there is no such directory", looked_at=(asked,), is_absent=True)
        raise Uninspectable("it is a directory", looked_at=(asked,), is_unfit=True)
    if b"/" in argv0:
        path = _resolve_directory(asked)
        if path is None or not os.path.lexists(path):
            raise Uninspectable("there is no such file", looked_at=(asked,), is_absent=True)
        if leads_nowhere(path):
            raise Uninspectable("it is a symbolic link that leads nowhere", looked_at=(asked, path), is_absent=True)
        return path
    looked_at: list[bytes] = []
    unfit: bytes | None = None
    for directory in search_path.split(b":"):
        if not directory.startswith(b"/"):
            continue
        asked = os.path.join(directory, name)
        looked_at.append(asked)
        path = _resolve_directory(asked)
        if path is None:
            continue
        try:
            mode = os.stat(path).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) and mode & 0o111:
            return path
        unfit = unfit or path
    if unfit is not None:
        raise Uninspectable("what has that name is no executable file", looked_at=(unfit,), is_unfit=True)
    raise Uninspectable("there is no such command", looked_at=tuple(looked_at), is_absent=True)


def _resolve_directory(path: bytes) -> bytes | None:
    """``path`` with its directory resolved; None if there is no such directory."""
    try:
        directory = os.path.realpath(os.path.dirname(path), strict=True)
    except OSError as fault:
        if fault.errno in ABSENT:
            return None
        raise Uninspectable(
            f"its directory cannot be resolved: {fault.strerror}", looked_at=(path,), is_unfit=fault.errno == errno.ELOOP
        ) from None
    if directory == b"/proc" or directory.startswith(b"/proc/"):
        raise Uninspectable("what is below /proc is another thing for everyone who looks", looked_at=(path,), is_unfit=True)
    return os.path.join(directory, os.path.basename(path))


def names_of(path: bytes) -> tuple[bytes, ...]:
    """``path`` (absolute, its directories resolved) and, each after the other, what its last symbolic link leads to."""
    names = [path]
    with suppress(OSError, Uninspectable):
        while len(names) <= MOST_LINKS:
            below = _resolve_directory(os.path.join(os.path.dirname(names[-1]), os.readlink(names[-1])))
            if below is None:
                break
            names.append(below)
    return tuple(names)


def same_files(path: bytes, others: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of ``others`` that are the file which ``path`` leads to, and no links to it: a hard link, or the same by a mount."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    found = []
    for other in others:
        with suppress(OSError, ValueError):
            if os.path.samestat(os.lstat(other), status):
                found.append(other)
    return tuple(found)


def leads_nowhere(path: bytes) -> bool:
    """True if ``path`` is a symbolic link to what is not there."""
    try:
        os.stat(path)
    except OSError as fault:
        return fault.errno in ABSENT
    return False


def unfitness(path: bytes, uid: int, groups: Callable[[], Collection[int]]) -> str:
    """A sentence if what is at ``path`` is nothing that account could execute; empty if it may be.

    Judged by kind and mode bits; where there is an access list, or nothing can be seen, the kernel is left to say it.
    """
    try:
        status = os.stat(path)
    except OSError as fault:
        return "its symbolic links lead in a circle" if fault.errno == errno.ELOOP else ""
    if stat.S_ISDIR(status.st_mode):
        return "it is a directory"
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if not status.st_mode & 0o111:
        return "it is not executable"
    if uid == 0 or access_list(path) is not None:
        return ""
    bit = 0o100 if status.st_uid == uid else 0o010 if status.st_gid in groups() else 0o001
    return "" if status.st_mode & bit else "the account to run as may not execute it"


def is_visible_absence(path: bytes, uid: int, groups: Container[int]) -> bool:
    """True if that account can see for itself what is, or is not, at ``path``: it may search every directory above it."""
    return beyond_sight(path, uid, groups) is None


def beyond_sight(path: bytes, uid: int, groups: Container[int]) -> bytes | None:
    """None if that account can see for itself what is, or is not, at ``path`` (absolute). Else the path, its directories as that
    account can resolve them, with all that is beyond as it was typed: nothing there was looked at.
    """
    try:
        if _walk(path, uid, groups)[1]:
            return None
        return os.path.join(_walk(os.path.dirname(path), uid, groups)[0], os.path.basename(path))
    except (Uninspectable, OSError):
        return path


def sight_ends_at(path: bytes, uid: int, groups: Container[int]) -> bytes:
    """Where that account can follow ``path`` (absolute) no further: all of it with its links resolved, if it can."""
    try:
        return _walk(path, uid, groups)[0]
    except (Uninspectable, OSError):
        return path


def is_readable(path: bytes, uid: int, groups: Container[int]) -> bool:
    """True if that account can read the file that ``path`` (absolute) leads to."""
    try:
        return _walk(path, uid, groups)[1] and _may(_READ, path, os.stat(path), uid, groups)
    except (Uninspectable, OSError):
        return False


def _walk(path: bytes, uid: int, groups: Container[int]) -> tuple[bytes, bool]:
    """Where ``path`` leads, as far as that account can see, and all that is left of it; and whether it can see all of it.

    Every name on the way, those that symbolic links lead to among them, is looked up where that account may look it up.
    """
    at, here = b"/", os.lstat(b"/")
    ahead = parts(path)
    links = 0
    while ahead:
        if not _may(_SEARCH, at, here, uid, groups):
            return os.path.join(at, *reversed(ahead)), False
        part = ahead.pop()
        if part == b"..":
            at = os.path.dirname(at)
            here = os.lstat(at)
            continue
        below = os.path.join(at, part)
        try:
            status = os.lstat(below)
            leads_to = os.readlink(below) if stat.S_ISLNK(status.st_mode) else b""
        except OSError as fault:
            return os.path.join(below, *reversed(ahead)), fault.errno in ABSENT
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                return os.path.join(below, *reversed(ahead)), True
            if leads_to.startswith(b"/"):
                at, here = b"/", os.lstat(b"/")
            ahead += parts(leads_to)
        elif stat.S_ISDIR(status.st_mode):
            at, here = below, status
        else:
            return os.path.join(below, *reversed(ahead)), True  # whoever could look here sees that nothing can be below
    return at, True


_READ, _SEARCH = 4, 1
_ACL_USER, _ACL_GROUP_OBJ, _ACL_GROUP, _ACL_MASK = 0x02, 0x04, 0x08, 0x10


def _may(right: int, path: bytes, status: os.stat_result, uid: int, groups: Container[int]) -> bool:
    """What the kernel would say to that account, by the owner, the access list and the mode (acl(5))."""
    if uid == 0:
        return True
    if status.st_uid == uid:
        return bool(status.st_mode >> 6 & right)
    entries = access_list(path)
    if entries is None:
        of_group, of_others = bool(status.st_mode >> 3 & right), bool(status.st_mode & right)
        return of_group if of_group != of_others and status.st_gid in groups else of_others
    mask = next((permissions for tag, permissions, _ in entries if tag == _ACL_MASK), 7)
    named = [permissions for tag, permissions, number in entries if tag == _ACL_USER and number == uid]
    if not named:
        of_groups = [
            (status.st_gid if tag == _ACL_GROUP_OBJ else number, permissions)
            for tag, permissions, number in entries
            if tag in (_ACL_GROUP_OBJ, _ACL_GROUP)
        ]
        named = [permissions for gid, permissions in of_groups if gid in groups]
    return any(permissions & mask & right for permissions in named) if named else bool(status.st_mode & right)
