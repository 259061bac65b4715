# SPDX-License-Identifier: Apache-2.0
"""Which keys count: one that is typed by itself, after what it is about stands on the screen.

Law: pure. Times are arguments, in seconds of one monotonic clock. What is pasted decides nothing. Nothing that was typed before
a question stood on the screen answers it. A key that decides counts only if no other input came within QUIET_FOR before it or
after.
"""

from __future__ import annotations

from enum import Enum
from math import inf

from jitd.cli.question import QUIET_FOR


class Taken(Enum):
    """What became of a key."""

    LOST = "lost"
    """It counts for nothing."""
    NOW = "now"
    """It counts at once: a letter of a text."""
    HELD = "held"
    """It counts if nothing follows it: ask ``Keyboard.ripe`` after QUIET_FOR."""


class Keyboard:
    """The input of one person."""

    def __init__(self) -> None:
        self._last_at = -inf
        self._shown_at = -inf
        self._is_open = True
        self._held: tuple[str, float] | None = None

    def shut(self) -> None:
        """Another question is about to be drawn: nothing counts until ``shown``."""
        self._shown_at, self._is_open, self._held = inf, False, None

    def shown(self, at: float) -> None:
        """The question stands on the screen since ``at``. Keys count after the first silence of QUIET_FOR."""
        self._shown_at = at

    def letter(self, at: float) -> Taken:
        """Take a key that decides nothing alone: a letter of a text."""
        return Taken.NOW if self._counts(at) else Taken.LOST

    def single(self, key: str, at: float) -> Taken:
        """Take a ``key`` that decides, or that leads to a question."""
        is_alone = at - self._last_at >= QUIET_FOR
        if not self._counts(at) or not is_alone:
            return Taken.LOST
        self._held = (key, at)
        return Taken.HELD

    def other(self, at: float) -> None:
        """Take input that never counts here, such as a paste, or a key that only moves."""
        self._counts(at)

    def ripe(self, at: float) -> str | None:
        """Return the key that was held, once nothing has followed it for QUIET_FOR; None if there is none."""
        if self._held is None or at - self._held[1] < QUIET_FOR:
            return None
        key, self._held = self._held[0], None
        return key

    def _counts(self, at: float) -> bool:
        """Note that input came. True if there was a silence since the question stood on the screen."""
        quiet_since = max(self._last_at, self._shown_at)
        self._last_at, self._held = at, None
        self._is_open = self._is_open or at - quiet_since >= QUIET_FOR
        return self._is_open
