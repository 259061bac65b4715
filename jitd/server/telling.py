# SPDX-License-Identifier: Apache-2.0
"""Rows on their way to one client: in turns with everybody else's, and no faster than they are read.

Law: in each pass of the event loop one row is made, of whomever; of one account one at a time. A large one takes room while it is
on its way, and a client that does not take it is let go.
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
"""Seconds in which there is room for a large row, and in which it is taken."""


class Turns:
    """Who may make a row: one connection of each account, and one of all in each pass of the loop, in the order of coming."""

    def __init__(self) -> None:
        self._of: dict[int, asyncio.Lock] = {}
        self._all = asyncio.Lock()
        self._begun: dict[int, asyncio.Lock] = {}
        self.room = Room()
        """For what is on its way to those who asked."""

    def of(self, uid: int) -> asyncio.Lock:
        """The account's own."""
        return self._of.setdefault(uid, asyncio.Lock())

    async def begin(self, uid: int) -> None:
        """Wait for the account's turn to have something done: what one asks for in many connections at once takes its place
        between what others ask for, and not before them. Root does not wait: many of its
        connections are gates, and each asks for somebody else.
        """
        if uid != 0:
            await _take(self._begun.setdefault(uid, asyncio.Lock()))

    async def of_all(self) -> None:
        """Wait for everybody's, and have it until the next pass."""
        await _take(self._all)


async def _take(turn: asyncio.Lock) -> None:
    """Wait for ``turn``, and have it until the next pass. Who finds it free goes on in this one."""
    await turn.acquire()
    asyncio.get_running_loop().call_soon(turn.release)


class Telling:
    """To the client behind ``channel``, whose account is ``uid``. ``send`` sends a message, and the body that it is."""

    def __init__(self, turns: Turns, uid: int, channel: Channel, send: Callable[[Message, bytes], None]) -> None:
        self._turns = turns
        self._uid = uid
        self._channel = channel
        self._place = turns.room.place(uid)
        self._send = send

    async def rows(self, rows: AsyncIterable[Row] | Iterable[Row]) -> None:
        """Tell all of them. A long list delays nobody else; a client that does not read costs one row. Raises TimeoutError."""
        rest = aiter(rows) if isinstance(rows, AsyncIterable) else _each(rows)
        while True:
            async with self._turns.of(self._uid):
                row = await anext(rest, None)
                if row is None:
                    return
                await self.row(row)
            await self._channel.drained()

    async def row(self, row: Row) -> None:
        """Tell one, when it is its turn and there is room for it. Raises TimeoutError."""
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
            self._channel.give_up("it does not take what it asked for")
            raise
        finally:
            self._place.give()


async def _each(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row
