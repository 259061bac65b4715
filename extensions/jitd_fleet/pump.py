# SPDX-License-Identifier: Apache-2.0
"""Copies between a socket and one conversation that an engine carries. ``stream`` says what may be sent.

Law: it takes no more from the socket than the other end has room for. What was heard and not yet taken stays here, so that the
connection to the engine, which all conversations share, never waits for one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from socket import socket

from jitd_fleet.stream import Broken, Side, Why

TAKEN_WITHIN = 5.0  # seconds that the one behind the socket has to take the last bytes


class Pump:
    """Copies between ``end``, which does not block, and ``side``. ``publish`` sends a message to the other side."""

    def __init__(self, side: Side, end: socket, publish: Callable[[bytes], Awaitable[None]]) -> None:
        self._side, self._end, self._publish = side, end, publish
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._kept = bytearray()
        self._is_reading = self._is_writing = False
        self._why: Why | None = None

    async def run(self) -> Why:
        """Copy until the conversation has ended. Return how. ``end`` is closed then."""
        try:
            while self._why is None:
                self._arrange()
                await self._send()
                if self._why is not None or self._is_over():
                    break
                self._wake.clear()
                try:
                    async with asyncio.timeout_at(self._side.due()):
                        await self._wake.wait()
                except TimeoutError:
                    self._attempt(lambda: self._side.tick(self._loop.time()))
            if self._why is not None:
                self._side.end(Why.BROKEN, self._loop.time())
                why = self._why
                await self._send()
                return why
            if self._side.ended_by is not None:
                await self._take_last()
            return self._side.ended_by or Why.DONE
        finally:
            self._loop.remove_reader(self._end)
            self._loop.remove_writer(self._end)
            self._end.close()

    def hear(self, message: bytes) -> None:
        """Take a message of the other side. Does not wait."""
        if self._why is None:
            self._attempt(lambda: self._hear(message))

    def stop(self, why: Why) -> None:
        """End the conversation because of something that was not heard in it."""
        self._why = self._why or why
        self._wake.set()

    def leave(self) -> None:
        """Tell the other side that this one goes."""
        self._attempt(lambda: self._side.end(Why.LEFT, self._loop.time()))

    # --- the conversation

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Broken as broken:
            self._why = self._why or broken.why
        self._wake.set()

    def _hear(self, message: bytes) -> None:
        self._kept += self._side.hear(message, self._loop.time())
        self._write()

    async def _send(self) -> None:
        try:
            while out := self._side.outgoing():
                for message in out:
                    await self._publish(message)
        except Exception:  # whatever the library says of a connection that is gone
            self._why = self._why or Why.ENGINE

    def _is_over(self) -> bool:
        return self._side.is_over

    # --- the socket

    def _arrange(self) -> None:
        if (wanted := self._side.room() > 0) != self._is_reading:
            self._is_reading = wanted
            if wanted:
                self._loop.add_reader(self._end, self._attempt, self._read)
            else:
                self._loop.remove_reader(self._end)

    def _read(self) -> None:
        now = self._loop.time()
        if not (room := self._side.room()):
            return
        try:
            data = self._end.recv(room)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._side.say(data, now)
        else:
            self._side.end(Why.DONE, now)

    def _write(self) -> None:
        while self._kept:
            try:
                n = self._end.send(self._kept)
            except BlockingIOError:
                break
            except OSError:  # nobody takes them any more
                self._side.end(Why.DONE, self._loop.time())
                n = len(self._kept)
            del self._kept[:n]
            self._side.take(n, self._loop.time())
        if bool(self._kept) != self._is_writing:
            self._is_writing = bool(self._kept)
            if self._is_writing:
                self._loop.add_writer(self._end, self._attempt, self._write)
            else:
                self._loop.remove_writer(self._end)

    async def _take_last(self) -> None:
        try:
            async with asyncio.timeout(TAKEN_WITHIN):
                while self._kept:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            pass
