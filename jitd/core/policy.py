# SPDX-License-Identifier: Apache-2.0
"""Policy: the rules in their order, and their answer to a question.

Law: any matching deny denies. Otherwise the first matching permit gives the terms. Otherwise the answer is a deny. A rule that
fails while it is asked denies, and says that it was an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from jitd.core.command import Command
from jitd.core.conditions import CommandPattern, Glob, Hours, Reason, covers_run_as, may_come_along
from jitd.core.decision import Approval, Decision, Deny, Obligations, Permit, Record, Terms, Why, still_owed
from jitd.core.deed import deed_of
from jitd.core.duration import LONGEST, duration_in_words, spell_duration
from jitd.core.subject import Subject, matches_any

MOST_USES = 1_000_000
"""The largest number of uses of a grant."""
BUILT_IN = "root"
"""The name of the rule that permits what root asks for. No other rule has this name."""
ROOTS_TERMS = Terms(env=("*",), writable=True, record=Record(what="none"))
"""The terms of that rule. Its runs are not recorded: if root's terminal belongs to a recorded run, that run records it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A condition that is None matches everything. A condition without members matches nothing.

    ``commands`` and ``gives`` are one condition on what is asked for: a rule that has one of them is not about the other. A
    permit with neither is about every command and no thing; a deny with neither is about both. ``needs_ticket``: the rule permits
    nothing to a requester who is known by their account alone. ``standing``: see Obligations. ``accepts``: warnings, and why.
    """

    verdict: Literal["permit", "deny"]
    name: str
    who: tuple[str, ...] | None = None
    run_as: tuple[str, ...] | None = None
    commands: tuple[CommandPattern, ...] | None = None
    gives: tuple[str, ...] | None = None
    hosts: tuple[Glob, ...] | None = None
    hours: tuple[Hours, ...] | None = None
    services: tuple[str, ...] | None = None
    reason: Reason | None = None
    approvals: tuple[Approval, ...] = ()
    expires_for: int = 15 * 60
    lasts_for: int = 15 * 60
    uses: int = 1
    terms: Terms = Terms()
    because: str = ""
    needs_ticket: bool = True
    standing: str = "use"
    accepts: tuple[tuple[str, str], ...] = ()
    file: str = ""
    line: int = 0

    @property
    def obligations(self) -> Obligations:
        """Return what this rule asks for if it permits."""
        return Obligations(self.approvals, self.expires_for, self.lasts_for, self.uses, self.terms, self.standing)


ROOTS = Rule("permit", BUILT_IN, lasts_for=LONGEST, uses=MOST_USES, terms=ROOTS_TERMS)
"""The rule that permits what root asks for."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules in their order, the setting ``root`` of jitd.toml, and the SHA-256 of the policy's files."""

    rules: tuple[Rule, ...]
    root: Literal["permit", "deny"]
    digest: str


@dataclass(frozen=True, slots=True)
class Question:
    """What policy is asked: may ``requester`` run ``command`` here?

    ``lasts_for`` (seconds) and ``uses`` are the lease asked for, ``timeout_for`` (seconds) the running time, ``chdir`` the
    directory; each is None if it was not asked for. ``is_own_group`` is True if the group to run as is that of the account to run
    as. ``is_missing`` is True if there is no such command; the caller decides who is told that. ``writable_by`` are sentences:
    who can change the command's file, beside root and the account to run as. ``names`` are other names of that file: a deny
    holds for each of them.
    """

    requester: Subject
    command: Command
    service: str
    host: str
    reason: str | None
    lasts_for: int | None
    uses: int | None
    timeout_for: int | None
    chdir: bytes | None
    is_own_group: bool
    is_missing: bool
    writable_by: tuple[str, ...]
    names: tuple[bytes, ...] = ()


def decide(policy: Policy, question: Question, at: datetime) -> Decision:
    """Return the answer to ``question`` at ``at`` (aware). The caller adds whether a lease stands for the approvals."""
    is_root = question.requester.is_root
    if question.command.gives and (is_root or question.requester.is_local):
        return Deny(Why.NO_RULE, "a thing is given only to a person who has a Kerberos ticket")
    # A deny without "who" must not lock root out of its own host. A deny that names root does.
    denies = [rule for rule in policy.rules if rule.verdict == "deny" and not (is_root and rule.who is None)]
    permits = [rule for rule in policy.rules if rule.verdict == "permit" and not is_root]
    for rule in denies + permits:
        try:
            answer = _answer(rule, question, at)
        except Exception as error:  # any fault: it must not permit, and the next rule must not permit either
            return Deny(Why.ERROR, f"rule {rule.name}: an error while deciding: {type(error).__name__}: {error}", rule.name)
        if isinstance(answer, Permit) and question.is_missing:
            break  # the same answer as for a path that no rule permits: it must not tell which files exist
        if answer is not None:
            return answer
    if not is_root or question.is_missing:
        return no_rule(question.requester)
    if policy.root != "permit":
        return Deny(Why.NO_RULE, 'root may not ask here (root = "deny" in jitd.toml)')
    return Permit(ROOTS.name, ROOTS.obligations)


def no_rule(requester: Subject) -> Deny:
    """Return the answer if no rule permits the request, or if the requester may not know why it is not permitted."""
    ticket = " without a Kerberos ticket" if requester.is_local else ""
    return Deny(Why.NO_RULE, f"no rule permits this{ticket}")


def _answer(rule: Rule, question: Question, at: datetime) -> Decision | None:
    """Return what ``rule`` says to ``question``; None if it is not about it."""
    for _, holds in CONDITIONS:
        if not holds(rule, question, at):
            return None
    if rule.verdict == "deny" and (group := _unsure_of(rule, question.requester)):
        told = f"group {group} cannot be looked up now, and its members are denied this: try again later"
        return Deny(Why.ERROR, f"rule {rule.name}: {told}", rule.name)
    if rule.verdict == "deny":
        return Deny(Why.RULE, f"rule {rule.name}: {rule.because}" if rule.because else f"rule {rule.name} denies it", rule.name)
    if complaint := _breach(rule, question):
        return Deny(Why.TERMS, complaint, rule.name)
    if rule.reason is not None and not rule.reason.is_met_by(question.reason):
        return Deny(Why.REASON, f"rule {rule.name} wants {rule.reason.wish}", rule.name)
    return Permit(rule.name, rule.obligations)


# --- the conditions, in the order in which they are asked -------------------------------------------------------------


def is_of(rule: Rule, who: Subject) -> bool:
    """True if ``rule`` is about ``who``."""
    if rule.verdict == "permit" and rule.needs_ticket and who.is_local:
        return False
    if rule.who is None or matches_any(who, rule.who):
        return True
    # A person whom a deny names by principal must not get around it by asking without a ticket.
    is_perhaps = any(f"principal:{name}" in rule.who for name in who.perhaps)
    return rule.verdict == "deny" and (is_perhaps or bool(_unsure_of(rule, who)))


def _unsure_of(rule: Rule, who: Subject) -> str:
    """Return a group that cannot be looked up and decides whether the deny ``rule`` is about ``who``; empty if there is none."""
    words = rule.who or ()
    if matches_any(who, words) or any(f"principal:{name}" in words for name in who.perhaps):
        return ""
    return next((word[6:] for word in words if word.startswith("group:") and word[6:] in who.unsure), "")


def denied_groups(policy: Policy) -> frozenset[str]:
    """Return the names of the groups that deny rules name."""
    words = (word for rule in policy.rules if rule.verdict == "deny" for word in rule.who or ())
    return frozenset(word[6:] for word in words if word.startswith("group:"))


def is_for(rule: Rule, service: str) -> bool:
    """True if ``rule`` is about requests of ``service``."""
    return rule.services is None or service in rule.services


def is_here(rule: Rule, host: str) -> bool:
    """True if ``rule`` is about ``host``."""
    return rule.hosts is None or any(glob.matches(host.lower()) for glob in rule.hosts)


def _who(rule: Rule, question: Question, at: datetime) -> bool:
    return is_of(rule, question.requester)


def _service(rule: Rule, question: Question, at: datetime) -> bool:
    return is_for(rule, question.service)


def _host(rule: Rule, question: Question, at: datetime) -> bool:
    return is_here(rule, question.host)


def _run_as(rule: Rule, question: Question, at: datetime) -> bool:
    # "root" in a permit is root with root's own group. In a deny it is root with any group: a group must not bypass the deny.
    any_group = question.is_own_group or rule.verdict == "deny"
    run_as = question.command.run_as
    if rule.run_as is None or _may_be_about(rule, question) or question.command.gives:
        return True  # a thing is the requester's own, and nothing runs
    return any(covers_run_as(word, run_as, any_group=any_group) for word in rule.run_as)


def _may_be_about(rule: Rule, question: Question) -> bool:
    """True for a deny if the command is in doubt. The deny then holds: odd words must not bypass it."""
    return rule.verdict == "deny" and bool(question.command.doubt)


def _command(rule: Rule, question: Question, at: datetime) -> bool:
    if rule.commands is None and rule.gives is None:
        return rule.verdict == "deny" or not question.command.gives  # no permit is about things that it does not name
    if question.command.gives:
        # A permit must name all that is asked for; a deny holds for each thing that it names.
        named = (thing in (rule.gives or ()) for thing in question.command.things)
        return any(named) if rule.verdict == "deny" else all(named)
    if rule.commands is None:
        return False
    if _may_be_about(rule, question):
        return True
    # A permit is for the name that it says. A deny is for the file: another name must not bypass it.
    names = (question.command.path, *(question.names if rule.verdict == "deny" else ()))
    called = (question.command if name == question.command.path else replace(question.command, path=name) for name in names)
    pairs = ((pattern, command) for command in called for pattern in rule.commands if pattern.matches(command))
    return any(rule.verdict == "deny" or not pattern.is_crossed_by(command) for pattern, command in pairs)


def _hour(rule: Rule, question: Question, at: datetime) -> bool:
    return rule.hours is None or any(hours.hold_at(at) for hours in rule.hours)


CONDITIONS: tuple[tuple[str, Callable[[Rule, Question, datetime], bool]], ...] = (
    ("who", _who),
    ("services", _service),
    ("hosts", _host),
    ("run_as", _run_as),
    ("commands", _command),
    ("hours", _hour),
)


STDIN = {"tty": ("terminal",), "none": ("null", "closed")}
"""The kinds of standard input that each value of ``run.stdin`` allows. ``any``, the third value, allows all."""


def _breach(rule: Rule, question: Question) -> str:
    """Return a sentence about what was asked for beyond the terms of ``rule``; empty if nothing was."""
    terms = rule.terms
    if question.lasts_for is not None and not 1 <= question.lasts_for <= rule.lasts_for:
        return f"rule {rule.name} grants at most {spell_duration(rule.lasts_for)}"
    if question.uses is not None and not 1 <= question.uses <= rule.uses:
        return f"rule {rule.name} grants at most {_count(rule.uses, 'use')}"
    if question.timeout_for is not None and terms.timeout_for is not None and question.timeout_for > terms.timeout_for:
        return f"rule {rule.name} lets a command run for at most {spell_duration(terms.timeout_for)}"
    if question.command.options and not terms.options:
        options = _listed(tuple(_spelled(option) for option in question.command.options), "and")
        return f"rule {rule.name} does not allow the options {options} of {question.service}"
    for name, value in question.command.variables:
        if not may_come_along(name, terms.env):
            return f"rule {rule.name} does not allow the variable {_spelled(name)}"
        if value.startswith(b"()"):
            return f"the variable {_spelled(name)} holds a function, and functions are not allowed"
    if (
        deed_of(question.service, gives=question.command.gives).is_executed
        and terms.cwd != "caller"
        and question.chdir is not None
        and question.chdir != terms.cwd.encode()
    ):
        return f"rule {rule.name} runs commands in {terms.cwd} and nowhere else"
    kind = question.command.streams[0] if question.command.streams else ""
    if kind and kind not in STDIN.get(terms.stdin, (kind,)):
        wanted = "a terminal" if terms.stdin == "tty" else "none"
        return f"standard input is a {kind}, and rule {rule.name} wants {wanted}"
    if question.writable_by and not terms.writable:
        others = _listed(question.writable_by, "and")
        return f"others can change the file of this command, which rule {rule.name} does not allow: {others}"
    return ""


def unbound(rule: str, terms: Terms, command: Command, service: str) -> str:
    """Return a sentence about a file that an argument of ``command`` names and that is not bound, if ``terms`` want it bound.
    Empty if they do not, or if every such file is bound.
    """
    if not terms.bound:
        return ""
    if command.doubt:
        return f"rule {rule} requires files named by arguments to be bound, and it is not certain what the arguments are"
    for operand in command.operands:
        where = f"rule {rule} requires files named by arguments to be bound, and argument {operand.at}"
        if not operand.is_seen:
            return f"{where} names a place that you cannot see"
        if not deed_of(service).is_executed:
            return f"{where}, {_spelled(operand.path)}, can be changed by others until {service} runs it"
        if not operand.digest:
            return f"{where}, {_spelled(operand.path)}, is not: {operand.because}"
    return ""


def given_things(policy: Policy) -> tuple[str, ...]:
    """Return the things that permits give, each once."""
    given = (thing for rule in policy.rules if rule.verdict == "permit" for thing in rule.gives or ())
    return tuple(dict.fromkeys(given))


def denied_files(policy: Policy) -> tuple[bytes, ...]:
    """Return the paths that deny rules name in full, without wildcards."""
    patterns = (pattern for rule in policy.rules if rule.verdict == "deny" for pattern in rule.commands or ())
    return tuple(dict.fromkeys(pattern.file for pattern in patterns if pattern.file is not None))


# --- the approvers ---------------------------------------------------------------------------------------------------


def may_review(approvals: tuple[Approval, ...], approver: Subject, requester: Subject) -> frozenset[int]:
    """Return the indexes of ``approvals`` for which ``approver`` may count: none for the requester's own person and for root."""
    if approver.is_root or approver.is_local or approver.uid == 0 or _is_one_person(approver, requester):
        return frozenset()
    return frozenset(index for index, approval in enumerate(approvals) if matches_any(approver, approval.of_whom))


def tally(approvals: tuple[Approval, ...], approvers: tuple[Subject, ...], requester: Subject) -> int:
    """Return how many approvals are still owed if ``approvers`` have approved. A person with several accounts counts once."""
    persons: list[list[Subject]] = []
    for approver in approvers:
        same = [person for person in persons if any(_is_one_person(approver, account) for account in person)]
        persons = [person for person in persons if person not in same]
        persons.append([approver] + [account for person in same for account in person])
    eligible = [frozenset[int]().union(*(may_review(approvals, account, requester) for account in person)) for person in persons]
    # A person who is the requester under another account does not count either.
    own = [any(_is_one_person(account, requester) for account in person) for person in persons]
    return still_owed(
        approvals,
        tuple((str(n), indexes) for n, (indexes, is_own) in enumerate(zip(eligible, own, strict=True)) if not is_own),
    )


def _is_one_person(one: Subject, other: Subject) -> bool:
    return one.person == other.person or one.uid == other.uid or one.principal == other.principal


# --- what people read ------------------------------------------------------------------------------------------------


def rules_for(policy: Policy, subject: Subject, host: str, service: str) -> tuple[Rule, ...]:
    """Return the permits that are about ``subject`` on ``host`` for ``service``, for any command and any hour."""
    if subject.is_root:
        return (ROOTS,) if policy.root == "permit" else ()
    return tuple(
        rule
        for rule in policy.rules
        if rule.verdict == "permit" and is_of(rule, subject) and is_here(rule, host) and is_for(rule, service)
    )


def describe_approvals(approvals: tuple[Approval, ...]) -> str:
    """Return words such as ``2 approvals from group:ops and 1 from group:security``, or ``no approval`` if none is owed."""
    parts = [f"{approval.need} from {_listed(approval.of_whom, 'or')}" for approval in approvals]
    if not parts:
        return "no approval"
    need, _, rest = parts[0].partition(" ")
    return _listed((f"{_count(int(need), 'approval')} {rest}", *parts[1:]), "and")


def describe(rule: Rule) -> str:
    """Return what ``rule`` permits and on what terms, in one sentence without a full stop."""
    commands = "any command" if rule.commands is None else _listed(tuple(str(pattern) for pattern in rule.commands), "or")
    run_as = "anyone" if rule.run_as is None else _listed(tuple("anyone" if word == "*" else word for word in rule.run_as), "or")
    parts = [] if rule.gives is not None and rule.commands is None else [f"{commands} as {run_as}"]
    parts += [] if rule.gives is None else [_listed(rule.gives, "or")]
    if rule.hours is not None:
        parts.append(_listed(tuple(hours.text for hours in rule.hours), "or"))
    if rule.verdict == "deny":
        return ", ".join(parts)
    if rule.reason is not None:
        parts.append(f"with {rule.reason.wish}")
    if rule.approvals:
        parts.append(f"after {describe_approvals(rule.approvals)} within {duration_in_words(rule.expires_for)}")
    if (rule.lasts_for, rule.uses) != (LONGEST, MOST_USES):
        parts.append(f"for at most {duration_in_words(rule.lasts_for)} and {_count(rule.uses, 'use')}")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(words: tuple[str, ...], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _spelled(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
