# SPDX-License-Identifier: Apache-2.0
"""Reads files with the rights of an account, and not with root's.

Law: the kernel decides what the account can read. It looks up each name of a path, and opens the file, with the account's ids and
groups and, unless it is root's, without any capability. They are those of one thread, which does nothing else, and ends. Nothing
is judged by a name or a mode beforehand, so there is no time between judging and opening. Only regular files are opened. Procfs
is never entered, not even by a link: there, the kernel would let in jitd as itself. Source: credentials(7), setfsuid(2), and
"Effect of user ID changes on capabilities" in capabilities(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from jitd.files.glance import ABSENCE, CIRCLE, PROCFS, THERE, Glance, link_to

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_SETGROUPS = {
    "x86_64": 116, "aarch64": 159, "riscv64": 159, "loongarch64": 159, "ppc64le": 81, "s390x": 206, "armv7l": 206, "i686": 206,
}  # fmt: skip
"""Maps an architecture to the number of the system call setgroups(2). The function of the C library would change all threads."""
_UNCHANGED = ctypes.c_uint32(2**32 - 1)
_CAPABILITIES_OF_THIS_THREAD = (ctypes.c_uint32 * 2)(0x20080522, 0)  # its version 3, and 0 for the calling thread (capset(2))
_AT_FDCWD, _AT_EACCESS = -100, 0x200
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


@dataclass(frozen=True, slots=True)
class Rights:
    """The ids of an account, and all its groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What the account found at a path. ``content`` has at most the requested number of bytes, and ``is_whole`` is True if the
    file has no more. ``mode`` is the mode of the file. If the account cannot read the file, or cannot see whether there is one,
    ``fault`` is the number of the error, and nothing else is known.
    """

    path: bytes
    content: bytes = b""
    is_whole: bool = False
    mode: int = 0
    fault: int = 0


def read_as(rights: Rights, paths: Sequence[bytes], limit: int, limit_together: int) -> list[Read]:
    """Read at most ``limit`` bytes of the regular file at each of ``paths`` (absolute), as the account ``rights``. After
    ``limit_together`` bytes of all files, the fault of each other file is EFBIG. A path where the account finds nothing, or no
    regular file, is left out. So is procfs: there, jitd would read what belongs to jitd.

    May block. Raises OSError if jitd cannot have the rights of the account.
    """
    found: list[Read] = []
    _run_as(rights, lambda: found.extend(_read_all(paths, limit, limit_together)))
    return found


def may_make_files(rights: Rights, directory: bytes) -> bool:
    """True if the account ``rights`` may make and remove files in ``directory``, as the kernel says. That the mounts of this
    process are read-only does not count (ProtectSystem= in systemd.exec(5)): those of a run are not. May block. Raises OSError.
    """
    found: list[bool] = []

    def ask() -> None:
        with Glance() as glance:
            sight = glance.follow(directory)
            found.append(sight.end == THERE and _may_write_in(link_to(glance.file(sight.path))))

    _run_as(rights, ask)
    return found[0]


def _may_write_in(directory: bytes) -> bool:
    """True if this thread may write in ``directory``. The kernel says that a mount is read-only only to who may."""
    is_permitted = _LIBC.faccessat(_AT_FDCWD, directory, os.W_OK | os.X_OK, _AT_EACCESS) == 0
    return is_permitted or ctypes.get_errno() == errno.EROFS


def _run_as(rights: Rights, work: Callable[[], object]) -> None:
    faults: list[OSError] = []

    def run() -> None:
        try:
            _become(rights)
            work()
        except OSError as fault:
            faults.append(fault)

    thread = threading.Thread(target=run, name="jitd-reading", daemon=True)  # its rights end with it
    try:
        thread.start()
    except RuntimeError as fault:
        raise OSError(errno.EAGAIN, str(fault)) from None
    thread.join()
    if faults:
        raise faults[0]


def _become(rights: Rights) -> None:
    """Give this thread, and no other, the ids and groups of ``rights`` for files. Raises OSError."""
    groups = (ctypes.c_uint32 * len(rights.groups))(*rights.groups)
    number = _SETGROUPS.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "jitd does not know the number of setgroups(2) on this machine")
    if _LIBC.syscall(ctypes.c_long(number), ctypes.c_size_t(len(groups)), groups) != 0:
        raise _fault()
    _LIBC.setfsgid(ctypes.c_uint32(rights.gid))
    _LIBC.setfsuid(ctypes.c_uint32(rights.uid))
    # These calls do not tell whether they did anything. The next ones change nothing, and return the present ids.
    now = (_LIBC.setfsuid(_UNCHANGED) & 0xFFFFFFFF, _LIBC.setfsgid(_UNCHANGED) & 0xFFFFFFFF, set(os.getgroups()))
    if now != (rights.uid, rights.gid, set(rights.groups)):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    if rights.uid != 0 and _LIBC.capset(ctypes.byref(_CAPABILITIES_OF_THIS_THREAD), _NO_CAPABILITIES) != 0:
        raise _fault()


def _read_all(paths: Iterable[bytes], limit: int, left: int) -> Iterator[Read]:
    for path in paths:
        try:
            found = _read(path, limit, left)
        except OSError as fault:
            yield Read(path, fault=fault.errno or errno.EIO)
        else:
            if found is not None:
                left -= len(found.content)
                yield found


def _read(path: bytes, limit: int, left: int) -> Read | None:
    with Glance() as glance:
        sight = glance.follow(path)
        if sight.end in (ABSENCE, CIRCLE, PROCFS):
            return None
        if sight.end != THERE:
            raise OSError(sight.fault, os.strerror(sight.fault))
        if not stat.S_ISREG(glance.lstat(sight.path).st_mode):
            return None
        if left <= 0:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        file = glance.open(sight.path)
    try:
        pieces, wanted = [], limit + 1
        while wanted and (piece := os.read(file, wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        content = b"".join(pieces)
        return Read(path, content[:limit], len(content) <= limit, os.fstat(file).st_mode)
    finally:
        os.close(file)


def _fault() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
