# SPDX-License-Identifier: Apache-2.0
"""Operators, and rules that nobody could use or nobody could approve. Law: pure; who somebody is was looked up before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jitd.core.decision import Approval, still_owed
from jitd.core.policy import Rule, describe_approvals
from jitd.core.subject import account_of, person_of
from jitd.doctor.checks.finding import Finding, bad, count, listed, ok, unknown, weak

MOST_TRIED = 200
"""Requesters of one rule for whom approvers are looked for."""


@dataclass(frozen=True, slots=True)
class Known:
    """Accounts and groups as NSS knows them. ``groups``: name → the accounts in it, None where there is no such group; one that
    is not among them cannot be looked up.

    ``users``: name → uid, None where there is no such account. Not ``is_whole``: who has a group as their own is not known.
    """

    groups: Mapping[str, tuple[str, ...] | None]
    users: Mapping[str, int | None]
    min_uid: int
    realms: frozenset[str]
    principals: Mapping[str, str]
    people: Mapping[str, frozenset[str]]
    is_whole: bool = True

    def is_known(self, word: str) -> bool:
        """True if what ``word`` names is there; of a principal, if it has an account here."""
        kind, _, name = word.partition(":")
        if kind == "group":
            return self.groups.get(name) is not None
        account = self.account(word)
        return account is not None and self.users.get(account) is not None

    def is_unsure(self, word: str) -> bool:
        """True if it is a group that cannot be looked up."""
        return word.startswith("group:") and word[6:] not in self.groups

    def account(self, word: str) -> str | None:
        """The account that ``user:…`` or ``principal:…`` means."""
        kind, _, name = word.partition(":")
        return name if kind == "user" else account_of(name.encode(), self.realms, self.principals)

    def persons(self, words: Iterable[str]) -> frozenset[str]:
        """Those whom ``words`` name and who may ask and approve here: persons, not accounts."""
        found: set[str] = set()
        for word in words:
            kind, _, name = word.partition(":")
            accounts = self.groups.get(name) or () if kind == "group" else (self.account(word),)
            found.update(person_of(account, self.people) for account in accounts if account and self._may(account))
        return frozenset(found)

    def _may(self, account: str) -> bool:
        uid = self.users.get(account)
        return uid is not None and uid != 0 and (uid >= self.min_uid or account in self.principals.values())


def words_of(rules: Sequence[Rule], operators: Sequence[str]) -> frozenset[str]:
    """All words that name somebody."""
    found = set(operators)
    for rule in rules:
        found.update(rule.who or ())
        for approval in rule.approvals:
            found.update(approval.of_whom)
    return frozenset(found)


def operators(words: Sequence[str], known: Known, settings: str) -> list[Finding]:
    """Those who may end everything, and lock."""
    check = "operators"
    if not words:
        return [
            weak(
                check,
                "there are no operators: root alone can see all requests, lock people and reload the policy",
                f'write into {settings}: operators = ["group:NAME"]',
            )
        ]
    findings = [
        unknown(check, f"the operators are {word}, which cannot be looked up", _make(word))
        if known.is_unsure(word)
        else bad(check, f"the operators are {_absent(word)}", _make(word))
        for word in words
        if not known.is_known(word)
    ]
    persons = known.persons(words)
    if not persons and not findings and known.is_whole:
        findings.append(
            weak(check, f"nobody is an operator: {listed(sorted(words))} has no members who may do something here", _fill(words))
        )
    elif persons:
        findings.append(ok(check, f"operators are {listed(sorted(persons))}"))
    return findings


def accounts(known: Known, settings: str) -> list[Finding]:
    """Accounts that the settings name."""
    absent = {account: f"principal {principal}" for principal, account in known.principals.items()}
    absent |= {account: f"person {person}" for person, all_of_them in known.people.items() for account in all_of_them}
    return [
        weak("settings.accounts", f"{settings} gives {whose} the account {account}, and there is none of that name here",
             f"correct the name, or have it: getent passwd {account} must find it")
        for account, whose in sorted(absent.items())
        if known.users.get(account) is None
    ]  # fmt: skip


def rules(found: Sequence[Rule], known: Known) -> list[Finding]:
    """Of the rules for this host: whom they name and is not there; whom they permit, and who could approve that."""
    findings: list[Finding] = []
    for rule in found:
        findings += _named(rule, known)
        if rule.verdict == "permit" and known.is_whole:
            findings += _askers(rule, known)
            findings += _approvers(rule, known)
    if not known.is_whole:
        said = "the accounts of this host cannot be listed in time: whether there are enough approvers was not looked at"
        findings.append(unknown("rules.approvals", said, "see that each group of approvers has more members than it needs"))
    if findings:
        return findings
    return [
        ok(
            "rules.people",
            f"those whom {count(len(found), 'rule')} of this host name are there, and each request can be approved",
        )
    ]


def _named(rule: Rule, known: Known) -> list[Finding]:
    findings = []
    for word in rule.who or ():
        if known.is_unsure(word):
            told = f"rule {rule.name} ({_where(rule)}) is about {word}, which cannot be looked up: "
            told += "it denies to everybody" if rule.verdict == "deny" else "it permits nothing to those who are in it"
            findings.append(unknown("rules.who", told, _make(word)))
        elif not known.is_known(word):
            what = f"rule {rule.name} ({_where(rule)}) is about {_absent(word)}"
            if rule.verdict == "deny":
                findings.append(bad("rules.who", f"{what}: it denies nobody", _make(word)))
            else:
                findings.append(weak("rules.who", what, _make(word)))
    for approval in rule.approvals:
        wants = f"rule {rule.name} ({_where(rule)}) wants approvals from"
        findings += [
            unknown("rules.approvers", f"{wants} {word}, which cannot be looked up", _make(word))
            if known.is_unsure(word)
            else bad("rules.approvers", f"{wants} {_absent(word)}", _make(word))
            for word in approval.of_whom
            if not known.is_known(word)
        ]
    return findings


def _askers(rule: Rule, known: Known) -> list[Finding]:
    words = rule.who or ()
    if known.persons(words) or not all(known.is_known(word) for word in words):
        return []
    nobody = (
        f"rule {rule.name} ({_where(rule)}) permits something to nobody: {listed(list(words))} has no members who may ask here"
    )
    return [weak("rules.who", nobody, _fill(words))]


def _approvers(rule: Rule, known: Known) -> list[Finding]:
    """Approvals that cannot be had, by anyone or by some: nobody approves their own, and one person counts once."""
    if not rule.approvals or not all(known.is_known(word) for approval in rule.approvals for word in approval.of_whom):
        return []
    eligible = [known.persons(approval.of_whom) for approval in rule.approvals]
    about = f"rule {rule.name} ({_where(rule)}) wants {describe_approvals(rule.approvals)}"
    mend = _fill([word for approval in rule.approvals for word in approval.of_whom])
    askers = sorted(known.persons(rule.who or ()))[:MOST_TRIED]
    without = [asker for asker in askers if _owed(rule.approvals, eligible, asker)]
    if _owed(rule.approvals, eligible, ""):
        there = len(frozenset[str]().union(*eligible))
        said = f"{about}, and there are {there} who could: nobody can be permitted anything by it"
        return [bad("rules.approvals", said, mend)]
    alone = f"{about}, and nobody may approve their own request: {listed(without)} can never be approved"
    if without and len(without) == len(askers):
        return [bad("rules.approvals", f"{alone}, and nobody else may ask", mend)]
    if without:
        return [weak("rules.approvals", alone, mend)]
    return []


def _owed(approvals: tuple[Approval, ...], eligible: Sequence[frozenset[str]], asker: str) -> int:
    """How many approvals of a request by ``asker`` stay owed if everybody approves who may."""
    persons = sorted(frozenset[str]().union(*eligible) - {asker})
    return still_owed(
        approvals,
        tuple((person, frozenset(index for index, who in enumerate(eligible) if person in who)) for person in persons),
    )


def _where(rule: Rule) -> str:
    return f"{rule.file}:{rule.line}" if rule.line else rule.file or "built in"


def _absent(word: str) -> str:
    kind, _, name = word.partition(":")
    if kind == "principal":
        return f"{word}, who has no account here"
    return f"{word}, and there is no such {'group' if kind == 'group' else 'account'} here"


def _make(word: str) -> str:
    kind, _, name = word.partition(":")
    if kind == "principal":
        return "correct the name; or have its realm in realms, and an account of its name, or one in [principals] of jitd.toml"
    return f"correct the name, or have it: getent {'group' if kind == 'group' else 'passwd'} {name} must find it"


def _fill(words: Iterable[str]) -> str:
    groups = sorted({word.partition(":")[2] for word in words if word.startswith("group:")})
    if groups:
        return f"add people to {listed(groups)}: gpasswd -a NAME {groups[0]}, or where your accounts are kept; or ask for fewer"
    return "name more people there, or a group; or ask for fewer approvals"
