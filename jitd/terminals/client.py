# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-terminals.

Law: every fault is returned as Failed, with the reason. An exception is raised only if the caller is cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jitd.beside.asking import Line, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.terminals.messages import ANSWERS, QUESTIONS, Tell, Told

NAME = "jitd-terminals"
"""The name of the process, of its account and of the unit of its socket."""
SOCKET = Path("/run/jitd-terminals/terminals.sock")
MODULE = "jitd.terminals.process"
WITHIN = 15.0
"""Maximum number of seconds for one question. This time includes the start of the process and the process's own time limit."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The question failed, so it is not known whether anybody got the message. ``why`` is a sentence for people."""

    why: str


class Terminals:
    """Sends messages to terminals through the process to which ``door`` connects."""

    def __init__(self, door: Door) -> None:
        self._name = door.name
        self._line = Line(door)

    async def tell(self, question: Tell) -> Told | Failed:
        """Send ``question`` to the process. If the process ends before it answers, send the question once more."""
        try:
            body = QUESTIONS.write(question)
        except (ValueError, TypeError) as fault:
            return Failed(f"this cannot be told by {self._name}: {fault}")
        try:
            return ANSWERS.read(await self._line.ask(body, WITHIN))
        except Unanswered as why:
            return Failed(str(why))
        except ValueError as fault:
            return Failed(f"{self._name} sent a message that cannot be read ({fault}); is it of another version?")

    def close(self) -> None:
        """Close the connection. If the process is a child of the daemon, end it."""
        self._line.close()


def service() -> SocketDoor:
    """Return the connection to a jitd-terminals that systemd starts."""
    return SocketDoor(NAME, SOCKET)


def child(account: str = NAME) -> ChildDoor:
    """Return the connection to a jitd-terminals that the daemon starts as its child."""
    return ChildDoor(NAME, MODULE, account)
