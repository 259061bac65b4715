# SPDX-License-Identifier: Apache-2.0
"""Asks sudo itself what it permits, and takes away each imported rule that permits what sudo refuses."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from glob import glob

from jitd.core.conditions import Glob, is_name
from jitd.core.decision import Permit
from jitd.core.names import NAMES
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.rule import Rule
from jitd.settings import policyfile
from jitd.settings.config import Config
from jitd_policy.cases import MOST_BYTES, Case, Person
from jitd_policy.reasons import NotCarried, Reason
from jitd_policy.robots import as_it_asks
from jitd_policy.sudoers import Carried, Wishes, add_approvals, host_patterns, quoted, quoted_list
from jitd_policy.trying import Trial, outcome_of, try_all

NOBODY, OTHER = "nobody", "/usr/bin/env"  # who is in no rule, and a command that few rules name
MOST_DENIED = 500  # cases about which sudo is asked, though no rule permits them: they are for the table alone
Ask = Callable[[str, str, tuple[str, ...]], bool]
"""Whether sudo lets a user run a command as an account."""


class NotAsked(Exception):
    """sudo cannot be asked about a part of a rule. The text is a sentence without a full stop."""


def policy_of(found: Sequence[Carried], wishes: Wishes) -> Policy:
    """Return the rules as they are read again. A rule that cannot be read is not carried over, and then others get approvals."""
    add_approvals(found)
    rules, faults = _read(document(found, wishes))
    if faults:
        for one in found:
            if not one.because and (of_it := _read(one.rule(wishes))[1]):
                one.because = NotCarried(Reason.UNREADABLE, of_it[0])
        add_approvals(found)
        rules, faults = _read(document(found, wishes))
    assert not faults, "each of them could be read"
    return Policy(tuple(rules), "deny", "")


def _read(text: str) -> tuple[list[Rule], list[str]]:
    rules, faults = policyfile.read_again(PolicyText(((b"imported.toml", text.encode()),)))
    return rules, [fault.sentence for fault in faults]


def document(found: Sequence[Carried], wishes: Wishes) -> str:
    """Return the rules, the last line of sudo first: of several lines, sudo obeys the last, and jitd the first."""
    return "\n".join(one.rule(wishes) for one in reversed(found) if not one.because)


def check(found: Sequence[Carried], wishes: Wishes, own: Config, ask: Ask) -> tuple[Trial, ...]:
    """Compare the rules with what sudo says about people, targets and commands of each line, and take away those that permit
    more. Everybody has a ticket for this. Return what was compared, by the rules that are left, and as each person asks on
    this host (``own`` are its settings): a system account without one.
    """
    policy = policy_of(found, wishes)
    person = cache(_person)  # a group may be slow to look up, and a person be in thousands of cases
    perhaps = (case for one in found if not one.because for case in _cases(one, own.host.lower(), person))
    cases = _asked(policy, tuple({(case.who.user, case.run_as, case.words): case for case in perhaps}.values()), ask)
    while True:
        trials = tuple(try_all(policy, cases, NAMES, None))
        more = {one.answer.rule: one.case for one in trials if isinstance(one.answer, Permit) and one.case.outcome == "deny"}
        if not more:
            as_asked = [replace(case, who=as_it_asks(case.who, own)) for case in cases]
            return tuple(try_all(policy, as_asked, NAMES, None))
        for one in found:
            if (case := more.get(one.name)) is not None and not one.because:
                words = b" ".join(case.words).decode()
                told = f"sudo does not let {case.who.user} run {words} as {case.run_as}, and the rule would"
                one.because = NotCarried(Reason.REFUSED, told)
        policy = policy_of(found, wishes)


def _asked(policy: Policy, cases: Sequence[Case], ask: Ask) -> tuple[Case, ...]:
    """Return what sudo says of each case that ``policy`` permits, and of some others, which tell nothing against a rule."""
    trials = tuple(try_all(policy, cases, NAMES, None))
    denied = [one.case for one in trials if not isinstance(one.answer, Permit)]
    chosen = [one.case for one in trials if isinstance(one.answer, Permit)] + denied[:MOST_DENIED]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        said = pool.map(lambda case: ask(case.who.user, case.run_as, tuple(map(os.fsdecode, case.words))), chosen)
        return tuple(replace(case, outcome="permit" if yes else "deny") for case, yes in zip(chosen, said, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _cases(one: Carried, host: str, person: Callable[[str], Person]) -> Iterator[Case]:
    """Yield cases of people, targets and commands of ``one``, before sudo was asked. What it cannot be asked makes the rule
    unchecked.
    """
    doubts: list[str] = []
    people, targets = [NOBODY], [NOBODY]
    commands: list[tuple[str, ...]] = [(OTHER,)]
    for read, words, found in ((_members, one.users, people), (_accounts, one.run_as, targets)):
        for word in words:
            try:
                found.extend(read(word))
            except NotAsked as reason:
                doubts.append(str(reason))
    for pattern in one.commands.values():
        try:
            commands.extend(_samples(pattern))
        except NotAsked as reason:
            doubts.append(str(reason))
    if one.hosts and not all(any(Glob(pattern).matches(host) for pattern in host_patterns(word)) for word in one.entry.hosts):
        doubts.append("it is for other hosts")
    one.unchecked = "; ".join(doubts)
    for user in dict.fromkeys(people):
        for target in dict.fromkeys(targets):
            for argv in dict.fromkeys(commands):
                yield Case("", 0, "", person(user), "command", tuple(map(os.fsencode, argv)), "deny", target, host=host)


def _accounts(word: str) -> list[str]:
    user, colon, _ = word.partition(":")
    if colon:
        raise NotAsked("sudo -l does not tell about groups to run as")
    user = "root" if user == "*" else user
    if not _exists(user):  # among them is "self"
        raise NotAsked(f"{user} as an account to run as is not on this host")
    return [user]


def _members(word: str) -> list[str]:
    """Return an account that ``word`` of a rule means. Raises NotAsked."""
    kind, _, name = word.partition(":")
    try:
        if kind == "user":
            return [pwd.getpwnam(name).pw_name]
        group = grp.getgrnam(name)
    except KeyError:
        raise NotAsked(f"{word} is not on this host") from None
    known = [one for one in group.gr_mem if _exists(one)] or [one.pw_name for one in pwd.getpwall() if one.pw_gid == group.gr_gid]
    if not known:
        raise NotAsked(f"{word} has no member on this host")
    return known[:1]


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _person(user: str) -> Person:
    found = pwd.getpwnam(user)
    groups = []
    for gid in os.getgrouplist(user, found.pw_gid):
        try:
            groups.append(grp.getgrgid(gid).gr_name)
        except KeyError:  # no rule can name it
            continue
    return Person(user, found.pw_uid, frozenset(groups), f"{user}@IMPORTED")


def _samples(pattern: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Yield commands that ``pattern`` matches, and some beside them. Raises NotAsked."""
    if pattern == ("**",):
        return [("/usr/bin/id", "-u")]
    if pattern[0] == "sudoedit":
        raise NotAsked("sudo -l does not tell about edits")
    files = [file for file in sorted(glob(pattern[0])) if os.access(file, os.X_OK) and os.path.isfile(file)]
    if not files:
        raise NotAsked(f"{pattern[0]} is not on this host")
    words = pattern[1:-1] if pattern[-1] == "**" else pattern[1:]
    return [(files[0], *rest) for rest in (words, (), (*words, "more"), (*words[:-1], "other"), (" ".join(words),))]


def table(trials: Sequence[Trial]) -> str:
    """Return the answers of sudo as a table for ``policy test``: what both permit, and what both refuse. Return an empty text if
    there is none, because a table without a case is a fault.
    """
    agreed = [one for one in trials if one.case.who.uid and outcome_of(one.answer) == one.case.outcome]
    people: dict[str, list[str]] = {}
    cases: list[str] = []
    left = MOST_BYTES - 1000
    for one in agreed:
        case, who = one.case, one.case.who
        words = quoted_list([word.decode() for word in case.words])
        told = ["[[case]]", f"who = {quoted(who.user)}", f"command = {words}", f"run_as = {quoted(case.run_as)}"]
        told += [f"host = {quoted(case.host)}", f"outcome = {quoted(case.outcome)}", ""]
        if who.user not in people:
            groups = quoted_list(sorted(filter(is_name, who.groups or ())))
            proof = [f"proved_by = {quoted(who.proved_by)}"] if who.proved_by != "ticket" else []
            people[who.user] = [f"[people.{quoted(who.user)}]", f"uid = {who.uid}", f"groups = {groups}", *proof, ""]
            left -= len("\n".join(people[who.user]).encode()) + 1
        left -= len("\n".join(told).encode()) + 1
        if left < 0:
            break
        cases += told
    head = ["# What sudo said when its rules were imported (jitd policy import).", ""]
    return "\n".join((*head, *(line for one in people.values() for line in one), *cases)) if cases else ""
