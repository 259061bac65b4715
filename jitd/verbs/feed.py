# SPDX-License-Identifier: Apache-2.0
"""The newest records of the chain, for those who follow it. They are read once for all followers.

Law: a commit waits for nothing here: it only sets an event. While records are made, followers take at most SHARE of the daemon's
time, however many they are, and what does not fit comes later. A follower that is slow loses nothing and holds no memory: what
is no longer here, it reads from the store. Without followers, nothing is read and nothing is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Generic, TypeVar

from jitd.core.chain import Seal
from jitd.core.party import HOUSE
from jitd.lifecycle.readers import Reader
from jitd.log import log
from jitd.store import Store, StoreError
from jitd.workers import Workers

T = TypeVar("T")
MOST = 256  # records that are kept, and that are read at once
MOST_BYTES = 1024 * 1024  # when the kept records together have this number of bytes, the oldest ones are dropped
REST = 0.1  # seconds between two reads. All records of this time are read together.
SHARE = 0.05  # the part of the time that sending to followers may take while records are made
BUSY_FOR = 0.5  # seconds after a record, within which the daemon is treated as busy
A_ROW, A_CHARACTER = 1e-4, 1e-8  # seconds that the event loop takes for a row, and for each character. With a ticket
AGAIN_AFTER = 0.5  # seconds until the next try after a read has failed


class Feed(Reader, Generic[T]):
    """``read`` makes of a record (its number, body and seal) what followers need."""

    def __init__(
        self, store: Store, opened: Callable[[], Store], workers: Workers, read: Callable[[Store, int, bytes, bytes], T]
    ) -> None:
        self._store = store
        self._opened = opened
        self._workers = workers
        self._read = read
        self._n_followers = 0
        self._last = 0
        self._kept: deque[tuple[int, int, T]] = deque()
        self._n_bytes = 0
        self._committed = asyncio.Event()
        self._news: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()
        self._busy_until = self._rests_until = 0.0

    def look(self, head: Seal) -> None:
        """The chain ends with ``head`` now."""
        if self._n_followers:
            self._committed.set()
            self._busy_until = time.monotonic() + BUSY_FOR

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Follow the chain: from now on, each new record comes here."""
        if not self._n_followers:
            self._last = self._store.head().number
        self._n_followers += 1
        try:
            yield
        finally:
            self._n_followers -= 1
            if not self._n_followers:
                self._kept.clear()
                self._n_bytes = 0

    def after(self, number: int, most: int) -> list[tuple[int, T]] | None:
        """Return the next records after record ``number`` that have been read, each with its number. If they have more than
        ``most`` bytes, return only the first of them. Return None if some of them are no longer here.
        """
        if number >= self._last:
            return []
        if not self._kept or self._kept[0][0] > number + 1:
            return None
        found = []
        for one, n_bytes, what in islice(self._kept, number + 1 - self._kept[0][0], None):
            found.append((one, what))
            most -= n_bytes
            if most < 0:
                break
        return found

    async def wait_until_turn(self, seconds: float) -> None:
        """Wait until a follower may take ``seconds`` of the daemon's time. The followers take turns."""
        async with self._turn:
            while (now := time.monotonic()) < min(self._rests_until, self._busy_until):
                await asyncio.sleep(min(self._rests_until, self._busy_until) - now)
            self._rests_until = max(now, self._rests_until) + seconds * (1 / SHARE - 1)

    async def wait_until_after(self, number: int, within: float) -> None:
        """Wait until there is a record after record ``number``, but at most ``within`` seconds."""
        if self._last <= number:
            if self._news is None:
                self._news = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._news,), timeout=within)

    async def keep(self) -> None:
        """Read new records while somebody follows. This method never returns."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            try:
                while self._n_followers:
                    some, took = await self._workers.kept.run(HOUSE, self._page, self._last)
                    if not some:
                        break
                    self._keep(some)
                    await self.wait_until_turn(took)
            except (StoreError, TimeoutError) as fault:  # the followers are told a little later
                log("new records cannot be read for those who follow them", fault=f"{type(fault).__name__}: {fault}")
                self._committed.set()
                await asyncio.sleep(AGAIN_AFTER)
            await asyncio.sleep(REST)

    def _page(self, after: int) -> tuple[list[tuple[int, int, T]], float]:
        began = time.thread_time()
        some: list[tuple[int, int, T]] = []
        n_bytes = 0
        with closing(self._opened()) as store:
            for number, body, seal in islice(store.records(after), MOST):
                some.append((number, len(body), self._read(store, number, body, seal)))
                n_bytes += len(body)
                if n_bytes > MOST_BYTES:
                    break
        return some, time.thread_time() - began

    def _keep(self, some: list[tuple[int, int, T]]) -> None:
        self._last = some[-1][0]
        if not self._n_followers:
            return
        self._kept.extend(some)
        self._n_bytes += sum(size for _, size, _ in some)
        while len(self._kept) > MOST or (self._n_bytes > MOST_BYTES and len(self._kept) > 1):
            self._n_bytes -= self._kept.popleft()[1]
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)
