# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-terminals."""

from __future__ import annotations

from pathlib import Path

from jitd.beside.asking import Client
from jitd.beside.doors import ChildDoor, SocketDoor
from jitd.terminals.messages import Tell, Told
from jitd.terminals.questions import TELL
from jitd.terminals.questions import Failed as Failed

NAME = "jitd-terminals"
"""The name of the process, of its account and of the unit of its socket."""
SOCKET = Path("/run/jitd-terminals/terminals.sock")
MODULE = "jitd.terminals.process"


class Terminals(Client):
    """Sends messages to terminals."""

    async def tell(self, question: Tell) -> Told | Failed:
        return await self.ask(TELL, question)


def service() -> SocketDoor:
    """Return the connection to a jitd-terminals that systemd starts."""
    return SocketDoor(NAME, SOCKET)


def child(account: str = NAME) -> ChildDoor:
    """Return the connection to a jitd-terminals that the daemon starts as its child."""
    return ChildDoor(NAME, MODULE, account)
