# SPDX-License-Identifier: Apache-2.0
"""Checks whether the KDC's gates are on. A KDC without its plugin issues every ticket and does not say so. So jitd asks each KDC
for tickets that the KDC must refuse.

Law: a gate is known to be off if a KDC has issued a ticket that nobody has granted. This is recorded once. No ticket for that
service is given until every KDC has refused it again. If a KDC does not answer, nothing changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jitd.kdc.strings import OFF, ON, Sighting

EVERY = 300.0
"""Seconds between two checks of all gates."""

Ask = Callable[[Sequence[str]], Awaitable[Sequence[Sighting]]]


class Trials:
    """Checks the gates of the principals that ``services()`` returns, and of the service ``canary``. Every KDC has to gate the
    canary, and nobody may grant tickets for it.

    ``ask`` asks each KDC for tickets. ``note`` writes an event with its details into the record.
    """

    def __init__(
        self, ask: Ask, canary: str, services: Callable[[], Sequence[str]], note: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._ask = ask
        self._canary = canary
        self._services = services
        self._note = note
        self._tried: set[str] = set()
        self._off: dict[str, str] = {}  # service → why its gate is known to be off
        self._noted: set[str] = set()  # services whose gates the record says are off

    def fault(self, service: str) -> str:
        """Return why no ticket for ``service`` is given now, as a sentence; empty if its gate is not known to be off."""
        return self._off.get(service) or self._off.get(self._canary) or ""

    async def fault_now(self, service: str) -> str:
        """Return the same as ``fault``. If no KDC has refused a ticket for ``service`` yet, check its gate first."""
        if service not in self._tried:
            await self.make([service])
        return self.fault(service)

    async def make(self, services: Sequence[str]) -> None:
        """Check the gates of ``services`` and of the canary. Raises what ``note`` raises."""
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
        if service not in self._noted:  # after it: what cannot be recorded is off all the same
            self._note("gate.off", {"service": service, "kdc": seen.kdc})
            self._noted.add(service)

    async def keep(self) -> None:
        """Check all gates every EVERY seconds. Nothing is checked while no rule gives tickets (``services()`` is empty). Runs for
        ever, unless ``make`` raises.
        """
        while True:
            if services := self._services():
                await self.make(services)
            await asyncio.sleep(EVERY)
