# SPDX-License-Identifier: Apache-2.0
"""The key ``because`` of a deny: what the requester reads."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.keys.key import Fields, NoCondition, Stated, Verdict, World
from jitd.core.toml_table import Table


@dataclass(frozen=True, kw_only=True)
class WithBecause(Stated):
    """``because`` follows the name of the rule in the denial. It may be empty."""

    because: str = ""


class _Because(NoCondition[WithBecause]):
    names = ("because",)
    of = "deny"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"because": table.sentence("because")}


BECAUSE = _Because()
