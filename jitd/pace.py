# SPDX-License-Identifier: Apache-2.0
"""How often one account may do something: cause records that lead to nothing, so that nobody fills the disk and stops the house,
and start what is permitted at once.

Law: only memory, one number an account.
"""

from __future__ import annotations

BURST = 600.0
"""Records that lead to nothing, and that an account may cause in a row."""
PER_SECOND = 1.0
"""Such records that it may cause for ever: some 700 MB a day at the most."""
PIECE = 4096
"""Bytes of what was asked that count as one more record: a large one is several."""


class Pace:
    """A bucket of tokens for each uid, which holds ``burst`` and fills by ``per_second``."""

    def __init__(self, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left: dict[int, tuple[float, float]] = {}

    def may(self, uid: int, boot: float, n_bytes: int = 0) -> bool:
        """Take tokens for a record of ``n_bytes`` at ``boot`` (seconds on CLOCK_BOOTTIME); False if there are too few."""
        left, at = self._left.get(uid, (self._burst, boot))
        left = min(self._burst, left + (boot - at) * self._per_second)
        wanted = min(1.0 + n_bytes // PIECE, self._burst)  # the largest is asked for after a pause, and not never
        self._left[uid] = (left - wanted, boot) if left >= wanted else (left, boot)
        return left >= wanted
