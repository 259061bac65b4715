# SPDX-License-Identifier: Apache-2.0
"""Delivers batches of events to sinks, and keeps the connection of each sink between two batches.

Law: a sink has one connection, and one batch at a time is delivered to it. An event is done when its receiver has taken it as far
as the receiver says so, or when the receiver will never take it. Everything else must be delivered again. A fault is an answer
that says how many events are done. No event is kept here: what was not confirmed is with the daemon.
"""

from __future__ import annotations

import asyncio

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside.connecting import NotAllowed
from jitd_outsiders.outside.deliveries import Deliver, Delivered, Destination
from jitd_outsiders.outside.keys import Keys, NoSuchKey
from jitd_outsiders.outside.outcome import Outcome, delivered
from jitd_outsiders.outside.sink import Sink
from jitd_outsiders.outside.sinks import kind_of

MOST_SINKS = 64


class Deliveries:
    """Delivers batches, with the secrets in ``keys``."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._sinks: dict[str, _Open] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def answer(self, question: Deliver) -> Delivered:
        return await self._sink(question).deliver(question)

    def _sink(self, question: Deliver) -> _Open:
        found = self._sinks.pop(question.sink, None)
        if found is not None and found.destination != question.destination:
            self._end(found)
            found = None
        if found is None:
            if len(self._sinks) >= MOST_SINKS:
                self._end(self._sinks.pop(next(iter(self._sinks))))
            found = _Open(question.destination, kind_of(question.destination).opened(question.destination, self._keys))
        self._sinks[question.sink] = found  # the last one in the table was used last
        return found

    def _end(self, sink: _Open) -> None:
        task = asyncio.get_running_loop().create_task(sink.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Open:
    """The sink ``to`` at ``destination``."""

    def __init__(self, destination: Destination, to: Sink) -> None:
        self.destination = destination
        self._to = to
        self._turn = asyncio.Lock()

    async def deliver(self, question: Deliver) -> Delivered:
        """Deliver the events of ``question``. Every fault is part of the answer."""
        found: list[Outcome] = []
        try:
            async with asyncio.timeout(question.deadline_ms / 1000), self._turn:
                return await self._to.deliver(question.events, question.sender, found)
        except TimeoutError:
            why = f"the receiver has not taken it within {question.deadline_ms / 1000:g} s"
        except (NoAnswer, NotAllowed, NoSuchKey) as fault:
            why = str(fault)
        except Exception as fault:
            why = self._to.told(fault)
        return delivered(found, len(question.events), why)

    async def end(self) -> None:
        """Close the connection, after the batch that is being delivered."""
        async with self._turn:
            await self._to.close()
