# SPDX-License-Identifier: Apache-2.0
"""Reads durations and numbers of jitsudo's command line. This module also defines UsageError, which is raised for invalid text.

Law: pure and total. For any bytes, a function returns a value or raises UsageError.
"""

from __future__ import annotations

LONGEST = 10 * 365 * 24 * 3600  # seconds in a duration: ten years. Rules allow only much shorter durations.
MOST_USES = 1_000_000


class UsageError(Exception):
    """The command line is not valid. The text says why and quotes typed words, so print it through ``shown``."""


def read_timeout(text: bytes) -> int:
    """Return the seconds in ``text``: a duration, or digits alone, as for sudo's ``-T``. Raises UsageError."""
    return read_duration(text + b"s" if text.isdigit() else text)


_UNITS = {ord("d"): 86400, ord("h"): 3600, ord("m"): 60, ord("s"): 1}


def read_duration(text: bytes) -> int:
    """Return the number of seconds in a duration such as ``90s``, ``15m``, ``2h``, ``1h30m`` or ``1d``. A duration consists of
    ASCII digits and units. A larger unit must come before a smaller unit. Raises UsageError.
    """
    total = 0
    number = b""
    last = LONGEST
    for at, byte in enumerate(text):
        if 48 <= byte <= 57:
            number += text[at : at + 1]
            continue
        unit = _UNITS.get(byte)
        if unit is None or unit >= last or not 0 < len(number) <= 9:
            raise UsageError(f"{brief(text)} is not a duration: write 90s, 15m, 2h, 1h30m or 1d")
        total += int(number) * unit
        number = b""
        last = unit
    if number or last == LONGEST:
        raise UsageError(f"{brief(text)} is not a duration: write 90s, 15m, 2h, 1h30m or 1d")
    if not 1 <= total <= LONGEST:
        raise UsageError(f"{brief(text)} is not a duration from 1s to 3650d")
    return total


def read_uses(text: bytes) -> int:
    """Return the number of uses in ``text``, from 1 to MOST_USES. Raises UsageError."""
    if not 0 < len(text) <= 7 or not all(48 <= byte <= 57 for byte in text) or not 1 <= int(text) <= MOST_USES:
        raise UsageError(f"{brief(text)} is not a number of uses from 1 to {MOST_USES}")
    return int(text)


def quoted(value: bytes) -> str:
    """Return ``value``, which was typed, as text. No quotes are added."""
    return value.decode("utf-8", "surrogateescape")


def brief(text: bytes) -> str:
    """Return the beginning of the typed ``text``, in a form for an error text."""
    return quoted(text if len(text) <= 40 else text[:40] + b"...") or "nothing"
