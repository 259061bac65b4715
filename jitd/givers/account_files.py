# SPDX-License-Identifier: Apache-2.0
"""Finds all files of one uid on the host's own file systems. Removes these files or makes them harmless.

Law: no symbolic link is followed. A file is removed through the descriptor of its directory. A file is removed only if it is the
same file that was found, and if the account still owns the file. A search stays on the file system of the directory at which the
search began. A search ends at a time limit at the latest. It reports the places that it has not searched by then. Sources:
unlinkat(2), openat(2).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from jitd.core.frozen import dataclass
from jitd.settings.account_uids import Range

MOST_FOUND = 100_000
"""Maximum number of files that one search remembers. If there are more files, the next search finds them."""
SET_ID = stat.S_ISUID | stat.S_ISGID
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the account, in the state in which it was found."""

    path: bytes
    device: int
    inode: int
    mode: int


def files_of(uid: int, roots: Sequence[bytes], until: float, leave_out: bytes) -> tuple[list[Found], list[bytes]]:
    """Return two lists. The first list has the files of ``uid`` below the directories ``roots``, without the files in the
    directory ``leave_out``. The second list has the directories of ``roots`` that were not fully searched at the time ``until``
    (on CLOCK_MONOTONIC). In the first list, a directory is always before its content.
    """
    found: dict[bytes, Found] = {}

    def take(path: bytes, status: os.stat_result) -> bool:
        if status.st_uid == uid:
            found[path] = Found(path, status.st_dev, status.st_ino, status.st_mode)
        return len(found) < MOST_FOUND

    unread = _walk(roots, until, leave_out, take)
    return list(found.values()), unread


def owners_within(uids: Range, roots: Sequence[bytes], until: float) -> tuple[set[int], list[bytes]]:
    """Return two results. The first result has each number in ``uids`` that is the uid or gid of a file below ``roots``. The
    second result has the roots that were not fully searched.
    """
    found: set[int] = set()

    def take(path: bytes, status: os.stat_result) -> bool:
        found.update(id for id in (status.st_uid, status.st_gid) if uids[0] <= id <= uids[1])
        return True

    return found, _walk(roots, until, b"", take)


def _walk(roots: Sequence[bytes], until: float, leave_out: bytes, take: Callable[[bytes, os.stat_result], bool]) -> list[bytes]:
    """Call ``take`` for each file below ``roots``. Stay on the file system of each root. Return the roots that were not fully
    searched. A search stops early if the time is over or if ``take`` returns False.
    """
    unread: list[bytes] = []
    seen: set[tuple[int, int]] = set()
    for root in roots:
        with suppress(OSError):
            status = os.lstat(root)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            if not _walk_one(root, status.st_dev, until, leave_out, take):
                unread.append(root)
    return unread


def _walk_one(root: bytes, device: int, until: float, leave_out: bytes, take: Callable[[bytes, os.stat_result], bool]) -> bool:
    waiting = [root]
    while waiting:
        if time.monotonic() > until:
            return False
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if entry.path == leave_out:
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        if status.st_dev != device:  # (a file of an overlay may have the device number of a lower layer)
                            continue
                        waiting.append(entry.path)
                    if not take(entry.path, status):
                        return False
    return True


def remove(found: Iterable[Found], uid: int) -> list[bytes]:
    """Remove each file of ``found`` if the file still exists and still belongs to ``uid``. Return the files that could not be
    removed, for example a directory in which other accounts have files.
    """
    left = []
    for file in sorted(found, key=lambda one: one.path, reverse=True):  # remove a directory after its content
        try:
            with _directory_of(file.path) as (directory, name):
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not _is_it(status, file, uid):
                    continue
                if stat.S_ISDIR(status.st_mode):
                    os.rmdir(name, dir_fd=directory)
                else:
                    os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            continue
        except OSError:
            left.append(file.path)
    return left[::-1]


def disarm(found: Iterable[Found], uid: int) -> list[bytes]:
    """Remove the set-id bits from the files, so that nobody can act as an account that no longer exists. Return the files that
    still have set-id bits because the bits could not be removed.
    """
    left = []
    for file in found:
        if not file.mode & SET_ID or not stat.S_ISREG(file.mode):
            continue
        try:
            with _directory_of(file.path) as (directory, name):
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
                try:
                    status = os.fstat(opened)
                    if _is_it(status, file, uid):
                        os.fchmod(opened, stat.S_IMODE(status.st_mode) & ~SET_ID)
                finally:
                    os.close(opened)
        except FileNotFoundError:
            continue
        except OSError:
            left.append(file.path)
    return left


def _is_it(status: os.stat_result, file: Found, uid: int) -> bool:
    is_same = (status.st_dev, status.st_ino) == (file.device, file.inode)
    return is_same and status.st_uid == uid and stat.S_IFMT(status.st_mode) == stat.S_IFMT(file.mode)


@contextmanager
def _directory_of(path: bytes) -> Iterator[tuple[int, bytes]]:
    """Open the directory that contains the absolute ``path``, without following a symbolic link. Raises OSError."""
    *above, name = path.strip(b"/").split(b"/")
    here = os.open(b"/", _DIRECTORY)
    try:
        for part in above:
            there = os.open(part, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = there
        yield here, name
    finally:
        os.close(here)
