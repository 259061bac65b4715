# SPDX-License-Identifier: Apache-2.0
r"""Bytes as texts, and back. A byte that is not valid UTF-8 becomes ``\xNN``, and a backslash is doubled.

Law: the texts of two different values always differ.
"""

from __future__ import annotations

import re

_SPELLED = re.compile(rb"(?:[^\\]++|\\\\|\\x[0-9a-f]{2})*+")


def spelled(value: bytes) -> str:
    r"""Return ``value`` as a text from which the same bytes can be computed again. A byte that is not UTF-8 becomes ``\xNN``, and
    a backslash is doubled.
    """
    return (value.replace(b"\\", b"\\\\") if b"\\" in value else value).decode("utf-8", "backslashreplace")


def unspelled(text: str) -> bytes:
    """Return the bytes whose ``spelled`` text is ``text``. Raises ValueError if ``spelled`` never returns such a text.

    A request may have a megabyte of words and is read many times, so this is work for the codecs, which are in C.
    """
    data = text.encode()
    if b"\\" not in data:
        return data
    if not _SPELLED.fullmatch(data):
        raise ValueError("a backslash begins neither another one nor the number of a byte")
    return data.decode("unicode_escape").encode("latin-1")
