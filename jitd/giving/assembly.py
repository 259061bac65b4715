# SPDX-License-Identifier: Apache-2.0
"""Makes all givers from the settings. Law: no process is started before there is something to give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jitd.beside.doors import door_to
from jitd.beside.helpers import GIVERS
from jitd.core.thing import FORMER_KIND, SERVICE_TICKET
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
from jitd.giving.vault_leases import Ask, VaultLeases
from jitd.settings.config import Config
from jitd.settings.givers import ThingSection


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
