# SPDX-License-Identifier: Apache-2.0
"""The key ``break_glass`` of a permit. With this key, the approvals of another rule are skipped, and a person must review the
request afterwards. If the requester breaks glass, only permits with this key count. Otherwise only permits without it count.

Law: a rule with this key requires no approvals of its own. Such a rule requires a reason and a ticket, applies only to jitsudo's
commands, and records all input and output. Every setting that contradicts these requirements is a fault. The rule whose approvals
are skipped must be a permit with approvals, so that somebody can review.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.decision import BreakGlass
from jitd.core.deed import deed_of
from jitd.core.duration import duration_in_words, spell_duration
from jitd.core.keys.grant import WithGrant
from jitd.core.keys.key import Condition, Fields, Part, Verdict, World
from jitd.core.keys.notify import WithNotify
from jitd.core.keys.reason import Reason, WithReason
from jitd.core.keys.run import WithRun
from jitd.core.keys.services import WithServices
from jitd.core.keys.ticket import WithTicket
from jitd.core.question import Question
from jitd.core.toml_table import Table, quoted

MOST_OPEN = 1000  # the largest number that a rule may set as its limit for the open reviews of one person
_OF_OTHERS = {
    "approvals": 'nobody approves before glass is broken; "instead_of" names the rule whose approvals are skipped',
    "gives": "a thing that was given cannot be recorded, so nobody could review it",
    "standing": "a rule that breaks glass has no approvals",
}
"""Keys that a permit with ``break_glass`` cannot have. Each key is mapped to the reason."""


@dataclass(frozen=True, kw_only=True)
class WithBreakGlass(WithRun, WithNotify, WithGrant, WithReason, WithServices, WithTicket):
    """``break_glass`` is None in a rule that does not skip approvals."""

    break_glass: BreakGlass | None = None


class _BreaksGlass(Condition[WithBreakGlass]):
    names = ("break_glass",)
    of = "permit"
    within = {"break_glass": ("instead_of", "review", "open")}
    row = "break_glass"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        if "break_glass" not in table.values:
            return {}
        inner = table.table("break_glass")
        inner.known(self.within["break_glass"])
        inner.needs("instead_of", "review")
        instead_of, review = inner.text("instead_of", ""), inner.duration("review", 24 * 3600)
        return {"break_glass": BreakGlass(instead_of, (), review, inner.number("open", 1, 1, MOST_OPEN))}

    def settle(self, rule: WithBreakGlass, table: Table) -> Fields:
        """Later, ``resolved`` adds the approvals that are skipped."""
        glass = rule.break_glass
        if glass is None:
            return {}
        for key, why in _OF_OTHERS.items():
            if key in table.values:
                table.fault(f'"{key}" does not go with "break_glass": {why}', key)
        if not all(deed_of(service).is_executed for service in rule.services or ()):
            table.fault('"services" does not go with "break_glass": only jitsudo can break glass', "services")
        if not rule.needs_ticket:
            table.fault('"ticket" must be "required" with "break_glass": only a ticket proves who broke glass', "ticket")
        if glass.review_for < rule.lasts_for:
            lasts = spell_duration(rule.lasts_for)
            told = f'"review" must not be shorter than the grant lasts ({lasts}): nobody can review before the grant ends'
            table.fault(told, "break_glass", "review")
        if "record" in table.table("run").values and rule.terms.record.what != "all":
            table.fault('"record" must be "all" with "break_glass": the reviewer needs the whole recording', "run", "record")
        terms = replace(rule.terms, record=replace(rule.terms.record, what="all"))
        return {"reason": rule.reason or Reason(), "approvals": (), "terms": terms}

    def resolved(self, rule: WithBreakGlass, rules: Mapping[str, WithBreakGlass]) -> Fields | str:
        """Return the fields of ``rule`` that come from the one of ``rules`` that ``instead_of`` names: the approvals that are
        skipped, and the channels of both rules. If that one does not fit, return the fault.
        """
        glass = rule.break_glass
        if glass is None:
            return {}
        meant, named = rules.get(glass.instead_of), quoted(glass.instead_of)
        if meant is None:
            why = f"there is no rule {named}" if glass.instead_of else ""
        elif meant.verdict == "deny":
            why = f"rule {named} is a deny"
        elif not meant.approvals:
            why = f"rule {named} asks for no approval, so nobody could review"
        else:
            told = tuple(dict.fromkeys((*rule.notify, *meant.notify)))  # notify the people of both rules
            return {"break_glass": replace(glass, skipped=meant.approvals), "notify": told}
        return f'"break_glass": {why}; "instead_of" names a permit with approvals' if why else {}

    def holds(self, rule: WithBreakGlass, question: Question, at: datetime) -> bool:
        return rule.verdict == "deny" or (rule.break_glass is not None) == question.breaks_glass

    def wants(self, rule: WithBreakGlass) -> str:
        return _word(rule.break_glass is not None)

    def found(self, rule: WithBreakGlass, question: Question, at: datetime) -> str:
        return _word(question.breaks_glass)

    def phrases(self, rule: WithBreakGlass) -> Iterator[tuple[Part, str]]:
        if rule.break_glass is not None:
            yield Part.HOW, f"by --break-glass, instead of rule {rule.break_glass.instead_of}"
            yield Part.AFTERWARDS, f"reviewed within {duration_in_words(rule.break_glass.review_for)}"

    def covers(self, wide: WithBreakGlass, narrow: WithBreakGlass) -> bool:
        return wide.verdict == "deny" or (wide.break_glass is None) == (narrow.break_glass is None)


def _word(breaks_glass: bool) -> str:
    return "--break-glass" if breaks_glass else "no --break-glass"


BREAK_GLASS = _BreaksGlass()
