# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-kdc.

Law: after any fault the answer is Failed. An exception is raised only if the caller is cancelled. It does no harm if jitd-kdc
carries out a request twice, so a request whose connection breaks is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from jitd.beside.asking import Line, Unanswered
from jitd.beside.doors import SocketDoor
from jitd.kdc.messages import (
    MOST_TRIED,
    Answer,
    Done,
    Failed,
    Give,
    Grants,
    Look,
    Refused,
    Request,
    Take,
    Tried,
    Try,
    read_answer,
    sentence,
    write,
)
from jitd.kdc.strings import SILENT, Sighting

NAME = "jitd-kdc"
"""The name of the process, of its account and of the unit of its socket."""
SOCKET = Path("/run/jitd-kdc/kdc.sock")
PATIENCE = 15.0
"""Seconds until a request is treated as failed. The time of a request includes the wait for earlier requests."""


class Writer:
    """Asks jitd-kdc to write, delete and read grants, and to try gates. Of each of these two kinds only one request is sent at a
    time; any number of others wait here until their time is over.

    ``path`` is the socket of jitd-kdc, and ``account`` the account (a name, or a uid in digits) whose answers are accepted.
    ``patience`` is in seconds.
    """

    def __init__(self, path: Path = SOCKET, account: str = NAME, patience: float = PATIENCE) -> None:
        self._line = Line(SocketDoor(NAME, path, account))
        self._patience = patience
        self._turn, self._turn_to_try = asyncio.Lock(), asyncio.Lock()

    async def give(self, give: Give) -> Answer:
        """Write a grant. Return Done, Refused or Failed. After Failed, it is not known whether the grant is in the KDC's
        database. The caller must then either delete the grant with ``take``, or write it again with ``give``.
        """
        return await self._ask(give, Done)

    async def take(self, take: Take) -> Answer:
        """Delete a grant. Return Done, Refused or Failed."""
        return await self._ask(take, Done)

    async def look(self, look: Look) -> Answer:
        """Read the entry of a service: the settings of its gate, and its grants. Return Grants, Refused or Failed."""
        return await self._ask(look, Grants)

    async def gate_states(self, services: Sequence[str]) -> tuple[Sighting, ...]:
        """Let jitd-kdc request a ticket for each of ``services`` from each KDC. Nobody has granted these tickets to jitd-kdc, so
        each KDC must refuse them. Return the sightings. If jitd-kdc does not answer, the state of the services is SILENT.
        """
        seen: list[Sighting] = []
        for at in range(0, len(services), MOST_TRIED):
            some = tuple(services[at : at + MOST_TRIED])
            answer = await self._ask(Try(some), Tried)
            if isinstance(answer, Tried):
                seen += [sighting for sighting in answer.sightings if sighting.service in some]
            else:
                why = f"it could not be asked: {answer.why}" if isinstance(answer, Refused | Failed) else "it could not be asked"
                seen += [Sighting("the KDC", service, SILENT, why) for service in some]
        return tuple(seen)

    def close(self) -> None:
        """Close the connection. The next request opens a new connection."""
        self._line.close()

    async def _ask(self, request: Request, wanted: type[Done] | type[Grants] | type[Tried]) -> Answer:
        try:
            body = write(request)
        except (ValueError, TypeError) as fault:
            return Refused(sentence(f"this request cannot be sent to jitd-kdc: {fault}"))
        turn = self._turn_to_try if isinstance(request, Try) else self._turn
        try:
            async with asyncio.timeout(self._patience), turn:
                answer = read_answer(await self._line.ask(body, self._patience))
        except TimeoutError:
            return Failed(f"jitd-kdc has not answered within {self._patience:g} s; see its log: journalctl -u jitd-kdc")
        except Unanswered as why:
            return Failed(sentence(str(why)))
        except ValueError as fault:
            return Failed(sentence(f"jitd-kdc sent a message that cannot be read ({fault}); is it of another version?"))
        if isinstance(answer, wanted | Refused | Failed):
            return answer
        return Failed("jitd-kdc has answered another question; is it of another version? systemctl restart jitd-kdc")
