# SPDX-License-Identifier: Apache-2.0
"""The keys ``indicators``, ``ticket_age`` and ``forwarded`` of a permit and of its approvals: what a ticket must be like.

Law: a requirement that no ticket could fulfil is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.authentication import Demand
from jitd.core.keys.key import Fields, Key, Part, Verdict, World
from jitd.core.keys.ticket import WithTicket
from jitd.core.toml_table import Table, quoted

TICKETS = ("indicators", "ticket_age", "forwarded")  # the keys about a ticket


@dataclass(frozen=True, kw_only=True)
class WithDemand(WithTicket):
    """If a requester's authentication does not meet ``demand``, the rule permits nothing."""

    demand: Demand = Demand()


class _Demands(Key[WithDemand]):
    names = TICKETS
    of = "permit"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"demand": read_demand(table)}

    def settle(self, rule: WithDemand, table: Table) -> Fields:
        if not rule.needs_ticket and not rule.demand.is_none:
            which = next(key for key in TICKETS if key in table.values)
            table.fault(f'"{which}" is about a Kerberos ticket, and ticket = "optional" permits requests without a ticket', which)
        return {}

    def phrases(self, rule: WithDemand) -> Iterator[tuple[Part, str]]:
        if not rule.demand.is_none:
            yield Part.HOW, str(rule.demand)

    def covers(self, wide: WithDemand, narrow: WithDemand) -> bool:
        return wide.demand.is_none


def read_demand(table: Table) -> Demand:
    """Return what ``table`` requires of a person's authentication. Faults are added to the table."""
    return Demand(
        indicators=tuple(dict.fromkeys(table.words("indicators", (), read_indicator))),
        ticket_age=table.duration("ticket_age", 1) if "ticket_age" in table.values else None,
        forwarded=table.text("forwarded", "allow", ("allow", "refuse")),
    )


def read_indicator(word: str) -> str:
    """Return ``word`` if it can be an authentication indicator. RFC 8129 allows any UTF-8; KDCs separate them by spaces, and
    people read them. Raises ValueError with a sentence.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,100}", word):
        raise ValueError(f"{quoted(word)} is no authentication indicator: 1 to 100 printable ASCII characters without a space")
    return word


DEMAND = _Demands()
