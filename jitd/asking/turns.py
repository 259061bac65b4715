# SPDX-License-Identifier: Apache-2.0
"""Turns to ask somebody outside: a few questions at once, some that wait, and no more, so that nobody who is slow takes all.

Law: a question beyond a bound is refused at once, and names the bound. One person has a share of the turns and of the places to
wait, so that nobody takes all of them from others.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE, WAITING = 8, 64
SHARE, SHARE_OPEN = 2, 24
"""What one person has of the turns at once, and of all questions that are open."""


class Full(Exception):
    """Too many questions are open. The text says so; it is the rest of a sentence."""


class Turns:
    """Up to ``at_once`` questions are asked at the same time, and ``waiting`` wait for their turn; None: any number waits."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int | None = WAITING) -> None:
        self._most = None if waiting is None else at_once + waiting
        self._free = asyncio.Semaphore(at_once)
        self._shares: dict[str, asyncio.Semaphore] = {}
        self._open: Counter[str] = Counter()
        self.n_open = 0

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Wait for a turn of ``person``, and hold it. Raises Full."""
        if self._most is not None and self.n_open >= self._most:
            raise Full(f"{self.n_open} questions to it are open already")
        if self._most is not None and self._open[person] >= SHARE_OPEN:
            raise Full(f"{self._open[person]} questions to it are open already for the same person")
        share = self._shares.setdefault(person, asyncio.Semaphore(SHARE))
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
