# SPDX-License-Identifier: Apache-2.0
"""Limits how often an account or a person may cause records that have no other effect, such as the record of a denied request.
Also limits how often a person may start commands that need no approval. Without these limits, one person could fill the disk and
thereby stop jitd.

Law: the state of the limits is kept only in memory. It has one entry for each account or for each person of whom it matters.
"""

from __future__ import annotations

from jitd.core.command import Command
from jitd.core.party import Party

BURST = 600.0  # records that an account or a person may cause without a pause, if the records have no other effect
PER_SECOND = 1.0  # such records each second, on average. They need at most about 700 MB a day
PIECE = 4096  # a request counts as one more record for each so many bytes, and a run as one more run
NO_ROOM = "the disk with jitd's state is almost full, and only root can begin anything: tell an administrator of this host"

LOOKS = 6000.0  # unrecorded questions (`-l COMMAND`) of a person without a pause. For each one, jitd opens files
LOOKS_PER_SECOND = 20.0  # unrecorded questions that a person may ask each second, on average


SUPPOSITIONS = 120.0  # requests that an operator supposes (`jitd explain --as`) without a pause. Each evaluates every rule
SUPPOSITIONS_PER_SECOND = 1.0  # requests that an operator may suppose each second, on average (`jitd explain --as`)

FORGETS_FROM = 1024  # with fewer buckets than this, none is forgotten


class Pace:
    """A token bucket for each party, or for each person (who may have several accounts). A bucket has at most ``burst``
    tokens, and gets ``per_second`` new tokens each second.
    """

    def __init__(self, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left: dict[Party | str, tuple[float, float]] = {}
        self._forgets_at = FORGETS_FROM

    def may(self, who: Party | str, boot: float, n_bytes: int = 0) -> bool:
        """Take tokens from the bucket of ``who`` for a record of ``n_bytes`` bytes. ``boot`` is the current time (seconds on
        CLOCK_BOOTTIME). Return False if the bucket has too few tokens.
        """
        if len(self._left) >= self._forgets_at:
            self._forget(boot)
        left, at = self._left.get(who, (self._burst, boot))
        left = min(self._burst, left + (boot - at) * self._per_second)
        wanted = min(1.0 + n_bytes // PIECE, self._burst)  # so that even the largest request is possible after a pause
        self._left[who] = (left - wanted, boot) if left >= wanted else (left, boot)
        return left >= wanted

    def _forget(self, boot: float) -> None:
        """Forget the buckets that are full again. They are as those of people who have not come yet."""
        self._left = {
            who: (left, at) for who, (left, at) in self._left.items() if left + (boot - at) * self._per_second < self._burst
        }
        self._forgets_at = max(FORGETS_FROM, 2 * len(self._left))


def n_bytes_of(command: Command) -> int:
    """Return the number of bytes that the request used for ``command``."""
    n_bytes = len(command.path) + len(command.cwd) + sum(len(word) + 1 for word in command.argv)
    n_bytes += sum(len(name) + len(value) for name, value in command.variables)
    return n_bytes + sum(len(option) + 1 for option in command.options) + len(command.doubt)
