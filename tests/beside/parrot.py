# SPDX-License-Identifier: Apache-2.0
"""A helper for the tests: it answers what a question says that it should answer.

Its questions and answers are bare bytes: what is tested with it holds whatever they are.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from jitd.beside.answering import Answering, NoAnswer, Served
from jitd.beside.asking import HelperLine
from jitd.beside.connecting import Connector
from jitd.beside.processes import Helper
from jitd.beside.questions import ONE_LANE, Lanes, QuestionKind, one_lane
from jitd.beside.serving import run
from jitd.beside.starting import Begun

PARROT = Helper(name="parrot", has_network=True)
MUTE = Helper(name="mute-parrot")
"""A parrot without a network."""
BUSY = Helper(name="busy-parrot", has_network=True, n_threads=1)
"""A parrot with a thread."""
NAME = PARROT.process


class Bare:
    """Reads bytes as the bytes that they are."""

    def read(self, written: bytes, carried: int | None = None) -> bytes:
        assert carried is None
        return written

    def write(self, message: bytes) -> bytes:
        return message

    def carried_by(self, message: bytes) -> None:
        return None


BARE: Any = Bare()


class Asks:
    """Asks for bare bytes, as often as a question is asked if nothing else is declared."""

    def __init__(self, connector: Connector) -> None:
        self._line = HelperLine(connector)
        self.close = self._line.close

    async def ask(self, body: bytes, within: float) -> bytes:
        return (await self._line.ask(body, within, 2)).body


def answering(
    answer: Callable[[bytes], Awaitable[bytes]],
    believed: int = 0,
    lanes: Lanes = ONE_LANE,
    lane_of: Callable[[bytes], str] = one_lane,
) -> Answering:
    """What answers bare bytes."""
    return Answering(NAME, [served(answer, lanes, lane_of)], believed)


def served(
    answer: Callable[[bytes], Awaitable[bytes]], lanes: Lanes = ONE_LANE, lane_of: Callable[[bytes], str] = one_lane
) -> Served[bytes, bytes]:
    kind = QuestionKind[bytes, bytes](
        asks=bytes,
        answers_with=(bytes,),
        questions=BARE,
        answers=BARE,
        failed=str.encode,
        within=lambda body: 1.0,
        lanes=lanes,
        lane_of=lane_of,
    )
    return Served(kind, answer)


def parrot(begun: Begun) -> list[Served[bytes, bytes]]:
    """``say X`` X; ``die``; ``wait`` for ever, or ``block`` a thread for long; ``garble`` sends no packet; ``refuse X`` is
    UNANSWERED; ``fail`` is a defect.
    """
    n_waiting = 0

    async def answer(body: bytes) -> bytes:
        nonlocal n_waiting
        word, _, rest = body.partition(b" ")
        match word:
            case b"say":
                return rest
            case b"die":
                os._exit(3)
            case b"wait":
                n_waiting += 1
                try:
                    await asyncio.Event().wait()
                finally:
                    n_waiting -= 1
            case b"block":
                await asyncio.to_thread(time.sleep, 3600)
            case b"waiting":
                return b"%d" % n_waiting
            case b"refuse":
                raise NoAnswer(rest.decode())
            case b"garble":
                for descriptor in map(int, os.listdir("/proc/self/fd")):
                    with suppress(OSError):
                        socket.socket(fileno=os.dup(descriptor)).send(b"x")
                return b"never"
            case b"secret":
                return os.read(begun.passed[rest.decode()], 100)
            case b"status":
                return open("/proc/self/status", "rb").read()
            case b"world":
                found = {
                    "environment": dict(os.environ),
                    "cwd": os.getcwd(),
                    "fds": sorted(map(int, os.listdir("/proc/self/fd"))),
                }
                found["links"] = _interfaces()
                return json.dumps(found).encode()
        raise LookupError(word)

    return [served(answer)]


def _interfaces() -> list[str]:
    return sorted(name for _, name in socket.if_nameindex())


def main() -> int:
    (helper,) = (each for each in (PARROT, MUTE, BUSY) if each.name == sys.argv[1])
    return run(helper, sys.argv[2:], parrot)
