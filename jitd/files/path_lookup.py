# SPDX-License-Identifier: Apache-2.0
"""Look-up of paths: where a name leads, whether it could be executed there, and who may see that nothing is there.

Law: no file is opened. A person is told only what they could find out by looking themselves. A path that cannot be judged raises
Uninspectable with a sentence; nothing is guessed. Links are followed here and not by the kernel: the links in procfs would lead
root to the directories of another process.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Container
from contextlib import suppress
from dataclasses import dataclass

from jitd.files.glance import Glance
from jitd.files.inspection import ABSENT, ITSELF, MOST_LINKS, Uninspectable, access_list, parts
from jitd.files.mounts import is_procfs

THERE, ABSENCE, HIDDEN = "it is there", "it is not there", "it cannot be seen"
CIRCLE = "its symbolic links lead in a circle"
PROCFS = "what is below /proc differs from process to process"


class Look(Glance):
    """One look at files. The walk along a path is done once for each account, and its result is kept in ``sights``."""

    __slots__ = ("sights",)

    def __init__(self) -> None:
        super().__init__()
        self.sights: dict[tuple[bytes, int, bytes | None], _Sight] = {}


def resolve(argv0: bytes, cwd: bytes, search_path: bytes, look: Look | None = None) -> bytes:
    """Return the path that ``argv0`` means. The path is absolute, its directories are resolved, and a last symbolic link is kept.

    A name without a slash is searched for in the absolute directories of ``search_path`` only. A relative name with a slash
    starts at ``cwd``. Raises Uninspectable.
    """
    if not argv0 or b"\0" in argv0:
        raise Uninspectable("an empty name, or one with a NUL in it, is not a command", is_absent=True)
    look = look or Look()
    name = os.path.basename(argv0)
    if not cwd.startswith(b"/"):
        raise Uninspectable("the working directory is not absolute")
    asked = os.path.join(cwd, argv0)
    if name in (b"", b".", b".."):
        if b"/" in argv0 and not stat.S_ISDIR(_mode_at(asked, look)):
            raise Uninspectable("there is no such directory", looked_at=(asked,), is_absent=True)
        raise Uninspectable("it is a directory", looked_at=(asked,), is_unfit=True)
    if b"/" in argv0:
        path = _resolve_directory(asked, look)
        if path is None or not _is_there(path, look):
            raise Uninspectable("there is no such file", looked_at=(asked,), is_absent=True)
        if not _mode_at(path, look):
            raise Uninspectable("it is a symbolic link that leads nowhere", looked_at=(asked, path), is_absent=True)
        return path
    looked_at: list[bytes] = []
    unfit: bytes | None = None
    for directory in search_path.split(b":"):
        if not directory.startswith(b"/"):
            continue
        asked = os.path.join(directory, name)
        looked_at.append(asked)
        path = _resolve_directory(asked, look)
        if path is None:
            continue
        try:
            mode = _mode_at(path, look)
        except Uninspectable:
            continue
        if not mode or stat.S_ISLNK(mode):
            continue
        if stat.S_ISREG(mode) and mode & 0o111:
            return path
        unfit = unfit or path
    if unfit is not None:
        raise Uninspectable("found on the search path, but not executable", looked_at=(unfit,), is_unfit=True)
    raise Uninspectable("there is no such command", looked_at=tuple(looked_at), is_absent=True)


def _is_there(path: bytes, look: Look) -> bool:
    try:
        look.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def _resolve_directory(path: bytes, look: Look) -> bytes | None:
    """Return ``path`` with its directory resolved; None if there is no such directory. Raises Uninspectable."""
    if name := _sight_of(path, look).name:
        return name
    found = _followed(os.path.dirname(path), look)
    return os.path.join(found, os.path.basename(path)) if found is not None else None


def _mode_at(path: bytes, look: Look) -> int:
    """Return the mode of what ``path`` leads to; 0 if nothing is there; the mode of a link if the links lead in a circle. Raises
    Uninspectable.
    """
    try:
        return look.lstat(found).st_mode if (found := _followed(path, look)) is not None else 0
    except OSError:
        return 0  # the file was removed just now
    except Uninspectable as fault:
        if fault.because == CIRCLE:
            return stat.S_IFLNK
        raise


def _sight_of(path: bytes, look: Look) -> _Sight:
    """Return where ``path`` (absolute) leads for root. Raises Uninspectable."""
    try:
        return _walk(path, 0, (), None, look)
    except OSError as fault:
        if fault.errno in ABSENT:
            return _Sight(path, ABSENCE, b"")
        raise Uninspectable(f"its directory cannot be resolved: {fault.strerror}", looked_at=(path,)) from None


def _followed(path: bytes, look: Look) -> bytes | None:
    """Return the path without links that ``path`` (absolute) leads to; None if it leads nowhere. Raises Uninspectable."""
    sight = _sight_of(path, look)
    if sight.end in (PROCFS, CIRCLE):
        raise Uninspectable(sight.end, looked_at=(path,), is_unfit=True)
    if sight.end == HIDDEN:  # the server of the file system hides the path from root
        raise Uninspectable("its directory cannot be resolved", looked_at=(path,))
    return sight.path if sight.end == THERE else None


def names_of(path: bytes, look: Look | None = None) -> tuple[bytes, ...]:
    """Return ``path`` (absolute, its directories resolved), and each path to which its last symbolic link leads, in order."""
    names, look = [path], look or Look()
    with suppress(OSError, Uninspectable):
        while len(names) <= MOST_LINKS and stat.S_ISLNK(look.lstat(names[-1]).st_mode):
            below = _resolve_directory(os.path.join(os.path.dirname(names[-1]), look.readlink(names[-1])), look)
            if below is None:
                break
            names.append(below)
    return tuple(names)


def same_files(path: bytes, others: Collection[bytes]) -> tuple[bytes, ...]:
    """Return those of ``others`` that are the same file as the one at ``path``: by a hard link, or in another mount. A symbolic
    link to the file does not count.
    """
    if not others:
        return ()
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


def unfitness(path: bytes, uid: int, groups: Callable[[], Collection[int]], look: Look | None = None) -> str:
    """Return a sentence if that account cannot execute what is at ``path``; empty if it may be able to.

    The kind and the mode bits of the file decide. If there is an access list, or if the file cannot be looked up, the answer is
    empty: the kernel decides later.
    """
    look = look or Look()
    try:
        real = _followed(path, look)
        if real is None:
            return ""
        status = look.lstat(real)
    except Uninspectable as fault:
        return fault.because
    except OSError:
        return ""
    if stat.S_ISDIR(status.st_mode):
        return "it is a directory"
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if not status.st_mode & 0o111:
        return "it is not executable"
    if uid == 0 or access_list(real, look) is not None:
        return ""
    bit = 0o100 if status.st_uid == uid else 0o010 if status.st_gid in groups() else 0o001
    return "" if status.st_mode & bit else "the account to run as may not execute it"


def is_visible_absence(path: bytes, uid: int, groups: Container[int], cwd: bytes | None = None, look: Look | None = None) -> bool:
    """True if that account can see for itself whether something is at ``path``: it may search every directory above. Also True
    for a path in procfs: jitd does not look at what is there. ``cwd``: see ``_go``.
    """
    try:
        return _walk(path, uid, groups, cwd, look or Look()).end != HIDDEN
    except (Uninspectable, OSError):
        return False


def beyond_sight(path: bytes, uid: int, groups: Container[int], look: Look | None = None) -> bytes | None:
    """Return None if that account can see for itself whether something is at ``path`` (absolute). If it cannot, return the path,
    with its directories resolved as far as that account can resolve them. The rest of the path stands as typed: it was not looked
    at.
    """
    look = look or Look()
    try:
        if _walk(path, uid, groups, None, look).end != HIDDEN:
            return None
        return os.path.join(_walk(os.path.dirname(path), uid, groups, None, look).path, os.path.basename(path))
    except (Uninspectable, OSError):
        return path


def is_readable(path: bytes, uid: int, groups: Container[int], cwd: bytes | None = None, look: Look | None = None) -> bool:
    """True if that account can read the file that ``path`` (absolute) leads to. ``cwd``: see ``_go``."""
    look = look or Look()
    try:
        sight = _walk(path, uid, groups, cwd, look)
        return sight.end == THERE and _may(_READ, sight.path, look.lstat(sight.path), uid, groups, look)
    except (Uninspectable, OSError):
        return False


def may_execute(path: bytes, uid: int, groups: Container[int]) -> bool:
    """True if modes, access lists and the mount let that account execute what ``path`` (absolute) leads to."""
    look = Look()
    try:
        sight = _walk(path, uid, groups, None, look)
        may = sight.end == THERE and _may(_EXECUTE, sight.path, look.lstat(sight.path), uid, groups, look)
        return may and not os.statvfs(sight.path).f_flag & os.ST_NOEXEC
    except (Uninspectable, OSError):
        return False


@dataclass(frozen=True, slots=True)
class _Sight:
    """Where a path leads for somebody. ``path`` is the resolved beginning of the path, followed by the rest as it is. ``end`` is
    what is known of the end of the path: THERE, ABSENCE, HIDDEN, CIRCLE or PROCFS. ``name`` is the path with its directories
    resolved and a last link kept; it is empty if its directory was not reached.
    """

    path: bytes
    end: str
    name: bytes


def _walk(path: bytes, uid: int, groups: Container[int], cwd: bytes | None, look: Look) -> _Sight:
    """Return the result of ``_go``, computed once in each ``look``. A result that is not HIDDEN is also the result for root."""
    if (sight := look.sights.get((path, uid, cwd))) is None:
        sight = look.sights[path, uid, cwd] = _go(path, uid, groups, cwd, look)
        if sight.end != HIDDEN:
            look.sights[path, 0, cwd] = sight
    return sight


def _go(path: bytes, uid: int, groups: Container[int], cwd: bytes | None, look: Look) -> _Sight:
    """Return where ``path`` leads, and whether that account can see the whole way.

    Every name on the way, also each name in the target of a symbolic link, is looked up only if that account may look it up.
    Nothing in procfs is looked up, with one exception. The exception: ``cwd``, if it is given, is the current directory of the
    process that is to open the path. Then /proc/self/cwd leads to ``cwd``, and /proc/self/root leads to ``/``.
    """
    at, above = b"/", look.lstat(b"/")
    ahead = parts(path)
    links, name = 0, b""
    while ahead:
        if not _may(_SEARCH, at, above, uid, groups, look):
            return _Sight(os.path.join(at, *reversed(ahead)), HIDDEN, name)
        part = ahead.pop()
        if part == b"..":
            at = os.path.dirname(at)
            above = look.lstat(at)
            continue
        below = (at if at == b"/" else at + b"/") + part
        name = name or (b"" if ahead else below)
        try:
            status = look.lstat(below)
            leads_to = look.readlink(below) if stat.S_ISLNK(status.st_mode) else b""
        except OSError as fault:
            return _Sight(os.path.join(below, *reversed(ahead)), ABSENCE if fault.errno in ABSENT else HIDDEN, name)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                return _Sight(os.path.join(below, *reversed(ahead)), CIRCLE, name)
            if leads_to.startswith(b"/"):
                at, above = b"/", look.lstat(b"/")
            ahead += parts(leads_to)
        elif not stat.S_ISDIR(status.st_mode):  # everybody who can look here sees that nothing can be below
            return _Sight(os.path.join(below, *reversed(ahead)), ABSENCE if ahead else THERE, name)
        elif status.st_dev == above.st_dev or os.major(status.st_dev) or not is_procfs(below):
            at, above = below, status
        elif cwd is not None and ahead[-1:] and ahead[-1] in ITSELF and ahead[-2:-1] in ([b"cwd"], [b"root"]):
            links += 1
            ahead.pop()
            ahead += parts(cwd) if ahead.pop() == b"cwd" else []
            at, above = b"/", look.lstat(b"/")
        else:
            return _Sight(os.path.join(below, *reversed(ahead)), PROCFS, name)
    return _Sight(at, THERE, name)


_READ, _EXECUTE, _SEARCH = 4, 1, 1
_ACL_USER, _ACL_GROUP_OBJ, _ACL_GROUP, _ACL_MASK = 0x02, 0x04, 0x08, 0x10


def _may(right: int, path: bytes, status: os.stat_result, uid: int, groups: Container[int], look: Look) -> bool:
    """True if the kernel would give that account this ``right``, by the owner, the access list and the mode (acl(5))."""
    if uid == 0:
        return True
    if status.st_uid == uid:
        return bool(status.st_mode >> 6 & right)
    entries = access_list(path, look)
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
