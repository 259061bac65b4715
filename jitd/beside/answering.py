# SPDX-License-Identifier: Apache-2.0
"""Answers the daemon's questions in a helper. Many questions may be open at the same time.

Law: the process accepts questions only from root. A question is begun when it is its turn in its lane (``questions.Lanes``),
whichever client it comes from. The process cancels the work on a question if the connection ends, or if the client no longer
waits for the answer; a question whose turn comes after that is not begun. The process reports an error in an UNANSWERED packet,
and never in an ANSWER packet.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from jitd.beside import packets, starting
from jitd.beside.packets import MAX_PACKET, Kind, Packet
from jitd.beside.questions import Lanes, QuestionKind
from jitd.beside.readiness import until_writable
from jitpam.wire.declared import sentence

Q = TypeVar("Q")
A = TypeVar("A")
MOST_CLIENTS = 16  # connections at the same time: only root can connect, and the daemon needs only one


class NoAnswer(Exception):
    """Raised if a question gets no answer. The exception's text is the reason, in words for people."""


@dataclass(frozen=True)
class Served(Generic[Q, A]):
    """A kind of question that this process answers. ``work`` gets the question and returns the answer. It may raise NoAnswer. Any
    other exception is a defect of the program, and is logged. If the answer has a descriptor, this process closes it after the
    attempt to send it, whether or not the attempt succeeds.
    """

    kind: QuestionKind[Q, A]
    work: Callable[[Q], Awaitable[A]]


class _Lane:
    """One of ``lanes``, alone without a name: ``n_open`` questions of ``most``, of which ``turns`` are worked on at once."""

    def __init__(self, name: str, lanes: Lanes) -> None:
        self.name = name
        self.n_open = 0
        self.most = lanes.n_at_once + lanes.n_waiting
        self.turns = asyncio.Semaphore(lanes.n_at_once)


class Answering:
    """Answers questions of the kinds ``served``, from the uid ``believed`` alone. The log calls this process ``name``."""

    def __init__(self, name: str, served: Iterable[Served[Any, Any]], believed: int = 0) -> None:
        self._name = name
        self._served = {each.kind.asks: each for each in served}
        (self._questions,) = {each.kind.questions for each in self._served.values()}
        self._believed = believed
        self._lanes: dict[tuple[Lanes, str], _Lane] = {}

    async def listen(self, listener: socket.socket) -> None:
        """Answer all clients that connect. This function never returns."""
        listener.setblocking(False)
        clients: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, _ = await loop.sock_accept(listener)
            except OSError as fault:
                starting.say(self._name, f"a connection could not be taken: {fault.strerror}")
                await asyncio.sleep(1)
                continue
            if len(clients) < MOST_CLIENTS:
                client = loop.create_task(self.follow(line))
                clients.add(client)
                client.add_done_callback(clients.discard)
            else:
                line.close()

    async def follow(self, line: socket.socket) -> None:
        """Answer one client's questions until its connection ends, then cancel its work and close the socket."""
        line.setblocking(False)
        tasks: dict[int, tuple[asyncio.Task[None], _Lane]] = {}
        sending = asyncio.Lock()
        loop = asyncio.get_running_loop()
        try:
            if (uid := packets.peer_uid(line)) != self._believed:
                starting.say(self._name, f"a client with uid {uid} was refused")
                return
            packets.make_room(line)
            while written := await loop.sock_recv(line, MAX_PACKET + 1):
                packet = packets.read(written)
                if packet.kind is Kind.DROP:
                    if (dropped := tasks.get(packet.number)) is not None:
                        self._drop(*dropped)
                elif packet.kind is not Kind.QUESTION or packet.number in tasks:
                    raise ValueError(f"a packet {packet.kind.name} with the number {packet.number} is not expected now")
                else:
                    try:
                        served, question, lane = self._received(packet.body)
                    except NoAnswer as why:
                        # This is sent before the next packet is read. So a client that does not read its answers has to wait.
                        await self._send(line, sending, _unanswered(packet.number, str(why)))
                    else:
                        lane.n_open += 1
                        task = loop.create_task(self._work(line, sending, packet.number, served, question, lane))
                        tasks[packet.number] = task, lane
                        task.add_done_callback(partial(self._forget, tasks, packet.number))
                await asyncio.sleep(0)  # while packets arrive, sock_recv does not yield, so let the work run here
        except OSError:
            pass  # the daemon has ended
        except ValueError as fault:
            starting.say(self._name, f"a client is disconnected: {fault}")
        finally:
            left = list(tasks.values())
            for task, lane in left:
                self._drop(task, lane)
            await asyncio.gather(*(task for task, _ in left), return_exceptions=True)
            line.close()

    def _received(self, body: bytes) -> tuple[Served[Any, Any], Any, _Lane]:
        """Return the question in ``body`` and its lane. Raises NoAnswer if it cannot be read, or if its lane is full."""
        try:
            question = self._questions.read(body)
        except ValueError as fault:
            raise NoAnswer(f"{self._name} cannot read the question ({fault}); is it of another version?") from None
        served = self._served[type(question)]
        lanes, name = served.kind.lanes, served.kind.lane_of(question)
        if (lane := self._lanes.get((lanes, name))) is None:
            lane = self._lanes[lanes, name] = _Lane(name, lanes)
        if lane.n_open >= lane.most:
            of_whom = f" of {lane.name}" if lane.name else ""
            raise NoAnswer(f"{self._name} has {lane.n_open} open questions{of_whom}, and accepts no more")
        return served, question, lane

    @staticmethod
    def _drop(task: asyncio.Task[None], lane: _Lane) -> None:
        """Nobody needs the result any more. The question is not counted as open, even if ``task`` has not ended yet."""
        if not task.cancelling() and task.cancel():
            lane.n_open -= 1

    @staticmethod
    def _forget(tasks: dict[int, tuple[asyncio.Task[None], _Lane]], number: int, task: asyncio.Task[None]) -> None:
        _, lane = tasks.pop(number)
        if not task.cancelling():
            lane.n_open -= 1

    async def _work(
        self, line: socket.socket, sending: asyncio.Lock, number: int, served: Served[Any, Any], question: Any, lane: _Lane
    ) -> None:
        async with lane.turns:
            if packets.has_ended(line):
                return  # its client takes it for failed, and may have asked for the opposite on another connection
            said, carried = await self._answered(number, served, question)
        try:
            await self._send(line, sending, said, carried)
        finally:
            if carried is not None:
                os.close(carried)

    async def _answered(self, number: int, served: Served[Any, Any], question: Any) -> tuple[bytes, int | None]:
        """Work on ``question``. Return the packet with its answer, and the descriptor that is sent with it."""
        codec, carried = served.kind.answers, None
        try:
            answer = await served.work(question)
            carried = codec.carried_by(answer)
            try:
                return packets.write(Packet(number, Kind.ANSWER, codec.write(answer))), carried
            except ValueError as fault:
                why = f"its answer cannot be sent: {fault}"
        except NoAnswer as fault:
            why = str(fault)
        except Exception as fault:  # a defect: only this question fails
            starting.say(self._name, f"a question could not be worked on: {type(fault).__name__}: {fault}")
            why = f"{self._name} could not work on it; see its log"
        if carried is not None:
            os.close(carried)
        return _unanswered(number, why), None

    @staticmethod
    async def _send(line: socket.socket, sending: asyncio.Lock, written: bytes, carried: int | None = None) -> None:
        try:
            async with sending:
                if carried is not None:
                    await _send_carrying(line, written, carried)
                else:
                    await asyncio.get_running_loop().sock_sendall(line, written)
        except OSError:
            pass  # the task that reads this connection notices its end


def _unanswered(number: int, why: str) -> bytes:
    return packets.write(Packet(number, Kind.UNANSWERED, sentence(why).encode("ascii")))


async def _send_carrying(line: socket.socket, written: bytes, carried: int) -> None:
    """Send an answer together with a descriptor. If the kernel does not let this pass, send the reason. Raises OSError."""
    while True:
        try:
            socket.send_fds(line, [written], [carried], socket.MSG_NOSIGNAL)
            return
        except BlockingIOError:
            await until_writable(line)
        except OSError as fault:
            unanswered = _unanswered(packets.read(written).number, f"its secret cannot be sent: {packets.why_unsent(fault)}")
            await asyncio.get_running_loop().sock_sendall(line, unanswered)
            return
