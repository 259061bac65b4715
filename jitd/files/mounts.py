# SPDX-License-Identifier: Apache-2.0
"""Mounts: whether the owners that files have on one can be believed.

Law: standard library only, and nothing of ours. A mount is found by the kernel's own number for it, never by comparing paths; one
that is not known to tell the truth counts as one that does not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import select
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from io import FileIO
from types import MappingProxyType

TRUTHFUL = frozenset(
    {
        "aufs", "autofs", "bcachefs", "binfmt_misc", "bpf", "btrfs", "cgroup", "cgroup2", "configfs", "cramfs", "debugfs",
        "devpts", "devtmpfs", "efivarfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fusectl", "hugetlbfs", "iso9660",
        "jfs", "mqueue", "msdos", "nilfs2", "nsfs", "ntfs3", "overlay", "proc", "pstore", "ramfs", "reiserfs", "rootfs",
        "securityfs", "squashfs", "sysfs", "tmpfs", "tracefs", "udf", "vfat", "xfs", "zfs",
    }
)  # fmt: skip
"""File systems whose owners this host's kernel keeps itself. FUSE and those of the network say what another process or another
host wants them to.
"""
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Table:
    """The text of this process's mountinfo. The kernel says when it has changed (poll(2); proc_pid_mountinfo(5)), and only then
    is it read again: it is asked for at each decision.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes = select.poll()
        self._file: FileIO | None = None
        self._text = b""

    def __call__(self) -> bytes:
        """The text as it is now. Raises OSError."""
        with self._lock:
            if self._file is None:
                self._file = FileIO("/proc/self/mountinfo")
                self._changes.register(self._file, select.POLLPRI)
            if self._changes.poll(0) or not self._text:
                self._text = b""  # should reading fail, what was there before is not believed later
                self._file.seek(0)
                self._text = self._file.readall()
            return self._text


OWN = Table()


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo (proc_pid_mountinfo(5)). ``server`` is the uid that serves a FUSE file system, 0 for all others."""

    device: bytes
    point: bytes
    kind: str
    options: frozenset[bytes]
    server: int

    @property
    def why_not(self) -> str:
        """Why its owners prove nothing; empty where they can be believed."""
        if b"idmapped" in self.options:
            return "is idmapped: its owners are mapped to others"
        if self.kind not in TRUTHFUL:
            return f"is {self.kind}: whatever serves it says whose a file is"
        if b"nosuid" in self.options:
            return "is nosuid: what is on it may come from elsewhere"
        return ""

    def is_below(self, places: tuple[bytes, ...]) -> bool:
        """True if it is mounted at one of ``places`` or below; what a person serves has to be mounted at one itself."""
        if self.point in places:
            return True
        return self.server == 0 and any(self.point.startswith(place.rstrip(b"/") + b"/") for place in places)


@lru_cache(maxsize=2)
def read(text: bytes) -> Mapping[int, Mount]:
    """Mounts by their numbers. The same text is read once. Raises ValueError."""
    found = {}
    for line in text.splitlines():
        before, _, after = line.partition(b" - ")
        words, super_block = before.split(b" "), after.split(b" ")
        if len(words) < 6 or len(super_block) < 3:
            raise ValueError("a line of mountinfo cannot be read")
        served = re.search(rb"(?:^|,)user_id=([0-9]+)", super_block[2])
        found[int(words[0])] = Mount(
            device=words[2],
            point=_OCTAL.sub(lambda match: bytes([int(match[1], 8)]), words[4]),
            kind=super_block[0].decode("ascii", "replace"),
            options=frozenset(words[5].split(b",")),
            server=int(served[1]) if served and super_block[0].startswith(b"fuse") else 0,
        )
    return MappingProxyType(found)


@dataclass
class Mounts:
    """The mounts of one look at a file. ``trusted`` are those that an administrator believes (jitd.toml(5)).

    Its methods raise OSError and ValueError.
    """

    trusted: tuple[bytes, ...] = ()
    _known: dict[bytes, Mount | None] = field(default_factory=dict)

    def at(self, path: bytes) -> Mount | None:
        """The mount that ``path`` (absolute, without links) is on; None where that is the root file system's."""
        if path == b"/":
            return None
        if path not in self._known:
            number = _number(path)
            self._known[path] = None if number == self._root else self._listed(number)
        return self._known[path]

    def why_not(self, path: bytes) -> str:
        """Why the owner that ``path`` has proves nothing; empty where it can be believed."""
        mount = self.at(path)
        if mount is None or mount.is_below(self.trusted):
            return ""
        is_roots_own = b"idmapped" not in mount.options and mount.device == self._listed(self._root).device
        return "" if is_roots_own else mount.why_not

    def _listed(self, number: int) -> Mount:
        if number not in self._others:
            raise ValueError("the kernel does not list the mount that it is on")
        return self._others[number]

    @cached_property
    def _root(self) -> int:
        return _number(b"/")

    @cached_property
    def _others(self) -> Mapping[int, Mount]:
        return read(OWN())


_LIBC = ctypes.CDLL(None, use_errno=True)
_HERE, _NOT_FOLLOWED, _NOT_MOUNTED = -100, 0x100, 0x800
"""AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT."""
_MOUNT = 0x1000
"""STATX_MNT_ID, which Linux 5.8 brought."""
_ANSWER = struct.Struct("=I140xQ104x")
"""struct statx: which fields were filled, and the mount's number."""
_ROOM = ctypes.c_char * _ANSWER.size


def _number(path: bytes) -> int:
    """The kernel's number of the mount that ``path`` is on."""
    answer = _ROOM()
    if _LIBC.statx(_HERE, path, _NOT_FOLLOWED | _NOT_MOUNTED, _MOUNT, answer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    filled, found = _ANSWER.unpack_from(answer)
    if not filled & _MOUNT:
        raise ValueError("the kernel does not say which mount it is on")
    return int(found)


def is_procfs(path: bytes) -> bool:
    """True if ``path`` (absolute, without links) is in procfs. No file system is asked. Raises OSError."""
    try:
        mount = Mounts().at(path)
    except ValueError as fault:
        raise OSError(errno.ENODATA, str(fault)) from None
    return mount is not None and mount.kind == "proc"
