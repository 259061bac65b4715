# SPDX-License-Identifier: Apache-2.0
"""Two pumps that copy between sockets, with an engine between them that is honest: who reads slowly loses nothing, and holds up
nobody else.
"""

from __future__ import annotations

import asyncio
import os
import socket

from jitd_fleet.pump import Pump
from jitd_fleet.stream import WINDOW, Side, Why

MUCH = 4 * WINDOW


class Pair:
    """One conversation. ``desk`` and ``door`` are the sockets of those who speak."""

    def __init__(self) -> None:
        self.desk, ours = socket.socketpair()
        self.door, theirs = socket.socketpair()
        for end in (self.desk, ours, self.door, theirs):
            end.setblocking(False)
        now = asyncio.get_running_loop().time()

        async def up(message: bytes) -> None:
            self.host.hear(message)

        async def down(message: bytes) -> None:
            self.client.hear(message)

        self.client = Pump(Side(is_host=False, now=now), ours, up)
        self.host = Pump(Side(is_host=True, now=now), theirs, down)
        self.host_ends = asyncio.ensure_future(self.host.run())
        self.ends = asyncio.gather(self.client.run(), self.host_ends)


async def taken(end: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n and (piece := await asyncio.get_running_loop().sock_recv(end, 65536)):
        data += piece
    return data


def test_who_reads_nothing_for_a_while_gets_all_of_it_and_another_conversation_goes_on() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        slow, other = Pair(), Pair()
        said = os.urandom(MUCH)
        saying = loop.create_task(loop.sock_sendall(slow.door, said))
        for number in range(10):
            await loop.sock_sendall(other.desk, b"%d" % number)
            assert await taken(other.door, 1) == b"%d" % number
        assert not saying.done(), "the rest waits at the host"
        assert await taken(slow.desk, MUCH) == said
        await saying
        for pair in (slow, other):
            pair.desk.close()
            assert await pair.ends == [Why.DONE, Why.DONE]
            assert await loop.sock_recv(pair.door, 1) == b""
            pair.door.close()

    asyncio.run(play())


def test_the_last_words_of_a_host_arrive_before_the_end() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        pair = Pair()
        said = os.urandom(WINDOW - 1)
        await loop.sock_sendall(pair.door, said)
        pair.door.close()
        assert await pair.host_ends is Why.DONE
        assert await taken(pair.desk, len(said)) == said
        assert await loop.sock_recv(pair.desk, 100) == b""
        assert await pair.ends == [Why.DONE, Why.DONE]
        pair.desk.close()

    asyncio.run(play())
