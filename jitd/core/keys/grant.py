# SPDX-License-Identifier: Apache-2.0
"""The key ``grant`` of a permit: how long and how often what was permitted may be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.duration import LONGEST, duration_in_words
from jitd.core.keys.key import Fields, NoCondition, Part, Stated, Verdict, World
from jitd.core.toml_table import Table
from jitd.core.wording import count

MOST_USES = 1_000_000  # uses of a grant
LONGEST_GIVEN = 24 * 3600  # seconds for which a rule may give a thing: a ticket cannot be taken back before its end


@dataclass(frozen=True, kw_only=True)
class WithGrant(Stated):
    """A grant of this rule ends after ``lasts_for`` seconds or ``uses`` uses."""

    lasts_for: int = 15 * 60
    uses: int = 1


class _Grants(NoCondition[WithGrant]):
    names = ("grant",)
    of = "permit"
    within = {"grant": ("lasts", "uses")}

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        grant, gives = table.table("grant"), "gives" in table.values
        grant.known(self.within["grant"])
        lasts_for = grant.duration("lasts", 10 * 60 if gives else 15 * 60)
        if gives and lasts_for > LONGEST_GIVEN:
            grant.fault('"lasts" must be at most "24h" in a rule with "gives"', "lasts")
        return {"lasts_for": lasts_for, "uses": grant.number("uses", 1, 1, MOST_USES)}

    def phrases(self, rule: WithGrant) -> Iterator[tuple[Part, str]]:
        if (rule.lasts_for, rule.uses) != (LONGEST, MOST_USES):
            yield Part.LIMITS, f"for at most {duration_in_words(rule.lasts_for)} and {count(rule.uses, 'use')}"


GRANT = _Grants()
