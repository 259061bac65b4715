# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to a process beside it. Many questions may be open at once.

Law: an answer is believed if the kernel says that a process of the right account sent it. Every fault is Unanswered, with the
reason. An answer belongs to the question with its number; an answer that nobody waits for is dropped. A question whose
connection broke is asked once more, over a new connection: questions must do no harm if they are asked twice.
"""

from __future__ import annotations

import asyncio
import itertools
import pwd
import socket
from contextlib import suppress

from jitd.beside import packets
from jitd.beside.doors import Door
from jitd.beside.packets import Kind, Packet

MOST_TRIES = 2
"""How often a question is sent. If the process ends at it each time, the question may be the cause."""


class Unanswered(Exception):
    """The process gave no answer. The text says why; it is the rest of a sentence."""


class _Broken(Exception):
    """The connection broke before there was an answer. The text says why."""


class Line:
    """Asks the process behind ``door``. The connection is opened when it is first needed, and again after it broke."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._uid: int | None = None
        self._socket: socket.socket | None = None
        self._opening = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[bytes]] = {}
        self._room: asyncio.Future[None] | None = None

    async def ask(self, body: bytes, within: float) -> bytes:
        """Ask, and return the body of the answer. ``within`` is in seconds; the start of the process counts. Raises Unanswered.

        If the caller is cancelled or the time is over, the process is told that nobody waits any more.
        """
        if not 0 < len(body) <= packets.MAX_BODY:
            raise Unanswered(f"a question of {len(body)} bytes cannot be asked of {self._door.name}")
        try:
            async with asyncio.timeout(within):
                return await self._ask(body)
        except TimeoutError:
            raise Unanswered(f"{self._door.name} has not answered within {within:g} s") from None

    def close(self) -> None:
        """Close the connection, and end the process if it is a child. Questions that are open are Unanswered."""
        self._break("the connection was closed")
        self._door.close()

    async def _ask(self, body: bytes) -> bytes:
        """Raises Unanswered."""
        why = ""
        for _ in range(MOST_TRIES):
            try:
                return await self._once(body)
            except _Broken as fault:
                why = str(fault)
        raise Unanswered(why)

    async def _once(self, body: bytes) -> bytes:
        """Raises _Broken, Unanswered."""
        line = await self._connected()
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            await self._send(line, Packet(number, Kind.QUESTION, body))
            return await answer
        except asyncio.CancelledError:
            self._drop(number)
            raise
        finally:
            self._open.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # so that nobody is told of an exception that was never looked at

    async def _connected(self) -> socket.socket:
        """Return the connection; open it if there is none. Raises Unanswered."""
        async with self._opening:
            if self._socket is not None:
                return self._socket
            self._uid = self._account()
            try:
                line = await self._door.open()
            except OSError as fault:
                raise Unanswered(f"{self._door.name} cannot be reached ({fault.strerror or fault}): {self._door.mend}") from None
            line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            asyncio.get_running_loop().add_reader(line, self._hear, line)
            self._socket = line
            return line

    def _account(self) -> int:
        """Return the uid whose answers are believed. Raises Unanswered."""
        account = self._door.account
        if account.isdigit():
            return int(account)
        if self._uid is not None:
            return self._uid
        try:
            return pwd.getpwnam(account).pw_uid
        except KeyError:
            raise Unanswered(f"this host has no account {account}: contrib/install makes it") from None

    async def _send(self, line: socket.socket, packet: Packet) -> None:
        """Raises _Broken."""
        written = packets.write(packet)
        async with self._sending:
            while line is self._socket:
                try:
                    line.send(written, socket.MSG_NOSIGNAL)
                    return
                except BlockingIOError:
                    await self._wait_until_writable(line)
                except OSError as fault:
                    self._break(f"the connection to {self._door.name} broke ({fault.strerror or fault})", line)
        raise _Broken(f"the connection to {self._door.name} broke: {self._door.mend}")

    async def _wait_until_writable(self, line: socket.socket) -> None:
        """Return when ``line`` has room for a packet, or has broken."""
        loop = asyncio.get_running_loop()
        room = self._room = loop.create_future()
        loop.add_writer(line, _wake, room)
        try:
            await room
        finally:
            self._room = None
            if line is self._socket:
                loop.remove_writer(line)

    def _drop(self, number: int) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it is full, or gone: the process has a deadline of its own
                self._socket.send(packets.write(Packet(number, Kind.DROP)), socket.MSG_NOSIGNAL)

    def _hear(self, line: socket.socket) -> None:
        """Take the packets that have arrived."""
        while line is self._socket:
            try:
                written, uid = packets.receive(line)
                if not written:
                    self._break(f"{self._door.name} has ended without an answer; see its log", line)
                    return
                if uid != self._uid:
                    self._break(f"what answers is uid {uid}, not the account {self._door.account} (uid {self._uid})", line)
                    return
                self._take(packets.read(written))
            except BlockingIOError:
                return
            except (OSError, ValueError) as fault:
                self._break(f"{self._door.name} sent what cannot be read ({fault}); is it of another version?", line)

    def _take(self, packet: Packet) -> None:
        """Give an answer to whom it belongs to. Raises ValueError for a packet that only the daemon sends."""
        if packet.kind not in (Kind.ANSWER, Kind.UNANSWERED):
            raise ValueError(f"{packet.kind.name} from the wrong side")
        answer = self._open.pop(packet.number, None)
        if answer is None or answer.done():
            return
        if packet.kind is Kind.ANSWER:
            answer.set_result(packet.body)
        else:
            answer.set_exception(Unanswered(packet.body.decode("ascii")))

    def _break(self, why: str, line: socket.socket | None = None) -> None:
        """Close the connection, and tell all who wait. ``line`` is the connection that broke: a later one is left alone."""
        if self._socket is None or (line is not None and line is not self._socket):
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None
        if self._room is not None:
            _wake(self._room)
        waiting, self._open = list(self._open.values()), {}
        for answer in waiting:
            if not answer.done():
                answer.set_exception(_Broken(why))


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
