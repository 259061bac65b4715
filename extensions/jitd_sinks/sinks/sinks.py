# SPDX-License-Identifier: Apache-2.0
"""All sinks of the daemon. This module creates their feeds from the settings, and says how the sinks do.
Law: the place of a sink is stored under its name. A sink with another name is a new one, and this is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from jitd.core.chain import Seal
from jitd.core.condition import Family, Line
from jitd.lifecycle import readers
from jitd.store import Cursor, Store
from jitd_sinks.settings import Sinks as SinksSettings
from jitd_sinks.settings import SinkSettings
from jitd_sinks.sinks import condition
from jitd_sinks.sinks.feed import Feed, Lag, Office
from jitd_sinks.sinks.pace import Pace
from jitd_sinks.sinks.reading import Lines, Reader

SLOW_AFTER = 60.0  # seconds after which a sink that is behind the record is in trouble, although it does not fail
FINISHED_WITHIN = 2.0  # seconds for the sinks when the daemon ends. They get the rest after the next start


class Sinks(readers.Reader):
    """The sinks of ``settings``. ``host`` is the host's name in the record. ``opened`` returns a store for reading."""

    def __init__(self, settings: SinksSettings, store: Store, host: str, opened: Callable[[], Store], office: Office) -> None:
        self._settings = settings
        self._store = store
        self._lines = Lines(host, opened)
        self._pace = Pace(office.in_thread, office.clock)
        self._office = replace(office, in_thread=self._pace.do)
        self._feeds: dict[str, Feed] = {}

    def begin(self) -> None:
        """Find each sink's place. Record which are new, and which the settings name no more. Raises StoreError."""
        known, head = self._store.cursors(), self._store.head().number
        for name, one in self._settings.items():
            cursor = self._cursor(one, known.get(name), head)
            self._feeds[name] = Feed(one, Reader(one, self._lines), cursor, self._office)
        for name, cursor in known.items():
            if name not in self._settings and cursor.is_used:
                self._note("sink.removed", name, cursor.number)
                self._store.keep_cursor(Cursor(name, cursor.begun, cursor.number, cursor.checkpoint, is_used=False))

    def _cursor(self, settings: SinkSettings, known: Cursor | None, head: int) -> Cursor:
        name = settings.name
        if known is not None and known.is_used and known.number <= head:
            return known
        if known is None:
            begun = 0 if settings.from_start else head
            cursor = Cursor(name, begun, begun, max(0, begun - 1))  # the checkpoint of the head is where the sink's copy begins
            self._note("sink.added", name, begun)
        elif known.number > head:  # the record was cut, or is that of a backup, or somebody has changed the cursor
            cursor = Cursor(name, min(known.begun, head), head, min(known.checkpoint, head))
            self._note("sink.ahead", name, known.number)
        else:
            cursor = Cursor(name, known.begun, known.number, known.checkpoint)
            self._note("sink.added", name, known.number)
        self._store.keep_cursor(cursor)
        return cursor

    def _note(self, event: str, name: str, number: int) -> None:
        self._office.note(event, {"sink": name, "number": number})

    def look(self, head: Seal) -> None:
        """Take note that the record ends with ``head`` now."""
        self._pace.look(head.number)
        for feed in self._feeds.values():
            feed.look(head.number)

    def signed(self, number: int) -> None:
        """Take note that a head was signed."""
        for feed in self._feeds.values():
            feed.look(number)

    async def keep(self) -> None:
        """Run all feeds. Never return."""
        async with asyncio.TaskGroup() as feeds:
            for feed in self._feeds.values():
                feeds.create_task(feed.keep())

    async def finish(self) -> None:
        """Wait until each sink that works has the whole record, for at most FINISHED_WITHIN seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISHED_WITHIN):
                await asyncio.gather(*(feed.wait_until_idle() for feed in self._feeds.values()))

    async def close(self) -> None:
        await self._pace.close(self._lines.close)
        await self._pace.close(self._office.cursors.close)

    def lines(self, now: float) -> Iterator[Line]:
        states = self.states()
        return condition.sinks([(name, since and now - since, why, n, n_refused) for name, since, why, n, n_refused in states])

    def gauges(self) -> Iterator[Family]:
        """Yield how far each sink is behind."""
        return condition.lags(self.lag())

    def lag(self) -> dict[str, Lag]:
        """Map the name of each sink to how far it is behind."""
        return {name: feed.lag() for name, feed in sorted(self._feeds.items())}

    def states(self) -> list[tuple[str, float, str, int, int]]:
        """Return how the sinks do. Each row has a sink's name, the time since when it is in trouble (seconds since 1970, or 0),
        the reason, the number of records that it lacks, and the number of those that it has refused. If it is not in trouble, the
        reason is its last fault since it had the whole record, or empty.
        """
        return [self._row(name, feed) for name, feed in sorted(self._feeds.items())]

    def _row(self, name: str, feed: Feed) -> tuple[str, float, str, int, int]:
        lag, trouble = feed.lag(), feed.trouble
        if trouble is not None:
            return (name, trouble.since.timestamp(), trouble.why, lag.n_records, lag.n_refused)
        since = self._office.now().timestamp() - lag.seconds
        if feed.unkept:
            return (name, since, f"its place cannot be stored: {feed.unkept}", lag.n_records, lag.n_refused)
        if lag.seconds > SLOW_AFTER:
            slow = f"records come faster than it takes them{'; ' if feed.last_fault else ''}{feed.last_fault}"
            return (name, since, slow, lag.n_records, lag.n_refused)
        return (name, 0, feed.last_fault, lag.n_records, lag.n_refused)
