# SPDX-License-Identifier: Apache-2.0
"""Decides for each mount whether jitd can believe what the mount says about the owners of files.

Law: this module imports only the standard library, and nothing of jitd. A mount is found by the number that the kernel gave to
the mount. Paths are never compared. If the kind of a file system is not known, jitd does not believe what it says about the
owners of files.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import struct
from _thread import allocate_lock  # threading runs code in each child after a fork; a monitor's start would wait for it
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
"""Kinds of file systems for which the kernel of this host itself stores the owners of files. FUSE and network file systems are
not in the list, because another process or another host decides who owns their files.
"""
_IN_MEMORY = ("tmpfs", "ramfs")  # empty when they are mounted, so nothing on them was brought along
_FSTAB = b"/etc/fstab"
_DEVICE = (b"/dev/", b"UUID=", b"LABEL=", b"PARTUUID=", b"PARTLABEL=")  # no directory that is mounted once more, and no image
_LATER = frozenset(
    b"noauto nofail _netdev user users owner group".split()
    + b"x-systemd.automount x-systemd.wanted-by x-systemd.required-by x-udisks-auth".split()
)
"""Options (fstab(5), systemd.mount(5)) of a disk without which a host starts, or that people mount: anybody's, later."""
_FUSE, _SUBTYPES = (b"fuse", b"fuseblk"), (b"fuse.", b"fuseblk.")  # kinds of which an account serves each mount
_PAGE = 4096  # bytes that the kernel writes at once, which have the first line
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Table:
    """The text of this process's mountinfo (proc_pid_mountinfo(5)). Each decision needs this text, so the text is cached. The
    text is read again only when the kernel reports a change by poll(2).
    """

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._changes = select.poll()
        self._file: FileIO | None = None
        self._text = b""

    def __call__(self) -> bytes:
        """Return the present text. Raises OSError."""
        with self._lock:
            if self._file is None:
                self._file = FileIO("/proc/self/mountinfo")
                self._changes.register(self._file, select.POLLPRI)
            if self._changes.poll(0) or not self._text:
                self._text = b""  # if the read below fails, the earlier text must not be used later
                self._file.seek(0)
                self._text = self._file.readall()
            return self._text

    def close(self) -> None:
        """Close the file, and forget its text; the next call opens it again. A process does this before it forks others that
        close their descriptors: in them, the number would soon be another file's.
        """
        with self._lock:
            if self._file is not None:
                self._changes.unregister(self._file)
                self._file.close()
                self._file, self._text = None, b""


OWN = Table()


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo (proc_pid_mountinfo(5)). ``root`` is the directory of the file system that is mounted. ``server`` is
    the uid of the account that serves a FUSE file system. For every other file system ``server`` is 0. If ``is_kept`` is True,
    the kernel lets no other account in (fuse(4)).
    ``parent`` is the number of the mount on which this one is.
    """

    device: bytes
    point: bytes
    kind: str
    options: frozenset[bytes]
    server: int
    is_kept: bool = False
    root: bytes = b"/"
    of_kind: tuple[bytes, ...] = ()  # the options of the file system itself
    parent: int = 0

    @property
    def tells_modes(self) -> bool:
        """True if the kernel decides by the modes and owners that it shows of files, and nobody else does."""
        return self.kind in TRUTHFUL and b"idmapped" not in self.options

    @property
    def why_not(self) -> str:
        """Why jitd cannot believe the owners of files on this mount, or "" if it can."""
        if b"idmapped" in self.options:
            return "is idmapped: the owners that it shows are not those on the disk"
        if self.kind not in TRUTHFUL:
            return f"is {self.kind}: its server decides whose a file is"
        if b"nosuid" in self.options:
            return "is nosuid: what is on it may come from elsewhere"
        return ""

    def is_below(self, places: tuple[bytes, ...]) -> bool:
        """True if this mount is at or below one of ``places``, and exactly at one if a person serves it (FUSE)."""
        if self.point in places:
            return True
        return self.server == 0 and any(self.point.startswith(place.rstrip(b"/") + b"/") for place in places)


@lru_cache(maxsize=2)
def read(text: bytes) -> Mapping[int, Mount]:
    r"""Return the mounts in the text of mountinfo by their numbers, in its order. The result is cached.

    People choose the names of mount points, and what a FUSE server says that it serves. The kernel escapes the separators in
    them and nothing else, so a line ends at ``\n`` alone. Of a line that cannot be read, the mount is left out, and its files are
    refused.
    """
    found = {}
    for line in text.removesuffix(b"\n").split(b"\n"):
        with suppress(ValueError):
            words = line.split(b" ")
            kind, _, options, *_ = words[words.index(b"-", 6) + 1 :]
            of_kind = tuple(options.split(b","))
            server = None
            if kind in _FUSE or kind.startswith(_SUBTYPES):
                (server,) = (int(each[8:]) for each in of_kind if each.startswith(b"user_id="))
            found[int(words[0])] = Mount(
                device=words[2],
                point=_unescaped(words[4]),
                kind=kind.decode("ascii", "replace"),
                options=frozenset(words[5].split(b",")),
                server=server or 0,
                is_kept=server is not None and b"allow_other" not in of_kind,
                root=_unescaped(words[3]),
                of_kind=of_kind,
                parent=int(words[1]),
            )
    return MappingProxyType(found)


def of_process(process: int | str = "self") -> Mapping[int, Mount]:
    """Return the mounts that ``process`` sees now. Raises OSError."""
    with FileIO(f"/proc/{process}/mountinfo") as file:
        return read(file.readall())


def _unescaped(word: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), word)


@lru_cache(maxsize=2)
def _by_device(text: bytes) -> Mapping[bytes, tuple[Mount, ...]]:
    found: dict[bytes, list[Mount]] = {}
    for mount in read(text).values():
        found.setdefault(mount.device, []).append(mount)
    return MappingProxyType({device: tuple(mounts) for device, mounts in found.items()})


@dataclass
class Mounts:
    """The mounts at the time when jitd examines a file. ``trusted`` contains the mount points that the administrator has
    declared in jitd.toml(5). jitd believes what these mounts say about the owners of files.

    The methods raise OSError and ValueError.
    """

    trusted: tuple[bytes, ...] = ()

    def at(self, number: int) -> Mount | None:
        """Return the mount that has this ``number`` (see ``number_of``). Return None for the mount of ``/``."""
        return None if number == self._root else self._listed(number)

    def why_not(self, number: int) -> str:
        """Return why jitd cannot believe the owner that mount ``number`` reports, or "" if it can."""
        mount = self.at(number)
        if mount is None or mount.is_below(self.trusted):
            return ""
        is_roots_own = b"idmapped" not in mount.options and mount.device == self._listed(self._root).device
        return "" if is_roots_own else mount.why_not

    def elsewhere(self, path: bytes, number: int) -> tuple[bytes, ...]:
        """Return the other paths that lead to the place of ``path`` (absolute, without links), which is on the mount with this
        ``number``, as far as other mounts show it. It is not looked whether something else is mounted on top.
        """
        mount = self._listed(number)
        place = _below(mount.root, path, mount.point)
        others = (_below(one.point, place, one.root) for one in _by_device(OWN()).get(mount.device, ()) if place)
        return tuple(dict.fromkeys(one for one in others if one not in (b"", path)))

    def around(self, path: bytes, number: int) -> tuple[Processes, Processes]:
        """Return a process of each mount namespace in which the file ``path`` (absolute, without links), which is on the mount
        with this ``number``, is mounted by itself, and of each in which something is mounted over it. If another file takes its
        name, the former keep the one before, and the kernel takes the mount off from the latter (rename(2), unlink(2)). Not among
        these are the mounts of a user namespace of somebody's, which anybody can make, and with so many that no time is enough to
        read them. What needs CAP_SYS_PTRACE, as the links in /proc/PID/ns do, is not asked: jitd does not have it (ADR 0020).
        """
        mount = self._listed(number)
        place = _below(mount.root, path, mount.point)
        found, holders, covers = dict[bytes, list[int]](), list[list[int]](), list[list[int]]()
        for process in sorted(map(int, filter(str.isdigit, os.listdir("/proc")))):
            with suppress(OSError), FileIO(f"/proc/{process}/mountinfo") as file:  # else it has ended
                if not _is_of_the_host(process):
                    continue
                lead = file.read(_PAGE)
                if (first := lead.partition(b"\n")[0]) in found:  # a number of a mount is one in all namespaces
                    found[first].append(process)
                    continue
                found[first] = processes = [process]
                mounts = read.__wrapped__(lead + file.readall())  # the cached texts are those of this process
                if any(one.device == mount.device and one.root == place for one in mounts.values()):
                    holders.append(processes)
                if _is_covered(mounts, mount.device, place):
                    covers.append(processes)
        return _named(holders), _named(covers)

    def _listed(self, number: int) -> Mount:
        if number not in self._others:
            raise ValueError("the kernel does not list this mount")
        return self._others[number]

    @cached_property
    def _root(self) -> int:
        return _number(_HERE, b"/")

    @cached_property
    def _others(self) -> Mapping[int, Mount]:
        return read(OWN())


@dataclass
class EditedMounts(Mounts):
    """The mounts as they count for who changes the text of a file. ``nosuid`` alone does not matter on file systems in memory,
    and on disks without which this host does not start, as root's fstab(5) says. All others may have been brought along.
    """

    def why_not(self, number: int) -> str:
        why, mount = super().why_not(number), self.at(number)
        if not why or mount is None or not mount.tells_modes:
            return why
        return "" if mount.kind in _IN_MEMORY or mount.device in self._needed else why

    @cached_property
    def _needed(self) -> frozenset[bytes]:
        """The devices of the disks, which may be mounted at other places once more: a sandbox of systemd does so."""
        with suppress(FileNotFoundError), FileIO(_FSTAB) as file:
            status = os.fstat(file.fileno())
            if status.st_uid == 0 and not status.st_mode & 0o022:
                points = needed(file.readall())
                return frozenset(mount.device for mount in self._others.values() if mount.point in points)
        return frozenset()


def needed(fstab: bytes) -> frozenset[bytes]:
    """Return the mount points of the disks without which a host with this text of fstab(5) does not start. Where another line
    names the same point, it is not known which of the two is mounted there.
    """
    found: dict[bytes, bool] = {}
    for words in (line.split() for line in fstab.split(b"\n") if not line.lstrip().startswith(b"#")):
        if len(words) >= 2:
            is_needed = len(words) >= 4 and words[0].startswith(_DEVICE)
            is_needed = is_needed and _LATER.isdisjoint(option.partition(b"=")[0] for option in words[3].split(b","))
            point = os.path.normpath(_unescaped(words[1]))
            found[point] = is_needed and found.get(point, True)
    return frozenset(point for point, is_needed in found.items() if is_needed)


Processes = tuple[tuple[bytes, int], ...]
"""The names and the pids of processes."""


def _named(namespaces: list[list[int]]) -> Processes:
    """Return the oldest process of each, the oldest first, so that who begins processes puts none before a service."""
    found = list[tuple[int, int, bytes]]()
    for processes in namespaces:
        if ages := sorted(filter(None, map(_age, processes))):
            with suppress(OSError), FileIO(f"/proc/{ages[0][1]}/comm") as file:
                found.append((*ages[0], file.readall().removesuffix(b"\n")))
    return tuple((name, process) for _, process, name in sorted(found))


def _age(process: int) -> tuple[int, int] | None:
    """Return when ``process`` began (proc_pid_stat(5)), and its pid, or None if it has ended."""
    with suppress(OSError), FileIO(f"/proc/{process}/stat") as file:
        return int(file.readall().rpartition(b") ")[2].split(b" ")[19]), process
    return None


def _is_covered(mounts: Mapping[int, Mount], device: bytes, place: bytes) -> bool:
    """True if something is mounted over ``place``, a path in the file system on ``device``. A point and that of the mount on
    which it is are both below the root directory of the process that shows them.
    """
    on = ((mount, mounts.get(mount.parent)) for mount in mounts.values())
    return any(
        parent is not None and parent.device == device and _below(parent.root, mount.point, parent.point) == place
        for mount, parent in on
    )


def _is_of_the_host(process: int) -> bool:
    """True if root has a uid in the user namespace of ``process``: else anybody may have made it (user_namespaces(7)). It is
    asked when the file with the mounts is open: nobody comes back from such a namespace. Raises OSError.
    """
    with FileIO(f"/proc/{process}/uid_map") as file:
        return any(line.split()[1] == b"0" for line in file.readall().split(b"\n")[:-1])


def _below(top: bytes, path: bytes, above: bytes) -> bytes:
    """Return the path below ``top`` that ``path`` is below ``above``, or an empty text if it is not below."""
    lead = above.rstrip(b"/")
    if path != above and not path.startswith(lead + b"/"):
        return b""
    return (top.rstrip(b"/") + path[len(lead) :]).rstrip(b"/") or b"/"


_LIBC = ctypes.CDLL(None, use_errno=True)
_HERE, _ITSELF, _NOT_MOUNTED = -100, 0x1000, 0x800  # the constants AT_FDCWD, AT_EMPTY_PATH and AT_NO_AUTOMOUNT of statx(2)
_MOUNT = 0x1000  # STATX_MNT_ID of statx(2). Linux has this flag since version 5.8.
_ANSWER = struct.Struct("=I140xQ104x")  # of struct statx: the mask of the filled fields, and the number of the mount (statx(2))
_ROOM = ctypes.c_char * _ANSWER.size


def number_of(file: int) -> int:
    """Return the number that the kernel gave to the mount of the descriptor ``file``. Raises OSError and ValueError."""
    return _number(file, b"")


def _number(file: int, path: bytes) -> int:
    answer = _ROOM()
    if _LIBC.statx(file, path, _ITSELF | _NOT_MOUNTED, _MOUNT, answer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    filled, found = _ANSWER.unpack_from(answer)
    if not filled & _MOUNT:
        raise ValueError("the kernel does not report the number of this mount")
    return int(found)


def kind_of(number: int) -> str:
    """Return the kind of file system of the mount that has this ``number``. Raises OSError and ValueError."""
    if (mount := read(OWN()).get(number)) is None:
        raise ValueError("the kernel does not list this mount")
    return mount.kind
