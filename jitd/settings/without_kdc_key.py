# SPDX-License-Identifier: Apache-2.0
"""The key ``without_kdc`` of a permit. This key tells whether a local password is accepted while no KDC can be reached.
Law: a local password is accepted only if the value is the word ``local``. With this value, a key is a fault if it sets a
requirement that a local password can never meet.
"""

from __future__ import annotations

from dataclasses import replace

from jitd.core.deed import deed_of
from jitd.core.policy import Rule
from jitd.core.toml_table import Table
from jitd.settings.demands import KEYS as OF_TICKETS

LOCAL = "local"
KEY = "without_kdc"


def with_local(table: Table, rule: Rule) -> Rule:
    """Add the key ``without_kdc`` of ``table`` to ``rule``, which was read from this table. Return the changed rule. Faults are
    added to the table.
    """
    said = table.text(KEY, "deny", ("deny", LOCAL))
    if said != LOCAL:
        return rule
    if not all(deed_of(service).is_executed for service in rule.services or ()):
        told = '"services" does not go with without_kdc = "local": only jitsudo accepts a local password in place of a ticket'
        table.fault(told, "services")
    if rule.gives is not None:
        table.fault('"gives" does not go with without_kdc = "local": a thing is given only to a person with a ticket', "gives")
    for key in OF_TICKETS:
        if key in table.values:
            table.fault(f'"{key}" does not go with without_kdc = "local": it is about a Kerberos ticket', key)
    return replace(rule, without_kdc=LOCAL)
