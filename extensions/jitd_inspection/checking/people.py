# SPDX-License-Identifier: Apache-2.0
"""Warnings about the people whom the rules name. The warnings are about names that do not exist, and about approvals that nobody
could give.

Law: if the look-up of a group fails, there is a warning about the failure. There is no warning that the group does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jitd.core.keys.approvals import describe_approvals
from jitd.core.keys.run_as import SELF
from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd_inspection.checking.known import Known, approvers_of, lack_of

SELF_ACCOUNT = (
    f'run_as has "{SELF}", the account of the person who asks, but here an account has this name, and no rule can name it'
)
"""An account that is called ``self`` can run commands only under a rule with ``*``."""


def targets_of(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the accounts and groups in the ``run_as`` keys of ``rules``, in the form ``user:postgres``."""
    found: set[str] = set()
    for rule in rules:
        for word in rule.run_as or ():
            user, _, group = word.partition(":")
            found |= {f"{kind}:{name}" for kind, name in (("user", user), ("group", group)) if name not in ("", "*")}
    return frozenset(found)


def about_people(rules: Sequence[Rule], known: Known) -> Iterator[Warned]:
    """Yield the warnings about the people in ``rules``, which are the rules that apply to this host."""
    for rule in rules:
        yield from _about_names(rule, known)
        if rule.verdict == "permit" and known.is_whole:
            yield from _about_askers(rule, known)
            yield from _about_approvers(rule, known)
    if not known.is_whole and any(rule.approvals for rule in rules):
        said = "the accounts of this host cannot be listed in time, so it is not known whether there are enough approvers"
        yield Warned("not-looked-up", "", 0, "", said)


def _about_names(rule: Rule, known: Known) -> Iterator[Warned]:
    is_deny = rule.verdict == "deny"
    for word in rule.who or ():
        if known.is_unsure(word):
            what = "denies everybody" if is_deny else "permits nothing to those who are in it"
            yield _warned("not-looked-up", rule, f"{word}: it cannot be looked up; until it can be looked up, the rule {what}")
        elif _is_absent(word, known):
            what = ", so this name denies nobody" if is_deny else ""
            yield _warned("no-such-name", rule, f"{word}: there is no such {_kind(word)} here{what}")
    for word in approvers_of(rule):
        if known.is_unsure(word):
            yield _warned("not-looked-up", rule, f"{word}, who may approve: it cannot be looked up")
        elif _is_absent(word, known) and not known.is_by_door(word):
            yield _warned("no-such-name", rule, f"{word}, who may approve: there is no such {_kind(word)} here")
    for word in sorted(targets_of([rule])):
        if known.is_unsure(word):
            yield _warned("not-looked-up", rule, f"run_as names {word[6:]}: it cannot be looked up")
        elif word == f"user:{SELF}":
            if known.is_known(word):
                yield _warned("self-account", rule, SELF_ACCOUNT)
        elif _is_absent(word, known):
            yield _warned("no-such-name", rule, f"run_as names {word.partition(':')[2]}: there is no such {_kind(word)} here")


def _is_absent(word: str, known: Known) -> bool:
    # Without a realm it is not known which principals have an account.
    has_realms = bool(known.config.realms or known.config.principals)
    return not known.is_known(word) and (has_realms or not word.startswith("principal:"))


def _kind(word: str) -> str:
    kind = word.partition(":")[0]
    return "group" if kind == "group" else "principal with an account" if kind == "principal" else "account"


def _about_askers(rule: Rule, known: Known) -> Iterator[Warned]:
    words = rule.who or ()
    if words and all(known.is_known(word) for word in words) and not known.persons(words) and not known.may_have_more(words):
        if all(word == "user:root" for word in words):
            return  # another warning already says that the rule is about root alone
        why = known.why_not(words)
        said = f'"who" names nobody who may ask on this host: {", ".join(words)}'
        yield _warned("never-matches", rule, f"it applies to no one: {why}" if why else said)


def _about_approvers(rule: Rule, known: Known) -> Iterator[Warned]:
    lack = lack_of(rule, known)
    if lack is None:
        return
    about = f"the rule wants {describe_approvals(rule.approvals)}"
    if known.may_have_more(approvers_of(rule)):
        said = f"{about}, and the directory of accounts lists too few members to tell whether there are enough approvers"
        yield _warned("not-looked-up", rule, said)
        return
    if lack.without is None:
        there = "nobody" if not lack.n_there else f"only {lack.n_there}"
        said = f"{about}, and {there} could approve: the rule permits nothing"
        why = f"; {why}" if (why := known.why_not(approvers_of(rule))) else ""
        yield _warned("no-approver", rule, f"{said}{_keys(lack.keyless, known)}{why}")
        return
    who = _names(lack.without)
    also = ", and nobody else may ask" if lack.is_everyone else ""
    yield _warned(
        "no-approver",
        rule,
        f"{about}, and nobody approves their own request: requests of {who} can never be approved{also}"
        f"{_keys(lack.keyless, known)}",
    )


def _keys(keyless: tuple[str, ...], known: Known) -> str:
    """Return words about the people who have no key, for the end of a sentence, and why if nobody's key counts."""
    if not keyless:
        return ""
    why = f" ({fault})" if (fault := known.signers.why_nobody()) else ""
    return f"; no key that would do counts for {_names(keyless)}{why}"


def _names(some: tuple[str, ...]) -> str:
    return ", ".join(some[:5]) + (f" and {len(some) - 5} more" if len(some) > 5 else "")


def _warned(name: str, rule: Rule, sentence: str) -> Warned:
    return Warned(name, rule.file, rule.line, rule.name, sentence)
