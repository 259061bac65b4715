# SPDX-License-Identifier: Apache-2.0
"""Asks sudo itself what it permits, and takes away each imported rule that permits what sudo refuses."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import glob

from jitd.core.conditions import Glob
from jitd.core.decision import Permit
from jitd.core.names import NAMES
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.rule import Rule
from jitd.settings import policyfile
from jitd.settings.config import Config
from jitd_policy.cases import Case, Person
from jitd_policy.robots import as_it_asks
from jitd_policy.sudoers import Carried, NotCarried, Wishes, add_approvals, host_patterns
from jitd_policy.trying import Trial, try_all

NOBODY, OTHER = "nobody", "/usr/bin/env"  # who is in no rule, and a command that few rules name
Ask = Callable[[str, str, tuple[str, ...]], bool]
"""Whether sudo lets a user run a command as an account."""


def policy_of(found: Sequence[Carried], wishes: Wishes) -> Policy:
    """Return the rules as they are read again. A rule that cannot be read is not carried over, and then others get approvals."""
    for one in found:
        if not one.because and (faults := _read(one.rule(wishes))[1]):
            one.because = faults[0]
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
    asked = (case for one in found if not one.because for case in _cases(one, own.host.lower(), ask))
    cases = tuple({(case.who.user, case.run_as, case.words): case for case in asked}.values())
    while True:
        trials = tuple(try_all(policy, cases, NAMES, None))
        more = {one.answer.rule: one.case for one in trials if isinstance(one.answer, Permit) and one.case.outcome == "deny"}
        if not more:
            as_asked = [replace(case, who=as_it_asks(case.who, own)) for case in cases]
            return tuple(try_all(policy, as_asked, NAMES, None))
        for one in found:
            if (case := more.get(one.name)) is not None and not one.because:
                words = b" ".join(case.words).decode()
                one.because = f"sudo does not let {case.who.user} run {words} as {case.run_as}, and the rule would"
        policy = policy_of(found, wishes)


def _cases(one: Carried, host: str, ask: Ask) -> Iterator[Case]:
    """Yield what sudo says about people, targets and commands of ``one``. What it is not asked makes the rule unchecked."""
    doubts: list[str] = []
    people, targets = [NOBODY], [NOBODY]
    commands: list[tuple[str, ...]] = [(OTHER,)]
    for read, words, found in ((_members, one.users, people), (_accounts, one.run_as, targets)):
        for word in words:
            try:
                found.extend(read(word))
            except NotCarried as reason:
                doubts.append(str(reason))
    for pattern in one.commands:
        try:
            commands.extend(_samples(pattern))
        except NotCarried as reason:
            doubts.append(str(reason))
    if one.hosts and not all(any(Glob(pattern).matches(host) for pattern in host_patterns(word)) for word in one.entry.hosts):
        doubts.append("it is for other hosts")
    one.unchecked = "; ".join(doubts)
    for user in dict.fromkeys(people):
        for target in dict.fromkeys(targets):
            for argv in dict.fromkeys(commands):
                outcome = "permit" if ask(user, target, argv) else "deny"
                name = f"{user}: {' '.join(argv)} as {target}"
                yield Case("", 0, name, _person(user), "command", tuple(map(os.fsencode, argv)), outcome, target, host=host)


def _accounts(word: str) -> list[str]:
    user, colon, _ = word.partition(":")
    if colon:
        raise NotCarried("sudo -l does not tell about groups to run as")
    user = "root" if user == "*" else user
    if not _exists(user):  # among them is "self"
        raise NotCarried(f"{user} as an account to run as is not on this host")
    return [user]


def _members(word: str) -> list[str]:
    """Return an account that ``word`` of a rule means. Raises NotCarried."""
    kind, _, name = word.partition(":")
    try:
        if kind == "user":
            return [pwd.getpwnam(name).pw_name]
        group = grp.getgrnam(name)
    except KeyError:
        raise NotCarried(f"{word} is not on this host") from None
    known = [one for one in group.gr_mem if _exists(one)] or [one.pw_name for one in pwd.getpwall() if one.pw_gid == group.gr_gid]
    if not known:
        raise NotCarried(f"{word} has no member on this host")
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
    """Yield commands that ``pattern`` matches, and some beside them. Raises NotCarried."""
    if pattern == ("**",):
        return [("/usr/bin/id", "-u")]
    if pattern[0] == "sudoedit":
        raise NotCarried("sudo -l does not tell about edits")
    files = [file for file in sorted(glob(pattern[0])) if os.access(file, os.X_OK) and os.path.isfile(file)]
    if not files:
        raise NotCarried(f"{pattern[0]} is not on this host")
    words = pattern[1:-1] if pattern[-1] == "**" else pattern[1:]
    return [(files[0], *rest) for rest in (words, (), (*words, "more"), (*words[:-1], "other"), (" ".join(words),))]


def table(trials: Sequence[Trial]) -> str:
    """Return the answers of sudo as a table for ``policy test``: what both permit, and what both refuse."""
    lines = ["# What sudo said when its rules were imported (jitd policy import).", ""]
    people: Mapping[str, Person] = {one.case.who.user: one.case.who for one in trials if one.case.who.user != "root"}
    for user, who in people.items():
        lines += [f'[people."{user}"]', f"uid = {who.uid}", f"groups = {_list(sorted(who.groups or ()))}"]
        lines += [f'proved_by = "{who.proved_by}"'] if who.proved_by != "ticket" else []
        lines += [""]
    for one in trials:
        if (
            outcome := "permit" if isinstance(one.answer, Permit) else "deny"
        ) == one.case.outcome and one.case.who.user in people:
            words = _list([word.decode() for word in one.case.words])
            lines += ["[[case]]", f'who = "{one.case.who.user}"', f"command = {words}", f'run_as = "{one.case.run_as}"']
            lines += [f'host = "{one.case.host}"', f'outcome = "{outcome}"', ""]
    return "\n".join(lines)


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
