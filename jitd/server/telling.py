# SPDX-License-Identifier: Apache-2.0
"""Gives clients their turns, and sends rows to one client. The rows for all clients are sent in turns. Rows are not sent faster
than the client reads.

Law: in each pass of the event loop, one row is made. For each account, only one row is made at a time. A large row counts against
the limits of ``room`` until the client has read the row. A client that does not read a large row is disconnected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from jitd.core.party import Party
from jitd.server.channel import Channel
from jitd.server.room import Room
from jitd.verbs.rows import Row
from jitpam.wire import coding
from jitpam.wire.framing import SMALL
from jitpam.wire.messages import Item, Message

TAKEN_WITHIN = 60.0  # seconds to wait for room for a large row. The client has as many to read it

LONGEST_REST = 1.0  # maximum time, in seconds, that an account rests between two large messages


class Turns:
    """Decides which connection may compute the next row of its list. For each account, at most one connection at a time may
    compute rows. In each pass of the event loop, one of these connections computes one row. The connections take turns in the
    order of their arrival.
    """

    def __init__(self) -> None:
        # a lock that nobody holds or waits for goes: principals are without number
        self._of = WeakValueDictionary[Party, asyncio.Lock]()
        self._all = asyncio.Lock()
        self._begun = WeakValueDictionary[Party, asyncio.Lock]()
        self._large = WeakValueDictionary[Party, asyncio.Lock]()
        self.room = Room()  # the room for large rows that are in transit to clients

    def of(self, party: Party) -> asyncio.Lock:
        """Return the lock that a connection of ``party`` must hold to make a row."""
        return self._of.setdefault(party, asyncio.Lock())

    async def begin(self, party: Party) -> None:
        """Wait until a connection of ``party`` may begin to answer a message. In each pass of the event loop, one
        connection of an account may begin. Therefore an account with many connections does not delay other accounts.

        What root itself has started does not wait. Among it are sshd and login, each of which serves a different person. A sudo
        waits in the turn of its person.
        """
        if not party.is_root:
            await _take(self._begun.setdefault(party, asyncio.Lock()))

    @asynccontextmanager
    async def large(self, party: Party) -> AsyncIterator[None]:
        """Wait until ``party`` may have another large message read and answered. An account has one at a time, and then
        rests for as long as this message took. To read, to judge and to store megabytes takes the event loop and the interpreter
        from everybody, piece by piece, and many connections of one account would take nearly all of them. Root does not wait.
        """
        if party.is_root:
            yield
            return
        turn, loop = self._large.setdefault(party, asyncio.Lock()), asyncio.get_running_loop()
        await turn.acquire()
        began_at = loop.time()
        try:
            yield
        finally:
            loop.call_later(min(loop.time() - began_at, LONGEST_REST), turn.release)

    async def of_all(self) -> None:
        """Wait for the one turn that all accounts share. Keep this turn until the next pass of the event loop."""
        await _take(self._all)


async def _take(turn: asyncio.Lock) -> None:
    """Wait for the lock ``turn``, and keep it until the next pass of the loop. If the turn is free, do not wait."""
    await turn.acquire()
    asyncio.get_running_loop().call_soon(turn.release)


class Telling:
    """Sends rows to the client at ``channel``, which counts for ``party``. ``send`` is a function that sends a message.
    The arguments of ``send`` are the message and the bytes of the message.
    """

    def __init__(self, turns: Turns, party: Party, channel: Channel, send: Callable[[Message, bytes], None]) -> None:
        self._turns = turns
        self._party = party
        self._channel = channel
        self._place = turns.room.place(party)
        self._send = send

    async def rows(self, rows: AsyncIterable[Row] | Iterable[Row]) -> None:
        """Send all ``rows`` without delay to others: of who does not read, one row is kept. Raises TimeoutError."""
        rest = aiter(rows) if isinstance(rows, AsyncIterable) else _each(rows)
        while True:
            async with self._turns.of(self._party):
                row = await anext(rest, None)
                if row is None:
                    return
                await self.row(row)
            await self._channel.drained()

    async def row(self, row: Row) -> None:
        """Wait for the turn to send ``row``. If ``row`` is large, also wait for room. Then send ``row``. Raises TimeoutError."""
        await self._turns.of_all()
        item = Item(row=row)
        body = coding.encode(item)
        if len(body) <= SMALL:
            return self._send(item, body)
        try:
            async with asyncio.timeout(TAKEN_WITHIN):
                await self._place.until_taken(len(body))
            self._send(item, body)
            async with asyncio.timeout(TAKEN_WITHIN):
                await self._channel.drained()
        except TimeoutError:
            self._channel.give_up("the client does not read the answer to its question")
            raise
        finally:
            self._place.give()


async def _each(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row
