# SPDX-License-Identifier: Apache-2.0
"""One look at the names of this host: the only place where jitd follows a path that a person has chosen.

Law: in one look no name is looked up twice. A Glance opens each name once (O_PATH, O_NOFOLLOW), in the directory that it has
opened before, and keeps the descriptor. Status, access list, attributes, mount and content of a file, and what its requester may
see, all come from the descriptor. If somebody exchanges a directory for a link during the look, nothing changes, because the look
goes on in the directory that it has found. The kernel follows no link here: this module reads links and follows them, and ``..``
leads back to the directory from which the way came. A name at which nothing was found stays absent for the whole look.

Use a Glance for one look only, and close it. Calls may block. openat2(2) could follow a path in one call, but systemd's
RestrictSUIDSGID refuses it. Source: open(2), O_PATH; path_resolution(7); proc_pid_fd(5).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jitd.files import mounts

ACCESS = "system.posix_acl_access"
MOST_LINKS = 40
MOST_NAMES = 512  # names that one look may find. Each has a descriptor, of which a process has a limited number.
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)  # error numbers of a look-up when nothing exists at the path
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
ITSELF = (b"self", b"thread-self")  # links in procfs that lead each process to its own directory
THERE, ABSENCE, HIDDEN = "it is there", "it is not there", "it cannot be seen"
CIRCLE = "its symbolic links lead in a circle"
PROCFS = "what is below /proc differs from process to process"
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Step(NamedTuple):
    """One name on a way: the ``directory`` in which it was looked up, and the status of the entry there."""

    directory: bytes
    name: bytes
    entry: os.stat_result

    @property
    def path(self) -> bytes:
        return os.path.join(self.directory, self.name)


Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """What an account finds when it follows a path. ``path`` consists of the part that was resolved, and of the rest of the path,
    which is unchanged. ``end`` says what is known about the end of the path: THERE, ABSENCE, HIDDEN, CIRCLE or PROCFS. ``name``
    is the path with resolved directories. A link at the end of ``name`` is not resolved. If the last directory was not reached,
    ``name`` is empty. ``steps`` are the names on the way. ``last`` is the last file on the way that exists, as far as the account
    can follow the path. If a name could not be looked up, ``stopped_at`` is its path, and ``fault`` the number of the error.
    """

    path: bytes
    end: str
    name: bytes
    steps: Steps = ()
    last: bytes = b""
    stopped_at: bytes = b""
    fault: int = 0


class _Place:
    """What was found at one name: its descriptor, and what was asked of it so far."""

    __slots__ = ("access", "file", "is_entered", "leads_to", "mount", "status")

    def __init__(self, file: int) -> None:
        self.file = file
        self.status: os.stat_result | None = None
        self.leads_to: bytes | None = None
        self.access: bytes | None | OSError = _NOT_ASKED
        self.mount = 0
        self.is_entered = False


_NOT_ASKED = OSError()
_CLOSED = -1  # a descriptor that no process has


class Glance:
    """The names of one look. The key of each is its absolute path, which has no link in its directories, and neither ``.`` nor
    ``..``: the paths of a Sight. The methods raise OSError and ValueError. ``root`` is the descriptor of the directory that is
    ``/``, if it is not that of this process; it is the caller's.
    """

    __slots__ = ("_faults", "_kinds", "_places", "_root", "_sights")

    def __init__(self, root: int | None = None) -> None:
        self._root = root
        self._places: dict[bytes, _Place] = {}
        self._faults: dict[bytes, int] = {}
        self._kinds: dict[int, str] = {}
        self._sights: dict[tuple[bytes, int, bytes | None], Sight] = {}

    def __enter__(self) -> Glance:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close all descriptors. From now on, nothing is found."""
        self._root = _CLOSED
        places, self._places = self._places, {}
        while places:
            os.close(places.popitem()[1].file)

    @property
    def is_full(self) -> bool:
        """True if this look did not find a name because it, or this host, had no room for it. Then the name may be there."""
        return not _NO_ROOM.isdisjoint(self._faults.values())

    def follow(
        self,
        path: bytes,
        uid: int = 0,
        may_search: Callable[[bytes, os.stat_result], bool] | None = None,
        cwd: bytes | None = None,
    ) -> Sight:
        """Follow ``path`` (absolute) as far as the account ``uid`` can follow it. ``may_search`` says of a directory, by its path
        and its status, whether the account may look up names in it. It is None for root, who may. Raises what it raises.

        ``cwd`` is the current directory of the process that will open the path, or None. Nothing in procfs is looked up, with one
        exception. If ``cwd`` is given, /proc/self/cwd leads to ``cwd``, and /proc/self/root leads to ``/``. If nothing was hidden
        from the account, root sees the same, and the path is not followed again for root.
        """
        if (sight := self._sights.get((path, uid, cwd))) is None:
            sight = self._sights[path, uid, cwd] = self._follow(path, may_search, cwd)
            if sight.end != HIDDEN:
                self._sights[path, 0, cwd] = sight
        return sight

    def _follow(self, path: bytes, may_search: Callable[[bytes, os.stat_result], bool] | None, cwd: bytes | None) -> Sight:
        if not path.startswith(b"/"):
            raise ValueError("the path is not absolute")
        at, above = b"/", self.lstat(b"/")
        ahead = parts(path)
        links, name = 0, b""
        steps: list[Step] = []

        def sight(to: bytes, end: str, last: bytes, stopped_at: bytes = b"", fault: int = 0) -> Sight:
            return Sight(os.path.join(to, *reversed(ahead)) if ahead else to, end, name, tuple(steps), last, stopped_at, fault)

        while ahead:
            if may_search is not None and not may_search(at, above):
                return sight(at, HIDDEN, at)
            part = ahead.pop()
            if part == b"..":
                at = os.path.dirname(at)
                above = self.lstat(at)
                continue
            below = (at if at == b"/" else at + b"/") + part
            name = name or (b"" if ahead else below)
            try:
                status = self.lstat(below)
                leads_to = self.readlink(below) if stat.S_ISLNK(status.st_mode) else b""
            except OSError as fault:
                number = fault.errno or errno.EIO
                return sight(below, ABSENCE if number in ABSENT else HIDDEN, at, below, number)
            steps.append(Step(at, part, status))
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > MOST_LINKS:
                    return sight(below, CIRCLE, at)
                if leads_to.startswith(b"/"):
                    at, above = b"/", self.lstat(b"/")
                ahead += parts(leads_to)
            elif not stat.S_ISDIR(status.st_mode):
                if ahead:  # this is not a directory, so nothing can exist below it
                    return sight(below, ABSENCE, below, os.path.join(below, ahead[-1]), errno.ENOTDIR)
                return sight(below, THERE, below)
            elif ahead[-1:] == [b".."] or not self._is_procfs(below, status, above):
                at, above = below, status
            elif cwd is not None and ahead[-1:] and ahead[-1] in ITSELF and ahead[-2:-1] in ([b"cwd"], [b"root"]):
                links += 1
                if links > MOST_LINKS:
                    return sight(below, CIRCLE, at)
                ahead.pop()
                ahead += parts(cwd) if ahead.pop() == b"cwd" else []
                at, above = b"/", self.lstat(b"/")
            else:
                return sight(below, PROCFS, at, below)
        return sight(at, THERE, at)

    def lstat(self, path: bytes) -> os.stat_result:
        """Return the status of the file at ``path``. A symbolic link is not followed."""
        place = self._places.get(path) or self._place(path)
        if place.status is None:
            place.status = os.fstat(place.file)
        return place.status

    def readlink(self, path: bytes) -> bytes:
        """Return the target of the symbolic link at ``path``."""
        place = self._place(path)
        if place.leads_to is None:
            place.leads_to = os.readlink(b"", dir_fd=place.file)
        return place.leads_to

    def access(self, path: bytes) -> bytes | None:
        """Return the access list of the file as the kernel has it (acl(5)), or None if there is none."""
        place = self._place(path)
        if place.access is _NOT_ASKED:
            try:
                place.access = _access_of(place.file)
            except OSError as fault:
                place.access = fault
        if isinstance(place.access, OSError):
            raise OSError(place.access.errno, place.access.strerror)
        return place.access

    def mount(self, path: bytes) -> int:
        """Return the number of the mount of ``path`` (see ``mounts.Mounts``)."""
        place = self._place(path)
        if not place.mount:
            place.mount = mounts.number_of(place.file)
        return place.mount

    def may(self, path: bytes, right: int) -> bool:
        """True if this thread has ``right`` to the file at ``path`` (access(2)). A file server may refuse it to root."""
        return os.access(link_to(self.file(path)), right, effective_ids=True)

    def open(self, path: bytes, flags: int = os.O_RDONLY) -> int:
        """Open the file at ``path``, and return the descriptor, which is the caller's. From now on, ``lstat`` returns its present
        status. A file whose owner holds a lease on it is refused, and is not waited for (fcntl(2), F_SETLEASE).
        """
        place = self._place(path)
        file = os.open(link_to(place.file), flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        place.status, place.access = os.fstat(file), _NOT_ASKED
        return file

    def file(self, path: bytes) -> int:
        """Return the descriptor of what is at ``path``, for paths only (O_PATH). It is the look's, and is closed with it."""
        return self._place(path).file

    def _place(self, path: bytes) -> _Place:
        """Return what is at ``path``. It is looked up if it was not yet, and never again, whether it was found or not."""
        if (place := self._places.get(path)) is None:
            if (fault := self._faults.get(path)) is None:
                try:
                    if len(self._places) >= MOST_NAMES:
                        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
                    place = self._places[path] = _Place(self._look_up(path, _LOOK))
                except OSError as found:
                    self._faults[path] = found.errno or errno.EIO
                    raise
            else:
                raise OSError(fault, os.strerror(fault), path)
        return place

    def _look_up(self, path: bytes, flags: int) -> int:
        if path == b"/":
            return os.open(b"/", flags) if self._root is None else os.open(b".", flags, dir_fd=self._root)
        above, slash, name = path.rpartition(b"/")
        if not slash or name in (b"", b".", b".."):
            raise ValueError("the path is not resolved")
        return os.open(name, flags, dir_fd=self._entered(above or b"/").file)

    def _entered(self, path: bytes) -> _Place:
        """Return the directory at ``path``, in which a name is looked up next. A directory of automount is mounted now: only then
        its name is looked up twice, in a directory in which the automounter alone makes names.
        """
        place = self._places.get(path) or self._place(path)
        if not place.is_entered:
            status = self.lstat(path)
            if not os.major(status.st_dev) and path != b"/" and self._kind(path, status) == "autofs":
                mounted = self._look_up(path, _LOOK | os.O_DIRECTORY)
                os.close(place.file)
                place.file, place.status, place.access, place.mount = mounted, os.fstat(mounted), _NOT_ASKED, 0
            place.is_entered = True
        return place

    def _is_procfs(self, path: bytes, status: os.stat_result, above: os.stat_result) -> bool:
        return status.st_dev != above.st_dev and not os.major(status.st_dev) and self._kind(path, status) == "proc"

    def _kind(self, path: bytes, status: os.stat_result) -> str:
        """Return the kind of the file system of ``path``, which has this ``status``. The table of mounts has it, so no server is
        asked; but not for another root directory, which may be that of another namespace.
        """
        if (kind := self._kinds.get(status.st_dev)) is None:
            if self._root is not None:
                kind = {_PROC: "proc", _AUTOFS: "autofs"}.get(kind_number(self._place(path).file), "")
            else:
                try:
                    number = self.mount(path)
                    kind = "" if number == self.mount(b"/") else mounts.kind_of(number)
                except ValueError as fault:
                    raise OSError(errno.ENODATA, str(fault)) from None
            self._kinds[status.st_dev] = kind
        return kind


_LIBC = ctypes.CDLL(None, use_errno=True)
_PROC, _AUTOFS = 0x9FA0, 0x0187


def kind_number(file: int) -> int:
    """Return the number of the kind of file system of the descriptor ``file`` (statfs(2), ``f_type``). Raises OSError."""
    answer = (ctypes.c_ulong * 64)()
    if _LIBC.fstatfs(file, answer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(answer[0]) & 0xFFFFFFFF


def parts(path: bytes) -> list[bytes]:
    """Return the names of ``path``, the last one first."""
    return [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]


def link_to(file: int) -> bytes:
    """Return the path by which the kernel finds the file of the descriptor ``file``, without looking up a name of it."""
    return b"/proc/self/fd/%d" % file


def _access_of(file: int) -> bytes | None:
    try:
        return os.getxattr(link_to(file), ACCESS)
    except OSError as fault:
        if fault.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
