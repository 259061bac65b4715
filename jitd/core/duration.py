# SPDX-License-Identifier: Apache-2.0
"""Durations as people write them: ``90s``, ``15m``, ``1h30m``, ``1d``.

Law: a duration is a whole number of seconds from 1 to LONGEST. A duration is written in ASCII digits. The largest unit comes
first, and each unit appears at most once. All other texts are refused.
"""

from __future__ import annotations

import re

LONGEST = 10 * 365 * 86400  # the longest duration that is accepted: ten years, in seconds

_UNITS = (("d", 86400, "day"), ("h", 3600, "hour"), ("m", 60, "minute"), ("s", 1, "second"))
# [0-9], because with \d Python would also read "१५m". At most 9 digits (as in LONGEST), because many digits are read slowly.
_SPELLING = re.compile("".join(f"(?:([0-9]{{1,9}}){letter})?" for letter, _, _ in _UNITS))


def read_duration(text: str) -> int | None:
    """Return the duration ``text`` in seconds. Return None if ``text`` is not a duration."""
    match = _SPELLING.fullmatch(text)
    if match is None:
        return None
    seconds = sum(int(number or 0) * size for number, (_, size, _) in zip(match.groups(), _UNITS, strict=True))
    return seconds if 1 <= seconds <= LONGEST else None


def spell_duration(seconds: int) -> str:
    """Return the shortest text that ``read_duration`` reads as ``seconds``, such as ``1h30m``."""
    return "".join(f"{number}{letter}" for number, letter, _ in _parts(seconds)) or "0s"


def duration_in_words(seconds: int) -> str:
    """Return ``seconds`` in words for a sentence, such as ``1 hour 30 minutes``."""
    return " ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, _, word in _parts(seconds)) or "0 seconds"


def _parts(seconds: int) -> list[tuple[int, str, str]]:
    parts = []
    for letter, size, word in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append((number, letter, word))
    return parts


def roughly(seconds: float) -> str:
    """Return ``seconds`` in at most two units, such as ``3 days 2 hours``: nobody reads the seconds of three days."""
    whole = max(1, round(seconds))
    unit = next((unit for unit, least in ((3600, 86400), (60, 3600)) if whole >= least), 1)
    return duration_in_words(whole - whole % unit)
