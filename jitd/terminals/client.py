# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-terminals.

Law: every fault is Failed, with the reason. Nothing is raised, unless the caller is cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jitd.beside.asking import Line, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.terminals.messages import Tell, Told, read_answer, write_question

NAME = "jitd-terminals"
"""The name of the process, of its account and of its socket's unit."""
SOCKET = Path("/run/jitd-terminals/terminals.sock")
MODULE = "jitd.terminals.process"
WITHIN = 15.0
"""Seconds for one question: its start, and the process's own bound."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody is known to be told. ``why`` is a sentence for people."""

    why: str


class Terminals:
    """Has the process behind ``door`` write to terminals."""

    def __init__(self, door: Door) -> None:
        self._name = door.name
        self._line = Line(door)

    async def tell(self, question: Tell) -> Told | Failed:
        """Have ``question`` told. If the process ends meanwhile, it is told once more."""
        try:
            body = write_question(question)
        except (ValueError, TypeError) as fault:
            return Failed(f"this cannot be told by {self._name}: {fault}")
        try:
            return read_answer(await self._line.ask(body, WITHIN))
        except Unanswered as why:
            return Failed(str(why))
        except ValueError as fault:
            return Failed(f"{self._name} sent what cannot be read ({fault}); is it of another version?")

    def close(self) -> None:
        """Close the connection, and end the process if it is a child."""
        self._line.close()


def service() -> SocketDoor:
    """Return the way to the jitd-terminals that systemd starts."""
    return SocketDoor(NAME, SOCKET)


def child(account: str = NAME) -> ChildDoor:
    """Return the way to a jitd-terminals that the daemon starts."""
    return ChildDoor(NAME, MODULE, account)
