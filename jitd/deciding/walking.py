# SPDX-License-Identifier: Apache-2.0
"""Follows a path below a root directory, which may be the root directory of another process. The result contains each directory,
link and file on the way.

Law: files are opened only with O_PATH. This module reads and follows links itself, so the kernel never follows a link. If the
path contains a link or ``..`` that somebody other than root could redirect, the walk raises Changeable. This module never
guesses. Calls may block.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from jitd.files.inspection import MOST_LINKS, parts

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_PROC = 0x9FA0
_OWN = frozenset({
    0xEF53, 0x9123683E, 0x58465342, 0x01021994, 0x794C7630, 0x858458F6, 0xF2F52010, 0x73717368, 0xE0F5E1E2, 0x9660, 0x4D44,
    0x2011BAB0, 0x3153464A, 0x52654973, 0x3434, 0x15013346, 0x2FC12FC1, 0xCA451A4E, 0x7366746E, 0x28CD3D45, 0x61756673, 0x1CD1,
    0x62656572, 0x27E0EB, 0x63677270, 0x958458F6,
})  # fmt: skip
"""The statfs(2) numbers of file systems on which this host's kernel itself manages owners and modes. Examples are ext, btrfs,
xfs, tmpfs and overlay. On all other file systems, a server or a process may report a false owner.
"""
_MADE_HERE = frozenset({0x01021994, 0x858458F6})
"""The file systems in _OWN that the kernel creates in memory (tmpfs, ramfs). A new file system of this kind is empty, so all its
content was created on this host.
"""
_libc = ctypes.CDLL(None, use_errno=True)


class Held:
    """A file descriptor that Python closes when no object refers to this ``Held`` any more. Therefore a worker can still use the
    descriptor after the client has disconnected. ``close`` closes it, in any thread.
    """

    __slots__ = ("_close", "number")

    def __init__(self, number: int, close: Callable[[int], None] = os.close) -> None:
        self.number = number
        self._close = close

    def __del__(self) -> None:
        self._close(self.number)


class Changeable(Exception):
    """Raised if the path contains a link or ``..`` that somebody other than root could redirect. Also raised if the path leads
    into procfs, which differs between processes.
    """


@dataclass(frozen=True, slots=True)
class Place:
    """A directory, link or file on a path. ``path`` is the absolute path of this object, and contains no link."""

    path: bytes
    device: int
    inode: int
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """All places on a path (its directories, links and files), in order, without the root directory. ``name`` is the absolute
    path, with all links in its directories resolved. A link in the last part of the path is not resolved. ``end`` is the place to
    which the path leads. ``is_roots`` is True if only root can move or replace the places on the way. ``is_executable`` is True
    if the path leads to a regular file that at least one user may execute.
    """

    places: tuple[Place, ...]
    name: bytes
    end: Place
    is_roots: bool
    is_executable: bool

    def is_same_as(self, other: Way) -> bool:
        """True if this way and ``other`` lead through the same directories to the same file. The function compares the places to
        which links lead, and not the links themselves, because a process with another root directory may see other links.
        """
        ours, theirs = ([place for place in way.places if not place.is_link] for way in (self, other))
        return (ours, self.name, self.end, self.is_roots) == (theirs, other.name, other.end, other.is_roots)


def own_root() -> Held:
    """Return the root directory of this process."""
    return Held(os.open("/", _LOOK))


def walk(root: Held, path: bytes, trusted: tuple[bytes, ...] = ()) -> Way:
    """Follow ``path`` as a process with the root directory ``root`` follows it. Return all directories, links and files on the
    path. ``trusted`` contains mount points. jitd trusts the file owners that these mounts report. Raises Changeable and OSError.
    """
    return _Walk(root, trusted).go(path)


class _Walk:
    """One walk along a path. It keeps all directories from the root directory to the present place open."""

    def __init__(self, root: Held, trusted: tuple[bytes, ...]) -> None:
        self._root = root
        self._trusted = trusted
        self._open = [root.number]
        self._names: list[bytes] = []
        self._places: list[Place] = []
        self._is_roots = True
        self._kinds: dict[int, int] = {}
        self._root_device = os.fstat(root.number).st_dev

    def go(self, path: bytes) -> Way:
        ahead = parts(path)
        n_links = 0
        name = b""
        try:
            while ahead:
                part = ahead.pop()
                name = name or (b"" if ahead else self._below(part))
                if part == b"..":
                    self._go_up()
                elif leads_to := self._step(part, is_last=not ahead):
                    n_links += 1
                    if n_links > MOST_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    if leads_to.startswith(b"/"):
                        self._close()
                    ahead += parts(leads_to)
            end = os.fstat(self._open[-1])
            is_executable = stat.S_ISREG(end.st_mode) and bool(end.st_mode & 0o111)
            last = Place(self._below(), end.st_dev, end.st_ino)
            return Way(tuple(self._places), name, last, self._is_roots, is_executable)
        finally:
            self._close()

    def _go_up(self) -> None:
        if not self._is_roots:
            raise Changeable("it goes up (..) from a directory that other accounts can move")
        if self._names:
            self._names.pop()
            os.close(self._open.pop())

    def _step(self, part: bytes, *, is_last: bool) -> bytes:
        """Go on to ``part``. If ``part`` is a link, return its target and do not follow the link. Otherwise return an
        empty path.
        """
        directory = self._open[-1]
        try:
            # automount mounts the directory at this call
            file = os.open(part, _LOOK | (0 if is_last else os.O_DIRECTORY), dir_fd=directory)
        except NotADirectoryError:
            file = os.open(part, _LOOK, dir_fd=directory)
        self._open.append(file)
        self._names.append(part)
        above, status = os.fstat(directory), os.fstat(file)
        if self._kind(file, status) == _PROC:
            raise Changeable("what is in procfs differs from process to process")
        self._is_roots = self._is_roots and self._is_kept(directory, above, status)
        is_link = stat.S_ISLNK(status.st_mode)
        self._places.append(Place(self._below(), status.st_dev, status.st_ino, is_link))
        if not is_link:
            return b""
        if not self._is_roots:
            raise Changeable("it passes a link that others can change")
        leads_to = os.readlink(b"", dir_fd=file)
        self._names.pop()
        os.close(self._open.pop())
        return leads_to

    def _is_kept(self, directory: int, above: os.stat_result, entry: os.stat_result) -> bool:
        """True if only root can replace ``entry``. The test reads only the owner and the mode of the directory, and not its
        access control list. The list need not be read, because the group bits of the mode limit all groups and all named users in
        the list (acl(5)). In a sticky directory, only root can replace root's entries.
        """
        if above.st_uid != 0 or not self._is_believed(directory, above):
            return False
        return not above.st_mode & 0o022 or (bool(above.st_mode & stat.S_ISVTX) and entry.st_uid == 0)

    def _is_believed(self, directory: int, status: os.stat_result) -> bool:
        """True if jitd trusts the owner that ``status`` shows for the directory. jitd always trusts the owners on the file system
        of the root directory. On any other file system, jitd trusts the owners only if the type of the file system is in _OWN. If
        such a file system is mounted with ``nosuid``, there is a second condition. The file system must be a tmpfs or ramfs, or
        the directory must be below a path in ``trusted_mounts``. The second condition is needed, because a person may be able to
        mount their own disk with ``nosuid``. Later this person could mount another disk, on which other files have the same
        device and inode numbers.
        """
        if status.st_dev == self._root_device:
            return True
        kind = self._kind(directory, status)
        if kind not in _OWN:
            return False
        path = b"/" + b"/".join(self._names[:-1]) + b"/"
        is_brought = kind not in _MADE_HERE and bool(os.fstatvfs(directory).f_flag & os.ST_NOSUID)
        return not is_brought or any(path.startswith(place.rstrip(b"/") + b"/") for place in self._trusted)

    def _kind(self, file: int, status: os.stat_result) -> int:
        """Return the type of the file system (statfs(2)). Raises OSError."""
        if (kind := self._kinds.get(status.st_dev)) is None:
            found = ctypes.create_string_buffer(512)
            if _libc.fstatfs(file, found) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            kind = self._kinds[status.st_dev] = ctypes.c_ulong.from_buffer(found).value & 0xFFFFFFFF
        return kind

    def _below(self, *more: bytes) -> bytes:
        """Return the path of the present place of the walk, with ``more`` appended. The path contains no links."""
        return b"/" + b"/".join((*self._names, *more))

    def _close(self) -> None:
        """Go back to the root directory. The descriptor of the root directory stays open, because it belongs to the caller."""
        self._names.clear()
        while len(self._open) > 1:
            os.close(self._open.pop())
