# SPDX-License-Identifier: Apache-2.0
"""Looks up paths. This module finds the file to which a path leads, and finds out if this file could be executed. If no file
exists, this module finds out which accounts may learn that no file exists.

Law: no file is opened, and names are looked up by the look alone (``glance``). A user gets only information that the user could
also get without jitd. If a path cannot be judged, Uninspectable is raised with a sentence. Nothing is guessed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass

from jitd.files import mounts
from jitd.files.glance import ABSENCE, CIRCLE, HIDDEN, PROCFS, THERE, Glance, Sight, Steps, parts
from jitd.files.inspection import Uninspectable, access_list

Look = Glance


def resolve(argv0: bytes, cwd: bytes, search_path: bytes, look: Look | None = None) -> bytes:
    """Return the path that ``argv0`` means. The returned path is absolute, and its directories are resolved. If the last part of
    the path is a symbolic link, this link is kept.

    A name without a slash is searched for in the directories of ``search_path``. Relative directories in ``search_path`` are
    skipped. A relative name with a slash starts at ``cwd``. Raises Uninspectable.
    """
    if not argv0 or b"\0" in argv0:
        raise Uninspectable("the name of a command must not be empty or contain a NUL byte", is_absent=True)
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


def vacant(path: bytes, look: Look) -> bytes:
    """Return ``path`` (absolute) with its directory resolved, if the directory is there, and nothing has the last name in it,
    also no link that leads nowhere. Otherwise, and if that is not certain, return "". Raises Uninspectable.
    """
    if os.path.basename(path) in (b"", b".", b".."):
        return b""
    real = _resolve_directory(path, look)
    try:
        if real is not None and stat.S_ISDIR(look.lstat(os.path.dirname(real)).st_mode):
            look.lstat(real)
    except FileNotFoundError:
        return real or b""
    except (OSError, ValueError):
        return b""
    return b""


def _is_there(path: bytes, look: Look) -> bool:
    try:
        look.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def _resolve_directory(path: bytes, look: Look) -> bytes | None:
    """Return ``path`` with its directory resolved. Return None if this directory does not exist. Raises Uninspectable."""
    if name := _sight_of(path, look).name:
        return name
    found = _followed(os.path.dirname(path), look)
    return os.path.join(found, os.path.basename(path)) if found is not None else None


def _mode_at(path: bytes, look: Look) -> int:
    """Return 0 if nothing exists there. If links form a circle, return the mode of one of them. Raises Uninspectable."""
    try:
        return look.lstat(found).st_mode if (found := _followed(path, look)) is not None else 0
    except OSError:
        return 0  # the file was removed just now
    except Uninspectable as fault:
        if fault.because == CIRCLE:
            return stat.S_IFLNK
        raise


def _sight_of(path: bytes, look: Look) -> Sight:
    """Follow ``path`` (absolute) as root, and return the result. Raises Uninspectable."""
    try:
        return look.follow(path)
    except OSError as fault:
        raise Uninspectable(f"its directory cannot be resolved: {fault.strerror}", looked_at=(path,)) from None


def _followed(path: bytes, look: Look) -> bytes | None:
    """Resolve all links in ``path`` (absolute). Return None if nothing exists there. Raises Uninspectable."""
    sight = _sight_of(path, look)
    if sight.end in (PROCFS, CIRCLE):
        raise Uninspectable(sight.end, looked_at=(path,), is_unfit=True)
    if sight.end == HIDDEN:  # the file server hides the path even from root
        raise Uninspectable("its directory cannot be resolved", looked_at=(path,))
    return sight.path if sight.end == THERE else None


def unfitness(path: bytes, uid: int, groups: Callable[[], Collection[int]], look: Look | None = None) -> str:
    """Return a sentence if the account ``uid`` cannot execute the file at ``path``. Return "" if the account may be able to
    execute the file.

    This function examines only the kind and the mode bits of the file. If the file has an access list, or if it cannot be looked
    up, return "". In these cases, the kernel decides later whether the account can execute the file.
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


def status_of(path: bytes, look: Look) -> os.stat_result:
    """Return the status of the file to which ``path`` (absolute) leads, which may be in procfs. Raises OSError."""
    try:
        if (sight := _sight_of(path, look)).end == PROCFS:
            return os.stat(sight.path)
        found = _followed(path, look)
    except Uninspectable as fault:
        raise OSError(errno.ELOOP, str(fault)) from None
    except ValueError as fault:
        raise OSError(errno.EINVAL, str(fault)) from None
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return look.lstat(found)


def is_open_to_root(path: bytes, look: Look) -> bool:
    """True if root may look up names in the directory to which ``path`` (absolute) leads. In procfs, root may."""
    try:
        sight = _sight_of(path, look)
        return sight.end == PROCFS or (sight.end == THERE and look.may(sight.path, os.X_OK))
    except (OSError, ValueError, Uninspectable):
        return False


def closed_to_root(path: bytes, uid: int, groups: Container[int], look: Look | None = None) -> bytes:
    """Return the first directory of ``path`` (absolute) in which root may look up nothing, or "". ``path`` itself counts, too. An
    example is a directory of a person on a network file system whose server gives root no rights, or on FUSE.

    Also return "" if the account ``uid`` itself may not look up this directory, or if the path to it has ``..`` or a symbolic
    link.
    """
    look = look or Look()
    if b".." in path.split(b"/"):
        return b""
    at, ahead = b"/", parts(path)
    try:
        while ahead:
            if not _may(_SEARCH, at, look.lstat(at), uid, groups, look):
                return b""
            above, at = at, os.path.join(at, ahead.pop())
            try:
                status = look.lstat(at)
            except PermissionError:  # perhaps its own status is kept from root, too
                return at if look.may(above, os.X_OK) else above
            if not stat.S_ISDIR(status.st_mode):
                return b""
        return b"" if look.may(at, os.X_OK) else at
    except (OSError, ValueError):
        return b""


def closed_to(
    path: bytes, uid: int, groups: Container[int], asker: int, groups_of_asker: Container[int], look: Look | None = None
) -> bytes:
    """Return the first directory of ``path`` (absolute) in which the account ``uid`` may look up nothing, or "". ``path`` itself
    counts, too.

    Also return "" if this is not certain: another host or a program decides it, the owners are mapped, or the path has ``..`` or
    a symbolic link. And if the account ``asker`` could not find the directory.
    """
    look = look or Look()
    at, ahead = b"/", parts(path)
    try:
        mounted = {mount.point: mount for mount in mounts.read(mounts.OWN()).values()}  # of two at one point, the last is on top
        while True:
            if at in mounted and mounted[at].is_kept and mounted[at].server != uid:
                return at
            status = look.lstat(at)
            if not stat.S_ISDIR(status.st_mode):
                return b""
            if not _may(_SEARCH, at, status, uid, groups, look):
                on = mounts.Mounts().at(look.mount(at))
                return at if on is None or on.tells_modes else b""
            if not ahead or ahead[-1] == b".." or not _may(_SEARCH, at, status, asker, groups_of_asker, look):
                return b""
            at = os.path.join(at, ahead.pop())
    except (OSError, ValueError):
        return b""


def is_visible_absence(path: bytes, uid: int, groups: Container[int], cwd: bytes | None = None, look: Look | None = None) -> bool:
    """True if ``uid`` may search every directory above ``path``, and so could learn whether it exists; also in procfs, which is
    not examined. ``cwd`` is that of the process that will open ``path``, or None.
    """
    try:
        return _walk(path, uid, groups, cwd, look or Look()).end != HIDDEN
    except (Uninspectable, OSError):
        return False


def beyond_sight(path: bytes, uid: int, groups: Container[int], look: Look | None = None) -> bytes | None:
    """Return None if the account ``uid`` itself could find out whether something exists at ``path`` (absolute). Otherwise return
    a path. Its beginning is resolved as far as the account can resolve ``path``. Its rest is unchanged and was not examined.
    """
    look = look or Look()
    try:
        if _walk(path, uid, groups, None, look).end != HIDDEN:
            return None
        return os.path.join(_walk(os.path.dirname(path), uid, groups, None, look).path, os.path.basename(path))
    except (Uninspectable, OSError):
        return path


def is_readable(path: bytes, uid: int, groups: Container[int], cwd: bytes | None = None, look: Look | None = None) -> bool:
    """True if ``uid`` can read what ``path`` (absolute) leads to, opened by a process in ``cwd``, if that is given."""
    look = look or Look()
    try:
        sight = _walk(path, uid, groups, cwd, look)
        return sight.end == THERE and _may(_READ, sight.path, look.lstat(sight.path), uid, groups, look)
    except (Uninspectable, OSError):
        return False


def may_execute(path: bytes, uid: int, groups: Container[int], look: Look | None = None) -> bool:
    """True if ``uid`` may execute what ``path`` (absolute) leads to, by modes, access lists and the mount."""
    look = look or Look()
    try:
        sight = _walk(path, uid, groups, None, look)
        may = sight.end == THERE and _may(_EXECUTE, sight.path, look.lstat(sight.path), uid, groups, look)
        return may and not os.fstatvfs(look.file(sight.path)).f_flag & os.ST_NOEXEC
    except (Uninspectable, OSError):
        return False


@dataclass(frozen=True, slots=True)
class Seen:
    """What an account sees at a path: the path ``real`` to which it leads, or would lead, and the status of the file there.
    ``status`` is None if nothing is there. ``steps`` and ``last``: see ``Sight``. If the account cannot follow the path to its
    end, ``is_hidden`` is True, and ``real`` is ``path``.
    """

    real: bytes
    status: os.stat_result | None
    steps: Steps
    last: bytes
    is_hidden: bool = False


def seen(path: bytes, uid: int, groups: Container[int], cwd: bytes | None, look: Look) -> Seen:
    """Return what ``uid`` sees at ``path`` (absolute), where nothing in procfs or in a circle of links has an end. ``cwd`` is
    that of the process that will open it, or None. Raises Uninspectable, OSError and ValueError.
    """
    sight = _walk(path, uid, groups, cwd, look)
    if sight.end == THERE:
        return Seen(sight.path, look.lstat(sight.path), sight.steps, sight.path)
    if sight.end == ABSENCE:
        return Seen(sight.path, None, sight.steps, sight.last)
    return Seen(path, None, sight.steps, sight.last, is_hidden=True)


def _walk(path: bytes, uid: int, groups: Container[int], cwd: bytes | None, look: Look) -> Sight:
    """Follow ``path`` as far as ``uid`` may look names up. Raises Uninspectable, OSError and ValueError."""
    if uid == 0:
        return look.follow(path, cwd=cwd)
    return look.follow(path, uid, lambda at, status: _may(_SEARCH, at, status, uid, groups, look), cwd)


_READ, _EXECUTE, _SEARCH = 4, 1, 1
_ACL_USER, _ACL_GROUP_OBJ, _ACL_GROUP, _ACL_MASK = 0x02, 0x04, 0x08, 0x10


def _may(right: int, path: bytes, status: os.stat_result, uid: int, groups: Container[int], look: Look) -> bool:
    """True if the kernel would give ``right`` by the owner, the access list and the mode of the file (acl(5))."""
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
