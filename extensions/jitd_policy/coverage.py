# SPDX-License-Identifier: Apache-2.0
"""What cases have tried of the rules: which rules have decided, and which conditions have held, and have been all that was in the
way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jitd.core.explaining import ROWS, Outcome, explain
from jitd.core.facts import Facts
from jitd.core.policy import Policy
from jitd.core.question import Question
from jitd.core.rule import Rule
from jitd_policy.trying import Trial

USUAL: Mapping[str, tuple[str, ...]] = {"services": ("jitsudo",), "run_as": ("root",)}
"""What a permit has that does not say it. It need not be tried."""


@dataclass(slots=True)
class Tried:
    """What was tried of ``rule``. ``held`` and ``alone`` are conditions, by their keys: those that held, and those that were the
    only ones that did not.
    """

    rule: Rule
    decides: bool = False
    held: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Return the keys of the conditions that the rule states."""
        return tuple(_stated(self.rule))

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return sentences about what no case has tried, without a full stop."""
        lead = f"rule {self.rule.name}"
        never = [f"{lead} decides no case"] if not self.decides else []
        never += [f"{lead}: {one} never holds" for one in self.conditions if one not in self.held]
        return (*never, *(f"{lead}: {one} is never all that is in the way" for one in self.conditions if one not in self.alone))


def coverage(policy: Policy, trials: Iterable[Trial]) -> tuple[Tried, ...]:
    """Return what ``trials`` have tried of each rule of ``policy``, in the order of the rules."""
    found = tuple(Tried(rule) for rule in policy.rules)
    for trial in trials:
        for tried in found:
            tried.decides |= tried.rule.name == trial.answer.rule
            for question in trial.question.each:
                _try(tried, question, trial.at, trial.known)
    return found


def _try(tried: Tried, question: Question, at: datetime, known: Facts) -> None:
    rule = tried.rule
    stated = set(tried.conditions)
    try:
        missed = [row for row, keys in ROWS.items() if not all(key.holds(rule, question, at) for key in keys)]
    except ValueError:  # a condition needs what the case does not say: nothing was tried
        return
    tried.held |= stated - {*missed, "origin", "when"}
    if len(missed) == 1:
        tried.alone |= stated & {*missed}
    if missed or not stated & {"origin", "when"}:
        return
    (explained,) = explain(Policy((rule,), "deny", ""), question, at, known)
    for one in explained.findings:
        if one.outcome is Outcome.HELD:
            tried.held |= stated & {one.condition}
        elif one.outcome is Outcome.NOT:
            tried.alone |= stated & {one.condition}


def _stated(rule: Rule) -> Iterator[str]:
    for row in (*ROWS, "origin", "when"):
        value = getattr(rule, row)
        is_thing = row == "commands" and rule.gives is not None
        if (value is not None or is_thing) and not (rule.verdict == "permit" and value == USUAL.get(row)):
            yield row
