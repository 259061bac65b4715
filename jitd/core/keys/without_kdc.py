# SPDX-License-Identifier: Apache-2.0
"""The key ``without_kdc`` of a permit: whether a local password is accepted while no KDC can be reached.

Law: a local password is accepted only if the value is the word ``local``. With this value, a key is a fault if it sets a
requirement that a local password can never meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.deed import deed_of
from jitd.core.keys.commands import WithCommands
from jitd.core.keys.demand import TICKETS
from jitd.core.keys.key import Fields, OfRequester, Part, Verdict, World
from jitd.core.keys.services import WithServices
from jitd.core.keys.ticket import WithTicket
from jitd.core.subject import Subject
from jitd.core.toml_table import Table

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class MayLackKdc(WithServices, WithCommands, WithTicket):
    """``without_kdc`` is ``local`` or ``deny``; see Obligations."""

    without_kdc: str = "deny"


class _WithoutKdc(OfRequester[MayLackKdc]):
    names = ("without_kdc",)
    of = "permit"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"without_kdc": table.text("without_kdc", "deny", ("deny", LOCAL))}

    def settle(self, rule: MayLackKdc, table: Table) -> Fields:
        if rule.without_kdc != LOCAL:
            return {}
        if not all(deed_of(service).is_executed for service in rule.services or ()):
            told = '"services" does not go with without_kdc = "local": only jitsudo accepts a local password in place of a ticket'
            table.fault(told, "services")
        if rule.gives is not None:
            table.fault(
                '"gives" does not go with without_kdc = "local": a thing is given only to a person with a ticket', "gives"
            )
        for key in TICKETS:
            if key in table.values:
                table.fault(f'"{key}" does not go with without_kdc = "local": it is about a Kerberos ticket', key)
        return {}

    def is_of(self, rule: MayLackKdc, who: Subject) -> bool:
        return not (rule.verdict == "permit" and rule.without_kdc != LOCAL and who.is_by_pam)

    def wants(self, rule: MayLackKdc) -> str:
        is_told = rule.without_kdc == LOCAL and rule.verdict == "permit" and rule.needs_ticket
        return " or, while no KDC can be reached, a local password" if is_told else ""

    def phrases(self, rule: MayLackKdc) -> Iterator[tuple[Part, str]]:
        if rule.without_kdc == LOCAL:
            yield Part.LIMITS, "while no KDC can be reached also by a local password"

    def covers(self, wide: MayLackKdc, narrow: MayLackKdc) -> bool:
        return not (wide.verdict == "permit" and wide.without_kdc != narrow.without_kdc == LOCAL)


WITHOUT_KDC = _WithoutKdc()
