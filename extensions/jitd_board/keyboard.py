# SPDX-License-Identifier: Apache-2.0
"""Decides which keys are accepted. Each key belongs to a row or to a question. A key is accepted only if this row or question
was already on the screen. A key that decides something must also have been typed alone.

Law: pure. All times are arguments, in seconds of the same monotonic clock. Pasted text decides nothing. A key that was typed
before a question was visible does not answer this question. A key that decides something must be typed alone: there must be no
other input in the QUIET_FOR seconds before it and in the QUIET_FOR seconds after it.
"""

from __future__ import annotations

from enum import Enum
from math import inf

from jitd.cli.question import QUIET_FOR

MOVES = {
    "up": -1,
    "k": -1,
    "down": 1,
    "j": 1,
    "pageup": -10,
    "pagedown": 10,
    "b": -10,
    "space": 10,
    "home": -(10**6),
    "end": 10**6,
}
"""Maps a key to a number of steps. In a list, a step is one row. On a page, a step is one line, but a key with ten steps scrolls
by one screen.
"""


class Taken(Enum):
    """What the board does with a key that was pressed."""

    LOST = "lost"  # the key is ignored
    NOW = "now"  # the key is accepted at once. The key is a letter of a text that the person types.
    HELD = "held"  # accepted if no other input follows. The caller calls `Keyboard.ripe` after QUIET_FOR seconds


class Keyboard:
    """Notes the times of the person's inputs, and decides from these times which keys are accepted."""

    def __init__(self) -> None:
        self._last_at = -inf
        self._shown_at = -inf
        self._is_open = True
        self._held: tuple[str, float] | None = None

    def shut(self) -> None:
        """Ignore all keys until the next call of ``shown``, because another question will be drawn."""
        self._shown_at, self._is_open, self._held = inf, False, None

    def shown(self, at: float) -> None:
        """Note that the question is on the screen since ``at``, or an earlier call. Keys count after a pause of QUIET_FOR s."""
        self._shown_at = min(at, self._shown_at)

    def letter(self, at: float) -> Taken:
        """Handle a key that makes no decision by itself, for example a letter of a text."""
        return Taken.NOW if self._counts(at) else Taken.LOST

    def single(self, key: str, at: float) -> Taken:
        """Handle a ``key`` that makes a decision or opens a question."""
        is_alone = at - self._last_at >= QUIET_FOR
        if not self._counts(at) or not is_alone:
            return Taken.LOST
        self._held = (key, at)
        return Taken.HELD

    def other(self, at: float) -> None:
        """Handle input that is never an answer, such as pasted text or a key that moves the selection."""
        self._counts(at)

    def ripe(self, at: float) -> str | None:
        """If a key decides something or opens a question, it takes effect only after QUIET_FOR seconds. If this time is over,
        and no other input has followed the key, return the key. Otherwise return None.
        """
        if self._held is None or at - self._held[1] < QUIET_FOR:
            return None
        key, self._held = self._held[0], None
        return key

    def _counts(self, at: float) -> bool:
        """Note that input came at the time ``at``. Return True if keys are accepted now: after a pause of QUIET_FOR seconds since
        the question appeared on the screen.
        """
        quiet_since = max(self._last_at, self._shown_at)
        self._last_at, self._held = at, None
        self._is_open = self._is_open or at - quiet_since >= QUIET_FOR
        return self._is_open
