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


LOOKS = 6000.0
"""Looks that lead to no record (``-l COMMAND``) that somebody may take in a row: each opens files."""
LOOKS_PER_SECOND = 20.0
"""Looks that they may take for ever."""


class Pace:
    """A bucket of tokens for each uid or person (who may have several uids): it holds ``burst``, and fills by ``per_second``."""

    def __init__(self, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left: dict[int | str, tuple[float, float]] = {}

    def may(self, who: int | str, boot: float, n_bytes: int = 0) -> bool:
        """Take tokens for a record of ``n_bytes`` at ``boot`` (seconds on CLOCK_BOOTTIME); False if there are too few."""
        left, at = self._left.get(who, (self._burst, boot))
        left = min(self._burst, left + (boot - at) * self._per_second)
        wanted = min(1.0 + n_bytes // PIECE, self._burst)  # the largest is asked for after a pause, and not never
        self._left[who] = (left - wanted, boot) if left >= wanted else (left, boot)
        return left >= wanted
