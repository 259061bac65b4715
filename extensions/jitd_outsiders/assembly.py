# SPDX-License-Identifier: Apache-2.0
"""Builds the objects for the providers and the gatekeepers from the settings, and what notifies people. Also builds the
connections to the processes that work for the daemon, such as jitd-outside.

Law: before the first question, jitd queries no system and starts no process.
"""

from __future__ import annotations

import secrets
import time

from jitd.beside.connecting import SocketConnector, connector_to
from jitd.beside.processes import OUTSIDE, PROGRAMS, PROGRAMS_NET, TERMINALS
from jitd.deciding.seats import Seating
from jitd.extension_points import Adviser, Site
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.perform import Perform
from jitd_outsiders.announcing.assembly import announcing
from jitd_outsiders.asking.gatekeepers import Gatekeepers, Now
from jitd_outsiders.asking.providers import Providers
from jitd_outsiders.asking.reaching import Reaching
from jitd_outsiders.asking.running import Running
from jitd_outsiders.outside.client import Outside, child_connector
from jitd_outsiders.programs.client import Programs
from jitd_outsiders.settings import OutsiderSection
from jitd_outsiders.terminals.client import Terminals

NONCE = 16  # random bytes in a question's nonce


class Outsiders(Adviser):
    """Contains the objects for the providers and gatekeepers, and for the helpers that they take."""

    def __init__(self, site: Site) -> None:
        config, now, is_direct = site.ground.config, site.ground.now, site.is_direct
        said = config.of(OutsiderSection)
        self.posts = Outside(child_connector(config.key_files) if is_direct else SocketConnector(OUTSIDE, said.outside))
        self.programs = Running(*(Programs(connector_to(helper, is_direct=is_direct)) for helper in (PROGRAMS, PROGRAMS_NET)))
        self.ways = self.programs.run, self.posts.lease
        """What runs programs for the givers, and what asks Vault or OpenBao about leases."""
        self.terminals = Terminals(connector_to(TERMINALS, is_direct=is_direct))
        self.reaching = Reaching(self.posts, self.programs, config.host)
        clocks = Now(lambda: now().at, lambda: now().boot)
        self.providers = Providers(said.providers, self.reaching, config.naming, time.monotonic)
        self.gatekeepers = Gatekeepers(said.gatekeepers, self.reaching, config.naming, clocks, lambda: secrets.token_hex(NONCE))

    def notifier(self, site: Site, seating: Seating, perform: Perform) -> Notifier:
        return announcing(site.ground, self, seating, site.note, perform)

    def close(self) -> None:
        self.posts.close()
        self.programs.close()
        self.terminals.close()


def adviser(site: Site) -> Adviser:
    return Outsiders(site)
