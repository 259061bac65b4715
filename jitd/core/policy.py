# SPDX-License-Identifier: Apache-2.0
"""Policy: the rules in their order, and their answer to a question.

Law: if any deny matches, the answer is a deny. Otherwise the first matching permit decides the terms. If no rule matches, the
answer is a deny. If the evaluation of a rule fails, the answer is a deny that reports this error.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Literal

from jitd.core.breach import beyond_new, breach
from jitd.core.command import Command
from jitd.core.decision import Decision, Deny, Obligations, Permit, Record, Terms, Why
from jitd.core.duration import LONGEST
from jitd.core.edit import Edit, Edits, NewFile, Removal, with_file
from jitd.core.facts import NOTHING, Facts, Unasked
from jitd.core.keys.grant import MOST_USES
from jitd.core.keys.hosts import HOSTS
from jitd.core.keys.key import Part
from jitd.core.keys.services import SERVICES
from jitd.core.keys.who import WHO
from jitd.core.masking import Blank, places
from jitd.core.named_groups import NamedGroups
from jitd.core.names import OF_THE_FILE
from jitd.core.origin import FACT
from jitd.core.policy_text import PolicyText
from jitd.core.question import Question
from jitd.core.rule import KEYS
from jitd.core.rule import Rule as Rule
from jitd.core.rule_index import RuleIndex
from jitd.core.several import for_all
from jitd.core.subject import Subject
from jitd.core.what import Doubted, Login, Program, Things
from jitd.core.when import Conditions, WhenFailed

BUILT_IN = "root"  # the name of the rule that permits root's requests. No other rule may have this name.
ROOTS_TERMS = Terms(env=("*",), writable=True, record=Record(what="none"))  # recorded only if a recorded run owns the terminal


ROOTS = Rule("permit", BUILT_IN, lasts_for=LONGEST, uses=MOST_USES, terms=ROOTS_TERMS)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules in their order, the setting ``root`` of jitd.toml, and the SHA-256 of the policy's files. ``text`` is None if the
    policy does not come from files. ``broken`` is empty, except in the policy that ``no_policy`` makes. ``reviewers`` are the
    words that name reviewers in any rule.
    """

    rules: tuple[Rule, ...]
    root: Literal["permit", "deny"]
    digest: str
    text: PolicyText | None = field(default=None, repr=False, compare=False)
    broken: str = ""
    index: RuleIndex = field(init=False, repr=False, compare=False)
    reviewers: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.broken and self.rules:
            raise ValueError("a broken policy has no rules")
        object.__setattr__(self, "index", RuleIndex(self.rules))
        ways = (way for rule in self.rules for approval in rule.approvals for way in approval.ways)
        object.__setattr__(self, "reviewers", frozenset(word for way in ways for word in way.of_whom))


def no_policy(root: Literal["permit", "deny"], where: str) -> Policy:
    """Return the policy while the files have a fault at ``where`` and none is known: root alone may do anything."""
    nothing = PolicyText(())
    told = f"the policy is broken at {where}, and permits nothing; root mends it, then: jitd reload"
    return Policy((), root, nothing.digest, nothing, told)


def decide(policy: Policy, question: Question, at: datetime, known: Facts = NOTHING) -> Decision:
    """Return the answer to ``question`` at the time ``at`` (aware), with the facts in ``known``. The function does not look for
    leases; the caller does. Raises Unasked if jitd has not yet looked for facts that decide the answer.
    """
    asked = [(one, Conditions(one, at, known)) for one in question.each]
    answer = for_all([_about_file(one, _narrowed(policy, _decide(policy, one, at, conditions))) for one, conditions in asked])
    if unasked := set[str]().union(*(conditions.unasked for _, conditions in asked)):
        raise Unasked(unasked)
    seen = {name: value for _, conditions in asked for name, value in conditions.seen.items()}
    return replace(answer, seen=tuple(sorted(seen.items()))) if seen else answer


def _about_file(question: Question, answer: Decision) -> Decision:
    """If ``question`` is about one of several files, return ``answer`` with checks that name this file, because the checks of all
    files come together. Each check is as it would be executed if the file were edited alone. If a file is removed, there is no
    text to check.
    """
    if isinstance(answer, Deny) or not answer.obligations.terms.checks:
        return answer
    terms, checks = answer.obligations.terms, answer.obligations.terms.checks
    match question.command.what:
        case Removal():
            checks = ()
        case Edit() | NewFile() if question.is_one_of_several:
            path = question.command.edited.decode("utf-8", "surrogateescape")
            checks = tuple(with_file(words, path) for words in terms.checks)
        case Program() | Edit() | Edits() | NewFile() | Things() | Login() | Doubted():
            return answer
    return replace(answer, obligations=replace(answer.obligations, terms=replace(terms, checks=checks)))


def _decide(policy: Policy, question: Question, at: datetime, conditions: Conditions) -> Decision:
    """Return the answer to one question. If jitd has not looked for a condition's facts, the condition does not hold."""
    is_root = question.requester.is_root
    if policy.broken and not is_root:
        return Deny(Why.NO_POLICY, policy.broken, visible_to=())  # nobody knows who may read what a rule would have hidden
    if question.wanted and (is_root or question.requester.is_local or question.requester.is_by_pam):
        return Deny(Why.NO_RULE, "a thing is given only to a person who has a Kerberos ticket")
    if is_root and question.breaks_glass:
        return Deny(Why.NO_RULE, "root does not break glass: root needs no approval")
    # A deny without "who" must not lock root out of its own host. But a deny that names root applies to root.
    denies = (rule for rule in policy.index.denies if not (is_root and rule.who is None))
    lacking: Deny | None = None
    for rule in (*denies, *(() if is_root else policy.index.permits(question))):
        try:
            answer = _answer(rule, question, at, conditions)
        except WhenFailed as fault:
            return Deny(Why.ERROR, f"rule {rule.name}: {fault}", rule.name)
        except Exception as error:  # after any error, no rule may permit
            return Deny(Why.ERROR, f"rule {rule.name}: an error while deciding: {type(error).__name__}: {error}", rule.name)
        if isinstance(answer, Permit) and question.is_missing:
            break  # same answer as for a path that no rule permits: the answer must not reveal which files exist
        if isinstance(answer, Deny) and answer.why is Why.AUTHENTICATION:
            lacking = lacking or answer  # a later rule may demand less
        elif answer is not None:
            return answer
    else:
        if lacking is not None:
            return lacking
    if not is_root or question.is_missing:
        return no_rule(question.requester, question.thing or "this")
    if policy.root != "permit":
        return Deny(Why.NO_RULE, 'root may not ask here (root = "deny" in jitd.toml)')
    if complaint := beyond_new(ROOTS.name, ROOTS_TERMS, question.command):
        return Deny(Why.TERMS, complaint, ROOTS.name)
    return Permit(ROOTS.name, ROOTS.obligations)


def facts_named(policy: Policy, question: Question, at: datetime) -> frozenset[str]:
    """Return the facts that rules about ``question`` use in the conditions ``origin`` and ``when``. Facts about the command's
    file are not included. The search ends at the first permit without ``origin``, ``when`` and ``demand``.
    """
    return frozenset().union(*(_facts_named(policy, one, at) for one in question.each))


def _facts_named(policy: Policy, question: Question, at: datetime) -> frozenset[str]:
    found: set[str] = set()
    for rule in (*policy.index.denies, *policy.index.permits(question)):
        try:
            is_about = rule.matches(question, at)
        except Exception:  # the same rule fails again in the evaluation, which reports it
            continue
        if is_about:
            found |= set() if rule.origin is None else {FACT}
            found |= set() if rule.when is None else {name for name in rule.when.names if name.startswith("fact.")}
            if rule.verdict == "permit" and rule.when is None and rule.origin is None and rule.demand.is_none:
                break  # this permit answers for every file
    return frozenset(found - OF_THE_FILE - {"fact.now"})


def no_rule(requester: Subject, what: str = "this") -> Deny:
    """Return the Deny "no rule permits ``what``". This Deny is also used to hide the real reason from the requester."""
    ticket = " without a Kerberos ticket" if requester.is_local or requester.is_by_pam else ""
    return Deny(Why.NO_RULE, f"no rule permits {what}{ticket}")


def _answer(rule: Rule, question: Question, at: datetime, conditions: Conditions) -> Decision | None:
    if not rule.matches(question, at):
        return None
    began = conditions.began_in(rule.origin)
    if began is False or (began is None and rule.verdict == "permit"):
        return None
    if conditions.are_open(rule.when):  # evaluated again later: if its path is permitted, the file may be opened
        return _permit(rule, rule.obligations, conditions) if rule.verdict == "permit" else None
    if not conditions.hold(rule.when, denies=rule.verdict == "deny"):  # last: look for facts only if needed
        return None
    if rule.verdict == "deny" and (group := WHO.unsure_of(rule, question.requester)):
        told = f"group {group} cannot be looked up now, and this rule denies members of the group: try again later"
        return Deny(Why.ERROR, f"rule {rule.name}: {told}", rule.name)
    if began is None:
        told = f"it denies sessions from some places, and jitd does not know where your session began: {conditions.no_origin}"
        return Deny(Why.ERROR, f"rule {rule.name}: {told}", rule.name)
    if rule.verdict == "deny":
        return Deny(Why.RULE, f"rule {rule.name}: {rule.because}" if rule.because else f"rule {rule.name} denies it", rule.name)
    if lack := rule.demand.lack(question.requester.authentication, at):
        return Deny(Why.AUTHENTICATION, f"rule {rule.name} {lack}", rule.name)
    if complaint := breach(rule.name, owed := rule.obligations, question):
        return Deny(Why.TERMS, complaint, rule.name)
    if rule.reason is not None and not rule.reason.is_met_by(question.reason):
        is_given = bool((question.reason or "").strip())
        wants = f"rule {rule.name} wants {rule.reason.wish}"
        return Deny(Why.REASON, f"your reason does not match: {wants}" if is_given else wants, rule.name)
    return _permit(rule, owed, conditions)


def _permit(rule: Rule, owed: Obligations, conditions: Conditions) -> Permit:
    """Return the permit of ``rule`` with the obligations ``owed``, and fill in the members of the lists of approvers."""
    asked = tuple([approval.with_lists(conditions.listed) for approval in owed.approvals])
    return Permit(rule.name, replace(owed, approvals=asked) if asked else owed)


def groups_named(policy: Policy) -> NamedGroups:
    """Return the groups whose names the rules need."""
    return policy.index.groups


def given_things(policy: Policy) -> tuple[str, ...]:
    """Return all things that a permit can give. Each thing appears once."""
    return policy.index.given_things


def takes_local_proofs(policy: Policy) -> bool:
    """True if a permit accepts people who authenticated by local PAM."""
    return policy.index.takes_local_proofs


def _narrowed(policy: Policy, answer: Decision) -> Decision:
    """Return ``answer``. If ``answer`` is a deny that names a permit rule, add ``visible_to`` of this rule."""
    found = (rule.visible_to for rule in policy.rules if rule.name == answer.rule and rule.verdict == "permit")
    return answer if isinstance(answer, Permit) or not answer.rule else replace(answer, visible_to=next(found, None))


def named_files(policy: Policy) -> tuple[bytes, ...]:
    """Return the paths of files that denies and masks name without a wildcard."""
    return policy.index.named_files


def named_directories(policy: Policy) -> tuple[bytes, ...]:
    """Return the directories in which denies and masks name files by wildcards."""
    return policy.index.named_directories


# --- what people read ------------------------------------------------------------------------------------------------


def rules_for(policy: Policy, subject: Subject, host: str, service: str) -> tuple[Rule, ...]:
    """Return the permits for ``subject`` on ``host`` for ``service``. The command and the hour do not matter."""
    if subject.is_root:
        return (ROOTS,) if policy.root == "permit" else ()
    about = policy.index.about(subject)
    return tuple(rule for rule in about if rule.is_of(subject) and HOSTS.is_here(rule, host) and SERVICES.is_for(rule, service))


def masked_places(policy: Policy, command: Command, *, is_found: bool = True, names: tuple[bytes, ...] = ()) -> tuple[Blank, ...]:
    """Return the places in ``command.argv`` that people do not read. The masks of each rule apply that has a pattern for the
    command's file, by any of its ``names``, or for any command. If jitd does not know which file is executed, the masks of all
    rules apply. That is so if the file was not found (``is_found``): because nothing is there, or because the requester cannot
    see where the path leads. Otherwise a link would hide that a rule is about the file, or the masks would tell where the link
    leads.
    """
    match command.what:
        case Things() | Edit() | Edits() | NewFile() | Removal():
            return ()
        case Program() | Login() | Doubted():
            pass
    if policy.broken:  # which words its masks would hide is not known
        return tuple((at, 0) for at in range(1, len(command.argv)))
    beginning, *below = command.path.split(b"/")
    is_known = is_found and not beginning and bool(below) and not any(name in (b"", b".", b"..") for name in below)
    called = (command.path, *names)
    about = (
        rule
        for rule in policy.index.masking
        if not is_known or rule.commands is None or any(pattern.names(name) for pattern in rule.commands for name in called)
    )
    return places(command.argv, (mask for rule in about for mask in rule.masks))


def describe(rule: Rule) -> str:
    """Return a sentence, without a full stop, about the commands or things that ``rule`` permits, and about its terms."""
    phrases = [phrase for key in KEYS for phrase in key.phrases(rule)]
    last = Part.LIMITS if rule.verdict == "permit" else Part.CIRCUMSTANCES
    return ", ".join(phrase for part, phrase in sorted(phrases, key=itemgetter(0)) if part <= last)
