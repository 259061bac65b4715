# SPDX-License-Identifier: Apache-2.0
"""Looks up accounts in NSS, and distinguishes "there is no such account" from "no directory answers".

Law: a missing answer is never treated as "no such account". The standard module ``pwd`` would break this law: if no directory
answers, ``pwd`` reports that there is no such account.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass

from jitd.core.command import MAX_ID

_FIRST = 1 << 12
_MOST = 1 << 20  # bytes of the buffer for one entry. If a buffer is too small, the library returns ERANGE (getpwnam_r(3)).


class NoSuchAccount(Exception):
    """The user or group does not exist on this host. The error text is the end of a sentence. The caller adds the beginning."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account's name and number. ``uid`` is None if the number is not known."""

    user: str
    uid: int | None


class _Entry(ctypes.Structure):
    """``struct passwd`` of glibc and musl (pwd.h)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("uid", ctypes.c_uint32),
        ("gid", ctypes.c_uint32),
        ("gecos", ctypes.c_char_p),
        ("home", ctypes.c_char_p),
        ("shell", ctypes.c_char_p),
    )


_libc = ctypes.CDLL(None)


def number_in(name: str) -> int | None:
    """Return the number of a name ``#1234``, or None for others. Raises NoSuchAccount for one that no account can have."""
    if not name.startswith("#"):
        return None
    digits = name[1:]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) <= MAX_ID):
        raise NoSuchAccount(f"an id must be # and a decimal number up to {MAX_ID}")
    return int(digits)


def account(name: str) -> Account | None:
    """Return the account ``name``, which may be ``#`` and a number. Return None if the account does not exist. Raises OSError if
    a directory of accounts does not answer. May block.
    """
    try:
        number = number_in(name)
        word = name.encode("utf-8", "surrogateescape")
    except (NoSuchAccount, UnicodeEncodeError):
        return None
    if b"\0" in word:
        return None
    size = _FIRST
    while True:
        entry, found = _Entry(), ctypes.POINTER(_Entry)()
        room = ctypes.create_string_buffer(size)
        given = (ctypes.byref(entry), room, ctypes.c_size_t(size), ctypes.byref(found))
        code = _libc.getpwnam_r(word, *given) if number is None else _libc.getpwuid_r(ctypes.c_uint32(number), *given)
        if code == errno.ERANGE and size < _MOST:
            size *= 2
        elif code == errno.EINTR:
            continue
        elif code:
            raise OSError(code, os.strerror(code))
        else:
            return Account(entry.name.decode("utf-8", "surrogateescape"), entry.uid) if found else None
