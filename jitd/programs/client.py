# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connections to jitd-programs and jitd-programs-net.

Law: every fault is Failed, with the reason. Nothing is raised, unless the caller is cancelled; then the program is killed.
"""

from __future__ import annotations

from pathlib import Path

from jitd.beside.asking import Line, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.programs.messages import Answer, Failed, Run, read_answer, sentence, write_question

APART, NETWORKED = "jitd-programs", "jitd-programs-net"
"""The names of the two processes, of their accounts and of their sockets' units: without a network, and with the host's."""
SOCKETS = {APART: Path("/run/jitd-programs/programs.sock"), NETWORKED: Path("/run/jitd-programs-net/programs.sock")}
MODULE = "jitd.programs.process"
GRACE = 5.0
"""Seconds that the process has beyond the deadline of a question: for its own start, and to say itself that it is over."""


def service(name: str) -> SocketDoor:
    """Return the way to APART or NETWORKED where systemd starts them."""
    return SocketDoor(name, SOCKETS[name])


def child(name: str) -> ChildDoor:
    """Return the way to APART or NETWORKED where the daemon starts them."""
    return ChildDoor(name, MODULE, words=["--networked"] if name == NETWORKED else [])


class Programs:
    """Has programs run by the process behind ``door``. Many may run at once."""

    def __init__(self, door: Door) -> None:
        self._name = door.name
        self._line = Line(door)

    async def run(self, run: Run) -> Answer:
        """Have a program run, and return Printed or Failed. This takes ``run.deadline_ms`` and GRACE at most, the wait for a turn
        included.
        """
        try:
            question = write_question(run)
        except (ValueError, TypeError) as fault:
            return Failed(sentence(f"{run.name} cannot be asked: {fault}"))
        try:
            return read_answer(await self._line.ask(question, run.deadline_ms / 1000 + GRACE))
        except Unanswered as why:
            return Failed(sentence(str(why)))
        except ValueError as fault:
            return Failed(sentence(f"{self._name} sent what cannot be read ({fault}); is it of another version?"))

    def close(self) -> None:
        """Close the connection, and end the process if it is a child."""
        self._line.close()
