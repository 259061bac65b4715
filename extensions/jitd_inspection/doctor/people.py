# SPDX-License-Identifier: Apache-2.0
"""Checks of the people on this host. The checks are about the name service, the operators, rules that apply to nobody, and
approvals that nobody could give.

Law: only rules about this host are checked. A look-up of a person in the name service may hang forever. The functions that judge
the results are pure.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jitd.core.keys.approvals import describe_approvals
from jitd.core.keys.hosts import HOSTS
from jitd.core.policy import Rule
from jitd.core.toml_document import ConfigError
from jitd.deciding import groups
from jitd_inspection.checking.directory import look_up
from jitd_inspection.checking.known import Known, Lack, approvers_of, lack_of, words_of
from jitd_inspection.doctor.finding import Result, bad, count, listed, ok, unknown, weak
from jitd_inspection.doctor.host import Host

LOGIN_DEFS = Path("/etc/login.defs")
UID_MIN = 1000
SLOW = 0.5  # seconds for all look-ups of this module together. One request needs about as many
UNLISTED = "and the directory of accounts lists too few members to tell"
ASK_THEM = "have one of them run id: what it prints is what jitd goes by; a directory need not list who is in a group"


def examine_name_service(host: Host) -> Iterator[Result]:
    """Yield the findings about the speed of the name service, and about the smallest user id that a person can have."""
    names = [entry.removeprefix("group:") for entry in host.config.operators if entry.startswith("group:")]
    took, finds_root = measure_look_ups(names)
    yield name_service(took, f"{len(names) + 2} look-ups", finds_root=finds_root)
    yield least_uid(host.config.min_uid, least_uid_of_people(), str(host.file))


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings about operators, requesters and approvers."""
    rules_at_all: Sequence[Rule] = ()
    try:
        rules_at_all = host.policy().rules
    except ConfigError:
        yield unknown(
            "rules.people", "the policy has faults, so it is not known which people it names", "correct the faults, see above"
        )
    here = [rule for rule in rules_at_all if HOSTS.is_here(rule, host.config.host)]
    known = look_up(words_of(here, host.config.operators), host.config)
    yield from operators(host.config.operators, known, str(host.file))
    yield from accounts(known, str(host.file))
    if here:
        yield from rules(here, known)
    elif rules_at_all:
        said = f"no rule is about this host, {host.config.host}: nobody is permitted anything"
        yield weak("rules.people", said, f"see hosts in the rules of {host.config.policy}")


def measure_look_ups(names: Iterable[str]) -> tuple[float, bool]:
    """Look up root, an account that does not exist, and each group of ``names`` in the name service.

    Return the duration of all these look-ups together, in seconds. Also return whether NSS knows uid 0 as root.
    """
    began = time.monotonic()
    finds_root = False
    with suppress(KeyError):
        finds_root = pwd.getpwuid(0).pw_name == "root"
    with suppress(KeyError):
        pwd.getpwnam("jitd-no-such-account")
    for group in names:
        with suppress(groups.CannotLookUp):
            groups.named(group)
    return time.monotonic() - began, finds_root


def least_uid_of_people() -> int:
    """Return UID_MIN of login.defs(5)."""
    with suppress(OSError):
        found = re.search(r"^\s*UID_MIN\s+([0-9]+)\s*$", LOGIN_DEFS.read_text("utf-8", "replace"), re.MULTILINE)
        if found:
            return int(found[1])
    return UID_MIN


def own_user() -> str:
    """Return the name of the account of this process. If no account has the process's user id, return the user id."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


# --- conclusions -------------------------------------------------------------------------------------------------------


def name_service(took: float, what: str, *, finds_root: bool) -> Result:
    """Judge the duration ``took`` of the NSS look-ups, in seconds. ``what`` is their number in words, such as ``3 look-ups``.
    ``finds_root`` is true if NSS knows uid 0 as root.
    """
    if not finds_root:
        return bad("nss.speed", "NSS does not know uid 0 as root", "see /etc/nsswitch.conf: passwd has to begin with files")
    if took > SLOW:
        said = f"NSS took {took:.1f} s for {what}: every request waits for that"
        return weak("nss.speed", said, "see what /etc/nsswitch.conf names; nscd and sssd cache accounts")
    return ok("nss.speed", f"accounts and groups are found at once ({took * 1000:.0f} ms)")


def least_uid(configured: int, of_people: int, settings: str) -> Result:
    """Compare ``min_uid`` with UID_MIN of login.defs(5)."""
    if configured < of_people:
        said = f"min_uid is {configured}, and /etc/login.defs gives people numbers from {of_people} on"
        mend = f"write into {settings}: min_uid = {of_people}, and name exceptions in [principals]"
        return weak("settings.min_uid", said, mend)
    return ok("settings.min_uid", f"accounts below {configured} neither ask nor approve")


def operators(words: Sequence[str], known: Known, settings: str) -> Iterator[Result]:
    """Judge the operators. Operators may end any grant and any run, and may lock people."""
    if not words:
        said = "there are no operators: root alone can see all requests, lock people and reload the policy"
        yield weak("operators", said, f'write into {settings}: operators = ["group:NAME"]')
        return
    for word in words:
        if known.is_unsure(word):
            yield unknown("operators", f"the operators are {word}, which cannot be looked up", _make(word))
        elif not known.is_known(word):
            yield bad("operators", f"the operators are {_absent(word)}", _make(word))
    persons = known.persons(words)
    if persons:
        yield ok("operators", f"operators are {listed(sorted(persons))}")
    elif known.may_have_more(words):
        yield unknown("operators", f"the operators are {listed(sorted(words))}, {UNLISTED}", ASK_THEM)
    elif known.is_whole and all(known.is_known(word) for word in words):
        said = f"nobody is an operator: {listed(sorted(words))} has no members who may do something here"
        yield weak("operators", said, known.why_not(words) or _fill(words))


def accounts(known: Known, settings: str) -> Iterator[Result]:
    """Report accounts that the settings name but that do not exist."""
    named = {account: f"principal {principal}" for principal, account in known.config.principals.items()}
    named |= {account: f"person {person}" for person, all_of_them in known.config.people.items() for account in all_of_them}
    for account, whose in sorted(named.items()):
        if known.users.get(account) is None:
            said = f"{settings} gives {whose} the account {account}, and there is none of that name here"
            yield weak("settings.accounts", said, f"correct the name, or create it: getent passwd {account} must find it")


def rules(found: Sequence[Rule], known: Known) -> list[Result]:
    """Judge the rules: names that do not exist, rules for nobody, and approvals that nobody could give."""
    findings: list[Result] = []
    for rule in found:
        findings += _named(rule, known)
        if rule.verdict == "permit" and known.is_whole:
            findings += _askers(rule, known)
            findings += _approvers(rule, known)
    if not known.is_whole:
        said = "the accounts of this host cannot be listed in time: whether there are enough approvers was not looked at"
        findings.append(unknown("rules.approvals", said, "see that each group of approvers has more members than it needs"))
    whole = f"those whom {count(len(found), 'rule')} of this host name are there, and each request can be approved"
    return findings or [ok("rules.people", whole)]


def _named(rule: Rule, known: Known) -> Iterator[Result]:
    for word in rule.who or ():
        about = f"{_spell(rule)} is about"
        if known.is_unsure(word):
            what = "denies to everybody" if rule.verdict == "deny" else "permits nothing to those who are in it"
            yield unknown("rules.who", f"{about} {word}, which cannot be looked up: it {what}", _make(word))
        elif not known.is_known(word) and rule.verdict == "deny":
            yield bad("rules.who", f"{about} {_absent(word)}: it denies nobody", _make(word))
        elif not known.is_known(word):
            yield weak("rules.who", f"{about} {_absent(word)}", _make(word))
    for word in approvers_of(rule):
        wants = f"{_spell(rule)} wants approvals from"
        if known.is_unsure(word):
            yield unknown("rules.approvers", f"{wants} {word}, which cannot be looked up", _make(word))
        elif not known.is_known(word) and not known.is_by_door(word):
            yield bad("rules.approvers", f"{wants} {_absent(word)}", _make(word))


def _askers(rule: Rule, known: Known) -> Iterator[Result]:
    words = rule.who or ()
    if not known.persons(words) and all(known.is_known(word) for word in words) and not known.may_have_more(words):
        about, why = f"{_spell(rule)} applies to no one", known.why_not(words)
        who, _, mend = why.partition(". ")
        said = f"{about}: {who or f'{listed(list(words))} has no members who may ask here'}"
        yield weak("rules.who", said, mend or _fill(words))


def _approvers(rule: Rule, known: Known) -> Iterator[Result]:
    """Yield a finding if all or some requests have too few approvers: nobody approves their own, and each person counts once."""
    lack = lack_of(rule, known)
    if lack is None:
        return
    words = approvers_of(rule)
    about = f"{_spell(rule)} wants {describe_approvals(rule.approvals)}"
    if known.may_have_more(words):
        yield unknown("rules.approvals", f"{about}, {UNLISTED}: whether there are enough approvers is not known", ASK_THEM)
        return
    if lack.without is None:
        said = f"{about}, and there are {lack.n_there} who could approve: this rule can permit nothing to anybody"
        yield bad("rules.approvals", said, _seat(words, lack, known))
        return
    said = f"{about}, and nobody may approve their own request: requests of {listed(list(lack.without))} can never be approved"
    if lack.is_everyone:
        yield bad("rules.approvals", f"{said}, and nobody else may ask", _seat(words, lack, known))
    else:
        yield weak("rules.approvals", said, _seat(words, lack, known))


def _spell(rule: Rule) -> str:
    where = f"{rule.file}:{rule.line}" if rule.line else rule.file or "built in"
    return f"rule {rule.name} ({where})"


def _absent(word: str) -> str:
    kind, _, name = word.partition(":")
    if kind == "principal":
        return f"{word}, who has no account here"
    return f"{word}, and there is no such {'group' if kind == 'group' else 'account'} here"


def _make(word: str) -> str:
    kind, _, name = word.partition(":")
    if kind == "principal":
        return "correct the name; or have its realm in realms, and an account of its name, or one in [principals] of jitd.toml"
    return f"correct the name, or create it: getent {'group' if kind == 'group' else 'passwd'} {name} must find it"


def _seat(words: Sequence[str], lack: Lack, known: Known) -> str:
    """Return what makes those of ``words`` approvers who are named and do not count, or that there have to be more people."""
    if lack.keyless:
        why = known.signers.why_nobody()
        told = f"put a key for {' and '.join(lack.keyless[:5])} into the file of signers: see [approvals] in jitd.toml(5)"
        return f"{why}; {told}" if why else told
    return known.why_not(words) or _fill(words)


def _fill(words: Iterable[str]) -> str:
    groups = sorted({word.partition(":")[2] for word in words if word.startswith("group:")})
    if groups:
        return f"add people to {listed(groups)}: gpasswd -a NAME {groups[0]}, or where your accounts are kept; or ask for fewer"
    return "name more people there, or a group; or ask for fewer approvals"
