# SPDX-License-Identifier: Apache-2.0
"""Where blocking work is done: lanes of threads, one for each kind of work, so that none of them waits for another.

Law: bounded in number and in time, for all and for each account; what takes too long is a fault, never a yes. Work that never
returns holds its thread, and its account's share of the lane, until it does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 10.0
"""Seconds until a piece of work counts as failed, its wait for a turn among them. Its thread is left to end by itself."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a lane does at the moment: how many pieces of work it has in hand, of how many it could have, and how many wait."""

    lane: str
    n_threads: int
    n_busy: int
    n_waiting: int


HOUSE = -1
"""The uid under which the daemon's own work is counted: where it hangs, it takes no thread from root's share."""


class Lane:
    """``n_threads`` threads, of which one account has no more than ``share``. root has ``share`` of its own beside them: nobody
    else is to keep it out.
    """

    def __init__(self, name: str, n_threads: int, share: int) -> None:
        self.name = name
        self.n_threads = n_threads
        self.share = share
        self._pool = ThreadPoolExecutor(n_threads, f"jitd-{name}")
        self._roots = ThreadPoolExecutor(share, f"jitd-{name}-root")
        self._shares: dict[int, asyncio.Semaphore] = {}
        self._asking: Counter[int] = Counter()
        self._n_held = 0
        self._n_waiting = 0

    async def run(self, uid: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` returns, which is done for the account ``uid``. Raises what it raises, or TimeoutError."""
        share = self._shares.setdefault(uid, asyncio.Semaphore(self.share))
        self._asking[uid] += 1
        running: Future[T] | None = None
        try:
            async with asyncio.timeout(PATIENCE):  # not wait_for, which loses a cancellation that comes with the result (3.11)
                self._n_waiting += 1
                try:
                    await share.acquire()  # what it asked for before may never end
                finally:
                    self._n_waiting -= 1
                running, answer = self._begin(uid, share, lambda: work(*args, **kwargs))
                return await answer
        finally:
            if running is not None:
                running.cancel()  # where no thread has begun with it; else it goes on, and holds its share until it ends
            self._leave(uid)

    def _begin(self, uid: int, share: asyncio.Semaphore, work: Callable[[], T]) -> tuple[Future[T], asyncio.Future[T]]:
        """``work`` at a thread, and its answer for the event loop, which is woken once: when all of it is over."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        pool, n_held = (self._roots, 0) if uid == 0 else (self._pool, 1)

        def ended(over: Future[T]) -> None:
            self._n_held -= n_held
            share.release()
            self._leave(uid)
            if answer.done():  # nobody waits for it any more
                return
            if over.cancelled():
                answer.cancel()
            elif fault := over.exception():
                answer.set_exception(fault)
            else:
                answer.set_result(over.result())

        def tell(over: Future[T]) -> None:
            with suppress(RuntimeError):  # the daemon has ended, and its loop with it
                loop.call_soon_threadsafe(ended, over)

        self._asking[uid] += 1
        self._n_held += n_held
        try:
            running = pool.submit(work)
        except BaseException:
            self._n_held -= n_held
            share.release()
            self._leave(uid)
            raise
        running.add_done_callback(tell)
        return running, answer

    def _leave(self, uid: int) -> None:
        self._asking[uid] -= 1
        if not self._asking[uid]:
            del self._asking[uid], self._shares[uid]

    @property
    def load(self) -> Load:
        """What it does now. What it does for root takes none of these threads, and is not counted among them."""
        n_queued = max(0, self._n_held - self.n_threads)
        return Load(self.name, self.n_threads, self._n_held - n_queued, self._n_waiting + n_queued)

    def close(self) -> None:
        """No more work; what runs is not waited for."""
        for pool in (self._pool, self._roots):
            pool.shutdown(wait=False, cancel_futures=True)


class Workers:
    """The lanes."""

    def __init__(self) -> None:
        self.files = Lane("files", 32, 2)
        """Looks at files, anywhere: a mount may never answer."""
        self.names = Lane("names", 8, 2)
        """Who comes, and who has approved: a directory may never answer."""
        self.typed = Lane("typed names", 32, 2)
        """Accounts and groups that somebody types: a directory is asked for any word."""
        self.kept = Lane("kept", 2, 1)
        """What may be long in the store and in the recordings."""
        self.frames = Lane("frames", 2, 1)
        """Reading large frames."""

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All of them."""
        return (self.files, self.names, self.typed, self.kept, self.frames)

    def close(self) -> None:
        """No more work; what runs is not waited for."""
        for lane in self.lanes:
            lane.close()
