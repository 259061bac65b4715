# SPDX-License-Identifier: Apache-2.0
"""Limits the number of open questions to a system outside jitd. jitd sends only a few questions to such a system at the same
time. A limited number of further questions may wait. jitd refuses all other questions. Without limits, the questions to a slow
system could use up the resources of jitd.

Law: if a limit is reached, a further question is refused at once, and the error text names the limit. The limits for the
questions of one person are lower than the limits for all questions together. Therefore one person alone cannot reach the limits
for all questions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE, WAITING = 8, 64
SHARE, SHARE_OPEN = 2, 24  # questions of one person that are sent at the same time, and that are open, those that wait included


class Full(Exception):
    """Raised if too many questions are open. The exception's text gives the reason as the end of a sentence."""


class Turns:
    """Allows up to ``at_once`` questions at the same time, up to ``share`` of them for one person. Up to ``waiting`` further
    questions wait for their turn. If ``waiting`` is None, any number of questions may wait. Of one person, only ``share``
    questions are in the common queue. So a person waits for the questions of others, and not for all questions of another.
    """

    def __init__(self, at_once: int = AT_ONCE, waiting: int | None = WAITING, share: int = SHARE) -> None:
        self._most = None if waiting is None else at_once + waiting
        self._free = asyncio.Semaphore(at_once)
        self._share = share
        self._shares: dict[str, asyncio.Semaphore] = {}
        self._open: Counter[str] = Counter()
        self.n_open = 0

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Wait until a question of ``person`` may be sent. It is open until the ``with`` block ends. Raises Full."""
        if self._most is not None and self.n_open >= self._most:
            raise Full(f"{self.n_open} questions to this system are open already")
        if self._most is not None and self._open[person] >= SHARE_OPEN:
            raise Full(f"{self._open[person]} questions of the same person to this system are open already")
        share = self._shares.setdefault(person, asyncio.Semaphore(self._share))
        self.n_open += 1
        self._open[person] += 1
        try:
            async with share, self._free:
                yield
        finally:
            self.n_open -= 1
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person], self._shares[person]
