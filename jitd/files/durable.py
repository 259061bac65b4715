# SPDX-License-Identifier: Apache-2.0
"""Stores files durably. Law: when a function returns, everything that the function wrote is completely on the disk."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LOCK = ".lock"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock on ``file``, a file of root's own for this purpose. The file and its directory are made if they are missing.

    Anybody who can open a file or a directory, for reading too, can lock it (flock(2)), and keep everybody else waiting. So
    ``file`` is opened by nobody but root, and stands in a directory in which nobody but root can put a file. Raises OSError.
    """
    directory = file.parent
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(directory.parent)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        above, found = os.stat(directory), os.fstat(descriptor)
        if above.st_uid != os.geteuid() or above.st_mode & 0o022:
            raise OSError(errno.EPERM, "others can change this directory", str(directory))
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise OSError(errno.EPERM, "others can open this lock", str(file))
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Hold the lock on the files in ``directory``, which is made if it is missing. All who write in ``directory`` must hold the
    lock, because half-written files are removed: a process that was killed left them. Raises OSError.
    """
    with locked(directory / LOCK):
        clean(directory)
        yield


def clean(directory: Path) -> None:
    """Remove the half-written files in ``directory``. Nobody may write a file there at the same time. Raises OSError."""
    with suppress(FileNotFoundError):
        for name in os.listdir(directory):
            if name.startswith(".") and name.endswith(".new"):
                os.unlink(directory / name)


def sync(directory: str | Path) -> None:
    """Flush ``directory`` to the disk, so that the names of its files are stored there. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def opened(file: Path) -> BinaryIO:
    """Open ``file`` to read it: no link, and no FIFO is waited for. Raises OSError, which names ``file``."""
    return open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK))


def write(file: Path, content: bytes | Callable[[int], bytes], mode: int = 0o600) -> None:
    """Write the new file ``file`` with ``mode``, and flush it to the disk. It replaces a file of this name that a killed process
    has left. A function as ``content`` returns the content for the inode of the new file. Raises OSError.
    """
    with suppress(FileNotFoundError):
        file.unlink()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as stream:
        stream.write(content if isinstance(content, bytes) else content(os.fstat(descriptor).st_ino))
        stream.flush()
        os.fchmod(descriptor, mode)  # whatever the umask of this process is
        os.fsync(descriptor)


def store(file: Path, content: bytes | Callable[[int], bytes]) -> None:
    """Replace ``file`` by a file with ``content`` and the mode 0600, and flush its name to the disk, too. See ``write``."""
    new = file.with_name(f".{file.name}.new")
    write(new, content)
    os.rename(new, file)
    sync(file.parent)
