# SPDX-License-Identifier: Apache-2.0
"""The key ``ticket`` of a permit: whether Kerberos must prove who the requester is."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.keys.key import Fields, OfRequester, Stated, Verdict, World
from jitd.core.subject import Subject
from jitd.core.toml_table import Table

ONLY_A_TICKET = 'told the name of the requester, and only a ticket proves this name: remove ticket = "optional"'
"""The end of the fault of a key whose rule has others asked about requesters who need no ticket."""


@dataclass(frozen=True, kw_only=True)
class WithTicket(Stated):
    """If ``needs_ticket`` and a requester is known only by their account, the rule permits nothing."""

    needs_ticket: bool = True


def is_optional(rule: Table) -> bool:
    """True if the rule in ``rule`` is also for requesters without a ticket."""
    return rule.values.get("ticket") == "optional"


class _Ticket(OfRequester[WithTicket]):
    names = ("ticket",)
    of = "permit"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"needs_ticket": table.text("ticket", "required", ("required", "optional")) == "required"}

    def is_of(self, rule: WithTicket, who: Subject) -> bool:
        return not (rule.verdict == "permit" and rule.needs_ticket and who.is_local)

    def wants(self, rule: WithTicket) -> str:
        return " with a ticket" if rule.verdict == "permit" and rule.needs_ticket else ""

    def covers(self, wide: WithTicket, narrow: WithTicket) -> bool:
        return not (wide.verdict == "permit" and wide.needs_ticket and not narrow.needs_ticket)


TICKET = _Ticket()
