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
from jitd.outside.urls import LONGEST as LONGEST_URL
from jitd.outside.urls import read_url
from jitpam.wire import notation
from jitpam.wire.declared import list_of, text

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


def _is_normal_url(text: str) -> bool:
    return str(read_url(text)) == text


def _is_normal_network(text: str) -> bool:
    return str(read_network(text)) == text


URL = text("a URL", most=LONGEST_URL).where(_is_normal_url, "a URL in its normal form")
ADDRESSES = list_of(text("a network", most=64).where(_is_normal_network, "a network in its normal form"), 0, MOST_ADDRESSES)
AUTHORITIES = text("text of certificates", r"[\n -~]*", most=MOST_CA)
FILE_NAME = text("the name of a file", r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")
"""The name of a file that jitd-outside has received, or empty."""
authorities, file_name, url, addresses = AUTHORITIES.read, FILE_NAME.read, URL.read, ADDRESSES.read


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
