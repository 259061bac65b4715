# SPDX-License-Identifier: Apache-2.0
"""Finds processes of an account that still have a group after the membership has ended. Also finds files that pass the group on,
such as set-gid files.

Law: only processes and files of the account and of its subordinate uids are examined. Other accounts cannot get the group through
the membership. If a process can get the group again through a user namespace, it is treated as a process that has the group. A
process is signalled through a descriptor, so that no other process gets the signal by mistake. No file is changed. The search
ends after SEARCH_FOR seconds, and reports the places that were not searched. Sources: proc(5), credentials(7), acl(5), subuid(5),
pidfd_open(2).
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jitd.core.frozen import dataclass, field
from jitd.givers.group_namespaces import Spaces, spaces
from jitpam.wire.shown import shown

LEAVES_FOR = 1.0
"""Seconds between SIGHUP and SIGKILL. A process that has ended in this time does not get SIGKILL."""
ENDS_WITHIN = 5.0
"""Seconds within which all processes have to end. A living process may fork at any time, so the search for processes is
repeated.
"""
LOOK_AGAIN = 0.02
SEARCH_FOR = 10.0
"""Maximum time, in seconds, of the search for files."""
LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay", "zfs", "bcachefs", "jfs", "reiserfs", "vfat"}
)
"""The types of file systems that are searched. These file systems are on this host's own disks or in its memory."""
SUBORDINATES = Path("/etc/subuid")
ACLS = ("system.posix_acl_access", "system.posix_acl_default")
_ACL_ENTRY, _ACL_GROUP = struct.Struct("<HHI"), 0x08


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has the group."""

    pid: int
    name: str

    @property
    def told(self) -> str:
        """The name and the pid of the process, as text for people."""
        return f"{shown(self.name.encode('utf-8', 'surrogateescape'))} ({self.pid})"


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: the files that pass the group on, and the mount points that were not fully searched."""

    files: list[bytes] = field(default_factory=list)
    unread: list[bytes] = field(default_factory=list)


class Uids:
    """The uids that the holder of an account can use. The object contains the account's uid ``uid`` and its subordinate uids
    (subuid(5)). Containers use subordinate uids.
    """

    def __init__(self, uid: int) -> None:
        self._ranges = [range(uid, uid + 1)]
        names = [str(uid)]
        with suppress(KeyError):
            names.append(pwd.getpwuid(uid).pw_name)
        with suppress(FileNotFoundError):
            for line in SUBORDINATES.read_text("utf-8", "surrogateescape").splitlines():
                owner, *numbers = line.split(":")
                if owner in names and len(numbers) == 2 and all(number.isdecimal() for number in numbers):
                    self._ranges.append(range(int(numbers[0]), int(numbers[0]) + int(numbers[1])))

    def __contains__(self, uid: int) -> bool:
        return any(uid in one for one in self._ranges)


# --- processes -----------------------------------------------------------------------------------------------------------


def holders(uid: int, gid: int) -> list[Process]:
    """Return the processes of the account ``uid`` that have the group ``gid`` or can get it again."""
    uids, found = Uids(uid), spaces(gid)
    return [process for process in _processes() if _has(process.pid, uids, gid, found)]


def end(uid: int, gid: int) -> list[str]:
    """End the processes of the account ``uid`` that have the group ``gid``. Return the processes that could not be ended, as
    text for people.
    """
    _signal_all(uid, gid, signal.SIGHUP, signal.SIGCONT)
    until = time.monotonic() + LEAVES_FOR
    while holders(uid, gid) and time.monotonic() < until:
        time.sleep(LOOK_AGAIN)
    until = time.monotonic() + ENDS_WITHIN
    while _signal_all(uid, gid, signal.SIGKILL) and time.monotonic() < until:
        time.sleep(LOOK_AGAIN)
    return [process.told for process in holders(uid, gid)]


def _signal_all(uid: int, gid: int, *numbers: signal.Signals) -> int:
    """Send the signals ``numbers`` to all processes of the account ``uid`` that have the group ``gid``. Return the number of
    these processes.
    """
    n_found, uids, found = 0, Uids(uid), spaces(gid)
    for process in holders(uid, gid):
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process.pid)
            try:
                if _has(process.pid, uids, gid, found):  # the descriptor refers to the same process
                    n_found += 1
                    for number in numbers:
                        signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)
    return n_found


def _processes() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                yield Process(int(name), Path(f"/proc/{name}/comm").read_text("utf-8", "surrogateescape").rstrip("\n"))


def _has(pid: int, uids: Uids, gid: int, found: Spaces) -> bool:
    """True if a thread of the process ``pid`` belongs to the account, and has the group or can get the group. A thread that has
    ended is ignored.
    """
    with suppress(OSError):
        threads = [_ids_of(f"/proc/{pid}/task/{thread}/status") for thread in os.listdir(f"/proc/{pid}/task")]
        theirs = [gids for owners, gids in threads if any(owner in uids for owner in owners)]
        return any(gid in gids for gids in theirs) or bool(theirs and found.is_handed_on_by(pid))
    return False


def _ids_of(file: str) -> tuple[list[int], list[int]]:
    """Return the uids and the gids of a thread. Return two empty lists if the thread has ended."""
    found: dict[bytes, list[bytes]] = {}
    with suppress(OSError):
        found = {line.split(b":")[0]: line.split()[1:] for line in Path(file).read_bytes().splitlines()}
    if found.get(b"State", [b"Z"])[0] in (b"Z", b"X"):
        return [], []
    return [int(id) for id in found.get(b"Uid", [])], [int(id) for id in (*found.get(b"Gid", []), *found.get(b"Groups", []))]


# --- files ---------------------------------------------------------------------------------------------------------------


def search(uid: int, gid: int, roots: Sequence[bytes]) -> Found:
    """Return those files of the account ``uid`` and of its subordinate uids that pass on the group ``gid``. A file passes the
    group on if it is set-gid to ``gid`` or has an ACL entry for ``gid``. Search below the directories ``roots``, and stay on the
    file system of each root.
    """
    found, until, uids = Found(), time.monotonic() + SEARCH_FOR, Uids(uid)
    seen: set[tuple[int, int]] = set()
    for root in roots:
        with suppress(OSError):
            status = os.lstat(root)
            device, place = status.st_dev, (status.st_dev, status.st_ino)
            if place in seen:
                continue
            seen.add(place)
            if not _search(root, device, (uids, gid), found.files, until):
                found.unread.append(root)
    return found


def _search(root: bytes, device: int, whose: tuple[Uids, int], files: list[bytes], until: float) -> bool:
    """Search the file system ``device``, beginning at ``root``. Return False if the time was over before the search was
    complete.
    """
    uids, gid = whose
    waiting = [root]
    while waiting:
        if time.monotonic() > until:
            return False
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISLNK(status.st_mode):
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        if status.st_dev != device:  # (a file of an overlay may have the device number of a lower layer)
                            continue
                        waiting.append(entry.path)
                    if status.st_uid in uids and (_is_set_gid(status, gid) or _has_acl(entry.path, gid)):
                        files.append(entry.path)
    return True


def _is_set_gid(status: os.stat_result, gid: int) -> bool:
    return status.st_gid == gid and bool(status.st_mode & stat.S_ISGID)


def _has_acl(path: bytes, gid: int) -> bool:
    """True if an ACL of ``path`` has an entry for the group ``gid`` (acl(5)). linux/posix_acl_xattr.h defines the bytes of the
    entry.
    """
    for name in ACLS:
        with suppress(OSError):
            value = os.getxattr(path, name, follow_symlinks=False)[4:]
            whole = value[: len(value) // _ACL_ENTRY.size * _ACL_ENTRY.size]
            if any(tag == _ACL_GROUP and id == gid for tag, _, id in _ACL_ENTRY.iter_unpack(whole)):
                return True
    return False


def local_mounts() -> list[bytes]:
    """Return the mount points of this host's own file systems, without those that are read-only. Each file system is returned
    once (proc(5), mountinfo). If only parts of a file system are mounted, return the mount points of all these parts.
    """
    whole: dict[bytes, bytes] = {}
    parts: list[tuple[bytes, bytes]] = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        fields, (kind, _, options) = before.split(b" "), after.split(b" ", 2)
        is_writable = b"ro" not in fields[5].split(b",") and b"ro" not in options.split(b",")
        if kind.decode("ascii", "replace") in LOCAL and is_writable:
            place = fields[4].decode("unicode_escape").encode("latin-1")
            if fields[3] == b"/":
                whole.setdefault(fields[2], place)
            else:
                parts.append((fields[2], place))
    return [*whole.values(), *(place for device, place in parts if device not in whole)]
