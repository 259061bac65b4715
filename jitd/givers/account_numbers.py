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
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jitd.givers.account_files import owners_within
from jitd.givers.account_notes import Notes, Used
from jitd.settings.account_uids import SYSTEMD, Range, without

LOGIN_DEFS = Path("/etc/login.defs")
SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SEARCH_FOR = 20.0
"""Maximum time, in seconds, of the search through the files. The search is done once in each boot."""
LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay", "zfs", "bcachefs", "jfs", "reiserfs", "vfat"}
)
"""The types of file systems that are searched. These file systems are on this host's own disks or in its memory."""
USERADD: dict[str, int] = {"UID_MIN": 1000, "UID_MAX": 60000}
"""The values that useradd uses if login.defs does not set them."""


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


def next_uid(name: str, uids: Range, notes: Notes, roots: Sequence[bytes]) -> int:
    """Return a uid of ``uids`` for a new account of the giver ``name``. The uid is already noted as used when this function
    returns. ``roots`` are the directories below which jitd searches for files, once in each boot. Raises NoUid and OSError.
    """
    free, ender = free_of(uids), ender_of(uids)
    if ender is None:
        raise NoUid(
            f"all uids of [givers.{name}] may also be given out by login.defs, subuid or systemd of this host: choose others; "
            "65536-99999 are free on most hosts"
        )
    used = _searched(name, uids, notes, roots)
    known = [*used.uids, *((note.uid, note.uid) for note in notes.all()), *((one.pw_uid, one.pw_uid) for one in pwd.getpwall())]
    ours = [(low, high) for low, high in free if low != ender]  # the account nobody is between these ranges, and owns many files
    highest = 0
    for first, last in known:
        highest = max([highest, *(min(last, high) for low, high in ours if first <= high and low <= last)])
    for first, last in free:
        for uid in range(max(first, highest + 1), last + 1):
            if uid == ender:
                break
            if not _is_somebodys(uid):
                notes.use(replace(used, uids=_joined((*used.uids, (uid, uid)))))
                return uid
    raise NoUid(f'all uids of [givers.{name}] were used, and jitd uses no uid twice: set its "uids" to a new range')


def _searched(name: str, uids: Range, notes: Notes, roots: Sequence[bytes]) -> Used:
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
    return Used(_joined((*used.uids, *((uid, uid) for uid in found))), boot, searched)


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
        text = LOGIN_DEFS.read_text("utf-8", "replace")
        return {name: int(number) for name, number in re.findall(r"^\s*((?:SUB_)?UID_M(?:IN|AX))\s+([0-9]+)", text, re.MULTILINE)}
    return {}


def _subordinate() -> list[Range]:
    found = []
    for file in SUBORDINATE:
        with suppress(FileNotFoundError):
            for _, first, count in re.findall(r"^([^:\n]*):([0-9]+):([0-9]+)", file.read_text("utf-8", "replace"), re.MULTILINE):
                found.append((int(first), int(first) + max(int(count), 1) - 1))
    return found


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
