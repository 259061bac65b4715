# SPDX-License-Identifier: Apache-2.0
"""Threads for blocking work. Each kind of work has its own lane, which is a limited number of threads. Therefore no kind of work
waits for another kind.

Law: the amount and duration of work are limited, for all together and for each party (``core.party``). If work takes too long,
the result is an error, and never a permission. Work that never returns keeps its thread, and continues to count in the party's
share of the lane.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from jitd.core.party import Party
from jitd.failures import Failure, count

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 10.0  # seconds, with the wait for a thread, until work has failed. The thread goes on


RESTED = 1.0  # threads that were not needed for this number of seconds end


@dataclass(frozen=True, slots=True)
class Load:
    """The current load of a lane: the number of its threads, of the pieces of work in progress, and of the pieces that wait."""

    lane: str
    n_threads: int
    n_busy: int
    n_waiting: int


class NoThread(TimeoutError):
    """The kernel starts no thread for the daemon. Whoever waits for work handles this as work that takes too long."""

    def __init__(self) -> None:
        super().__init__("jitd can start no thread: nothing was done; ask again when this host has fewer processes")


class Piece:
    """Work, done once or never. Its thread then calls ``tell`` with the result and None, or None and the exception."""

    __slots__ = ("_turn", "_work", "tell")

    def __init__(self, work: Callable[[], Any], tell: Callable[[Any, BaseException | None], None]) -> None:
        self._work = work
        self.tell = tell
        self._turn = threading.Lock()

    def cancel(self) -> bool:
        """Cancel the work. Return True if the work was cancelled, and False if a thread has already begun it."""
        is_back = self._turn.acquire(blocking=False)
        if is_back:
            del self._work
        return is_back

    def do(self) -> None:
        """Do the work, unless it was cancelled."""
        if not self._turn.acquire(blocking=False):
            return
        work, tell = self._work, self.tell
        del self._work, self.tell  # otherwise a reference cycle would keep what the work holds, such as descriptors
        try:
            answer = work()
        except BaseException as fault:
            del work
            tell(None, fault)
        else:
            del work
            tell(answer, None)
        finally:
            del tell  # ``tell`` refers to the fault, whose traceback refers to this frame


class Threads:
    """The threads of all lanes. There is a thread for each piece of work that ``give`` has received and that is not done yet. The
    number of threads is limited, because each lane limits the number of its pieces. All threads have one queue, and a piece goes
    to the thread that has slept longest. Such a thread wakes late. Therefore threads that were not needed within the last RESTED
    seconds end.

    This class does not use ``concurrent.futures``, because a pool of that package never ends its threads.
    """

    def __init__(self) -> None:
        self._n_threads = 0
        self._n_given = 0
        self._most = 0
        self._again_at = 0.0
        self._ahead: SimpleQueue[Piece | None] = SimpleQueue()

    def give(self, piece: Piece) -> None:
        """Let a free or a new thread do ``piece``. If the kernel starts no new thread, ``piece`` waits for a thread that exists.
        If none exists, raises NoThread. Call ``give``, ``over`` and ``close`` from the same thread.
        """
        if self._n_threads <= self._n_given:
            try:
                threading.Thread(target=self._serve, name=f"jitd-{self._n_threads}", daemon=True).start()
                self._n_threads += 1
            except RuntimeError:
                if not self._n_threads:
                    raise NoThread from None
        self._n_given += 1
        self._most = max(self._most, self._n_given)
        self._ahead.put(piece)

    def over(self) -> None:
        """Note that a piece of work was done. End the threads that were not needed for some time."""
        self._n_given -= 1
        now = time.monotonic()
        if now < self._again_at:
            return
        self._end(max(0, self._n_threads - max(self._most, 1)))  # after ``close``, pieces in progress still end
        self._most, self._again_at = self._n_given, now + RESTED

    def _end(self, n: int) -> None:
        for _ in range(n):
            self._ahead.put(None)
        self._n_threads -= n

    def _serve(self) -> None:
        while (piece := self._ahead.get()) is not None:
            piece.do()
            del piece  # this thread must not keep what the piece holds

    def close(self) -> None:
        """Accept no more work from now on. Do not wait for work in progress."""
        self._end(self._n_threads)


class Desk:
    """A queue in front of the threads. Up to ``most`` pieces of work are in progress. Other pieces wait in order of arrival."""

    def __init__(self, threads: Threads, most: int) -> None:
        self._threads = threads
        self._most = most
        self._in_hand: set[Piece] = set()
        self._queue: deque[Piece] = deque()
        self._is_closed = False

    def give(self, piece: Piece) -> None:
        """Add ``piece`` to the queue. The piece is done when its turn comes. Raises RuntimeError after ``close``."""
        if self._is_closed:
            raise RuntimeError("this queue is closed and accepts no more work")
        if len(self._in_hand) >= self._most:
            self._queue.append(piece)
            return
        self._threads.give(piece)
        self._in_hand.add(piece)

    def over(self, piece: Piece) -> None:
        """Note that ``piece`` was done or cancelled."""
        if piece not in self._in_hand:
            self._queue.remove(piece)
            return
        self._in_hand.remove(piece)
        self._threads.over()
        if self._queue and not self._is_closed:
            self.give(self._queue.popleft())

    def close(self) -> None:
        """Accept no more work from now on. Cancel the work that waits."""
        self._is_closed = True
        for piece in tuple(self._queue):
            if piece.cancel():
                piece.tell(None, asyncio.CancelledError())


class Lane:
    """A lane uses up to ``n_threads`` threads at the same time. One party may use at most ``share`` of these threads. In
    addition, root has its own ``share`` threads, so that nobody else can make root wait.
    """

    def __init__(self, name: str, n_threads: int, share: int, threads: Threads | None = None) -> None:
        self.name = name
        self.n_threads = n_threads
        self.share = share
        self._threads = threads or Threads()
        self._pool = Desk(self._threads, n_threads)
        self._roots = Desk(self._threads, share)
        self._shares: dict[Party, asyncio.Semaphore] = {}
        self._asking: Counter[Party] = Counter()
        self._n_held = 0
        self._n_waiting = 0

    async def run(self, party: Party, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of ``work``, done for ``party``. Raises what it raises, and TimeoutError after PATIENCE seconds."""
        return await self.run_within(PATIENCE, party, work, *args, **kwargs)

    async def run_within(self, seconds: float, party: Party, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ``run``, but raise TimeoutError after ``seconds`` seconds."""
        loop = asyncio.get_running_loop()
        share = self._shares.setdefault(party, asyncio.Semaphore(self.share))
        self._asking[party] += 1
        ends_at = loop.time() + seconds
        try:
            if share.locked():
                await self._until_turn(share, ends_at)
            else:
                await share.acquire()
            answer: asyncio.Future[T] = loop.create_future()
            running, ended = self._begin(party, share, lambda: work(*args, **kwargs), answer)
            timer = loop.call_at(ends_at, _give_up, answer)
            try:
                return await answer
            finally:
                timer.cancel()
                if running.cancel():  # if a thread has begun, the work continues and uses its share until it ends
                    ended(None, None)
                del answer, running, ended  # otherwise a fault and its traceback would keep each other in memory
        finally:
            self._leave(party)

    async def _until_turn(self, share: asyncio.Semaphore, ends_at: float) -> None:
        self._n_waiting += 1
        try:
            async with asyncio.timeout_at(ends_at):  # the party's earlier work may never end
                await share.acquire()
        except TimeoutError:
            count(Failure.LANE)
            raise
        finally:
            self._n_waiting -= 1

    def _begin(
        self, party: Party, share: asyncio.Semaphore, work: Callable[[], T], answer: asyncio.Future[T]
    ) -> tuple[Piece, Callable[[T | None, BaseException | None], None]]:
        """Give ``work`` to a thread. Return the piece, and what sets ``answer``, which the loop calls once it has ended."""
        loop = asyncio.get_running_loop()
        pool, n_held = (self._roots, 0) if party.is_root else (self._pool, 1)

        def ended(value: Any, fault: BaseException | None) -> None:
            pool.over(piece)
            self._n_held -= n_held
            share.release()
            self._leave(party)
            if answer.done():  # nobody waits for the answer any more
                return
            if fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(value)

        def tell(value: Any, fault: BaseException | None) -> None:
            with suppress(RuntimeError):  # the daemon and its event loop have ended
                loop.call_soon_threadsafe(ended, value, fault)

        piece = Piece(work, tell)
        try:
            pool.give(piece)
        except BaseException:
            share.release()
            raise
        self._asking[party] += 1
        self._n_held += n_held
        return piece, ended

    def _leave(self, party: Party) -> None:
        self._asking[party] -= 1
        if not self._asking[party]:
            del self._asking[party], self._shares[party]

    @property
    def load(self) -> Load:
        """Return the current load. Work for root is not counted, because root's work uses none of the lane's shared threads."""
        n_queued = max(0, self._n_held - self.n_threads)
        return Load(self.name, self.n_threads, self._n_held - n_queued, self._n_waiting + n_queued)

    def close(self) -> None:
        """Accept no more work from now on. Do not wait for work in progress."""
        for pool in (self._pool, self._roots):
            pool.close()
        self._threads.close()


def _give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        count(Failure.LANE)
        answer.set_exception(TimeoutError())


class Workers:
    def __init__(self) -> None:
        threads = Threads()
        self.files = Lane("files", 32, 2, threads)  # files anywhere: a mounted file system may never answer
        self.names = Lane("names", 32, 2, threads)  # accounts of clients and approvers: a directory may never answer
        self.typed = Lane("typed names", 32, 2, threads)  # any word may have a directory of accounts queried
        self.seats = Lane("seats", 4, 1, threads)  # people who could approve. No approval waits for a silent directory
        self.kept = Lane("kept", 2, 1, threads)  # for long reads from the store and from recordings
        self.sinks = Lane("sinks", 1, 1, threads)  # the record for sinks. One thread takes little of the event loop
        self.frames = Lane("frames", 2, 1, threads)  # for parsing large frames

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return (self.files, self.names, self.typed, self.seats, self.kept, self.sinks, self.frames)

    def close(self) -> None:
        """Accept no more work from now on. Do not wait for work in progress."""
        for lane in self.lanes:
            lane.close()
