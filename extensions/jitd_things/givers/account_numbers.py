# SPDX-License-Identifier: Apache-2.0
"""Finds the next uid for the kind ``account``. The uid belongs to nobody, no other tool assigns the uid, and no account has ever
used the uid.

Law: a uid is never used twice. Among the uids of the giver, the next uid is higher than every uid that is in the notes, that an
account of this host has, or that owns a file on this host. So a uid is not used again even if the notes were restored from an
old copy. If the files of the host cannot be searched completely, no uid is assigned. Sources: login.defs(5), subuid(5),
systemd's UIDS-GIDS.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jitd.files import mounts
from jitd.settings.account_uids import SYSTEMD, Range, without
from jitd_things.givers.account_notes import AccountNotes, Used

LOGIN_DEFS = Path("/etc/login.defs")
SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SEARCH_FOR = 20.0  # maximum time, in seconds, of the search through the files. The search is done once in each boot.
LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay", "zfs", "bcachefs", "jfs", "reiserfs", "vfat"}
)
"""The types of file systems that are searched. These file systems are on this host's own disks or in its memory."""
DAY = 86400
MOST_OPEN = 8  # accounts that one person has at a time
MOST_A_DAY = 32
"""Maximum number of accounts that are made for one person within 24 hours. One person alone needs three years for the uids 65536
to 99999, and seven months for the last fifth, of which the doctor warns.
"""
USERADD: dict[str, int] = {"UID_MIN": 1000, "UID_MAX": 60000}  # what useradd uses if login.defs does not set them


class NoUid(Exception):
    """No uid can be assigned. The text of this exception is a sentence with the reason and the remedy."""


def free_of(uids: Range) -> list[Range]:
    """Return the parts of ``uids`` that are not used by systemd, by useradd, or by a line of subuid(5) or subgid(5)."""
    defs = {**USERADD, **_defs()}
    handed_out = [(defs["UID_MIN"], defs["UID_MAX"]), *SYSTEMD, *_subordinate()]
    if "SUB_UID_MIN" in defs and "SUB_UID_MAX" in defs:
        handed_out.append((defs["SUB_UID_MIN"], defs["SUB_UID_MAX"]))
    return without(uids, handed_out)


def ender_of(uids: Range) -> int | None:
    """Return the last free uid in ``uids``. No account ever gets this uid. Return None if there is no free uid.

    The returned uid is for the process of jitd that ends an account's processes. This process has the returned uid as its real
    uid, so the account's processes cannot end it.
    """
    free = free_of(uids)
    return free[-1][1] if free else None


def next_uid(name: str, uids: Range, notes: AccountNotes, roots: Sequence[bytes], holder: int) -> int:
    """Return a uid of ``uids``, noted as used, for an account of the giver ``name`` for the person ``holder``. Files below
    ``roots`` are searched once in each boot. Raises NoUid and OSError.
    """
    free, ender = free_of(uids), ender_of(uids)
    if ender is None:
        raise NoUid(
            f"all uids of [givers.{name}] may also be given out by login.defs, subuid or systemd of this host: choose others; "
            "65536-99999 are free on most hosts"
        )
    used = _paced(_searched(name, uids, notes, roots), notes, holder)
    known = [
        *used.uids,
        *((note.uid, note.uid) for note in notes.all().values()),
        *((one.pw_uid, one.pw_uid) for one in pwd.getpwall()),
    ]
    ours = [(low, high) for low, high in free if low != ender]  # the account nobody is between these ranges, and owns many files
    highest = _highest(known, ours)
    for first, last in free:
        for uid in range(max(first, highest + 1), last + 1):
            if uid == ender:
                break
            if not _is_somebodys(uid):
                notes.use(replace(used, uids=_joined((*used.uids, (uid, uid)))))
                return uid
    raise NoUid(f'all uids of [givers.{name}] were used, and jitd uses no uid twice: set its "uids" to a new range')


def n_used(uids: Range, notes: AccountNotes) -> tuple[int, int]:
    """Return how many of the free uids of ``uids`` are used up, and how many there are. Raises OSError."""
    free, ender = free_of(uids), ender_of(uids)
    highest = _highest(notes.used().uids, [(low, high) for low, high in free if low != ender])
    return sum(max(min(high, highest) - low + 1, 0) for low, high in free), sum(high - low + 1 for low, high in free)


def _highest(known: Iterable[Range], ours: Sequence[Range]) -> int:
    """Return the highest uid of the ranges ``ours`` that is also in a range of ``known``, or 0."""
    return max((min(last, high) for first, last in known for low, high in ours if first <= high and low <= last), default=0)


def _paced(used: Used, notes: AccountNotes, holder: int) -> Used:
    """Return ``used`` with a new account for ``holder``. Raises NoUid if ``holder`` has or had too many."""
    now = int(time.time())
    lately = [one for one in used.begun if now - DAY < one[1] <= now]
    n_open = sum(note.holder == holder for note in notes.all().values())
    if n_open >= MOST_OPEN:
        raise NoUid(f"you have {n_open} accounts that jitd has made, and nobody may have more: end one first (jitd revoke ID)")
    theirs = [at for uid, at in lately if uid == holder]
    if len(theirs) >= MOST_A_DAY:
        minutes = max(1, (min(theirs) + DAY - now) // 60)
        raise NoUid(f"{MOST_A_DAY} accounts were made for you within a day, and no uid is used twice: ask again in {minutes} min")
    return replace(used, begun=(*lately, (holder, now)))


def _searched(name: str, uids: Range, notes: AccountNotes, roots: Sequence[bytes]) -> Used:
    """Return the uids that were used. Search the files first, to find used uids that are in no note. Raises NoUid and OSError."""
    used, boot = notes.used(), BOOT_ID.read_text("ascii").strip()
    if used.boot == boot and uids in used.searched:
        return used
    found, unread = owners_within(uids, roots, time.monotonic() + SEARCH_FOR)
    if unread:
        where = b", ".join(unread[:3]).decode("utf-8", "replace")
        raise NoUid(
            f"the search for used uids has not ended within {SEARCH_FOR:g} s (not fully searched: {where}): ask again, or set "
            f'"search" of [givers.{name}] to the directories in which an account of this giver can write'
        )
    searched = (*(used.searched if used.boot == boot else ()), uids)
    return replace(used, uids=_joined((*used.uids, *((uid, uid) for uid in found))), boot=boot, searched=searched)


def _is_somebodys(uid: int) -> bool:
    for look_up in (pwd.getpwuid, grp.getgrgid):
        with suppress(KeyError):
            look_up(uid)
            return True
    return os.path.exists(f"/run/user/{uid}")


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return ``ranges`` sorted. Ranges that touch or overlap are joined."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def _defs() -> dict[str, int]:
    with suppress(FileNotFoundError):
        found = re.findall(rb"^\s*((?:SUB_)?UID_M(?:IN|AX))\s+([0-9]+)", LOGIN_DEFS.read_bytes(), re.MULTILINE)
        return {name.decode("ascii"): int(number) for name, number in found}
    return {}


def _subordinate() -> list[Range]:
    found = []
    for file in SUBORDINATE:
        with suppress(FileNotFoundError):
            for _, first, count in re.findall(rb"^([^:\n]*):([0-9]+):([0-9]+)", file.read_bytes(), re.MULTILINE):
                found.append((int(first), int(first) + max(int(count), 1) - 1))
    return found


# --- the owners of files -------------------------------------------------------------------------------------------------


def local_mounts() -> list[bytes]:
    """Return the mount points of this host's own file systems, without those that are read-only. Each file system is returned
    once (proc(5), mountinfo). If only parts of a file system are mounted, return the mount points of all these parts.
    """
    whole: dict[bytes, bytes] = {}
    parts: list[tuple[bytes, bytes]] = []
    for mount in mounts.of_process().values():
        if mount.kind in LOCAL and b"ro" not in mount.options and b"ro" not in mount.of_kind:
            if mount.root == b"/":
                whole.setdefault(mount.device, mount.point)
            else:
                parts.append((mount.device, mount.point))
    return [*whole.values(), *(place for device, place in parts if device not in whole)]


def owners_within(uids: Range, roots: Sequence[bytes], until: float) -> tuple[set[int], list[bytes]]:
    """Return two results. The first result has each number in ``uids`` that is the uid or gid of a file below ``roots``. The
    second result has the roots that were not fully searched at the time ``until`` (on CLOCK_MONOTONIC).
    """
    found: set[int] = set()
    unread, seen = [], set()
    mounted = {mount.point for mount in mounts.of_process().values()}
    for root in roots:
        with suppress(OSError):
            status = os.lstat(root)
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                if not _search(root, mounted, until, lambda *ids: found.update(id for id in ids if uids[0] <= id <= uids[1])):
                    unread.append(root)
    return found, unread


def _search(root: bytes, mounted: Collection[bytes], until: float, take: Callable[[int, int], None]) -> bool:
    """Call ``take`` with the uid and the gid of each file below ``root``. No mount point is looked at, because a file system of
    FUSE may never answer. Return False if there was no time for all files.
    """
    waiting = [root]
    while waiting:
        if time.monotonic() > until:
            return False
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path in mounted:
                    continue
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    take(status.st_uid, status.st_gid)
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(entry.path)
    return True
