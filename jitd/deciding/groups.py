# SPDX-License-Identifier: Apache-2.0
"""Looks up groups in NSS. This module distinguishes a group that does not exist from a group that cannot be looked up. Python's
``grp`` treats both cases alike.

Law: this module imports only the standard library. An error never means that a group does not exist. All functions here may
block.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from typing import NamedTuple

ROOM, MOST_ROOM = 4096, 64 * 1024 * 1024  # the initial size and the maximum size of the buffer for one entry, in bytes
MOST_INTERRUPTED = 10
FEW_IDS, MOST_IDS = 64, 65536  # ids for which there is room at first, and at most: NGROUPS_MAX (limits.h)


class CannotLookUp(Exception):
    """NSS answered with an error. The error text is the end of a sentence. The caller adds the beginning."""


class Group(NamedTuple):
    """A group. ``members`` are those of its entry, where those may be missing whose primary group it is."""

    name: str
    gid: int
    members: tuple[str, ...]


class _Entry(ctypes.Structure):
    """``struct group`` of glibc and musl (grp.h)."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("gid", ctypes.c_uint32),
        ("members", ctypes.POINTER(ctypes.c_char_p)),
    ]


_LIBC = ctypes.CDLL(None)
_REST = (ctypes.POINTER(_Entry), ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p))
_LIBC.getgrnam_r.argtypes = (ctypes.c_char_p, *_REST)
_LIBC.getgrgid_r.argtypes = (ctypes.c_uint32, *_REST)
_LIBC.getgrouplist.argtypes = (ctypes.c_char_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(ctypes.c_int))


def ids_of(user: str, gid: int) -> tuple[int, ...]:
    """Return the ids of all groups of ``user``, including ``gid`` (getgrouplist(3)). If a directory of accounts does not answer,
    groups are missing in the result. Raises ValueError if ``user`` contains NUL. Raises CannotLookUp if the C library fails, for
    example because there is no memory.

    ``os.getgrouplist`` is not used, because it keeps Python's interpreter lock: no other thread, and no event loop, would run
    until the directory has answered.
    """
    key = os.fsencode(user)
    if b"\0" in key:
        raise ValueError("the name of an account contains NUL")
    room = FEW_IDS
    while True:
        ids, number = (ctypes.c_uint32 * room)(), ctypes.c_int(room)
        if _LIBC.getgrouplist(key, gid, ids, ctypes.byref(number)) >= 0:
            return tuple(ids[: number.value])
        if number.value <= room:  # not for want of room, so nothing was written to ``ids``
            raise CannotLookUp("the groups of the account cannot be looked up")
        if room >= MOST_IDS:
            return tuple(ids[:room])
        room = min(MOST_IDS, max(room * 4, number.value))


def named(name: str) -> Group | None:
    """Return the group ``name``. Return None if there is no such group. Raises CannotLookUp."""
    try:
        key = os.fsencode(name)
    except ValueError:
        return None
    if b"\0" in key or not key:
        return None
    return _look_up(_LIBC.getgrnam_r, key)


def numbered(gid: int) -> Group | None:
    """Return the group with the number ``gid``. Return None if there is no such group. Raises CannotLookUp."""
    return _look_up(_LIBC.getgrgid_r, gid)


def _look_up(function: Callable[..., int], key: bytes | int) -> Group | None:
    room, n_interrupted = ROOM, 0
    while True:
        entry, buffer, found = _Entry(), ctypes.create_string_buffer(room), ctypes.c_void_p()
        code = function(key, ctypes.byref(entry), buffer, room, ctypes.byref(found))
        if code == 0:
            return _read(entry) if found.value else None
        if code == errno.ERANGE and room < MOST_ROOM:
            room *= 4
        elif code == errno.EINTR and n_interrupted < MOST_INTERRUPTED:
            n_interrupted += 1
        else:
            raise CannotLookUp(f"it cannot be looked up: {os.strerror(code)}")


def _read(entry: _Entry) -> Group:
    members = []
    at = 0
    while entry.members and (member := entry.members[at]) is not None:
        members.append(os.fsdecode(member))
        at += 1
    return Group(os.fsdecode(entry.name or b""), entry.gid, tuple(members))
