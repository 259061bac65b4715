# SPDX-License-Identifier: Apache-2.0
"""Stores files durably. Law: when a function returns, everything that the function wrote is completely on the disk."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Hold the lock on ``directory``, which is made if it is missing. All who write in ``directory`` must hold the lock, because
    half-written files are removed: a process that was killed left them. Raises OSError.
    """
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(directory.parent)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        clean(directory)
        yield
    finally:
        os.close(descriptor)


def clean(directory: Path) -> None:
    """Remove the half-written files in ``directory``. Nobody may write a file there at the same time. Raises OSError."""
    with suppress(FileNotFoundError):
        for name in os.listdir(directory):
            if name.startswith(".") and name.endswith(".new"):
                os.unlink(directory / name)


def sync(directory: Path) -> None:
    """Flush ``directory`` to the disk, so that the names of its files are stored there. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store(file: Path, content: bytes) -> None:
    """Replace ``file`` by a file with ``content`` and the mode 0600. Raises OSError."""
    new = file.with_name(f".{file.name}.new")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    os.rename(new, file)
    sync(file.parent)
