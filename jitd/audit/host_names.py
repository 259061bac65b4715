# SPDX-License-Identifier: Apache-2.0
"""The names that a host has had, as its record tells them (PROTOCOL.md, "Key of the host").

Law: pure, for Python 3.9 and later. Part of verify.py, so it imports nothing of jitd. Which keys may sign for a name, is asked
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

RENAMED = "key.renamed"


class Renamed(NamedTuple):
    """Up to record ``number``, which is its own, the host was called ``before``, and it is called ``host`` since."""

    number: int
    before: str
    host: str


def renamed_in(number: int, content: Mapping[str, Any]) -> Optional[Renamed]:  # noqa: UP045
    """Return what record ``number`` says of another name, or None."""
    said = content.get("detail")
    if content.get("event") != RENAMED or not isinstance(said, dict):
        return None
    before, host = said.get("host"), said.get("renamed")
    return Renamed(number, before, host) if isinstance(before, str) and isinstance(host, str) else None


def name_at(changes: Sequence[Renamed], number: int, now: str) -> str:
    """Return how the host was called in record ``number``. ``changes`` are in their order, and ``now`` is its name since."""
    return next((one.before for one in changes if number <= one.number), now)
