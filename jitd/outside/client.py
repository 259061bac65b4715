# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-outside.

Law: any fault is Failed; nothing is raised, unless the caller is cancelled. Then jitd-outside is told to stop asking.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from jitd.beside.asking import Line, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.outside.messages import Fetch, Fetched, Letter, Posted, read_fetched, read_posted, write, write_letter

T = TypeVar("T")
NAME = "jitd-outside"
SOCKET = Path("/run/jitd-outside/outside.sock")
MORE = 5.0
"""Seconds that an answer may take beyond the question's deadline: for the start of jitd-outside, and until it is its turn."""


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer. ``why`` is a sentence for people, without a full stop. The question may have arrived."""

    why: str


class Outside:
    """Has jitd-outside ask other hosts, and hand messages to mail servers."""

    def __init__(self, door: Door) -> None:
        self._line = Line(door)

    async def fetch(self, question: Fetch) -> Fetched | Failed:
        """Ask ``question``, and return the answer. If jitd-outside ends meanwhile, it is asked once more."""
        try:
            body = write(question)
        except (ValueError, TypeError) as fault:
            return Failed(f"this cannot be asked of jitd-outside: {fault}")
        return await self._answer(body, question.deadline_ms, read_fetched)

    async def post(self, letter: Letter) -> Posted | Failed:
        """Have ``letter`` handed to its server. If jitd-outside ends meanwhile, this is done once more: the server may then have
        it twice.
        """
        try:
            body = write_letter(letter)
        except (ValueError, TypeError) as fault:
            return Failed(f"this cannot be sent by jitd-outside: {fault}")
        return await self._answer(body, letter.deadline_ms, read_posted)

    async def _answer(self, body: bytes, deadline_ms: int, read: Callable[[bytes], T]) -> T | Failed:
        """Have ``body`` asked, and return what ``read`` makes of the answer."""
        try:
            return read(await self._line.ask(body, deadline_ms / 1000 + MORE))
        except Unanswered as fault:
            return Failed(str(fault))
        except ValueError as fault:
            return Failed(f"jitd-outside sent what cannot be read ({fault}); is it of another version?")

    def close(self) -> None:
        """Close the connection, and end jitd-outside if it is a child."""
        self._line.close()


def door_by_socket(path: Path = SOCKET) -> Door:
    """Return the way to the jitd-outside that systemd starts."""
    return SocketDoor(NAME, path)


def door_by_child(keys: Callable[[], Mapping[str, Path]], account: str = NAME) -> ChildDoor:
    """Return the way to a jitd-outside that is started as a child. ``keys`` gives the files of keys, by name, at each start; a
    file that cannot be opened is left out, and what needs it is told so.
    """

    def opened() -> Mapping[str, int]:
        found = {}
        for name, path in keys().items():
            with suppress(OSError):
                found[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return found

    return ChildDoor(NAME, "jitd.outside.process", account, places(), passed=opened)


def places() -> list[str]:
    """Return the directory that a child imports the packages from. The daemon itself does not import them."""
    package = find_spec("httpcore")
    return [] if package is None else [str(Path(str(package.origin)).parents[1])]
