# SPDX-License-Identifier: Apache-2.0
"""How often one account may cause records that lead to nothing: so that nobody fills the disk and stops the house.

Law: only memory, one number an account; what is permitted at once is never slowed, since scripts live on it.
"""

from __future__ import annotations

BURST = 600.0
"""Records that an account may cause in a row."""
PER_SECOND = 1.0
"""Records that it may cause for ever: some 700 MB a day at the most."""
PIECE = 4096
"""Bytes of what was asked that count as one more record: a large one is several."""


class Pace:
    """A bucket of tokens for each uid."""

    def __init__(self) -> None:
        self._left: dict[int, tuple[float, float]] = {}

    def may(self, uid: int, boot: float, n_bytes: int = 0) -> bool:
        """Take tokens for a record of ``n_bytes`` at ``boot`` (seconds on CLOCK_BOOTTIME); False if there are too few."""
        left, at = self._left.get(uid, (BURST, boot))
        left = min(BURST, left + (boot - at) * PER_SECOND)
        wanted = min(1.0 + n_bytes // PIECE, BURST)  # the largest is asked for after a pause, and not never
        self._left[uid] = (left - wanted, boot) if left >= wanted else (left, boot)
        return left >= wanted
