# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-givers.

Law: if jitd-givers gives no valid answer, Failed is returned, with the reason. An exception is raised only if the caller is
cancelled. A question is sent only once. The daemon decides whether to ask again. A secret is accepted only if its descriptor is
sealed. The daemon never reads the secret.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from jitd.beside.asking import CarryingLine, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.givers.kind import Failed, Given, Refused, Seen, Strays, Taken
from jitd.givers.messages import ANSWERS, QUESTIONS, Answer, Give, Look, Mend, Question, Search, Take
from jitd.givers.secret import fault_in
from jitpam.wire.declared import sentence

NAME, MODULE = "jitd-givers", "jitd.givers.process"
SOCKET = Path("/run/jitd-givers/givers.sock")
PATIENCE = 60.0
"""Seconds after which a question is treated as failed. A deed is the work of jitd-givers for one question. A deed may use only
half of this time, because a question may have to wait until an earlier deed has ended.
"""
_ANSWERS = {Give: Given, Mend: Given, Take: Taken, Look: Seen, Search: Strays}


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
    """Sends questions to the process that does the deeds. ``door`` connects to this process."""

    def __init__(self, door: Door) -> None:
        self._line = CarryingLine(door)

    async def ask(self, question: Question, within: float = PATIENCE) -> Answer:
        """Send ``question`` to jitd-givers, and return the answer. Return Failed if there is no valid answer. ``within`` is the
        time limit in seconds. If the answer has a secret, the caller has to close the secret's descriptor.
        """
        try:
            body = QUESTIONS.write(question)
        except (ValueError, TypeError) as fault:
            return Failed(sentence(f"this cannot be asked of {NAME}: {fault}"))
        try:
            heard = await self._line.ask_for(body, within)
        except Unanswered as why:
            return Failed(sentence(str(why)))
        try:
            if heard.carried is not None and (wrong := fault_in(heard.carried)):
                raise ValueError(wrong)
            answer = ANSWERS.read(heard.body, heard.carried)
            if isinstance(answer, (_ANSWERS[type(question)], Refused, Failed)):
                return answer
            raise ValueError("the answer belongs to another question")
        except ValueError as why:
            if heard.carried is not None:
                os.close(heard.carried)
            return Failed(sentence(f"{NAME} sent a message that cannot be read ({why}); is it of another version?"))

    def close(self) -> None:
        """Close the connection. If jitd-givers is a child of this process, end it."""
        self._line.close()
