# SPDX-License-Identifier: Apache-2.0
"""Those who read what was committed: the counts, the journal of the host, sinks, and people who follow the record.

Law: a reader changes nothing that was decided, and no decision waits for one: during a commit it only takes note, and it reads
later, in its own task. What must happen with a commit (``Noted.write``, ``Signing.follow``) is not a reader, and comes first. A
fault of a reader is logged, and reaches neither the commit nor another reader.

Notices are not readers. They are effects (``core.effects.Notify``), and what was sent is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

from jitd.core.chain import Seal
from jitd.core.condition import Family, Line
from jitd.core.effects import Moment
from jitd.failures import Failure, count
from jitd.log import log
from jitd.store import Life

R = TypeVar("R", bound="Reader")
AGAIN_AFTER = 1.0  # seconds after which the task of a reader that has failed begins again


class Reader(Protocol):
    """One reader. Whatever it does not need, it inherits from here. It is called on the event loop alone."""

    def begin(self) -> None:
        """Begin, before anything of this daemon is served. Raises StoreError, and then the daemon does not start."""
        return

    def look(self, head: Seal) -> None:
        """Take note that the chain ends with ``head`` now."""
        return

    def signed(self, number: int) -> None:
        """Take note that the head with this number was signed."""
        return

    def changed(self, before: Life | None, after: Life, now: Moment) -> None:
        """Take note of a change that was committed at ``now``. ``before`` is None if the object is new."""
        return

    def decided(self, seconds: float) -> None:
        """Take note that the daemon took ``seconds`` to decide about a new request. No change of an object tells this."""
        return

    def recorded(self, n_bytes: int) -> None:
        """Take note that all recordings together have ``n_bytes``."""
        return

    def loaded(self, at: float) -> None:
        """Take note that a new policy was loaded at ``at``, in seconds since 1970."""
        return

    def refused(self) -> None:
        """Take note that a new policy was refused, and the old one stays in force."""
        return

    async def keep(self) -> None:
        """Do what there is to do. It runs as a task until ``finish`` has returned. It may return if there is nothing to do."""
        return

    async def finish(self) -> None:
        """Wait until all is read, for a few seconds at most."""
        return

    async def close(self) -> None:
        """Close what it has opened of the store, once ``keep`` has ended. It may wait for a few seconds."""
        return

    def lines(self, now: float) -> Iterator[Line]:
        """Yield what it says of itself in ``jitd status``. ``now`` is in seconds since 1970."""
        yield from ()

    def gauges(self) -> Iterator[Family]:
        """Yield what it says of itself in ``jitd metrics``."""
        yield from ()


class Readers:
    """All readers, with their names. They begin and are told in the order in which they were added, and finish in the reverse
    order: those that were added first read what the others have noted.
    """

    def __init__(self) -> None:
        self._all: dict[str, Reader] = {}
        self._faults: dict[str, str] = {}

    def add(self, name: str, reader: R) -> R:
        self._all[name] = reader
        return reader

    def begin(self) -> None:
        """Let all begin. Raises StoreError."""
        for reader in self._all.values():
            reader.begin()

    def look(self, head: Seal) -> None:
        self._tell_all(lambda reader: reader.look(head))

    def signed(self, number: int) -> None:
        self._tell_all(lambda reader: reader.signed(number))

    def changed(self, before: Life | None, after: Life, now: Moment) -> None:
        self._tell_all(lambda reader: reader.changed(before, after, now))

    def decided(self, seconds: float) -> None:
        self._tell_all(lambda reader: reader.decided(seconds))

    def recorded(self, n_bytes: int) -> None:
        self._tell_all(lambda reader: reader.recorded(n_bytes))

    def loaded(self, at: float) -> None:
        self._tell_all(lambda reader: reader.loaded(at))

    def refused(self) -> None:
        self._tell_all(lambda reader: reader.refused())

    async def keep(self) -> None:
        """Run the tasks of all. Never return."""
        async with asyncio.TaskGroup() as tasks:
            for name, reader in self._all.items():
                tasks.create_task(self._keep(name, reader))

    async def finish(self) -> None:
        """Wait until each of them has read all, for a few seconds at most. ``keep`` has to run meanwhile."""
        await self._end_each(lambda reader: reader.finish())

    async def close(self) -> None:
        """Have each close what it has opened of the store, once ``keep`` has ended. SQLite removes its log only if the daemon's
        own connection is the last one that is closed.
        """
        await self._end_each(lambda reader: reader.close())

    async def _end_each(self, end: Callable[[Reader], Awaitable[None]]) -> None:
        for name, reader in reversed(self._all.items()):
            try:
                await end(reader)
            except Exception as fault:
                self._failed(name, fault)

    def lines(self, now: float) -> Iterator[Line]:
        """Yield what all say of themselves in ``jitd status``. ``now`` is in seconds since 1970."""
        for reader in self._all.values():
            yield from reader.lines(now)

    def gauges(self) -> Iterator[Family]:
        """Yield what all say of themselves in ``jitd metrics``."""
        for reader in self._all.values():
            yield from reader.gauges()

    def _tell_all(self, tell: Callable[[Reader], None]) -> None:
        """A decision waits for this."""
        for name, reader in self._all.items():
            try:
                tell(reader)
            except Exception as fault:  # it is committed, and the others read on
                self._failed(name, fault)

    async def _keep(self, name: str, reader: Reader) -> None:
        while True:
            try:
                return await reader.keep()
            except Exception as fault:
                self._failed(name, fault)
                await asyncio.sleep(AGAIN_AFTER)

    def _failed(self, name: str, fault: Exception) -> None:
        count(Failure.JITD)
        told = f"{type(fault).__name__}: {fault}"
        if self._faults.get(name) != told:  # it may fail at each commit
            self._faults[name] = told
            log("a reader of the record had an error; all others go on", reader=name, fault=told)
