# SPDX-License-Identifier: Apache-2.0
"""Follows a path below a root directory, which may be the root directory of another process. The result contains each directory,
link and file on the way.

Law: the look follows the path (``files.glance``). If the path contains a link or ``..`` that somebody other than root could
redirect, the walk raises Changeable. This module never guesses. Calls may block.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from jitd.files.glance import ABSENCE, CIRCLE, HIDDEN, PROCFS, Glance, Sight, Step, kind_number

_OWN = frozenset({
    0xEF53, 0x9123683E, 0x58465342, 0x01021994, 0x794C7630, 0x858458F6, 0xF2F52010, 0x73717368, 0xE0F5E1E2, 0x9660, 0x4D44,
    0x2011BAB0, 0x3153464A, 0x52654973, 0x3434, 0x15013346, 0x2FC12FC1, 0xCA451A4E, 0x7366746E, 0x28CD3D45, 0x61756673, 0x1CD1,
    0x62656572, 0x27E0EB, 0x63677270, 0x958458F6,
})  # fmt: skip
"""The statfs(2) numbers of file systems on which this host's kernel itself manages owners and modes. Examples are ext, btrfs,
xfs, tmpfs and overlay. On all other file systems, a server or a process may report a false owner.
"""
_MADE_HERE = frozenset({0x01021994, 0x858458F6})  # of _OWN, in memory: a new one is empty, so all in it is of this host


class Held:
    """A descriptor, closed with its last reference, so that a worker can use it after the client has gone, or by ``close``."""

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
class Node:
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

    places: tuple[Node, ...]
    name: bytes
    end: Node
    is_roots: bool
    is_executable: bool

    def is_same_as(self, other: Way) -> bool:
        """True if this way and ``other`` lead through the same directories to the same file. The function compares the places to
        which links lead, and not the links themselves, because a process with another root directory may see other links.
        """
        ours, theirs = ([place for place in way.places if not place.is_link] for way in (self, other))
        return (ours, self.name, self.end, self.is_roots) == (theirs, other.name, other.end, other.is_roots)


def own_root() -> Held:
    return Held(os.open("/", os.O_PATH | os.O_CLOEXEC))


def walk(root: Held, path: bytes, trusted: tuple[bytes, ...] = ()) -> Way:
    """Follow ``path`` as a process with the root directory ``root`` follows it. Return all directories, links and files on the
    path. ``trusted`` contains mount points. jitd trusts the file owners that these mounts report. Raises Changeable and OSError.
    """
    with Glance(root.number) as glance:
        return walk_in(glance, path, trusted)


def walk_in(glance: Glance, path: bytes, trusted: tuple[bytes, ...] = ()) -> Way:
    """Like ``walk``, below the root directory of ``glance``."""
    sight = glance.follow(path)
    is_roots = _Owners(glance, trusted).are_roots(sight)
    if sight.end == PROCFS:
        raise Changeable("what is in procfs differs from process to process")
    if sight.end in (ABSENCE, HIDDEN, CIRCLE):
        number = sight.fault or errno.ELOOP
        raise OSError(number, os.strerror(number))
    end = glance.lstat(sight.path)
    places = (Node(step.path, step.entry.st_dev, step.entry.st_ino, stat.S_ISLNK(step.entry.st_mode)) for step in sight.steps)
    is_executable = stat.S_ISREG(end.st_mode) and bool(end.st_mode & 0o111)
    return Way(tuple(places), sight.name, Node(sight.path, end.st_dev, end.st_ino), is_roots, is_executable)


class _Owners:
    """Says whose the directories of one look are, as far as jitd believes it."""

    def __init__(self, glance: Glance, trusted: tuple[bytes, ...]) -> None:
        self._glance = glance
        self._trusted = trusted
        self._kinds: dict[int, int] = {}

    def are_roots(self, sight: Sight) -> bool:
        """True if only root can replace what is on the way of ``sight``. Raises Changeable, and OSError."""
        is_roots = True
        end = os.path.dirname(sight.stopped_at) if sight.end in (ABSENCE, HIDDEN) else sight.path
        for step, after in zip(sight.steps, (*(step.directory for step in sight.steps[1:]), end), strict=False):
            is_roots = is_roots and self._is_kept(step)
            if not is_roots and after != step.path:
                raise Changeable("it passes a link, or goes up (..) from a directory, that others can change")
        return is_roots

    def _is_kept(self, step: Step) -> bool:
        """True if only root can replace the entry of ``step``, by its directory's owner and mode: in a sticky one, only root's
        entries. The group bits limit the access list (acl(5)), which need not be read.
        """
        above = self._glance.lstat(step.directory)
        if above.st_uid != 0 or not self._is_believed(step.directory, above):
            return False
        return not above.st_mode & 0o022 or (bool(above.st_mode & stat.S_ISVTX) and step.entry.st_uid == 0)

    def _is_believed(self, directory: bytes, status: os.stat_result) -> bool:
        """True if jitd trusts the owner that ``status`` shows for the directory: on the file system of the root directory, and on
        others whose type is in _OWN. If such a one is mounted with ``nosuid``, it must also be a tmpfs or ramfs, or below a path
        in ``trusted_mounts``: a person may be able to mount their own disk with ``nosuid``, and later another one, on which other
        files have the same device and inode numbers.
        """
        if status.st_dev == self._glance.lstat(b"/").st_dev:
            return True
        file = self._glance.file(directory)
        if (kind := self._kinds.get(status.st_dev)) is None:
            kind = self._kinds[status.st_dev] = kind_number(file)
        if kind not in _OWN:
            return False
        path = directory.rstrip(b"/") + b"/"
        is_brought = kind not in _MADE_HERE and bool(os.fstatvfs(file).f_flag & os.ST_NOSUID)
        return not is_brought or any(path.startswith(place.rstrip(b"/") + b"/") for place in self._trusted)
