# SPDX-License-Identifier: Apache-2.0
"""The key ``break_glass`` of a permit. With this key, the approvals of another rule are skipped, and a person must review the
request afterwards.
Law: a rule with this key requires no approvals of its own. Such a rule requires a reason and a ticket, applies only to jitsudo's
commands, and records all input and output. Every setting that contradicts these requirements is a fault. The rule whose approvals
are skipped must be a permit with approvals, so that somebody can review.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jitd.core.conditions import Reason
from jitd.core.decision import BreakGlass, Terms
from jitd.core.deed import deed_of
from jitd.core.duration import spell_duration
from jitd.core.policy import Rule
from jitd.core.toml_document import Fault
from jitd.core.toml_table import Table, quoted

KEYS = ("instead_of", "review", "open")
MOST_OPEN = 1000
"""The largest number that a rule may set as its limit for the open reviews of one person."""
_OF_OTHERS = {
    "approvals": 'nobody approves before glass is broken; "instead_of" names the rule whose approvals are skipped',
    "gives": "a thing that was given cannot be recorded, so nobody could review it",
    "standing": "a rule that breaks glass has no approvals",
}
"""Keys that a permit with ``break_glass`` cannot have. Each key is mapped to the reason."""


def with_glass(table: Table, rule: Rule) -> Rule:
    """Return ``rule``, which was read from ``table``. If ``table`` has the key ``break_glass``, add its value to the returned
    rule. Later, the function ``resolved`` adds the approvals that are skipped. Faults are added to the table.
    """
    if "break_glass" not in table.values:
        return rule
    for key, why in _OF_OTHERS.items():
        if key in table.values:
            table.fault(f'"{key}" does not go with "break_glass": {why}', key)
    if not all(deed_of(service).is_executed for service in rule.services or ()):
        table.fault('"services" does not go with "break_glass": only jitsudo can break glass', "services")
    if not rule.needs_ticket:
        table.fault('"ticket" must be "required" with "break_glass": only a ticket proves who broke glass', "ticket")
    inner = table.table("break_glass")
    inner.known(KEYS)
    inner.needs("instead_of", "review")
    glass = BreakGlass(
        inner.text("instead_of", ""), (), inner.duration("review", 24 * 3600), inner.number("open", 1, 1, MOST_OPEN)
    )
    if glass.review_for < rule.lasts_for:
        lasts = spell_duration(rule.lasts_for)
        inner.fault(
            f'"review" must not be shorter than the grant lasts ({lasts}): nobody can review before the grant ends', "review"
        )
    return replace(
        rule, break_glass=glass, reason=rule.reason or Reason(), approvals=(), terms=_in_full(table.table("run"), rule.terms)
    )


def _in_full(run: Table, terms: Terms) -> Terms:
    if "record" in run.values and terms.record.what != "all":
        run.fault('"record" must be "all" with "break_glass": the reviewer needs the whole recording', "record")
    return replace(terms, record=replace(terms.record, what="all"))


def resolved(rules: Iterable[Rule], faults: list[Fault]) -> list[Rule]:
    """Return ``rules``. In the result, each break-glass rule contains the approvals that it skips. These approvals are copied
    from the rule that ``instead_of`` names. If the named rule does not exist or does not fit, add a fault to ``faults``.
    """
    rules = list(rules)
    by_name = {rule.name: rule for rule in rules}
    return [rule if rule.break_glass is None else _resolved(rule, rule.break_glass, by_name, faults) for rule in rules]


def _resolved(rule: Rule, glass: BreakGlass, by_name: dict[str, Rule], faults: list[Fault]) -> Rule:
    meant, named = by_name.get(glass.instead_of), quoted(glass.instead_of)
    if meant is None:
        why = f"there is no rule {named}" if glass.instead_of else ""
    elif meant.verdict == "deny":
        why = f"rule {named} is a deny"
    elif not meant.approvals:
        why = f"rule {named} asks for no approval, so nobody could review"
    else:
        told = tuple(dict.fromkeys((*rule.notify, *meant.notify)))  # notify the people of both rules
        return replace(rule, break_glass=replace(glass, skipped=meant.approvals), notify=told)
    if why:
        faults.append(Fault(rule.file, rule.line, rule.name, f'"break_glass": {why}; "instead_of" names a permit with approvals'))
    return rule
