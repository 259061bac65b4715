# SPDX-License-Identifier: Apache-2.0
"""Protects threads from file systems that do not answer. Before jitd uses a path, this module looks up the path step by step.
For each mount, it lets only one thread at a time wait.

Law: the mount of a path is found in the table of mounts, so this search touches no file system. If a network host or a program
serves the mount, only one thread at a time looks up a name in the mount. If this thread has waited for more than PATIENCE
seconds, other threads are refused. This module never looks up names on this host's own disks.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from jitd.files.mounts import OWN
from jitd.files.mounts import read as read_mounts

PATIENCE = 1.0  # seconds that a thread may wait for a mount. Then others that need it are refused at once
MOST_LINKS = 40
LOCAL = frozenset({
    "bpf", "btrfs", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "erofs", "exfat", "ext2",
    "ext3", "ext4", "f2fs", "hugetlbfs", "iso9660", "jfs", "mqueue", "nilfs2", "ntfs3", "overlay", "proc", "pstore", "ramfs",
    "reiserfs", "securityfs", "squashfs", "sysfs", "tmpfs", "tracefs", "udf", "vfat", "xfs", "zfs",
})  # fmt: skip
"""Kinds of file systems that the kernel of this host serves. Other kinds are served by another host or by a program."""


class Silent(TimeoutError):
    """A file system does not answer. The text of this exception is a sentence that names the file system."""


@dataclass(slots=True)
class _Step:
    """``since`` is when a thread began to wait for the mount (monotonic clock), or None if none waits for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    since: float | None = None

    @property
    def is_silent(self) -> bool:
        since = self.since
        return since is not None and time.monotonic() - since > PATIENCE


class Silence:
    """Stores which threads wait for which of the present mounts."""

    def __init__(self, table: Callable[[], bytes] = OWN) -> None:
        self._table = table
        self._steps: dict[bytes, _Step] = {}
        self._lock = threading.Lock()

    def approach(self, paths: Iterable[bytes]) -> None:
        """Look up each absolute path, if it is on a mount that another host or a program serves. May block. Raises Silent."""
        mounts = self._mounts()
        if not any(is_served for _, is_served in mounts):
            return
        for path in paths:
            self._approach(path, mounts)

    @property
    def silent(self) -> tuple[str, ...]:
        """The mounts that do not answer while a thread waits for them."""
        with self._lock:
            return tuple(sorted(os.fsdecode(mount) for mount, step in self._steps.items() if step.is_silent))

    def _mounts(self) -> tuple[tuple[bytes, bool], ...]:
        """Return the present mounts (see ``_read``). Forget the state of mounts that were unmounted."""
        mounts = _read(self._table())
        with self._lock:
            if self._steps:
                points = {point for point, _ in mounts}
                for gone in [mount for mount, step in self._steps.items() if mount not in points and step.since is None]:
                    del self._steps[gone]
        return mounts

    def _approach(self, path: bytes, mounts: tuple[tuple[bytes, bool], ...]) -> None:
        others = [mount for mount, is_served in mounts if is_served]

        def served(at: bytes) -> bytes | None:
            """Return the mount of ``at`` if another host or a program serves it. Otherwise return None."""
            if not any(_is_in(at, mount) for mount in others):  # fast, because a host has few such mounts
                return None
            return next((mount if is_served else None for mount, is_served in mounts if _is_in(at, mount)), None)

        at, ahead, n_links = b"/", _parts(path), 0
        while ahead and n_links <= MOST_LINKS:
            part = ahead.pop()
            if part == b"..":
                at = os.path.dirname(at)
                continue
            below = os.path.join(at, part)
            mount = served(below)
            if mount is None:
                at = below
                continue
            with self._step(mount, path):
                try:
                    is_link = stat.S_ISLNK(os.lstat(below).st_mode)
                    leads_to = os.readlink(below) if is_link else b""
                except (OSError, ValueError):
                    return  # the caller finds this error again when it opens the path
            if not is_link:
                at = below
                continue
            n_links += 1
            at = b"/" if leads_to.startswith(b"/") else at
            ahead += _parts(leads_to)

    @contextmanager
    def _step(self, mount: bytes, path: bytes) -> Iterator[None]:
        with self._lock:
            step = self._steps.setdefault(mount, _Step())
        if step.is_silent or not step.lock.acquire(timeout=PATIENCE):
            name = mount.decode("utf-8", "backslashreplace") if _is_in(path, mount) else "a file system on the way"
            raise Silent(f"{name} does not answer: nothing was done; ask again when it answers")
        step.since = time.monotonic()
        try:
            yield
        finally:
            step.since = None
            step.lock.release()


MOUNTS = Silence()  # the mounts of this process


@lru_cache(maxsize=2)
def _read(table: bytes) -> tuple[tuple[bytes, bool], ...]:
    """Return all mount points, the longest first, each with whether another host or a program serves it. Of two mounts at one
    point, the later one counts. The result is cached, because every decision needs it, and it seldom changes.
    """
    found = {mount.point: mount.kind not in LOCAL for mount in read_mounts(table).values()}
    return tuple(sorted(found.items(), key=lambda item: len(item[0]), reverse=True))


def _is_in(path: bytes, mount: bytes) -> bool:
    return path == mount or path.startswith(mount.rstrip(b"/") + b"/")


def _parts(path: bytes) -> list[bytes]:
    return [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]
