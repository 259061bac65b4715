# SPDX-License-Identifier: Apache-2.0
"""A kind of thing in one file: what CONTRIBUTING.md says, with nothing else changed. A thing is an empty file for a holder.
test_own_kind.py gives one and takes it.

Law: the kind is registered before anything that reads the registration is imported, as it would stand in the product. So only
processes of its own import this module.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from jitd.core.toml_table import Table
from jitd.files.durable import sync, write
from jitd_things.givers import kinds
from jitd_things.givers.kind import Failed, Given, Kind, Order, Refused, Seen, State, Strays, Taken, checked_holding
from jitd_things.givers.settings import GiverSettings

# --- the module of givers/ ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmptyFile(GiverSettings):
    """``directory`` has a file for each holder."""

    KIND = "empty-file"
    KEYS = ("directory",)

    directory: Path = Path("/")

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("directory")
        return {"directory": Path(table.text("directory", "/"))}

    def sentences(self) -> tuple[str, ...]:
        return (f"have a file in {self.directory}",)

    def ways_to_root(self) -> Iterator[str]:
        yield "the file is root's"

    def deeds(self) -> Kind:
        return self

    def give(self, order: Order) -> Given | Refused | Failed:
        write(self._place(order.holding), b"")
        sync(self.directory)
        return Given(f"show the file {self._place(order.holding)}")

    def take(self, order: Order) -> Taken | Refused | Failed:
        self._place(order.holding).unlink(missing_ok=True)
        sync(self.directory)
        return Taken()

    def look(self, order: Order) -> Seen | Failed:
        return Seen(State.STANDS) if self._place(order.holding).exists() else Seen(State.GONE, "the file is gone")

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        known = {order.holding for order in orders}
        return Strays(tuple(sorted({file.name for file in self.directory.iterdir()} - known)))

    def _place(self, holding: str) -> Path:
        return self.directory / checked_holding(holding)


kinds.KINDS = (*kinds.KINDS, EmptyFile)  # the row of givers/kinds.py
kinds.OF_NAME = {kind.KIND: kind for kind in kinds.KINDS}


NAME, ID = "pass", "K7QM-2XVD"


def main() -> int:
    """Be jitd-givers."""
    from jitd import beside_process

    return beside_process.main()


# --- a daemon that has it ----------------------------------------------------------------------------------------------------


async def play(file: Path) -> dict[str, Any]:
    """Read a rule that gives the thing. Give the thing by a jitd-givers of its own, look at it and take it.
    Return what was said and what was there.
    """
    from jitd.beside.processes import GIVERS
    from jitd.core.holding import Account, Holding, HoldingState
    from jitd.core.request import issued
    from jitd.settings import policyfile
    from jitd.settings.giver_words import lets_of_things
    from jitd_inspection.checking.things import about_things
    from jitd_things import settings
    from jitd_things.givers.client import GiversLine
    from jitd_things.giving.host_things import HostThings
    from tests.beside.children import OwnChild
    from tests.scene import START, asked, moment, permit, person, thing

    givers = settings.load_givers(file, owner=file.stat().st_uid)
    (name,) = settings.things_of(givers)
    lets = lets_of_things(givers, [name])
    request = replace(
        asked(ID, who=person("alice"), what=thing(name, lets=lets)), obligations=permit().obligations, rule="rule-1"
    )
    grant = issued(request, moment()).grant
    account = Account("alice", 1001)
    held = Holding(
        ID, ID, ID, name, "alice@EXAMPLE.TEST", START + timedelta(hours=1), stays=False, giving_at=START, account=account
    )
    line = GiversLine(OwnChild("tests.givers.own_kind", GIVERS, {"settings": file}))
    (rule,), faults = policyfile.read([file.with_name("rules.toml")], things=settings.things_of(givers))
    giver, directory = HostThings(EmptyFile.KIND, list(givers), line, {ID: grant}.get, lambda uid: ()), file.parent / "passes"
    warned = [one.sentence for one in about_things([rule], givers)]
    said: dict[str, Any] = {"rule": [rule.gives, [one.sentence for one in faults]], "warned": warned, "lets": lets}
    try:
        said["gave"] = asdict(await giver.give(held))
        said["there"] = sorted(one.name for one in directory.iterdir())
        said["saw"] = asdict(await giver.look(replace(held, state=HoldingState.HELD)))
        said["strays"] = [asdict(await giver.strays(name, known)) for known in ([], [ID])]
        said["took"] = [asdict(await giver.take(replace(held, state=HoldingState.TAKING))) for _ in range(2)]
        said["left"] = sorted(one.name for one in directory.iterdir())
        said["other"] = asdict(await giver.give(replace(held, thing="empty-file:other")))
    finally:
        line.close()
    return said


def daemon() -> None:
    """Play with the settings in the file that the command line names. Print what ``play`` returns."""
    print(json.dumps(asyncio.run(play(Path(sys.argv[1])))))
