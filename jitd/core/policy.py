# SPDX-License-Identifier: Apache-2.0
"""Policy: the rules in their order, and their answer to a question.

Law: if any deny matches, the answer is a deny. Otherwise the first matching permit decides the terms. If no rule matches, the
answer is a deny. If the evaluation of a rule fails, the answer is a deny that reports this error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from jitd.core.breach import breach
from jitd.core.command import Command
from jitd.core.conditions import SELF, covers_run_as
from jitd.core.decision import Approval, Decision, Deny, Obligations, Permit, Record, Terms, Why
from jitd.core.duration import LONGEST, duration_in_words
from jitd.core.facts import NOTHING, Facts, Unasked
from jitd.core.masking import Place, places
from jitd.core.named_groups import NamedGroups
from jitd.core.names import OF_THE_FILE
from jitd.core.origin import FACT
from jitd.core.policy_text import PolicyText
from jitd.core.question import Question
from jitd.core.rule import Rule as Rule
from jitd.core.rule_index import RuleIndex
from jitd.core.several import for_all
from jitd.core.subject import Subject, matches_any
from jitd.core.when import Conditions, WhenFailed
from jitd.core.wording import all_of, count, listed

MOST_USES = 1_000_000
"""Maximum number of uses of a grant."""
BUILT_IN = "root"
"""The name of the rule that permits root's requests. No other rule may have this name."""
ROOTS_TERMS = Terms(env=("*",), writable=True, record=Record(what="none"))
"""The terms of the rule for root. jitd records root's runs only if a recorded run owns root's terminal."""


ROOTS = Rule("permit", BUILT_IN, lasts_for=LONGEST, uses=MOST_USES, terms=ROOTS_TERMS)
"""The rule that permits root's requests."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules in their order, the setting ``root`` of jitd.toml, and the SHA-256 of the policy's files. ``text`` is None if the
    policy does not come from files. ``broken`` is empty, except in the policy that ``no_policy`` makes.
    """

    rules: tuple[Rule, ...]
    root: Literal["permit", "deny"]
    digest: str
    text: PolicyText | None = field(default=None, repr=False, compare=False)
    broken: str = ""
    index: RuleIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.broken and self.rules:
            raise ValueError("a broken policy has no rules")
        object.__setattr__(self, "index", RuleIndex(self.rules))


def no_policy(root: Literal["permit", "deny"], where: str) -> Policy:
    """Return the policy that is in force while the files have a fault at ``where`` and no earlier policy is known. It permits
    nothing to anybody but root.
    """
    nothing = PolicyText(())
    told = f"the policy is broken at {where}, and permits nothing; root mends it, then: jitd reload"
    return Policy((), root, nothing.digest, nothing, told)


def decide(policy: Policy, question: Question, at: datetime, known: Facts = NOTHING) -> Decision:
    """Return the answer to ``question`` at the time ``at`` (aware), with the facts in ``known``. The function does not look for
    leases; the caller does. Raises Unasked if jitd has not yet looked for facts that decide the answer.
    """
    conditions = Conditions(question, at, known)
    answer = for_all([_narrowed(policy, _decide(policy, one, at, conditions)) for one in question.each])
    if conditions.unasked:
        raise Unasked(conditions.unasked)
    return replace(answer, seen=tuple(sorted(conditions.seen.items()))) if conditions.seen else answer


def _decide(policy: Policy, question: Question, at: datetime, conditions: Conditions) -> Decision:
    """Return the answer to one question. If jitd has not looked for a condition's facts, the condition does not hold."""
    is_root = question.requester.is_root
    if policy.broken and not is_root:
        return Deny(Why.NO_POLICY, policy.broken, visible_to=())  # nobody knows who may read what a rule would have hidden
    if question.command.gives and question.requester.is_by_pam:
        return Deny(Why.NO_RULE, "a thing is given only to a person who has a Kerberos ticket")
    if question.command.gives and (is_root or question.requester.is_local):
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
            is_about = all(holds(rule, question, at) for _, holds in CONDITIONS)
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
    """Return the answer of ``rule`` to ``question``. Return None if ``rule`` does not apply to ``question``."""
    for _, holds in CONDITIONS:
        if not holds(rule, question, at):
            return None
    began = conditions.began_in(rule.origin)
    if began is False or (began is None and rule.verdict == "permit"):
        return None
    if conditions.are_open(rule.when):  # evaluated again later: if its path is permitted, the file may be opened
        return _permit(rule, rule.obligations, conditions) if rule.verdict == "permit" else None
    if not conditions.hold(rule.when, denies=rule.verdict == "deny"):  # last: look for facts only if needed
        return None
    if rule.verdict == "deny" and (group := _unsure_of(rule, question.requester)):
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


# --- the conditions, in the order of their evaluation -----------------------------------------------------------------


def is_of(rule: Rule, who: Subject) -> bool:
    """True if ``rule`` applies to ``who``."""
    if rule.verdict == "permit" and rule.needs_ticket and who.is_local:
        return False
    if rule.verdict == "permit" and rule.without_kdc != "local" and who.is_by_pam:
        return False
    if rule.who is None or matches_any(who, rule.who):
        return True
    # If a deny names a person by principal, this person must not bypass the deny by asking without a ticket.
    is_perhaps = any(f"principal:{name}" in rule.who for name in who.perhaps)
    return rule.verdict == "deny" and (is_perhaps or bool(_unsure_of(rule, who)))


def _unsure_of(rule: Rule, who: Subject) -> str:
    """Return a group in the deny ``rule`` that cannot be looked up now and may contain ``who``, or an empty text."""
    words = rule.who or ()
    if matches_any(who, words) or any(f"principal:{name}" in words for name in who.perhaps):
        return ""
    return next((word[6:] for word in words if word.startswith("group:") and word[6:] in who.unsure), "")


def groups_named(policy: Policy) -> NamedGroups:
    """Return the groups whose names the rules need."""
    return policy.index.groups


def is_for(rule: Rule, service: str) -> bool:
    """True if ``rule`` applies to requests of ``service``."""
    return rule.services is None or service in rule.services


def is_here(rule: Rule, host: str) -> bool:
    """True if ``rule`` applies to ``host``."""
    return rule.hosts is None or any(glob.matches(host.lower()) for glob in rule.hosts)


def _who(rule: Rule, question: Question, at: datetime) -> bool:
    return is_of(rule, question.requester)


def _break_glass(rule: Rule, question: Question, at: datetime) -> bool:
    return rule.verdict == "deny" or (rule.break_glass is not None) == question.breaks_glass


def _service(rule: Rule, question: Question, at: datetime) -> bool:
    return is_for(rule, question.service)


def _host(rule: Rule, question: Question, at: datetime) -> bool:
    return is_here(rule, question.host)


def _run_as(rule: Rule, question: Question, at: datetime) -> bool:
    # "root" in a permit is root with root's own group. In a deny it is root with any group: a group must not bypass the deny.
    any_group = question.is_own_group or rule.verdict == "deny"
    run_as = question.command.run_as
    if rule.run_as is None or _may_be_about(rule, question) or question.command.gives:
        return True  # a thing is given to the requester, and no command runs
    is_self = _is_self(rule, question)
    return any(covers_run_as(word, run_as, is_self=is_self, any_group=any_group) for word in rule.run_as)


def _is_self(rule: Rule, question: Question) -> bool:
    """True if the word ``self`` in ``rule`` is about the account to run as. In a permit, this account must be the requester's in
    name and uid. A deny needs only one of the two, and also applies to an account that is called ``self``: neither a second name
    of a uid nor the name of an account must bypass the deny.
    """
    run_as, who = question.command.run_as, question.requester
    same = (run_as.user == who.user, run_as.uid == who.uid)
    return all(same) if rule.verdict == "permit" else any(same) or run_as.user == SELF


def _may_be_about(rule: Rule, question: Question) -> bool:
    """True if ``rule`` is a deny and it is not certain which command runs. So an unusual command line cannot bypass the deny."""
    return rule.verdict == "deny" and bool(question.command.doubt)


def _command(rule: Rule, question: Question, at: datetime) -> bool:
    if rule.commands is None and rule.gives is None:
        return rule.verdict == "deny" or not question.command.gives  # no permit is about things that it does not name
    if question.command.gives:
        given = rule.gives or ()  # a deny applies to each thing that it names, whatever other things are requested
        if rule.verdict == "deny":
            return any(thing in given for thing in question.command.things)
        return all(thing in given for thing in question.wanted)
    if rule.commands is None or _may_be_about(rule, question):
        return rule.commands is not None
    # A permit applies to the name that it contains. A deny applies to the file: another name must not bypass the deny.
    names = (question.command.path, *(question.names if rule.verdict == "deny" else ()))
    for name in names:
        command = question.command if name == question.command.path else replace(question.command, path=name)
        for pattern in rule.commands:
            if pattern.matches(command) and (rule.verdict == "deny" or not pattern.is_crossed_by(command)):
                return True
    return False


def _hour(rule: Rule, question: Question, at: datetime) -> bool:
    return rule.hours is None or any(hours.hold_at(at) for hours in rule.hours)


CONDITIONS: tuple[tuple[str, Callable[[Rule, Question, datetime], bool]], ...] = (
    ("who", _who),
    ("break_glass", _break_glass),
    ("services", _service),
    ("hosts", _host),
    ("run_as", _run_as),
    ("commands", _command),
    ("hours", _hour),
)


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


def denied_files(policy: Policy) -> tuple[bytes, ...]:
    """Return the full paths in deny rules. Paths with wildcards are not included."""
    return policy.index.denied_files


# --- what people read ------------------------------------------------------------------------------------------------


def rules_for(policy: Policy, subject: Subject, host: str, service: str) -> tuple[Rule, ...]:
    """Return the permits for ``subject`` on ``host`` for ``service``. The command and the hour do not matter."""
    if subject.is_root:
        return (ROOTS,) if policy.root == "permit" else ()
    about = policy.index.about(subject)
    return tuple(rule for rule in about if is_of(rule, subject) and is_here(rule, host) and is_for(rule, service))


def masked_places(policy: Policy, command: Command, *, is_found: bool = True) -> tuple[Place, ...]:
    """Return the places in ``command.argv`` that people do not read. The masks of each rule apply that has a pattern for the
    command's file, or for any command. If jitd does not know which file is executed, the masks of all rules apply. That is so if
    the file was not found (``is_found``): because nothing is there, or because the requester cannot see where the path leads.
    Otherwise a link would hide that a rule is about the file, or the masks would tell where the link leads.
    """
    if command.gives:
        return ()
    if policy.broken:  # which words its masks would hide is not known
        return tuple((at, 0) for at in range(1, len(command.argv)))
    beginning, *names = command.path.split(b"/")
    is_known = is_found and not beginning and bool(names) and not any(name in (b"", b".", b"..") for name in names)
    about = (
        rule
        for rule in policy.index.masking
        if not is_known or rule.commands is None or any(pattern.names(command.path) for pattern in rule.commands)
    )
    return places(command.argv, (mask for rule in about for mask in rule.masks))


def describe_approvals(approvals: tuple[Approval, ...]) -> str:
    """Return words such as ``2 approvals from group:ops and 1 from group:security``. Return ``no approval`` if none is owed.
    Alternative ways are described as in ``2 approvals from group:dba or, after 5 minutes, 1 from group:managers``.
    """
    parts = [" or ".join(_way_in_words(way) for way in approval.ways) for approval in approvals]
    parts = [part.replace(" or after ", " or, after ") for part in parts]
    if not parts:
        return "no approval"
    need, _, rest = parts[0].partition(" ")
    parts = [f"{count(int(need), 'approval')} {rest}", *parts[1:]]
    return all_of(tuple(parts), [bool(approval.instead) for approval in approvals])


def _way_in_words(way: Approval) -> str:
    said = f"{way.need} from {listed(way.of_whom, 'or')}"
    said += f" on {way.also}" if way.also else ""
    said += "" if way.demand.is_none else f" ({way.demand})"
    return f"after {duration_in_words(way.after)}, {said}" if way.after else said


def _account_in_words(word: str) -> str:
    user, _, group = word.partition(":")
    if user == SELF:
        return "yourself" if not group else f"yourself with {'any group' if group == '*' else f'group {group}'} (-g)"
    return "anyone" if word == "*" else word


def describe(rule: Rule) -> str:
    """Return a sentence, without a full stop, about the commands or things that ``rule`` permits, and about its terms."""
    commands = "any command" if rule.commands is None else listed(tuple(str(pattern) for pattern in rule.commands), "or")
    run_as = "anyone" if rule.run_as is None else listed(tuple(map(_account_in_words, rule.run_as)), "or")
    parts = [] if rule.gives is not None and rule.commands is None else [f"{commands} as {run_as}"]
    parts += [] if rule.gives is None else [listed(rule.gives, "or")]
    if rule.hours is not None:
        parts.append(listed(tuple(hours.text for hours in rule.hours), "or"))
    if rule.origin is not None:
        parts.append(f"from {listed(tuple(word.text for word in rule.origin), 'or')}")
    if rule.when is not None:
        parts.append(f"when {' '.join(rule.when.text.split())}")
    if rule.verdict == "deny":
        return ", ".join(parts)
    if rule.break_glass is not None:
        parts.append(f"by --break-glass, instead of rule {rule.break_glass.instead_of}")
    if not rule.demand.is_none:
        parts.append(str(rule.demand))
    if rule.reason is not None:
        parts.append(f"with {rule.reason.wish}")
    if rule.approvals:
        comma = "," if any(approval.instead for approval in rule.approvals) else ""
        parts.append(f"after {describe_approvals(rule.approvals)}{comma} within {duration_in_words(rule.expires_for)}")
    if rule.break_glass is not None:
        parts.append(f"reviewed within {duration_in_words(rule.break_glass.review_for)}")
    if rule.without_kdc == "local":
        parts.append("while no KDC can be reached also by a local password")
    if (rule.lasts_for, rule.uses) != (LONGEST, MOST_USES):
        parts.append(f"for at most {duration_in_words(rule.lasts_for)} and {count(rule.uses, 'use')}")
    return ", ".join(parts)
