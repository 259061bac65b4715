# SPDX-License-Identifier: Apache-2.0
"""Explains the answer of each rule to a question, condition by condition. If no rule permits a request, this module also finds
the permits that came closest to permitting it.

Law: pure. To get the answer of a rule, this module calls ``decide`` with only this rule. Therefore an explanation always agrees
with the decision. ``closest`` is for requesters. ``closest`` describes only permits about the requester, and reveals no
information that jitd has found on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from jitd.core.conditions import DAYS, CommandPattern
from jitd.core.decision import Decision, Deny, Permit, Why
from jitd.core.facts import NOTHING, Facts, Unasked
from jitd.core.next_hour import hour_in_words, next_hour
from jitd.core.origin import FACT
from jitd.core.policy import CONDITIONS, Policy, Rule, decide, is_of
from jitd.core.question import Question
from jitd.core.spelling import spelled
from jitd.core.when import Conditions, WhenFailed
from jitd.core.wording import groups

MOST_CLOSEST = 3
"""Maximum number of permits that are shown to a requester."""


class Outcome(StrEnum):
    """The result of one condition. ``LEFT`` means that the condition was not checked because another condition did not hold."""

    HELD = "held"
    NOT = "did not hold"
    FAILED = "failed"
    UNASKED = "would be asked"
    LEFT = "left"


class Saying(StrEnum):
    """The answer of one rule. ``PASSES`` means that the rule does not apply to the question. ``ASKS`` means that the rule needs
    facts that jitd has not looked for.
    """

    PERMITS = "permits"
    DENIES = "denies"
    FAILS = "fails"
    ASKS = "asks"
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one condition. ``condition`` is the key of the condition. ``outcome`` is the result of the condition.
    ``wants`` is the value that the rule requires, and ``value`` is the value that jitd found.
    """

    condition: str
    outcome: Outcome
    wants: str
    value: str


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer of ``rule``. ``because`` is a sentence with the reason. ``because`` is empty if ``findings`` already show the
    reason. ``asks`` contains the names of the facts that jitd would have to look for.
    """

    rule: Rule
    saying: Saying
    because: str
    findings: tuple[Finding, ...]
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
    findings = tuple(_finding(rule, name, question, at) for name, _ in CONDITIONS if _is_told(rule, name, question, at))
    if rule.origin is not None:
        findings += (
            _origin(rule, question, at, known) if _all_held(findings) else Finding("origin", Outcome.LEFT, _whence(rule), ""),
        )
    if rule.when is not None:
        findings += (
            _when(rule, question, at, known) if _all_held(findings) else Finding("when", Outcome.LEFT, _one_line(rule), ""),
        )
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


def _is_told(rule: Rule, name: str, question: Question, at: datetime) -> bool:
    """True if the explanation must mention the condition ``name``. The explanation mentions every condition that the rule states.
    It also mentions a condition that the rule does not state, if this condition does not hold.
    """
    return getattr(rule, name) is not None or not HOLDS[name](rule, question, at)


def _finding(rule: Rule, name: str, question: Question, at: datetime) -> Finding:
    wants, value = TOLD[name]
    try:
        outcome = Outcome.HELD if HOLDS[name](rule, question, at) else Outcome.NOT
    except Exception:  # the same fault happens in ``decide``, which denies
        outcome = Outcome.FAILED
    return Finding(name, outcome, wants(rule), value(rule, question, at))


HOLDS = dict(CONDITIONS)


def _all_held(findings: tuple[Finding, ...]) -> bool:
    return all(finding.outcome is Outcome.HELD for finding in findings)


def _origin(rule: Rule, question: Question, at: datetime, known: Facts) -> Finding:
    """Return the result of the condition ``origin``. If the origin of the session is unknown, the outcome is ``Outcome.NOT`` for
    a permit, and ``Outcome.FAILED`` for a deny.
    """
    conditions = Conditions(question, at, known)
    began = conditions.began_in(rule.origin)
    unknown = Outcome.FAILED if rule.verdict == "deny" else Outcome.NOT
    outcome = unknown if began is None else Outcome.HELD if began else Outcome.NOT
    return Finding("origin", Outcome.UNASKED if conditions.unasked else outcome, _whence(rule), conditions.seen.get(FACT, ""))


def _when(rule: Rule, question: Question, at: datetime, known: Facts) -> Finding:
    """Return the result of the condition ``when``, with the values of the facts in this condition."""
    conditions = Conditions(question, at, known)
    try:
        outcome = Outcome.HELD if conditions.hold(rule.when, denies=rule.verdict == "deny") else Outcome.NOT
    except WhenFailed:
        outcome = Outcome.FAILED
    if conditions.unasked:
        outcome = Outcome.UNASKED
    values = (f"{name} = {value}" for name, value in sorted(conditions.seen.items()))
    return Finding("when", outcome, _one_line(rule), ", ".join(values))


def _one_line(rule: Rule) -> str:
    return "" if rule.when is None else " ".join(rule.when.text.split())


def _whence(rule: Rule) -> str:
    return _any_of(None if rule.origin is None else tuple(word.text for word in rule.origin), "anywhere")


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
    refused = [one for one in each if len(each) == 1 or not any(_holds(rule, one, at) for rule in policy.index.permits(one))]
    found = [near for one in refused for near in _closest(policy, one, at)]
    fewest = min((len(near.wants) for near in found), default=0)
    return tuple([near for near in found if len(near.wants) == fewest][:MOST_CLOSEST])


def _holds(rule: Rule, question: Question, at: datetime) -> bool:
    return all(holds(rule, question, at) for _, holds in CONDITIONS)


def _closest(policy: Policy, question: Question, at: datetime) -> list[Near]:
    found: list[Near] = []
    for rule in policy.index.about(question.requester):
        is_asked = (rule.break_glass is not None) == question.breaks_glass
        if is_asked and is_of(rule, question.requester) and _is_about_file(rule, question):
            lacking = tuple(name for name, holds in CONDITIONS if not holds(rule, question, at))
            missed = tuple(_wish(rule, name) for name in lacking)
            if not missed:
                missed = (
                    *((f"from {_whence(rule)}",) if rule.origin else ()),
                    *((f"when {_one_line(rule)}",) if rule.when else ()),
                )
            if missed:
                near = Near(rule.name, missed, visible_to=rule.visible_to)
                found.append(_opening(near, rule, question, at) if lacking == ("hours",) else near)
    return found


def _opening(near: Near, rule: Rule, question: Question, at: datetime) -> Near:
    """Add to ``near`` the next time at which the hours of ``rule`` begin. Return ``near`` unchanged if ``rule`` would deny the
    request even at that time. If only the reason text that ``rule`` demands is missing in the request, this does not count as a
    denial here. The function does not check other rules, such as denies.
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
    """For a command, True if ``rule`` would permit the requested file with at least one list of arguments. For a request for
    things, True if ``rule`` gives one of these things.
    """
    if question.command.gives:
        return any(thing in (rule.gives or ()) for thing in question.wanted)
    if rule.commands is None:
        return rule.gives is None
    return any(_is_about_path(pattern, question.command.path) for pattern in rule.commands)


def _is_about_path(pattern: CommandPattern, path: bytes) -> bool:
    if pattern.path is None or pattern.file is not None:
        return pattern.path is None or pattern.file == path
    parts = path.decode("utf-8", "surrogateescape").split("/")
    return len(parts) == len(pattern.path) and all(glob.matches(part) for glob, part in zip(pattern.path, parts, strict=True))


def _wish(rule: Rule, name: str) -> str:
    """Return a text about the requirement of the condition ``name`` of ``rule``. The text is clear even if the reader does not
    see the name of the condition.
    """
    return f"{BEFORE.get(name, '')}{TOLD[name][0](rule)}"


BEFORE = {"services": "by ", "hosts": "on ", "run_as": "as "}
"""Maps the name of a condition to a word such as ``by``. In the text for a requester, this word comes before the value that
the rule requires.
"""


# --- the conditions in words -------------------------------------------------------------------------------------------


def _any_of(words: tuple[str, ...] | None, otherwise: str) -> str:
    if words is None:
        return otherwise
    if not words:
        return "nothing"
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _who(rule: Rule, question: Question, at: datetime) -> str:
    who = question.requester
    unsure = f", and perhaps in {', '.join(sorted(who.unsure))}" if who.unsure else ""
    return f"{who.principal}, account {who.user}, in {groups(sorted(who.groups), len(who.gids))}{unsure}"


def _wanted_who(rule: Rule) -> str:
    local = " or, while no KDC can be reached, a local password" if rule.without_kdc == "local" else ""
    ticket = f" with a ticket{local}" if rule.verdict == "permit" and rule.needs_ticket else ""
    return _any_of(rule.who, "anybody") + ticket


def _glass_word(breaks_glass: bool) -> str:
    return "--break-glass" if breaks_glass else "no --break-glass"


def _wanted_glass(rule: Rule) -> str:
    return _glass_word(rule.break_glass is not None)


def _wanted_run_as(rule: Rule) -> str:
    return _any_of(None if rule.run_as is None else tuple("anyone" if word == "*" else word for word in rule.run_as), "anyone")


def _wanted_commands(rule: Rule) -> str:
    if rule.commands is None and rule.gives is None:
        return "any command"
    return _any_of((*(str(pattern) for pattern in rule.commands or ()), *(rule.gives or ())), "")


def _commands(rule: Rule, question: Question, at: datetime) -> str:
    command = question.command
    words = command.told_argv if command.gives or not command.path else (command.path, *command.told_argv[1:])
    doubt = f" (it is not certain what runs: {command.doubt})" if command.doubt else ""
    return " ".join(map(spelled, words)) + doubt


def _hours(rule: Rule, question: Question, at: datetime) -> str:
    local = (at.astimezone(hours.zone) for hours in rule.hours or ())
    return " or ".join(dict.fromkeys(f"{DAYS[here.weekday()]} {here:%H:%M %Z}" for here in local))


def _run_as(rule: Rule, question: Question, at: datetime) -> str:
    run_as = question.command.run_as
    return run_as.user if question.is_own_group else f"{run_as.user}:{run_as.group}"


Wants = Callable[[Rule], str]
Value = Callable[[Rule, Question, datetime], str]
TOLD: dict[str, tuple[Wants, Value]] = {
    "who": (_wanted_who, _who),
    "break_glass": (_wanted_glass, lambda rule, question, at: _glass_word(question.breaks_glass)),
    "services": (lambda rule: _any_of(rule.services, "any service"), lambda rule, question, at: question.service),
    "hosts": (
        lambda rule: _any_of(None if rule.hosts is None else tuple(glob.text for glob in rule.hosts), "any host"),
        lambda rule, question, at: question.host,
    ),
    "run_as": (_wanted_run_as, _run_as),
    "commands": (_wanted_commands, _commands),
    "hours": (
        lambda rule: _any_of(None if rule.hours is None else tuple(hours.text for hours in rule.hours), "any time"),
        _hours,
    ),
}
"""Maps the name of a condition to two functions. The first function returns the value that the rule requires. The second function
returns the value in the question. Both functions return the value in words. This table has one row for each row of CONDITIONS.
"""
