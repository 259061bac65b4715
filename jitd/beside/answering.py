# SPDX-License-Identifier: Apache-2.0
"""Answers the daemon's questions in a process beside the daemon. Many questions may be open at the same time.

Law: the process accepts questions only from root. A lane is a queue of questions. Each question belongs to one lane, and a lane
never waits for another lane. In each lane, the process works on at most N_AT_ONCE questions at the same time, and at most
N_WAITING more questions wait. The process refuses all further questions. The questions of a lane are begun in the order in which
they were read, whichever clients they come from. The process cancels the work on a question if the connection ends, or if the
client no longer waits for the answer; a question whose turn comes after that is not begun. The process reports an error in an
UNANSWERED packet, and never in an ANSWER packet.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from jitd.beside import packets
from jitd.beside.packets import MAX_PACKET, Kind, Packet, sentence

N_AT_ONCE = 8
N_WAITING = 64
MOST_CLIENTS = 16
"""Maximum number of connections that are open at the same time. Only root can connect, and the daemon needs only one connection.
"""


@dataclass(frozen=True, slots=True)
class Carried:
    """The body of an answer, and a file descriptor that is sent with the body. This process closes the descriptor after the
    attempt to send it, whether or not the attempt succeeds.
    """

    body: bytes
    descriptor: int


Answer = Callable[[bytes], Awaitable[bytes | Carried]]
"""The type of a function that gets the body of a question and returns the body of the answer. The function may raise NoAnswer.
Any other exception is a defect of the program, and is logged.
"""


class NoAnswer(Exception):
    """Raised if a question gets no answer. The exception's text is the reason, in words for people."""


def one_lane(body: bytes) -> str:
    """A lane is a queue of questions. Return an empty text as the name of the lane for every question. Therefore there is
    only one lane.
    """
    return ""


class _Lane:
    """A lane is a queue of questions. ``n_open`` is the number of its open questions. The semaphore ``turns`` limits the number
    of questions on which the process works at the same time. The lane's ``name`` is empty if there is only one lane.
    """

    def __init__(self, name: str, n_at_once: int) -> None:
        self.name = name
        self.n_open = 0
        self.turns = asyncio.Semaphore(n_at_once)


class Answering:
    """Answers questions. The function ``answer`` is called for each question. ``name`` is the name of this process in the log.
    The process accepts questions only from the uid ``believed``. A lane is a queue of questions. ``lane_of`` gets the body of a
    question, and returns the name of the lane for this question. ``lane_of`` must never raise an exception. It must return only a
    few different names, because a lane is never removed.
    """

    def __init__(
        self,
        name: str,
        answer: Answer,
        believed: int = 0,
        n_at_once: int = N_AT_ONCE,
        n_waiting: int = N_WAITING,
        lane_of: Callable[[bytes], str] = one_lane,
    ) -> None:
        self._name = name
        self._answer = answer
        self._believed = believed
        self._n_at_once = n_at_once
        self._most = n_at_once + n_waiting
        self._lane_of = lane_of
        self._lanes: dict[str, _Lane] = {}

    def say(self, words: str) -> None:
        """Write one line to the log. The log is standard error."""
        print(f"{self._name}: {sentence(words)}", file=sys.stderr, flush=True)

    async def listen(self, listener: socket.socket) -> None:
        """Answer all clients that connect. This function never returns."""
        listener.setblocking(False)
        clients: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, _ = await loop.sock_accept(listener)
            except OSError as fault:
                self.say(f"a connection could not be taken: {fault.strerror}")
                await asyncio.sleep(1)
                continue
            if len(clients) < MOST_CLIENTS:
                client = loop.create_task(self.follow(line))
                clients.add(client)
                client.add_done_callback(clients.discard)
            else:
                line.close()

    async def follow(self, line: socket.socket) -> None:
        """Answer the questions of one client until its connection ends. When the connection has ended, cancel all work for this
        client and close the socket.
        """
        line.setblocking(False)
        tasks: dict[int, tuple[asyncio.Task[None], _Lane]] = {}
        sending = asyncio.Lock()
        loop = asyncio.get_running_loop()
        try:
            if (uid := packets.peer_uid(line)) != self._believed:
                self.say(f"a client with uid {uid} was refused")
                return
            packets.make_room(line)
            while written := await loop.sock_recv(line, MAX_PACKET + 1):
                packet = packets.read(written)
                if packet.kind is Kind.DROP:
                    if (dropped := tasks.get(packet.number)) is not None:
                        self._drop(*dropped)
                elif packet.kind is not Kind.QUESTION or packet.number in tasks:
                    raise ValueError(f"a packet {packet.kind.name} with the number {packet.number} is not expected now")
                elif (lane := self._lane(packet.body)).n_open >= self._most:
                    # This is sent before the next packet is read. So a client that does not read its answers has to wait.
                    await self._send(line, sending, Packet(packet.number, Kind.UNANSWERED, self._too_many(lane)))
                else:
                    lane.n_open += 1
                    task = loop.create_task(self._work(line, sending, packet, lane))
                    tasks[packet.number] = task, lane
                    task.add_done_callback(partial(self._forget, tasks, packet.number))
                await asyncio.sleep(0)  # while packets arrive, sock_recv does not yield, so let the work run here
        except OSError:
            pass  # the daemon has ended
        except ValueError as fault:
            self.say(f"a client is disconnected: {fault}")
        finally:
            left = list(tasks.values())
            for task, lane in left:
                self._drop(task, lane)
            await asyncio.gather(*(task for task, _ in left), return_exceptions=True)
            line.close()

    def _lane(self, body: bytes) -> _Lane:
        name = self._lane_of(body)
        if name not in self._lanes:
            self._lanes[name] = _Lane(name, self._n_at_once)
        return self._lanes[name]

    def _too_many(self, lane: _Lane) -> bytes:
        of_whom = f" of {lane.name}" if lane.name else ""
        return sentence(f"{self._name} has {lane.n_open} open questions{of_whom}, and accepts no more").encode("ascii")

    @staticmethod
    def _drop(task: asyncio.Task[None], lane: _Lane) -> None:
        """Cancel ``task``, because nobody needs its result any more. The question of the task is no longer counted as open, even
        if the task has not ended yet.
        """
        if not task.cancelling() and task.cancel():
            lane.n_open -= 1

    @staticmethod
    def _forget(tasks: dict[int, tuple[asyncio.Task[None], _Lane]], number: int, task: asyncio.Task[None]) -> None:
        _, lane = tasks.pop(number)
        if not task.cancelling():
            lane.n_open -= 1

    async def _work(self, line: socket.socket, sending: asyncio.Lock, asked: Packet, lane: _Lane) -> None:
        carried = -1
        async with lane.turns:
            if packets.has_ended(line):
                return  # its client takes it for failed, and may have asked for the opposite on another connection
            try:
                answer = await self._answer(asked.body)
                if isinstance(answer, Carried):
                    carried = answer.descriptor
                    said = packets.write(Packet(asked.number, Kind.ANSWER, answer.body))
                else:
                    said = packets.write(Packet(asked.number, Kind.ANSWER, answer))
            except NoAnswer as why:
                said = packets.write(Packet(asked.number, Kind.UNANSWERED, sentence(str(why)).encode("ascii")))
            except Exception as fault:  # a defect: only this question fails
                self.say(f"a question could not be worked on: {type(fault).__name__}: {fault}")
                reason = f"{self._name} could not work on it; see its log"
                said = packets.write(Packet(asked.number, Kind.UNANSWERED, reason.encode("ascii")))
        try:
            await self._send_bytes(line, sending, said, carried)
        finally:
            if carried >= 0:
                os.close(carried)

    async def _send(self, line: socket.socket, sending: asyncio.Lock, packet: Packet) -> None:
        await self._send_bytes(line, sending, packets.write(packet))

    @staticmethod
    async def _send_bytes(line: socket.socket, sending: asyncio.Lock, written: bytes, carried: int = -1) -> None:
        try:
            async with sending:
                if carried >= 0:
                    await _send_carrying(line, written, carried)
                else:
                    await asyncio.get_running_loop().sock_sendall(line, written)
        except OSError:
            pass  # the task that reads this connection notices its end


async def _send_carrying(line: socket.socket, written: bytes, carried: int) -> None:
    """Send one packet together with a descriptor. Raises OSError."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            socket.send_fds(line, [written], [carried], socket.MSG_NOSIGNAL)
            return
        except BlockingIOError:
            room: asyncio.Future[None] = loop.create_future()
            loop.add_writer(line, _wake, room)
            try:
                await room
            finally:
                loop.remove_writer(line)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
