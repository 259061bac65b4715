# SPDX-License-Identifier: Apache-2.0
"""The key ``gatekeepers`` of a permit: the systems outside jitd that have to agree.

Law: it is a fault if a rule names a gatekeeper that is not set up. It is also a fault if the deadline of a gatekeeper is longer
than the time after which the rule's requests expire.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.duration import spell_duration
from jitd.core.gatekeeping import MOST_GATEKEEPERS, read_gatekeeper
from jitd.core.keys.approvals import WithApprovals
from jitd.core.keys.key import Fields, NoCondition, SetUp, Verdict, World
from jitd.core.keys.ticket import ONLY_A_TICKET, is_optional
from jitd.core.toml_table import Table, quoted


@dataclass(frozen=True, kw_only=True)
class WithGatekeepers(WithApprovals):
    """``gatekeepers`` has the names of those that are queried; see Obligations."""

    gatekeepers: tuple[str, ...] = ()


class _Gatekeepers(NoCondition[WithGatekeepers]):
    names = ("gatekeepers",)
    of = "permit"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        names = table.words("gatekeepers", (), read_gatekeeper)
        if len(names) > MOST_GATEKEEPERS:
            table.fault(f'"gatekeepers" has more than {MOST_GATEKEEPERS} names', "gatekeepers")
        if len(set(names)) < len(names):
            table.fault('"gatekeepers" has a name twice', "gatekeepers")
        if names and is_optional(table):
            table.fault(f'"gatekeepers" are {ONLY_A_TICKET}', "gatekeepers")
        return {"gatekeepers": names}

    def unknown(self, rule: WithGatekeepers, set_up: SetUp) -> Iterator[str]:
        deadlines = set_up.gatekeepers
        if deadlines is None:
            return
        for name in rule.gatekeepers:
            if name not in deadlines:
                yield f'jitd.toml sets up no gatekeeper {quoted(name)}: write a table "[gatekeepers.{name}]" there'
            elif deadlines[name] > rule.expires_for:
                within = spell_duration(rule.expires_for)
                yield f'the deadline of gatekeeper {quoted(name)} is longer than "expires" of the rule, which is {within}'


GATEKEEPERS = _Gatekeepers()
