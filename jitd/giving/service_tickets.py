# SPDX-License-Identifier: Apache-2.0
"""The giver of service tickets. jitd-kdc writes a grant into the service's entry in the KDC. The grant lets the person get a
ticket.

Law: the person's client requests the ticket from the KDC with the person's own credentials. The daemon never sees the ticket. A
KDC's gate is the plugin with which the KDC refuses tickets that nobody has granted. If a gate for the service is known to be off,
nothing is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitd.core.holding import Holding
from jitd.core.thing import service_of
from jitd.givers.kind import Seen, State, Strays
from jitd.giving import Answer, Done, Failed, Found, Looked, Refused
from jitd.giving.trials import Trials
from jitd.kdc import messages
from jitd.kdc.writer import Writer


class ServiceTickets:
    """Gives service tickets: see ``Giver``. ``realm`` is the realm of all services for which tickets are given."""

    ends_itself = True

    def __init__(self, writer: Writer, trials: Trials, realm: str) -> None:
        self._writer = writer
        self._trials = trials
        self._realm = realm

    def name_of(self, thing: str) -> str:
        """Return the service's principal. See ``Giver.name_of``."""
        return service_of(thing, self._realm)

    def fault(self, thing: str) -> str:
        return self._trials.fault(self.name_of(thing))

    async def give(self, holding: Holding) -> Answer:
        service, end = self.name_of(holding.thing), int(holding.until.timestamp())
        if fault := await self._trials.fault_now(service):
            return Refused(fault)
        return _said(await self._writer.give(messages.Give(_key(holding), service, end, holding.to)))

    async def take(self, holding: Holding) -> Answer:
        return _said(await self._writer.take(messages.Take(_key(holding), self.name_of(holding.thing))))

    async def look(self, holding: Holding) -> Looked:
        """See ``Giver.look``. ``Trials`` finds out whether the KDC's gate is on."""
        return Seen(State.STANDS)

    async def strays(self, thing: str, holdings: Sequence[str]) -> Found:
        """See ``Giver.strays``. No search is necessary, because a grant in the KDC ends by itself."""
        return Strays()


def _key(holding: Holding) -> str:
    """Return the id of the grant in the KDC. The result is the id of the holding without its hyphen."""
    return holding.id.replace("-", "")


def _said(answer: messages.Answer) -> Answer:
    match answer:
        case messages.Done():
            return Done()
        case messages.Refused():
            return Refused(answer.why)
        case messages.Failed():
            return Failed(answer.why)
    return Failed("jitd-kdc has answered another question")
