# SPDX-License-Identifier: Apache-2.0
"""Answers the daemon's questions in a process beside it, many at once.

Law: only root is heard. Questions are in lanes, and none waits for those of another lane. In each lane N_AT_ONCE questions are
worked on at the same time, N_WAITING wait, and for any more the answer is that there are too many. Work whose connection has
ended, or that nobody waits for any more, is cancelled. An error is told as UNANSWERED, never as an answer.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from jitd.beside import packets
from jitd.beside.packets import MAX_PACKET, Kind, Packet, sentence

N_AT_ONCE = 8
N_WAITING = 64
MOST_CLIENTS = 16
"""Most connections at the same time. Only root can make connections, and the daemon needs one."""
Answer = Callable[[bytes], Awaitable[bytes]]
"""Returns the body of the answer to the body of a question. May raise NoAnswer; any other exception is a defect, and logged."""


class NoAnswer(Exception):
    """This question gets no answer. The text is the reason, for people."""


def one_lane(body: bytes) -> str:
    """Return the same lane for all questions."""
    return ""


class _Lane:
    """A lane: how many questions are open in it, and the turns to be worked on. ``name`` is empty if it is the only one."""

    def __init__(self, name: str, n_at_once: int) -> None:
        self.name = name
        self.n_open = 0
        self.turns = asyncio.Semaphore(n_at_once)


class Answering:
    """Answers by ``answer``. ``name`` is the process's name, for its log. ``believed`` is the uid that is heard. ``lane_of``
    returns the name of the lane that a question belongs to, and raises nothing. There must be few names: lanes are kept.
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
        """Write one line to the log, which is standard error."""
        print(f"{self._name}: {sentence(words)}", file=sys.stderr, flush=True)

    async def listen(self, listener: socket.socket) -> None:
        """Answer all clients that connect, for ever."""
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
        """Answer one client until its connection ends, and close it. Then no work for this client is left."""
        line.setblocking(False)
        tasks: dict[int, tuple[asyncio.Task[None], _Lane]] = {}
        sending = asyncio.Lock()
        loop = asyncio.get_running_loop()
        try:
            if (uid := packets.peer_uid(line)) != self._believed:
                self.say(f"a client of uid {uid} is not heard")
                return
            packets.make_room(line)
            while written := await loop.sock_recv(line, MAX_PACKET + 1):
                packet = packets.read(written)
                if packet.kind is Kind.DROP:
                    if (dropped := tasks.get(packet.number)) is not None:
                        self._drop(*dropped)
                elif packet.kind is not Kind.QUESTION or packet.number in tasks:
                    raise ValueError(f"{packet.kind.name} with number {packet.number} is out of place")
                elif (lane := self._lane(packet.body)).n_open >= self._most:
                    # sent before another packet is read: a client that does not read waits
                    await self._send(line, sending, Packet(packet.number, Kind.UNANSWERED, self._too_many(lane)))
                else:
                    lane.n_open += 1
                    task = loop.create_task(self._work(line, sending, packet, lane))
                    tasks[packet.number] = task, lane
                    task.add_done_callback(partial(self._forget, tasks, packet.number))
                await asyncio.sleep(0)  # sock_recv does not, while there are packets: the work has its turn
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
        return sentence(f"{self._name} has {lane.n_open} open questions{of_whom}, and takes no more").encode("ascii")

    @staticmethod
    def _drop(task: asyncio.Task[None], lane: _Lane) -> None:
        """Cancel work that nobody waits for. It is not counted from now on, though it may take a moment to end."""
        if not task.cancelling() and task.cancel():
            lane.n_open -= 1

    @staticmethod
    def _forget(tasks: dict[int, tuple[asyncio.Task[None], _Lane]], number: int, task: asyncio.Task[None]) -> None:
        _, lane = tasks.pop(number)
        if not task.cancelling():
            lane.n_open -= 1

    async def _work(self, line: socket.socket, sending: asyncio.Lock, asked: Packet, lane: _Lane) -> None:
        async with lane.turns:
            try:
                said = packets.write(Packet(asked.number, Kind.ANSWER, await self._answer(asked.body)))
            except NoAnswer as why:
                said = packets.write(Packet(asked.number, Kind.UNANSWERED, sentence(str(why)).encode("ascii")))
            except Exception as fault:  # a defect: this question fails, the others go on
                self.say(f"a question could not be worked on: {type(fault).__name__}: {fault}")
                reason = f"{self._name} could not work on it; see its log"
                said = packets.write(Packet(asked.number, Kind.UNANSWERED, reason.encode("ascii")))
        await self._send_bytes(line, sending, said)

    async def _send(self, line: socket.socket, sending: asyncio.Lock, packet: Packet) -> None:
        await self._send_bytes(line, sending, packets.write(packet))

    @staticmethod
    async def _send_bytes(line: socket.socket, sending: asyncio.Lock, written: bytes) -> None:
        try:
            async with sending:
                await asyncio.get_running_loop().sock_sendall(line, written)
        except OSError:
            pass  # the one who reads this connection notices its end
