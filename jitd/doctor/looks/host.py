# SPDX-License-Identifier: Apache-2.0
"""Clocks, accounts and groups, as this host has them. Law: the kernel's clock is asked, and never set."""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from jitd.deciding import groups
from jitd.doctor.checks.host import Clocks
from jitpam.initiator import within

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LOGIN_DEFS = Path("/etc/login.defs")
UID_MIN = 1000
LISTED_WITHIN = 3.0
"""Seconds that listing all accounts may take: a directory of a large house need not be listed at all."""
TIMEX_BYTES = 512
"""struct timex is 208 bytes; its first member, ``modes``, at 0 asks and changes nothing."""
TIME_ERROR = 5
"""What adjtimex(2) returns of a clock that is not synchronised."""


def clocks() -> Clocks:
    """The clocks over some milliseconds."""
    boot, monotonic = time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
    before = time.perf_counter()
    time.sleep(0.02)
    passed, slept = time.clock_gettime(time.CLOCK_BOOTTIME) - boot, time.perf_counter() - before
    try:
        boot_id = BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot_id = ""
    return Clocks(boot, monotonic, passed, slept, boot_id, _is_synchronised())


def _is_synchronised() -> bool | None:
    state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    return None if state < 0 else state != TIME_ERROR


def name_service(names: Iterable[str]) -> tuple[float, bool]:
    """Seconds that it took to look up root, an account that is not there, and the groups ``names``; and whether uid 0 is root."""
    began = time.monotonic()
    finds_root = False
    with suppress(KeyError):
        finds_root = pwd.getpwuid(0).pw_name == "root"
    with suppress(KeyError):
        pwd.getpwnam("jitd-no-such-account")
    for group in names:
        with suppress(groups.CannotLookUp):
            groups.named(group)
    return time.monotonic() - began, finds_root


def least_uid_of_people() -> int:
    """UID_MIN of login.defs(5)."""
    with suppress(OSError):
        found = re.search(r"^\s*UID_MIN\s+([0-9]+)\s*$", LOGIN_DEFS.read_text("utf-8", "replace"), re.MULTILINE)
        if found:
            return int(found[1])
    return UID_MIN


def everybody() -> dict[str, tuple[int, int]] | None:
    """Name → uid and gid of every account that NSS lists; None if that takes longer than LISTED_WITHIN."""
    try:
        return within(LISTED_WITHIN, lambda: {one.pw_name: (one.pw_uid, one.pw_gid) for one in pwd.getpwall()})
    except TimeoutError:
        return None


def members(names: Iterable[str], listed: Mapping[str, tuple[int, int]]) -> dict[str, tuple[str, ...] | None]:
    """Name → the accounts of the group, those ``listed`` whose own group it is among them; None where there is no such group.
    One that cannot be looked up is left out.
    """
    found: dict[str, tuple[str, ...] | None] = {}
    for name in names:
        with suppress(groups.CannotLookUp):
            entry = groups.named(name)
            own = {user for user, (_, gid) in listed.items() if entry and gid == entry.gid}
            found[name] = tuple(sorted({*entry.members, *own})) if entry else None
    return found


def uids(users: Iterable[str], listed: Mapping[str, tuple[int, int]]) -> dict[str, int | None]:
    """Name → uid; None where there is no such account. Who is not ``listed`` is asked for."""
    found: dict[str, int | None] = {}
    for name in users:
        try:
            found[name] = listed[name][0] if name in listed else pwd.getpwnam(name).pw_uid
        except (KeyError, ValueError):
            found[name] = None
    return found


def own_user() -> str:
    """Whose account this process is; the number, where it is nobody's."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
