# SPDX-License-Identifier: Apache-2.0
"""The key ``reason`` of a permit: the requester must give a reason, which may have to match a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.conditions import Pattern
from jitd.core.keys.key import Fields, NoCondition, Part, Stated, Verdict, World
from jitd.core.toml_table import Table


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule's demand for a reason, of which the ``pattern`` must match a part, if there is one."""

    pattern: Pattern | None = None
    hint: str = ""

    def is_met_by(self, reason: str | None) -> bool:
        if reason is None or not reason.strip():
            return False
        return self.pattern is None or self.pattern.is_found_in(reason)

    @property
    def wish(self) -> str:
        """Return a text that tells a requester which reason the rule demands."""
        if self.hint:
            return f"a reason: {self.hint}"
        return "a reason" if self.pattern is None else f"a reason that matches {self.pattern.text}"


@dataclass(frozen=True, kw_only=True)
class WithReason(Stated):
    """``reason`` is None if no reason has to be given."""

    reason: Reason | None = None


class _Reasons(NoCondition[WithReason]):
    names = ("reason",)
    of = "permit"
    within = {"reason": ("pattern", "hint")}

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"reason": self._reason(table, world)}

    def _reason(self, table: Table, world: World) -> Reason | None:
        value = table.values.get("reason")
        if value is None:
            return None
        if value == "required":
            return Reason()
        if not isinstance(value, dict):
            table.fault('"reason" must be "required" or { pattern = "…", hint = "…" }', "reason")
            return None
        inner = table.table("reason")
        inner.known(self.within["reason"])
        inner.needs("pattern")
        hint = inner.sentence("hint", 200)
        pattern = inner.text("pattern", "")
        if not pattern:
            if value.get("pattern") == "":
                inner.fault('"pattern" is empty: write reason = "required"', "pattern")
            return None
        try:
            return Reason(world.read_pattern(pattern), hint)
        except ValueError as error:
            inner.fault(f'"pattern" is not a regular expression of RE2: {error}', "pattern")
            return None

    def phrases(self, rule: WithReason) -> Iterator[tuple[Part, str]]:
        if rule.reason is not None:
            yield Part.HOW, f"with {rule.reason.wish}"


REASON = _Reasons()
