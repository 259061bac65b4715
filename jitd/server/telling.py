# SPDX-License-Identifier: Apache-2.0
"""Sends rows to one client: in turns with the rows for all other clients, and no faster than the client reads.

Law: in each pass of the event loop one row is made, and for each account only one at a time. A large row takes room until the
client has read it; a client that does not read it is disconnected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable

from jitd.server.channel import Channel
from jitd.server.room import Room
from jitd.verbs.rows import Row
from jitpam.wire import coding
from jitpam.wire.framing import SMALL
from jitpam.wire.messages import Item, Message

TAKEN_WITHIN = 60.0
"""Seconds to wait for room for a large row, and then for the client to take it."""


class Turns:
    """Decides who may make a row: one connection of each account, and of these one in each pass of the loop, first come first."""

    def __init__(self) -> None:
        self._of: dict[int, asyncio.Lock] = {}
        self._all = asyncio.Lock()
        self._begun: dict[int, asyncio.Lock] = {}
        self.room = Room()
        """The room for large rows on their way to clients."""

    def of(self, uid: int) -> asyncio.Lock:
        """Return the turn of account ``uid``."""
        return self._of.setdefault(uid, asyncio.Lock())

    async def begin(self, uid: int) -> None:
        """Wait until account ``uid`` may have something done. So one account with many connections does not delay others.

        Root does not wait: many of its connections are gates, and each asks for somebody else.
        """
        if uid != 0:
            await _take(self._begun.setdefault(uid, asyncio.Lock()))

    async def of_all(self) -> None:
        """Wait for the turn that all accounts share, and keep it until the next pass of the loop."""
        await _take(self._all)


async def _take(turn: asyncio.Lock) -> None:
    """Wait for ``turn``, and keep it until the next pass of the loop. If it is free, do not wait."""
    await turn.acquire()
    asyncio.get_running_loop().call_soon(turn.release)


class Telling:
    """Sends rows to the client at ``channel``, whose account is ``uid``. ``send`` takes a message, and the same as bytes."""

    def __init__(self, turns: Turns, uid: int, channel: Channel, send: Callable[[Message, bytes], None]) -> None:
        self._turns = turns
        self._uid = uid
        self._channel = channel
        self._place = turns.room.place(uid)
        self._send = send

    async def rows(self, rows: AsyncIterable[Row] | Iterable[Row]) -> None:
        """Send all ``rows``. A long list delays no other client. Only one row is kept for a client that does not read.

        Raises TimeoutError.
        """
        rest = aiter(rows) if isinstance(rows, AsyncIterable) else _each(rows)
        while True:
            async with self._turns.of(self._uid):
                row = await anext(rest, None)
                if row is None:
                    return
                await self.row(row)
            await self._channel.drained()

    async def row(self, row: Row) -> None:
        """Send one row, when it is its turn and there is room for the row. Raises TimeoutError."""
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
            self._channel.give_up("it does not read what it asked for")
            raise
        finally:
            self._place.give()


async def _each(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row
