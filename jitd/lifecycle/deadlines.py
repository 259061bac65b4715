# SPDX-License-Identifier: Apache-2.0
"""The clock of the daemon. It stores which objects the daemon must check again, and when.
Law: deadlines are seconds on CLOCK_BOOTTIME. Therefore neither a suspend nor a change of the wall clock moves a deadline. A
deadline is handled at most TICK seconds too late. The number of deadlines in memory is at most a few times the number of open
objects.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Callable

from jitd.core.effects import Moment

TICK = 1.0  # seconds between two looks at the clock: the event loop's own stops while the host is suspended


MANY = 10_000  # if more than this number of deadlines are stored, the deadlines of ended objects are dropped


class Deadlines:
    """Each deadline has a time, a kind (``life``) and the id of an object. ``due`` is called once with (life, id) when the time
    has passed. ``due`` checks whether there is still work to do. ``ended`` gets a set of pairs (life, id), and returns the pairs
    whose objects have ended. The deadlines of these objects are dropped.
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
        """Schedule a check of the object ``id`` at ``boot`` (seconds on CLOCK_BOOTTIME). ``life`` is the kind of the deadline."""
        heapq.heappush(self._heap, (boot, life, id))
        if self._heap[0][0] >= boot:
            self._changed.set()
        if len(self._heap) > self._most:
            ended = self._ended({(life, id) for _, life, id in self._heap})
            self._heap = [one for one in self._heap if one[1:] not in ended]
            heapq.heapify(self._heap)
            self._most = max(MANY, 2 * len(self._heap))

    async def keep(self) -> None:
        """Call ``due`` for each deadline that has passed. Never return."""
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
