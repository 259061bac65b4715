# SPDX-License-Identifier: Apache-2.0
"""One kind of thing, with a daemon and a jitd-givers that are real: test_every_kind.py is played on it.

Law: a daemon may serve several scenes, one after another. What a scene looks at is its own, and it leaves no grant.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jitd.core.holding import HoldingState
from jitpam.client import RefusedByDaemon
from jitpam.wire.messages import Reload, Revoke
from tests.givers.worlds import World
from tests.system.conftest import Asking, House
from tests.system.test_locks import shift, start_shifted
from tests.waiting import wait_for

GIVING, HELD, TAKING, ENDED = HoldingState
LASTS = "10m"
STAYS = ("--", "sh", "-c", "echo here; exec sleep 600")
RULES = """
[[permit]]
name = "at once"
who = ["user:{her}", "user:{him}"]
gives = ["{thing}"]
grant = {{ lasts = "{lasts}", uses = 2 }}
"""


def house_for(world: World) -> House:
    """A daemon, not started yet, whose rule gives the thing at once."""
    return House(rules_for(world, LASTS), world.config)


def rules_for(world: World, lasts: str) -> str:
    """Rules that give the thing for ``lasts``."""
    her, him = world.people
    return RULES.format(thing=world.thing, her=her, him=him, lasts=lasts)


class Scene:
    """One kind, and a daemon whose rule gives it at once."""

    def __init__(self, world: World, house: House) -> None:
        self.world, self.house = world, house
        self.her, self.him = world.people
        self.is_broken = False
        self.before = world.snapshot()
        is_new = house.process is None
        self._n_log = 0 if is_new else len(house.log())
        self._n_records = 0 if is_new else house.head().number
        self._n_holdings = 0 if is_new else len(house.kept("holdings", ended=True))

    def break_it(self) -> None:
        self.world.break_target()
        self.is_broken = True

    def mend(self) -> None:
        if self.is_broken:
            self.world.mend_target()
            self.is_broken = False

    def lasts(self, lasts: str = LASTS) -> None:
        """The daemon gives the thing for ``lasts`` from now on."""
        self.house.set_policy(rules_for(self.world, lasts))
        self.house.asked(Reload())

    def revoke(self, grant: str) -> None:
        """Revoke a grant without a process. If it has ended, or if not all can be taken yet, that is no fault here."""
        with suppress(RefusedByDaemon):
            self.house.asked(Revoke(id=grant, of=None, reason=""))

    def set_clocks(self, **by: float | str) -> None:
        """Set clocks of the daemon (test_locks.shift). The others stay. A daemon on the host's clocks is restarted."""
        if not (self.house.root / "clock").exists():
            self.house.kill()
            start_shifted(self.house)
        shift(self.house, **{**json.loads((self.house.root / "clock").read_text()), **by})

    def get(self, *words: str, who: str = "") -> Asking:
        """Ask for the thing as ``who``. The first of the people is taken if nobody is named."""
        who = who or self.her
        asked = ("--get", self.world.thing, *self.world.needs(who), "--reason", "x")
        return self.house.ask(who, *asked, *(words or self.world.to_keep(who)))

    def given(self) -> Asking:
        """The first of the people has the thing, and can use it."""
        asking = self.get(*STAYS)
        wait_for(lambda: self.is_in(HELD) or asking.process.poll() is not None, what=f"a thing that is held ({asking.err})")
        assert self.is_in(HELD), asking.err + self.house.log()
        wait_for(lambda: self.world.works(self.her), what="the thing in its holder's hands")
        return asking

    def kill_givers(self) -> None:
        """kill -9 for the processes that give things for the daemon; what they have begun ends with them."""
        assert self.house.process is not None
        for word in Path(f"/proc/{self.house.process.pid}/task/{self.house.process.pid}/children").read_text().split():
            with suppress(OSError):
                if re.match(r"jitd-(givers|outside|programs)", Path(f"/proc/{word}/comm").read_text()):
                    os.kill(int(word), signal.SIGKILL)

    def kill(self, whom: str, start: Callable[[House], object] = House.start) -> None:
        """kill -9. A daemon is started again with ``start``."""
        if whom == "jitd-givers":
            self.kill_givers()
        else:
            self.house.kill()
            start(self.house)

    def is_in(self, state: HoldingState) -> bool:
        kept = self.holdings()
        return bool(kept) and kept[-1].state is state

    def holdings(self):
        """What was given in this scene, whether it has ended or not."""
        return self.house.kept("holdings", ended=True)[self._n_holdings :]

    @property
    def last(self):
        return self.holdings()[-1]

    def events(self) -> list[str]:
        """The events that were recorded in this scene."""
        return [record["event"] for record in self.house.records(after=self._n_records)]

    def log(self) -> str:
        """What the daemon has said in this scene."""
        return self.house.log()[self._n_log :]

    def leave(self) -> None:
        """End what would be there in the next scene: a target that is broken, and grants."""
        self.mend()
        for grant in self.house.kept("grants"):
            self.revoke(grant.id)

    def is_over(self) -> None:
        """Nothing is held, and she cannot use it."""
        wait_for(lambda: not self.house.kept("holdings"), what=f"the end of what is held ({self.house.log()})")
        assert not self.world.works(self.her)

    def is_as_before(self) -> None:
        """Nothing is left. Other kinds may change the same files, so none of them is played now."""
        assert self.world.snapshot() == self.before
