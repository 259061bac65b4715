# SPDX-License-Identifier: Apache-2.0
"""Limits the time that the thread for sinks takes from the daemon. The thread and the event loop share one interpreter, so
decisions wait for all that the thread does.

Law: while records are made, the thread works at most SHARE of the time, or LEAST_SHARE if there are many. What it cannot read
then, sinks get later. While none are made, it works as fast as it can.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

SHARE, LEAST_SHARE = 0.1, 0.02  # of the time, for the thread while records are made, and while there are many
MANY = 300.0  # records a second. With more, the daemon is treated as fully used.
COUNTED_FOR = 0.5  # seconds for which records are counted
BUSY_FOR = 0.5  # seconds after a record, within which the daemon is treated as busy
CLOSED_WITHIN = 2.0  # seconds for what the thread still does when the daemon ends


class Pace:
    """Does pieces of work by ``in_thread``, one after the other. ``clock`` returns seconds."""

    def __init__(self, in_thread: Callable[[Callable[[], Any]], Awaitable[Any]], clock: Callable[[], float]) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._turn = asyncio.Lock()
        self._busy_until = 0.0
        self._rests_until = 0.0
        self._counted_since, self._counted_from, self._a_second = clock(), 0, 0.0

    def look(self, head: int) -> None:
        """Take note that the record ends with record ``head`` now."""
        now = self._clock()
        if (counted_for := now - self._counted_since) >= COUNTED_FOR:
            self._a_second = (head - self._counted_from) / counted_for if self._counted_from else 0.0
            self._counted_since, self._counted_from = now, head
        self._busy_until = now + BUSY_FOR

    async def do(self, work: Callable[[], Any]) -> Any:
        """Do ``work``, and return its result. Raises what ``work`` raises, and TimeoutError."""

        def timed() -> tuple[Any, float]:
            began = time.thread_time()
            return work(), time.thread_time() - began

        async with self._turn:
            while (now := self._clock()) < min(self._rests_until, self._busy_until):
                await asyncio.sleep(min(self._rests_until, self._busy_until) - now)
            found, took = await self._in_thread(timed)
            share = LEAST_SHARE if self._a_second > MANY else SHARE
            self._rests_until = self._clock() + took * (1 / share - 1)
            return found

    async def close(self, close: Callable[[], None]) -> None:
        """Do ``close`` in the thread, after what it still does. If that takes too long, leave it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN):
                await self._in_thread(close)
