# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connections to jitd-programs and jitd-programs-net.

Law: every fault is returned as Failed, with the reason. No fault is raised as an exception. If the caller is cancelled,
CancelledError is raised, and the program is killed.
"""

from __future__ import annotations

from pathlib import Path

from jitd.beside.asking import Line, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.programs.messages import ANSWERS, QUESTIONS, Answer, Failed, Run
from jitpam.wire.declared import sentence

APART, NETWORKED = "jitd-programs", "jitd-programs-net"
"""The names of the two processes. The accounts and socket units of the two processes have the same names. APART has no network.
NETWORKED has the host's network.
"""
SOCKETS = {APART: Path("/run/jitd-programs/programs.sock"), NETWORKED: Path("/run/jitd-programs-net/programs.sock")}
MODULE = "jitd.programs.process"
GRACE = 5.0
"""Seconds that the process may take in addition to the deadline of a question. The process needs this time for its own start, and
to report that the deadline is over.
"""


def service(name: str) -> SocketDoor:
    """Return the way to connect to the process ``name`` (APART or NETWORKED), if systemd starts this process."""
    return SocketDoor(name, SOCKETS[name])


def child(name: str) -> ChildDoor:
    """Return the way to connect to the process ``name`` (APART or NETWORKED), if the daemon starts this process."""
    return ChildDoor(name, MODULE, words=["--networked"] if name == NETWORKED else [])


class Programs:
    """Lets the process behind ``door`` run programs. Many programs may run at the same time."""

    def __init__(self, door: Door) -> None:
        self._name = door.name
        self._line = Line(door)

    async def run(self, run: Run) -> Answer:
        """Run a program, and return Printed or Failed. A call takes at most ``run.deadline_ms`` plus GRACE, including the time
        before the program is started.
        """
        try:
            question = QUESTIONS.write(run)
        except (ValueError, TypeError) as fault:
            return Failed(sentence(f"{run.name} cannot be asked: {fault}"))
        try:
            return ANSWERS.read(await self._line.ask(question, run.deadline_ms / 1000 + GRACE))
        except Unanswered as why:
            return Failed(sentence(str(why)))
        except ValueError as fault:
            return Failed(sentence(f"{self._name} sent a message that cannot be read ({fault}); is it of another version?"))

    def close(self) -> None:
        """Close the connection. If the process is a child of the daemon, end the process."""
        self._line.close()
