# SPDX-License-Identifier: Apache-2.0
r"""Bytes as texts, and back. A byte that is not valid UTF-8 becomes ``\xNN``, and a backslash is doubled.

Law: pure. The texts of two different values always differ.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def spelled(value: bytes) -> str:
    r"""Return ``value`` as a text from which the same bytes can be computed again. A byte that is not UTF-8 becomes ``\xNN``, and
    a backslash is doubled.
    """
    return value.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def unspelled(text: str) -> bytes:
    """Return the bytes whose ``spelled`` text is ``text``."""
    return _ESCAPED.sub(lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]), text.encode())
