# SPDX-License-Identifier: Apache-2.0
"""Builds what gives service tickets. Law: no process is started before there is something to give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from jitd.core.policy import given_things
from jitd.core.thing import SERVICE_TICKET, is_service_ticket, service_of
from jitd.deciding.ground import Ground
from jitd.extension_points import Advisers, Doer, Site
from jitd_gates.service_tickets import ServiceTickets
from jitd_gates.settings import GateSection
from jitd_gates.strings import canary
from jitd_gates.trials import Trials
from jitd_gates.writer import Writer


class Gates(Doer):
    """What gives service tickets, and tries the gates of the KDCs."""

    def __init__(self, site: Site) -> None:
        ground, settings = site.ground, site.ground.config.of(GateSection)
        store, writer = ground.store, Writer(settings.kdc)
        self._trials = Trials(writer.gate_states, canary(ground.config.host, ground.realm), lambda: _services(ground), site.note)
        self._tickets = ServiceTickets(
            writer, self._trials, ground.realm, settings.renew, ground.now, store.holdings, store.holding
        )
        self.givers = {SERVICE_TICKET: self._tickets}

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {"a grant in the KDC": self._tickets.keep, "a trial of the KDC's gate": self._trials.keep}


def doer(site: Site, advisers: Advisers) -> Doer:
    return Gates(site)


def _services(ground: Ground) -> list[str]:
    return [service_of(thing, ground.realm) for thing in given_things(ground.rules.policy) if is_service_ticket(thing)]
