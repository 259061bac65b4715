# SPDX-License-Identifier: Apache-2.0
"""The key ``gatekeepers`` of a permit.
Law: it is a fault if a rule names a gatekeeper that is not set up. It is also a fault if the deadline of a gatekeeper is longer
than the time after which the rule's requests expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jitd.core.duration import spell_duration
from jitd.core.gatekeeping import MOST_GATEKEEPERS, read_gatekeeper
from jitd.core.policy import Rule
from jitd.core.toml_document import Fault
from jitd.core.toml_table import Table, quoted


def names_in(table: Table) -> tuple[str, ...]:
    """``table`` is a permit. Return the names of the gatekeepers that this permit queries."""
    names = table.words("gatekeepers", (), read_gatekeeper)
    if len(names) > MOST_GATEKEEPERS:
        table.fault(f'"gatekeepers" has more than {MOST_GATEKEEPERS} names', "gatekeepers")
    if len(set(names)) < len(names):
        table.fault('"gatekeepers" has a name twice', "gatekeepers")
    if names and table.values.get("ticket") == "optional":
        told = 'are told the name of the requester, and only a ticket proves this name: remove ticket = "optional"'
        table.fault(f'"gatekeepers" {told}', "gatekeepers")
    return names


def faults_of(rules: Iterable[Rule], deadlines: Mapping[str, float]) -> list[Fault]:
    """Check the gatekeepers that ``rules`` name, and return the faults. ``deadlines`` contains all gatekeepers that are set up.
    Each name is mapped to the maximum time for the answer, in seconds.
    """
    faults = []
    for rule in rules:
        for name in rule.gatekeepers:
            if name not in deadlines:
                said = f'jitd.toml sets up no gatekeeper {quoted(name)}: write a table "[gatekeepers.{name}]" there'
            elif deadlines[name] > rule.expires_for:
                within = spell_duration(rule.expires_for)
                said = f'the deadline of gatekeeper {quoted(name)} is longer than "expires" of the rule, which is {within}'
            else:
                continue
            faults.append(Fault(rule.file, rule.line, rule.name, said))
    return faults
