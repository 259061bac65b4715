# SPDX-License-Identifier: Apache-2.0
"""Fields that several messages of jitd-outside have in common, and the strict parser of a message.
Law: pure. A field must have the right type and be within its limits. Otherwise ValueError is raised. The text of the error is a
sentence without its subject, such as "is not a list of networks".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from jitd.outside.addresses import read_network
from jitd.outside.urls import read_url
from jitpam.wire import notation

MOST_BYTES = 150 * 1024
"""Maximum number of bytes of one message."""
MOST_CA = 32 * 1024
"""Maximum number of characters of the field ``ca``, which contains the certificates of authorities."""
MOST_ADDRESSES = 64
M = TypeVar("M")
Readers = dict[str, Callable[[object], object]]
"""Maps a field to the function that reads its value."""


def checked(pattern: str, what: str) -> Callable[[object], str]:
    """Return a function that reads a string of the form ``pattern``. ``what`` describes the string for people."""
    form = re.compile(pattern)

    def read(value: object) -> str:
        if type(value) is not str or not form.fullmatch(value):
            raise ValueError(f"is not {what}")
        return value

    return read


def number(least: int, most: int) -> Callable[[object], int]:
    """Return a function that reads a whole number from ``least`` to ``most``."""

    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return value

    return read


authorities = checked(rf"[\n -~]{{0,{MOST_CA}}}", "text of certificates")
file_name = checked(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?", "the name of a file")


def url(value: object) -> str:
    """Return ``value`` if it is a URL in the normal form, that is, in the form that ``read_url`` gives to a URL."""
    if type(value) is not str or str(read_url(value)) != value:
        raise ValueError("is not a URL in its normal form")
    return value


def addresses(value: object) -> tuple[str, ...]:
    """Convert a list of networks to a tuple."""
    if type(value) is not list or len(value) > MOST_ADDRESSES:
        raise ValueError(f"is not a list of at most {MOST_ADDRESSES} networks")
    for item in value:
        if type(item) is not str or str(read_network(item)) != item:
            raise ValueError("is not a list of networks")
    return tuple(value)


def read_message(written: bytes, tag: tuple[str, str], readers: Readers, kind: Callable[..., M]) -> M:
    """Parse the message in ``written``, and return the result as an object of the type ``kind``. The message must have exactly
    the fields of ``readers`` and the field ``tag``. Raises ValueError.
    """
    if len(written) > MOST_BYTES:
        raise ValueError(f"the message has more than {MOST_BYTES} bytes")
    if not written.isascii():
        raise ValueError("the message is not ASCII")
    found = notation.read(written)
    if type(found) is not dict or found.pop(tag[0], None) != tag[1]:
        raise ValueError("no such message")
    if found.keys() != readers.keys():
        raise ValueError(f"these fields are missing or unknown: {', '.join(sorted(found.keys() ^ readers.keys()))}")
    values = {}
    for field, read in readers.items():
        try:
            values[field] = read(found[field])
        except ValueError as fault:
            raise ValueError(f"{field} {fault}") from None
    return kind(**values)
