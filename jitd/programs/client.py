# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connections to jitd-programs and jitd-programs-net."""

from __future__ import annotations

from pathlib import Path

from jitd.beside.asking import Client
from jitd.beside.doors import ChildDoor, SocketDoor
from jitd.programs.messages import Answer, Run
from jitd.programs.questions import RUN

APART, NETWORKED = "jitd-programs", "jitd-programs-net"
"""The names of the two processes. The accounts and socket units of the two processes have the same names. APART has no network.
NETWORKED has the host's network.
"""
SOCKETS = {APART: Path("/run/jitd-programs/programs.sock"), NETWORKED: Path("/run/jitd-programs-net/programs.sock")}
MODULE = "jitd.programs.process"


def service(name: str) -> SocketDoor:
    """Return the way to connect to the process ``name`` (APART or NETWORKED), if systemd starts this process."""
    return SocketDoor(name, SOCKETS[name])


def child(name: str) -> ChildDoor:
    """Return the way to connect to the process ``name`` (APART or NETWORKED), if the daemon starts this process."""
    return ChildDoor(name, MODULE, words=["--networked"] if name == NETWORKED else [])


class Programs(Client):
    """Lets a process run programs. Many programs may run at the same time. If a call is cancelled, the program is killed."""

    async def run(self, run: Run) -> Answer:
        return await self.ask(RUN, run)
