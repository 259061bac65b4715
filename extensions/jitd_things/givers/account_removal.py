# SPDX-License-Identifier: Apache-2.0
"""Removes a directory whose content somebody else has made, of any depth and with any number of names.

Law: nothing is opened by a path. A directory that is not empty is moved up, into the directory that is removed, before it is
opened. So three directories are open at a time, however deep the tree is, and no list of names is kept. Nothing below a mount
point and nothing of another file system or subvolume is touched: a directory is opened with O_PATH, which asks no file system,
and its mount is compared before it is read. No symbolic link is followed. Sources: unlinkat(2), renameat(2), open(2) O_PATH,
proc(5) "fdinfo".
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jitd_things.givers.kind import named

MOST_TOLD = 3
_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
_REFUSED = (errno.EPERM, errno.EACCES, errno.EROFS)
_WHY = {errno.EBUSY: "a file system is mounted there", errno.EXDEV: "it is of another file system or subvolume"}


class Removal:
    """Removes names until the time ``until`` (on CLOCK_MONOTONIC). ``left`` tells what stays, as parts of a sentence.
    ``is_refused`` is True if the process has no right to remove the last name.
    """

    def __init__(self, until: float) -> None:
        self.left: list[str] = []
        self.is_refused = False
        self._until = until
        self._n_done = 0
        self._prefix = f".jitd-{secrets.token_hex(8)}"

    def remove(self, directory: int, name: str) -> None:
        """Remove ``name`` from the open ``directory``, with everything below it."""
        fault = self._unlink(directory, name)
        self.is_refused = fault is not None and fault.errno in _REFUSED
        if fault is None or fault.errno not in _NOT_EMPTY:
            return self._tell(name, fault)
        try:
            top = _opened(directory, name)
        except OSError as closed:
            return self._tell(name, closed)
        try:
            self._empty(top)
        finally:
            os.close(top)
        if (stays := self._unlink(directory, name)) is None:
            self.left.clear()
        elif time.monotonic() > self._until:
            self.left.append("there was no time for more")
        elif not self.left:
            self._tell(name, stays)

    def _empty(self, top: int) -> None:
        """Repeat the pass through the open directory ``top`` until a pass removes and moves nothing."""
        n_before = -1
        while n_before != self._n_done and time.monotonic() < self._until:
            n_before = self._n_done
            self.left.clear()
            for name in self._names(top):
                fault = self._unlink(top, name)
                self._tell(name, self._flatten(top, name) if fault and fault.errno in _NOT_EMPTY else fault)

    def _flatten(self, top: int, name: str) -> OSError | None:
        """Remove the directory ``name`` from ``top``. Move each directory that is in it and not empty into ``top``. Return why
        ``name`` could not be opened.
        """
        try:
            here = _opened(top, name)
        except OSError as closed:
            return closed
        try:
            for below in self._names(here):
                fault = self._unlink(here, below)
                self._tell(below, self._move(here, below, top) if fault and fault.errno in _NOT_EMPTY else fault)
        finally:
            os.close(here)
        fault = self._unlink(top, name)
        return fault if fault and fault.errno not in _NOT_EMPTY else None

    def _move(self, here: int, name: str, top: int) -> OSError | None:
        try:
            os.close(_opened(here, name))
            self._n_done += 1
            os.rename(name, f"{self._prefix}-{self._n_done}", src_dir_fd=here, dst_dir_fd=top)
        except OSError as fault:
            return fault
        return None

    def _names(self, directory: int) -> Iterator[str]:
        with os.scandir(directory) as entries:
            for entry in entries:
                if time.monotonic() > self._until:
                    return
                yield entry.name

    def _unlink(self, directory: int, name: str) -> OSError | None:
        try:
            try:
                os.unlink(name, dir_fd=directory)
            except (IsADirectoryError, PermissionError):  # (POSIX has EPERM for a directory)
                os.rmdir(name, dir_fd=directory)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        except OSError as fault:
            return fault
        self._n_done += 1
        return None

    def _tell(self, name: str, fault: OSError | None) -> None:
        if fault is not None and len(self.left) < MOST_TOLD:
            self.left.append(f"{named(os.fsencode(name))} ({_WHY.get(fault.errno or 0, fault.strerror)})")


def _opened(directory: int, name: str) -> int:
    """Open the directory ``name`` for reading, and let nobody else add names to it. Raises OSError: EBUSY if a file system is
    mounted there, and EXDEV for a subvolume.
    """
    place = os.open(name, _PLACE, dir_fd=directory)
    try:
        if _mount_of(place) != _mount_of(directory):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if os.fstat(place).st_dev != os.fstat(directory).st_dev:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        itself = f"/proc/self/fd/{place}"
        with suppress(PermissionError):  # only root may
            os.chown(itself, 0, 0)
        os.chmod(itself, 0o700)
        return os.open(".", _READ, dir_fd=place)
    finally:
        os.close(place)


def _mount_of(descriptor: int) -> bytes:
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes().split(b"\n")
    return next(line for line in lines if line.startswith(b"mnt_id:"))
