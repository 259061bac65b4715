# SPDX-License-Identifier: Apache-2.0
"""Checks whether the KDC's gates are on. A gate is jitd's plugin in a KDC: it refuses each ticket that nobody has granted. If the
plugin is missing, the KDC issues every ticket and gives no warning. So jitd asks each KDC for tickets that the KDC must refuse.

Law: if a KDC has issued a ticket without a grant, the gate of the ticket's service is known to be off. jitd records this fact
once. jitd gives no ticket for this service until every KDC has refused such a ticket again. If a KDC does not answer, jitd keeps
the state of the gate that it knew before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jitd_gates.strings import OFF, ON, Sighting

EVERY = 300.0  # seconds between two checks of all gates

Ask = Callable[[Sequence[str]], Awaitable[Sequence[Sighting]]]


class Trials:
    """Checks the gates of the service ``canary`` and of the principals that ``services()`` returns. Every KDC must have a gate
    for the canary, and nobody may grant tickets for the canary.

    ``ask`` asks each KDC for tickets. ``note`` writes an event and its details into the record.
    """

    def __init__(
        self, ask: Ask, canary: str, services: Callable[[], Sequence[str]], note: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._ask = ask
        self._canary = canary
        self._services = services
        self._note = note
        self._tried: set[str] = set()
        self._off: dict[str, str] = {}  # service → the reason why its gate is known to be off
        self._noted: set[str] = set()  # services with a gate that is off according to jitd's record

    def fault(self, service: str) -> str:
        """Return a sentence that says why no ticket for ``service`` is given now. No ticket is given if the gate of ``service``
        or of the canary is known to be off. Otherwise return an empty string.
        """
        return self._off.get(service) or self._off.get(self._canary) or ""

    async def fault_now(self, service: str) -> str:
        """Return ``fault``, after a check of the gate of ``service`` if no KDC has refused a ticket for it yet."""
        if service not in self._tried:
            await self.make([service])
        return self.fault(service)

    async def make(self, services: Sequence[str]) -> None:
        """Check the gates of ``services`` and of the canary. Raises the exceptions that ``note`` raises."""
        seen = tuple(await self._ask([self._canary, *services]))
        for service in (self._canary, *services):
            states = [sighting for sighting in seen if sighting.service == service]
            if any(sighting.state == ON for sighting in states):
                self._tried.add(service)
            if off := next((sighting for sighting in states if sighting.state == OFF), None):
                self._is_off(service, off)
            elif service in self._off and states and all(sighting.state == ON for sighting in states):
                self._note("gate.on", {"service": service})
                self._noted.discard(service)
                del self._off[service]

    def _is_off(self, service: str, seen: Sighting) -> None:
        what = "any gated service" if service == self._canary else service
        self._off[service] = (
            f"{seen.kdc} issues tickets for {what} without a grant: its gate is off, and jitd gives no tickets until it is"
            " mended (jitd kdc check)"
        )
        if service not in self._noted:  # afterwards, because the gate is treated as off even if that cannot be recorded
            self._note("gate.off", {"service": service, "kdc": seen.kdc})
            self._noted.add(service)

    async def keep(self) -> None:
        """Check all gates every EVERY seconds, while a rule gives tickets (``services()``), until ``make`` raises."""
        while True:
            if services := self._services():
                await self.make(services)
            await asyncio.sleep(EVERY)
