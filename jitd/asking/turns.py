# SPDX-License-Identifier: Apache-2.0
"""Turns to ask somebody outside: a few questions at once, some that wait, and no more, so that nobody who is slow takes all.

Law: a question beyond the bound is refused at once, and names the bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE, WAITING = 8, 64


class Full(Exception):
    """Too many questions are open. The text says so; it is the rest of a sentence."""


class Turns:
    """Up to ``at_once`` questions are asked at the same time, and ``waiting`` wait for their turn; None: any number waits."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int | None = WAITING) -> None:
        self._most = None if waiting is None else at_once + waiting
        self._free = asyncio.Semaphore(at_once)
        self.n_open = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises Full."""
        if self._most is not None and self.n_open >= self._most:
            raise Full(f"{self.n_open} questions to it are open already")
        self.n_open += 1
        try:
            async with self._free:
                yield
        finally:
            self.n_open -= 1
