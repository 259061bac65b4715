# SPDX-License-Identifier: Apache-2.0
"""The daemon's side of the connection to a helper. Many questions may be open at the same time.

Law: an answer is accepted only if the kernel reports that it came from the account of the helper. A descriptor is accepted
only if it is sealed, and only from a helper of which an answer declares one. ``Client.ask`` returns an answer to its
question and no other, or the reason why there is none. It raises an exception only if the caller is cancelled; the work on the
question then ends, if its process can end it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import socket
import time
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import NamedTuple, TypeVar

from jitd.beside import packets
from jitd.beside.connecting import Connector
from jitd.beside.packets import Kind, Packet
from jitd.beside.questions import Lanes, QuestionKind
from jitd.beside.readiness import wake
from jitd.releasing import RELEASER
from jitpam.wire.declared import sentence

Q = TypeVar("Q")
A = TypeVar("A")
MOST_IN_A_ROW = 16  # packets that are received before everything else in the daemon has its turn


REMEMBERED_FOR = 600.0  # seconds for which a helper that has not answered is told of, if nobody has asked it since
_silent: dict[str, tuple[float, str]] = {}


def silent() -> list[str]:
    """Return a sentence for each helper that has not answered lately, and has said nothing since. Any thread may call this."""
    since = time.monotonic() - REMEMBERED_FOR
    return [f"{name}: {why}" for name, (at, why) in sorted(_silent.copy().items()) if at > since]


class Unanswered(Exception):
    """The process gave no answer. The exception's text is the reason, written as the end of a sentence."""


class _Broken(Exception):
    """Raised if the connection broke before an answer arrived. The exception's text is the reason."""


class Heard(NamedTuple):
    """An answer. ``carried`` is the file descriptor that was sent with the body, or None."""

    body: bytes
    carried: int | None


class HelperLine:
    """Sends questions to a helper by ``connector``, over a connection that is opened when needed."""

    def __init__(self, connector: Connector) -> None:
        self._to = connector
        self._uid: int | None = None
        self._socket: socket.socket | None = None
        self._opening = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Heard]] = {}
        self._room: asyncio.Future[None] | None = None
        self._carries = False
        self._n_heard = 0

    async def ask(
        self,
        body: bytes,
        within: float,
        n_times: int,
        turn: AbstractAsyncContextManager[object] | None = None,
        *,
        carries: bool = False,
    ) -> Heard:
        """Send a question when it is its ``turn``, and return the answer. If the connection breaks, send the question again over
        a new connection, ``n_times`` in all. ``within`` is the time limit in seconds, which includes the wait for the turn and
        the start of the process. Raises Unanswered.

        No descriptor is taken from the process unless ``carries`` is True for one of its questions. The caller must close the
        descriptor of the answer.

        If the caller is cancelled or the time is over, a DROP packet is sent. It tells the helper that the answer is no
        longer needed.
        """
        if not 0 < len(body) <= packets.MAX_BODY:
            raise Unanswered(f"a question of {len(body)} bytes cannot be sent to {self._to.name}")
        self._carries = self._carries or carries
        n_heard = self._n_heard
        try:
            async with asyncio.timeout(within), turn or nullcontext():
                return await self._ask(body, n_times)
        except TimeoutError:
            if n_heard == self._n_heard:  # otherwise it answers others, and this work takes long
                self._failed(f"no answer within {within:g} s")
            raise Unanswered(f"{self._to.name} has not answered within {within:g} s") from None

    def close(self) -> None:
        """Close the connection, and end the process if it is the daemon's child. Callers that wait get Unanswered."""
        self._break("the connection was closed")
        self._to.close()

    async def _ask(self, body: bytes, n_times: int) -> Heard:
        """Raises Unanswered."""
        why = ""
        for _ in range(n_times):
            try:
                return await self._once(body)
            except _Broken as fault:
                why = str(fault)
        self._failed(why)
        raise Unanswered(why)

    def _failed(self, why: str) -> None:
        _silent[self._to.name] = time.monotonic(), why

    async def _once(self, body: bytes) -> Heard:
        """Raises _Broken, Unanswered."""
        line = await self._connected()
        number = next(self._numbers)
        answer: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            await self._send(line, Packet(number, Kind.QUESTION, body))
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                _close(answer.result().carried)
            self._drop(number)
            raise
        finally:
            self._open.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # read it, so that asyncio does not log an exception that nobody has read

    async def _connected(self) -> socket.socket:
        """Return the connection. If there is no connection, open a new one. Raises Unanswered."""
        async with self._opening:
            if self._socket is not None:
                return self._socket
            self._uid = self._account()
            try:
                line = await self._to.open()
            except OSError as fault:
                self._failed(f"it cannot be reached ({fault.strerror or fault})")
                raise Unanswered(f"{self._to.name} cannot be reached ({fault.strerror or fault}): {self._to.mend}") from None
            line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            asyncio.get_running_loop().add_reader(line, self._hear, line)
            self._socket = line
            return line

    def _account(self) -> int:
        """Return the uid from which answers are accepted. Raises Unanswered."""
        account = self._to.account
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
                    self._break(f"the connection to {self._to.name} broke ({fault.strerror or fault})", line)
        raise _Broken(f"the connection to {self._to.name} broke: {self._to.mend}")

    async def _wait_until_writable(self, line: socket.socket) -> None:
        """Wait until the socket ``line`` has room for a packet, or until the connection breaks."""
        loop = asyncio.get_running_loop()
        room = self._room = loop.create_future()
        loop.add_writer(line, wake, room)
        try:
            await room
        finally:
            self._room = None
            if line is self._socket:
                loop.remove_writer(line)

    def _drop(self, number: int) -> None:
        if self._socket is not None:
            with suppress(OSError):  # if the socket is full or closed, the deadline in the process ends the work
                self._socket.send(packets.write(Packet(number, Kind.DROP)), socket.MSG_NOSIGNAL)

    def _hear(self, line: socket.socket) -> None:
        """Receive what has arrived; the rest in the next turn, so that who sends without end keeps the daemon from nothing."""
        for _ in range(MOST_IN_A_ROW):
            if line is not self._socket:
                return
            try:
                written, uid, carried = packets.receive(line, carries=self._carries)
                if not written:
                    self._break(f"{self._to.name} has ended without an answer; see its log", line)
                    return
                if uid != self._uid:
                    _close(carried)
                    self._break(
                        f"the answer came from uid {uid}, not from the account {self._to.account} (uid {self._uid})", line
                    )
                    return
                self._take(written, carried)
            except BlockingIOError:
                return
            except (OSError, ValueError) as fault:
                self._break(f"{self._to.name} sent a message that cannot be read ({fault}); is it of another version?", line)

    def _take(self, written: bytes, carried: int | None) -> None:
        """Pass the answer to the caller that waits for it. Raises ValueError for what is malformed, or only the daemon sends."""
        try:
            packet = packets.read(written)
            if packet.kind not in (Kind.ANSWER, Kind.UNANSWERED):
                raise ValueError(f"{packet.kind.name}, which only the daemon may send")
            self._n_heard += 1
            _silent.pop(self._to.name, None)
            answer = self._open.pop(packet.number, None)
            if answer is None or answer.done():
                return
            if packet.kind is Kind.ANSWER:
                answer.set_result(Heard(packet.body, carried))
                carried = None
            else:
                answer.set_exception(Unanswered(packet.body.decode("ascii")))
        finally:
            _close(carried)

    def _break(self, why: str, line: socket.socket | None = None) -> None:
        """Close the connection, and raise _Broken in all callers that wait. ``line`` is the socket of the broken connection. If
        a newer connection has already replaced the broken one, do nothing. If ``line`` is None, close the present connection.
        """
        if self._socket is None or (line is not None and line is not self._socket):
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        RELEASER.end(self._socket)
        self._socket = None
        if self._room is not None:
            wake(self._room)
        waiting, self._open = list(self._open.values()), {}
        for answer in waiting:
            if not answer.done():
                answer.set_exception(_Broken(why))


class Client:
    """The daemon's end of the connection to the process behind ``connector``."""

    def __init__(self, connector: Connector) -> None:
        self._name = connector.name
        self._line = HelperLine(connector)
        self._turns: dict[tuple[Lanes, str], asyncio.Semaphore] = {}

    async def ask(self, kind: QuestionKind[Q, A], question: Q, within: float | None = None) -> A:
        """Ask ``question``, and return its answer, or the reason why there is none. ``within`` is the time limit in seconds, if
        it is another one than that of the ``kind``. The caller must close the descriptor of an answer that has one.
        """
        try:
            body = kind.questions.write(question)
        except (ValueError, TypeError) as fault:
            return (kind.unsent or kind.failed)(sentence(f"this cannot be asked of {self._name}: {fault}"))
        return await self.ask_written(kind, body, kind.within(question) if within is None else within, kind.lane_of(question))

    async def ask_written(self, kind: QuestionKind[Q, A], body: bytes, within: float, lane: str = "") -> A:
        """Do as ``ask`` with a question that is written already."""
        try:
            turn = self._turn(kind.lanes, lane)
            heard = await self._line.ask(body, within, kind.n_times, turn, carries=kind.answers.carries)
            return self._read(kind, heard)
        except Unanswered as why:
            return kind.failed(sentence(str(why)))

    def close(self) -> None:
        """Close the connection. If the process is a child of the daemon, end it."""
        self._line.close()

    def _turn(self, lanes: Lanes, name: str) -> asyncio.Semaphore | None:
        if not lanes.wait_in_daemon:
            return None
        return self._turns.setdefault((lanes, name), asyncio.Semaphore(lanes.n_at_once))

    def _read(self, kind: QuestionKind[Q, A], heard: Heard) -> A:
        """Raises Unanswered if this does not answer a question of this kind."""
        try:
            answer: A = kind.answers.read(heard.body, heard.carried)
            if not isinstance(answer, kind.answers_with):
                raise ValueError("the answer belongs to another question")
            if heard.carried is None and isinstance(answer, kind.must_carry):
                raise ValueError("the answer came without its secret")
        except ValueError as fault:
            _close(heard.carried)
            raise Unanswered(f"{self._name} sent a message that cannot be read ({fault}); is it of another version?") from None
        return answer


def _close(carried: int | None) -> None:
    if carried is not None:
        os.close(carried)
