# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-givers. Law: the daemon never reads a secret."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from jitd.beside.asking import Client
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.givers.messages import Answer, Question
from jitd.givers.questions import KINDS

NAME, MODULE = "jitd-givers", "jitd.givers.process"
SOCKET = Path("/run/jitd-givers/givers.sock")


def service() -> SocketDoor:
    """Return the connection to a jitd-givers that systemd starts."""
    return SocketDoor(NAME, SOCKET, account="0")


def child(settings: Path | None) -> ChildDoor:
    """Return the connection to a jitd-givers that the daemon starts itself. ``settings`` is the path of the settings file. None
    means the usual path.
    """
    return ChildDoor(NAME, MODULE, "0", places(), [] if settings is None else [f"--settings={settings}"])


def places() -> list[str]:
    """Return the directory of the installed packages that only the children import. The daemon itself does not import these
    packages.
    """
    package = find_spec("psycopg")
    return [] if package is None else [str(Path(str(package.origin)).parents[1])]


class GiversLine:
    """Sends questions to the process that does the deeds."""

    def __init__(self, door: Door) -> None:
        self._client = Client(door)
        self.close = self._client.close

    async def ask(self, question: Question, within: float | None = None) -> Answer:
        return await self._client.ask(KINDS[type(question)], question, within)
