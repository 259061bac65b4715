# SPDX-License-Identifier: Apache-2.0
"""The kind ``program``: what programs of the administrator give, and take back."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.beside.processes import Helper
from jitd.core.toml_table import Table
from jitd_outsiders.asking.settings import Program, program_in
from jitd_things.givers.settings import GiverSettings

LONGEST_DEADLINE = 120  # seconds of a program


@dataclass(frozen=True, slots=True)
class ProgramGiver(GiverSettings):
    """Programs of the administrator. ``deadline_for`` is each call's, in seconds. ``look``, if there is one, sees drift."""

    KIND = "program"
    KEYS = ("give", "take", "look", "network", "deadline")

    give: Program = Program(())
    take: Program = Program(())
    look: Program | None = None
    deadline_for: int = 20

    @property
    def network(self) -> bool:
        return self.give.network

    @property
    def helper(self) -> Helper:
        return self.give.helper

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("give", "take")
        network = table.flag("network")
        found: dict[str, object] = {
            key: Program(program_in(table, key), network) for key in ("give", "take", "look") if key in table.values
        }
        deadline_for = table.duration("deadline", 20)
        if deadline_for > LONGEST_DEADLINE:
            table.fault('"deadline" is at most 2m', "deadline")
        return {"deadline_for": deadline_for, **found}

    def sentences(self) -> tuple[str, ...]:
        where = "with the network" if self.network else "without a network"
        return (f"have what {' '.join(self.give.words)} gives ({where}); {' '.join(self.take.words)} takes it back",)
