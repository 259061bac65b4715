# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-kdc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jitd.beside.asking import Client
from jitd.beside.connecting import SocketConnector
from jitd.beside.processes import KDC
from jitd_gates.messages import MOST_TRIED, Answer, Failed, Give, Look, Refused, Request, Take, Tried, Try
from jitd_gates.questions import KINDS, PATIENCE
from jitd_gates.strings import SILENT, Sighting


class Writer(Client):
    """Asks jitd-kdc, at the socket ``path``, to write, delete and read grants, and to try gates. ``patience`` is in s."""

    def __init__(self, path: Path | None = None, patience: float = PATIENCE) -> None:
        super().__init__(SocketConnector(KDC, path))
        self._patience = patience

    async def give(self, give: Give) -> Answer:
        """Write a grant. Return Done, Refused or Failed. After Failed, it is not known whether the grant is in the KDC's
        database. The caller must then either delete the grant with ``take``, or write it again with ``give``.
        """
        return await self._do(give)

    async def take(self, take: Take) -> Answer:
        """Delete a grant. Return Done, Refused or Failed."""
        return await self._do(take)

    async def look(self, look: Look) -> Answer:
        """Read the entry of a service: the settings of its gate, and its grants. Return Grants, Refused or Failed."""
        return await self._do(look)

    async def gate_states(self, services: Sequence[str]) -> tuple[Sighting, ...]:
        """Let jitd-kdc request a ticket for each of ``services`` from each KDC. Nobody has granted these tickets to jitd-kdc, so
        each KDC must refuse them. Return the sightings. If jitd-kdc does not answer, the state of the services is SILENT.
        """
        seen: list[Sighting] = []
        for at in range(0, len(services), MOST_TRIED):
            some = tuple(services[at : at + MOST_TRIED])
            answer = await self._do(Try(some))
            if isinstance(answer, Tried):
                seen += [sighting for sighting in answer.sightings if sighting.service in some]
            else:
                why = f"it could not be asked: {answer.why}" if isinstance(answer, Refused | Failed) else "it could not be asked"
                seen += [Sighting("the KDC", service, SILENT, why) for service in some]
        return tuple(seen)

    async def _do(self, request: Request) -> Answer:
        return await self.ask(KINDS[type(request)], request, self._patience)
