# SPDX-License-Identifier: Apache-2.0
"""Where blocking work is done: NSS, files, the KDC. Law: bounded in number and in time; what takes too long is a fault, never a
yes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
PATIENCE = 10.0
"""Seconds until a piece of work counts as failed. Its thread is left to end by itself."""
SHARE = 2
"""Threads that one account's large files may take at a time: the others are for everybody else."""


class Workers:
    """A pool of threads for work that may block."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "jitd-worker")
        self._shares: dict[int, asyncio.Semaphore] = {}

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` returns. Raises what it raises, or TimeoutError."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        async with asyncio.timeout(PATIENCE):  # not wait_for, which loses a cancellation that comes with the result (Python 3.11)
            return await future

    async def run_for(self, uid: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ``run``, when it is the turn of the account ``uid``: no more than SHARE threads work for it."""
        share = self._shares.setdefault(uid, asyncio.Semaphore(SHARE))
        if not share.locked():
            await share.acquire()
        else:  # what it asked for before may never end
            async with asyncio.timeout(PATIENCE):
                await share.acquire()
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))

        def done(ended: asyncio.Future[T]) -> None:
            share.release()  # not before: a thread that took too long is still at it
            if not ended.cancelled():
                ended.exception()  # told to whoever still waits

        future.add_done_callback(done)
        async with asyncio.timeout(PATIENCE):
            return await asyncio.shield(future)

    def close(self) -> None:
        """No more work; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
