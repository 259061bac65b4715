# SPDX-License-Identifier: Apache-2.0
"""Explains the answer of each rule to a question, condition by condition. If no rule permits a request, this module also finds
the permits that came closest to permitting it.

Law: to get the answer of a rule, this module calls ``decide`` with only this rule. Therefore an explanation always agrees with
the decision. ``closest`` is for requesters. ``closest`` describes only permits about the requester, and reveals no information
that jitd has found on the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from jitd.core.decision import Decision, Deny, Permit, Why
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.facts import NOTHING, Facts, Unasked
from jitd.core.keys.break_glass import BREAK_GLASS
from jitd.core.keys.key import Condition
from jitd.core.keys.origin import ORIGIN
from jitd.core.keys.when import WHEN
from jitd.core.next_hour import hour_in_words, next_hour
from jitd.core.origin import FACT
from jitd.core.policy import Policy, decide
from jitd.core.question import Question
from jitd.core.rule import CONDITIONS, Rule
from jitd.core.what import Doubted, Login, Program, Things
from jitd.core.when import Conditions, WhenFailed

MOST_CLOSEST = 3  # permits that are shown to a requester


class Outcome(StrEnum):
    """The result of one condition. ``LEFT`` means that the condition was not checked because another condition did not hold."""

    HELD = "held"
    NOT = "did not hold"
    FAILED = "failed"
    UNASKED = "would be asked"
    LEFT = "left"


class Saying(StrEnum):
    """One rule's answer. ``PASSES``: it is not about the question. ``ASKS``: it needs facts not looked for yet."""

    PERMITS = "permits"
    DENIES = "denies"
    FAILS = "fails"
    ASKS = "asks"
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class Checked:
    """One condition, by its key, with its outcome, what the rule ``wants``, and the ``value`` that was found."""

    condition: str
    outcome: Outcome
    wants: str
    value: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One rule's answer, ``because`` of a sentence unless ``findings`` say it. ``asks``: facts to be looked for."""

    rule: Rule
    saying: Saying
    because: str
    findings: tuple[Checked, ...]
    asks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Near:
    """A permit that came close to permitting a request. ``rule`` is its name, and ``wants`` contains the conditions that did not
    hold. If only the condition ``hours`` did not hold, ``opens_at`` (aware) is the next beginning of the rule's hours. ``opens``
    is the same time in words. ``visible_to`` is that of the rule: who may read of a request that the rule is named for.
    """

    rule: str
    wants: tuple[str, ...]
    opens_at: datetime | None = None
    opens: str = ""
    visible_to: tuple[str, ...] | None = None


def explain(policy: Policy, question: Question, at: datetime, known: Facts = NOTHING) -> tuple[Explained, ...]:
    """Return the answer of each rule of ``policy`` to ``question`` at the time ``at`` (aware). The function uses the facts in
    ``known``. The rules are in the order in which they are evaluated.
    """
    asked = replace(question, is_missing=False)
    permits = (rule for rule in policy.rules if rule.verdict == "permit")
    return tuple(_explained(rule, asked, at, known) for rule in (*policy.index.denies, *permits))


def decided(policy: Policy, question: Question, at: datetime, known: Facts) -> Decision | None:
    """Return the answer of ``policy`` to ``question``, by the facts ``known``. Return None if the answer depends on others."""
    try:
        return decide(policy, question, at, known)
    except Unasked:
        return None


def _explained(rule: Rule, question: Question, at: datetime, known: Facts) -> Explained:
    findings = tuple(_finding(rule, row, question, at) for row in ROWS if _is_told(rule, row, question, at))
    if rule.origin is not None:
        wants = ORIGIN.wants(rule)
        findings += (_origin(rule, question, at, known) if _all_held(findings) else Checked("origin", Outcome.LEFT, wants, ""),)
    if rule.when is not None:
        wants = WHEN.wants(rule)
        findings += (_when(rule, question, at, known) if _all_held(findings) else Checked("when", Outcome.LEFT, wants, ""),)
    try:
        answer = decide(Policy((rule,), "deny", ""), question, at, known)
    except Unasked as asked:
        return Explained(rule, Saying.ASKS, "", findings, asked.names)
    if isinstance(answer, Permit):
        return Explained(rule, Saying.PERMITS, "", findings)
    if answer.why is Why.NO_RULE:
        return Explained(rule, Saying.PASSES, "", findings)
    saying = Saying.FAILS if answer.why is Why.ERROR else Saying.DENIES
    return Explained(rule, saying, answer.because, findings)


ROWS: Mapping[str, tuple[Condition[Rule], ...]] = {
    key.row: tuple(one for one in CONDITIONS if one.row == key.row) for key in CONDITIONS
}


def _holds(rule: Rule, row: str, question: Question, at: datetime) -> bool:
    return all(key.holds(rule, question, at) for key in ROWS[row])


def _wants(rule: Rule, row: str) -> str:
    return "".join(key.wants(rule) for key in ROWS[row])


def _is_told(rule: Rule, row: str, question: Question, at: datetime) -> bool:
    """True for each condition that the rule states, and for each other one that does not hold."""
    return getattr(rule, row) is not None or not _holds(rule, row, question, at)


def _finding(rule: Rule, row: str, question: Question, at: datetime) -> Checked:
    try:
        outcome = Outcome.HELD if _holds(rule, row, question, at) else Outcome.NOT
    except Exception:  # the same fault happens in ``decide``, which denies
        outcome = Outcome.FAILED
    return Checked(row, outcome, _wants(rule, row), ROWS[row][0].found(rule, question, at))


def _all_held(findings: tuple[Checked, ...]) -> bool:
    return all(finding.outcome is Outcome.HELD for finding in findings)


def _origin(rule: Rule, question: Question, at: datetime, known: Facts) -> Checked:
    """If the origin is unknown, a permit gets ``Outcome.NOT``, and a deny ``Outcome.FAILED``."""
    conditions = Conditions(question, at, known)
    began = conditions.began_in(rule.origin)
    unknown = Outcome.FAILED if rule.verdict == "deny" else Outcome.NOT
    outcome = unknown if began is None else Outcome.HELD if began else Outcome.NOT
    return Checked(
        "origin", Outcome.UNASKED if conditions.unasked else outcome, ORIGIN.wants(rule), conditions.seen.get(FACT, "")
    )


def _when(rule: Rule, question: Question, at: datetime, known: Facts) -> Checked:
    """Return the result of the condition ``when``, with the values of the facts in this condition."""
    conditions = Conditions(question, at, known)
    try:
        outcome = Outcome.HELD if conditions.hold(rule.when, denies=rule.verdict == "deny") else Outcome.NOT
    except WhenFailed:
        outcome = Outcome.FAILED
    if conditions.unasked:
        outcome = Outcome.UNASKED
    values = (f"{name} = {value}" for name, value in sorted(conditions.seen.items()))
    return Checked("when", outcome, WHEN.wants(rule), ", ".join(values))


# --- what a requester is told ------------------------------------------------------------------------------------------


def closest(policy: Policy, question: Question, at: datetime) -> tuple[Near, ...]:
    """No rule permits ``question``. Return the permits that came closest to permitting the request: at most MOST_CLOSEST permits,
    in the order of the policy.

    Each returned permit is about the requester and about the requested file. The function returns the permits with the smallest
    number of failed conditions. The function does not evaluate the conditions ``origin`` and ``when``. If all other conditions
    of a permit hold, the result names the permit's ``origin`` and ``when`` as conditions that are not met. If a permit has
    neither ``origin`` nor ``when`` and all its conditions hold, the request was denied for another reason. The function does not
    return this permit. If several things are requested, the function considers only the things that no rule permits.
    """
    if question.requester.is_root:
        return ()
    each = question.each
    refused = [one for one in each if len(each) == 1 or not any(rule.matches(one, at) for rule in policy.index.permits(one))]
    found = [near for one in refused for near in _closest(policy, one, at)]
    fewest = min((len(near.wants) for near in found), default=0)
    return tuple([near for near in found if len(near.wants) == fewest][:MOST_CLOSEST])


def _closest(policy: Policy, question: Question, at: datetime) -> list[Near]:
    found: list[Near] = []
    for rule in policy.index.about(question.requester):
        is_asked = BREAK_GLASS.holds(rule, question, at)
        if is_asked and rule.is_of(question.requester) and _is_about_file(rule, question):
            lacking = tuple(row for row in ROWS if not _holds(rule, row, question, at))
            missed = tuple(f"{ROWS[row][0].before}{_wants(rule, row)}" for row in lacking)
            if not missed:
                missed = (
                    *((f"from {ORIGIN.wants(rule)}",) if rule.origin else ()),
                    *((f"when {WHEN.wants(rule)}",) if rule.when else ()),
                )
            if missed:
                near = Near(rule.name, missed, visible_to=rule.visible_to)
                found.append(_opening(near, rule, question, at) if lacking == ("hours",) else near)
    return found


def _opening(near: Near, rule: Rule, question: Question, at: datetime) -> Near:
    """Add to ``near`` when the hours of ``rule`` begin next, unless the rule would deny even then, for more than a missing reason
    text. Other rules, such as denies, are not asked.
    """
    begins = next_hour(rule.hours or (), at)
    if begins is None:
        return near
    moment, hours = begins
    try:
        answer: Decision = decide(Policy((rule,), "deny", ""), _unfound(question), moment)
    except Unasked:  # nobody knows what the facts will be at that time
        answer = Permit(rule.name, rule.obligations)
    if isinstance(answer, Deny) and answer.why is not Why.REASON:
        return near
    return replace(near, opens_at=moment, opens=hour_in_words(moment, hours))


def _unfound(question: Question) -> Question:
    """Return ``question`` without the information that jitd has found about its file."""
    command = replace(question.command, digest=b"", operands=(), interpreters=())
    return replace(question, command=command, is_unopened=True, is_missing=False, writable_by=(), by_name=(), names=())


def _is_about_file(rule: Rule, question: Question) -> bool:
    """True if ``rule`` permits the requested file with some arguments, or gives one of the requested things."""
    match question.command.what:
        case Things():
            return any(thing in (rule.gives or ()) for thing in question.wanted)
        case Program() | Edit() | Edits() | NewFile() | Removal() | Login() | Doubted():
            if rule.commands is None:
                return rule.gives is None
            return any(pattern.names(question.command.path) for pattern in rule.commands)
