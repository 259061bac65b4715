# SPDX-License-Identifier: Apache-2.0
"""Builds what gives things, from the settings. Law: no process is started before there is something to give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from jitd.beside.connecting import connector_to
from jitd.beside.processes import GIVERS
from jitd.extension_points import Advisers, Doer, Site
from jitd.lifecycle.givers import Giver
from jitd.lifecycle.let_in import LetIn
from jitd.settings.config import Config
from jitd_outsiders.assembly import Outsiders
from jitd_things.givers.client import GiversLine
from jitd_things.givers.kinds import OF_NAME
from jitd_things.givers.program import ProgramGiver
from jitd_things.givers.vault import Vault
from jitd_things.giving.admin_programs import AdminPrograms, Run
from jitd_things.giving.by_order import ByOrder
from jitd_things.giving.host_things import HostThings
from jitd_things.giving.lease_notes import LeaseNotes
from jitd_things.giving.orders import GrantOf
from jitd_things.giving.vault_leases import Ask, VaultLeases
from jitd_things.settings import ThingSection


class Giving(Doer):
    """What gives things and takes them back. Some of it runs programs and asks servers, so it needs ``outsiders``."""

    def __init__(self, site: Site, outsiders: Outsiders) -> None:
        store, now = site.ground.store, site.ground.now
        self._line = line_to_givers(site.file, is_direct=site.is_direct)
        self.givers = all_givers(site.ground.config, self._line, outsiders.ways, store.grant, lambda: now().at, site.let_in)
        for giver in () if site.is_direct else self.givers.values():  # a daemon without systemd starts each helper itself
            if isinstance(giver, ByOrder):
                giver.why_down = partial(why_down, site.ground.config)

    def close(self) -> None:
        self._line.close()


def why_down(config: Config, thing: str) -> str:
    """Return a sentence if the helper that gives ``thing`` does not listen."""
    found = config.of(ThingSection).givers.get(thing.partition(":")[2])
    if found is None or found.helper.listens:
        return ""
    return f"{thing} cannot be given now, because {found.helper.process} does not listen: have root type {found.helper.enable}"


def doer(site: Site, advisers: Advisers) -> Doer:
    return Giving(site, advisers.the(Outsiders))


def line_to_givers(file: Path | None, *, is_direct: bool) -> GiversLine:
    """Return the connection to jitd-givers. If ``is_direct``, the daemon starts it, because systemd does not, with the settings
    in ``file`` or the usual ones.
    """
    return GiversLine(connector_to(GIVERS, is_direct=is_direct, options={} if file is None else {"settings": file}))


def all_givers(
    config: Config,
    line: GiversLine,
    ways: tuple[Run, Ask],
    grant_of: GrantOf,
    now: Callable[[], datetime],
    let_in: LetIn,
) -> dict[str, Giver]:
    """Return the giver of each kind in ``config``. ``line`` is the connection to jitd-givers. ``ways`` has two functions: the
    first runs programs, and the second asks for leases. ``grant_of`` returns the grant that has a given id. ``now`` returns the
    time of the wall clock, with a time zone. ``let_in`` has the notes of what was let in at gates.
    """
    set_up = config.of(ThingSection).givers
    names = {kind: [name for name, one in set_up.items() if kind == one.KIND] for kind in OF_NAME}
    programs = {name: one for name, one in set_up.items() if isinstance(one, ProgramGiver)}
    run, lease = ways
    vaults = {name: one for name, one in set_up.items() if isinstance(one, Vault)}
    by_kind: dict[str, Giver] = {
        "program": AdminPrograms(programs, run, grant_of),
        "vault": VaultLeases(vaults, lease, LeaseNotes(config.state / "leases"), grant_of, now),
    }
    for kind in names:
        if kind not in by_kind:
            by_kind[kind] = HostThings(kind, names[kind], line, grant_of, let_in.of)
    return by_kind
