# SPDX-License-Identifier: Apache-2.0
"""How often one account may do something: cause records that lead to nothing (or one person could fill the disk and stop jitd),
and start commands that need no approval.

Law: the limits are in memory alone, one number for each account.
"""

from __future__ import annotations

from jitd.core.command import Command

BURST = 600.0
"""The number of records that lead to nothing that an account may cause in a row."""
PER_SECOND = 1.0
"""The number of such records that an account may cause each second in the long run: at most about 700 MB a day."""
PIECE = 4096
"""Bytes of a request that count as one more record, so that a large request counts as several."""


LOOKS = 6000.0
"""The number of questions without a record (``-l COMMAND``) that a person may ask in a row. Each opens files."""
LOOKS_PER_SECOND = 20.0
"""The number of such questions that a person may ask each second in the long run."""


SUPPOSITIONS = 120.0
"""The number of requests that an operator may suppose in a row (``jitd explain --as``). Each asks every rule."""
SUPPOSITIONS_PER_SECOND = 1.0
"""The number of such requests that an operator may suppose each second in the long run."""


class Pace:
    """A bucket of tokens for each uid or person (who may have several uids). It holds ``burst`` tokens, and gains
    ``per_second``.
    """

    def __init__(self, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left: dict[int | str, tuple[float, float]] = {}

    def may(self, who: int | str, boot: float, n_bytes: int = 0) -> bool:
        """Take tokens for a record of ``n_bytes`` at ``boot`` (seconds on CLOCK_BOOTTIME); False if there are too few."""
        left, at = self._left.get(who, (self._burst, boot))
        left = min(self._burst, left + (boot - at) * self._per_second)
        wanted = min(1.0 + n_bytes // PIECE, self._burst)  # even the largest request is possible after a pause
        self._left[who] = (left - wanted, boot) if left >= wanted else (left, boot)
        return left >= wanted


def n_bytes_of(command: Command) -> int:
    """Return the size of ``command`` as it was asked for, in bytes."""
    n_bytes = len(command.path) + len(command.cwd) + sum(len(word) + 1 for word in command.argv)
    n_bytes += sum(len(name) + len(value) for name, value in command.variables)
    return n_bytes + sum(len(option) + 1 for option in command.options) + len(command.doubt)
