# SPDX-License-Identifier: Apache-2.0
"""Builds what gives things, from the settings. Law: no process is started before there is something to give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jitd.beside.doors import door_to
from jitd.beside.helpers import GIVERS
from jitd.core.policy import given_things
from jitd.core.thing import FORMER_KIND, SERVICE_TICKET, is_service_ticket, service_of
from jitd.deciding.ground import Ground, Note
from jitd.givers.client import GiversLine
from jitd.givers.kinds import OF_NAME
from jitd.givers.program import ProgramGiver
from jitd.givers.vault import Vault
from jitd.giving import Giver, Givers
from jitd.giving.admin_programs import AdminPrograms, Run
from jitd.giving.host_things import HostThings
from jitd.giving.lease_notes import LeaseNotes
from jitd.giving.let_in import LetIn
from jitd.giving.orders import GrantOf
from jitd.giving.service_tickets import ServiceTickets
from jitd.giving.standing import take_standing
from jitd.giving.trials import Trials
from jitd.giving.vault_leases import Ask, VaultLeases
from jitd.kdc.settings import GateSection
from jitd.kdc.strings import canary
from jitd.kdc.writer import Writer
from jitd.log import log
from jitd.settings.config import Config
from jitd.settings.givers import ThingSection


class Giving:
    """What gives things and takes them back. ``ways`` and ``file`` are those of ``all_givers`` and ``line_to_givers``."""

    def __init__(self, ground: Ground, ways: tuple[Run, Ask], note: Note, file: Path | None, *, is_direct: bool) -> None:
        config, store = ground.config, ground.store
        gates = config.of(GateSection)
        writer = Writer(gates.kdc)
        self.trials = Trials(writer.gate_states, canary(config.host, ground.realm), lambda: _services(ground), note)
        self.tickets = ServiceTickets(writer, self.trials, ground.realm, gates.renew, ground.now, store.holdings, store.holding)
        self.let_in = LetIn(config.socket.parent / "let_in")
        self._line = line_to_givers(file, is_direct=is_direct)
        self.givers = all_givers(config, self.tickets, self._line, ways, store.grant, lambda: ground.now().at, self.let_in)
        self._store = store
        self._note = note

    async def take_standing(self) -> None:
        """Take back what an earlier version has given as a kind that is gone."""
        await take_standing(self._line, lambda: [one.id for one in self._store.holdings()], self._note, log)

    def close(self) -> None:
        """Close the connection to jitd-givers. If it is a child of the daemon, end it."""
        self._line.close()


def _services(ground: Ground) -> list[str]:
    """Return the services for which rules give tickets."""
    return [service_of(thing, ground.realm) for thing in given_things(ground.rules.policy) if is_service_ticket(thing)]


def line_to_givers(file: Path | None, *, is_direct: bool) -> GiversLine:
    """Return the connection to jitd-givers. ``is_direct`` is True if the daemon has to start jitd-givers, because systemd does
    not start it. If the daemon starts jitd-givers, jitd-givers reads the settings in ``file``. If ``file`` is None, jitd-givers
    reads the usual settings file.
    """
    return GiversLine(door_to(GIVERS, is_direct=is_direct, options={} if file is None else {"settings": file}))


def all_givers(
    config: Config,
    tickets: Giver,
    line: GiversLine,
    ways: tuple[Run, Ask],
    grant_of: GrantOf,
    now: Callable[[], datetime],
    let_in: LetIn,
) -> Givers:
    """Return the givers of ``config``. ``tickets`` gives service tickets. ``line`` is the connection to jitd-givers. ``ways``
    has two functions: the first runs programs, and the second asks for leases. ``grant_of`` returns the grant that has a given
    id. ``now`` returns the time of the wall clock, with a time zone. ``let_in`` has the notes of what was let in at gates.
    """
    set_up = config.of(ThingSection).givers
    names: dict[str, list[str]] = {FORMER_KIND: []}  # nothing of it is given
    names |= {kind: [name for name, one in set_up.items() if kind == one.KIND] for kind in OF_NAME}
    programs = {name: one for name, one in set_up.items() if isinstance(one, ProgramGiver)}
    run, lease = ways
    vaults = {name: one for name, one in set_up.items() if isinstance(one, Vault)}
    by_kind: dict[str, Giver] = {
        SERVICE_TICKET: tickets,
        "program": AdminPrograms(programs, run, grant_of),
        "vault": VaultLeases(vaults, lease, LeaseNotes(config.state / "leases"), grant_of, now),
    }
    for kind in names:
        if kind not in by_kind:
            by_kind[kind] = HostThings(kind, names[kind], line, grant_of, let_in.of)
    return Givers(by_kind)
