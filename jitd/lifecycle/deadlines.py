# SPDX-License-Identifier: Apache-2.0
"""The clock: which lives have to be looked at again, and when.

Law: deadlines are seconds on CLOCK_BOOTTIME, so neither a suspend nor a change of the wall clock moves a deadline. A deadline is
late by at most TICK. The number of deadlines in memory is at most a few times the number of open lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Callable

from jitd.core.effects import Moment

TICK = 1.0
"""Seconds between two looks at the clock. The event loop's own clock stands still while the host is suspended."""


MANY = 10_000
"""Up to so many deadlines are kept without dropping those of lives that have ended."""


class Deadlines:
    """``due`` is called with (life, id) once for each deadline that has passed, and checks whether there is still something to
    do. ``ended`` gets some pairs of (life, id) and returns those that have ended, so that their deadlines can be dropped.
    """

    def __init__(
        self,
        now: Callable[[], Moment],
        due: Callable[[str, str], None],
        ended: Callable[[set[tuple[str, str]]], set[tuple[str, str]]] = lambda some: set(),
    ) -> None:
        self._now = now
        self._due = due
        self._ended = ended
        self._most = MANY
        self._heap: list[tuple[float, str, str]] = []
        self._changed = asyncio.Event()

    def set(self, life: str, id: str, boot: float) -> None:
        """Look at ``life`` ``id`` again at ``boot``."""
        heapq.heappush(self._heap, (boot, life, id))
        if self._heap[0][0] >= boot:
            self._changed.set()
        if len(self._heap) > self._most:
            ended = self._ended({(life, id) for _, life, id in self._heap})
            self._heap = [one for one in self._heap if one[1:] not in ended]
            heapq.heapify(self._heap)
            self._most = max(MANY, 2 * len(self._heap))

    async def keep(self) -> None:
        """Call ``due`` for deadlines that have passed, for ever."""
        while True:
            now = self._now().boot
            while self._heap and self._heap[0][0] <= now:
                _, life, id = heapq.heappop(self._heap)
                self._due(life, id)
            wait = min(TICK, self._heap[0][0] - now) if self._heap else None
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()
