# SPDX-License-Identifier: Apache-2.0
"""The key ``when``: an expression over the names of ``core/names.py``. It is evaluated with facts (``core/when.py``).

Law: an expression with a fault is refused. The fault names its position in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.keys.key import Fields, Key, Part, Stated, Verdict, World
from jitd.core.keys.ticket import ONLY_A_TICKET, is_optional
from jitd.core.names import NAMES
from jitd.core.toml_document import Fault
from jitd.core.toml_table import Table
from jitd.core.when import BadExpression, When


@dataclass(frozen=True, kw_only=True)
class WithWhen(Stated):
    """``when`` is the compiled expression. None means that nothing more is asked."""

    when: When | None = None


class _Expression(Key[WithWhen]):
    names = ("when",)

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        if "when" not in table.values:
            return {}
        text = table.text("when", "")
        if not text.strip():
            if isinstance(table.values["when"], str):
                table.fault('"when" is empty', "when")
            return {}
        try:
            found = world.compile_when(text, world.names, world.naming)
        except BadExpression as bad:
            for fault in bad.faults:
                line, column = table.document.place_in((*table.place, "when"), fault.line, fault.column)
                table.faults.append(Fault(table.document.file, line, table.rule, f'"when": {fault.sentence}', column))
            return {}
        asked = sorted(found.names - NAMES.keys())
        if asked and is_optional(table):
            table.fault(f'"when" names {asked[0]}: the provider is {ONLY_A_TICKET}', "when")
        return {"when": found}

    def wants(self, rule: WithWhen) -> str:
        """Return the expression on one line."""
        return "" if rule.when is None else " ".join(rule.when.text.split())

    def phrases(self, rule: WithWhen) -> Iterator[tuple[Part, str]]:
        if rule.when is not None:
            yield Part.CIRCUMSTANCES, f"when {self.wants(rule)}"

    def covers(self, wide: WithWhen, narrow: WithWhen) -> bool:
        return wide.when is None


WHEN = _Expression()
