# SPDX-License-Identifier: Apache-2.0
"""Policy as truth tables: one row is the rules, what is asked, and the answer with its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from jitd.core.command import RunAs
from jitd.core.decision import Approval, Deny, Obligations, Permit, Record, Terms, Why
from jitd.core.duration import LONGEST
from jitd.core.keys.hosts import read_host
from jitd.core.keys.reason import Reason
from jitd.core.policy import Rule, decide
from jitd.core.question import Question
from jitd.expressions.patterns import read_pattern
from tests.core.house import ALICE, BOB, NOON, ROOT, deny, hours, patterns, permit, policy, question, told
from tests.table import each_row

NO_RULE = "no rule: no rule permits this"


@each_row(
    ("rules", "asked", "answer"),
    [
        # nothing permits by itself
        ((), question(), NO_RULE),
        ((permit(),), question(), "p"),
        # who
        ((permit(),), question(BOB), NO_RULE),
        ((permit(who=("principal:alice@EXAMPLE.ORG",)),), question(), "p"),
        ((permit(who=("principal:alice@OTHER.ORG",)),), question(), NO_RULE),
        ((permit(who=("principal:alice/admin@EXAMPLE.ORG",)),), question(), NO_RULE),
        ((permit(who=("user:alice",)),), question(), "p"),
        ((permit(who=("group:ops", "group:dba")),), question(), "p"),
        ((permit(who=()),), question(), NO_RULE),
        ((permit(who=("alice", "dba", "group:", "group")),), question(), NO_RULE),
        # the account
        ((permit(),), question(run_as=RunAs("alice", 4001, "alice", 4001)), NO_RULE),
        ((permit(),), question(run_as=RunAs("root", 0, "adm", 4), is_own_group=False), NO_RULE),
        ((permit(run_as=("root:adm",)),), question(run_as=RunAs("root", 0, "adm", 4), is_own_group=False), "p"),
        ((permit(run_as=("*",)),), question(run_as=RunAs("bob", 4002, "adm", 4), is_own_group=False), "p"),
        # the host and the service
        ((permit(hosts=(read_host("db*.example.org"),)),), question(), "p"),
        ((permit(hosts=(read_host("db*.example.org"),)),), question(host="DB1.EXAMPLE.ORG"), "p"),
        ((permit(hosts=(read_host("web*.example.org"),)),), question(), NO_RULE),
        ((permit(hosts=(read_host("web*"), read_host("db1.*"))),), question(), "p"),
        ((permit(),), question(service="sudo"), NO_RULE),
        ((permit(services=("sudo", "sshd")),), question(service="sudo"), "p"),
        ((permit(services=("sudo",)),), question(), NO_RULE),
        # the hour
        ((permit(**hours("Mon-Fri 08:00-18:00 UTC")),), question(), "p"),
        ((permit(**hours("Sat 08:00-18:00 UTC")),), question(), NO_RULE),
        # the command
        ((permit(**patterns(("/usr/bin/systemctl", "restart", "postgresql*"))),), question(), "p"),
        (
            (permit(**patterns(("/usr/bin/systemctl", "stop", "*"), ("/usr/bin/systemctl", "restart", "*"))),),
            question(),
            "p",
        ),
        ((permit(**patterns(("/usr/bin/systemctl", "restart"))),), question(), NO_RULE),
        ((permit(**patterns(("/usr/bin/systemctl", "restart", "nginx"))),), question(), NO_RULE),
        # the first permit gives the terms
        ((permit("a", uses=1), permit("b", uses=9)), question(), "a"),
        ((permit("a", who=("group:ops",)), permit("b")), question(), "b"),
        ((permit("a", uses=1), permit("b", uses=9)), question(uses=5), "terms: rule a grants at most 1 use"),
        # a deny denies wherever it stands
        ((deny(), permit()), question(), "rule: rule d denies it"),
        ((permit(), deny()), question(), "rule: rule d denies it"),
        (
            (permit(), deny(because="weekend freeze: ask a release manager")),
            question(),
            "rule: rule d: weekend freeze: ask a release manager",
        ),
        ((permit(), deny("x"), deny("y")), question(), "rule: rule x denies it"),
        ((deny(),), question(), "rule: rule d denies it"),
        ((permit(), deny(who=("group:ops",))), question(), "p"),
        ((permit(), deny(who=("group:dba",))), question(), "rule: rule d denies it"),
        ((permit(), deny(run_as=("bob",))), question(), "p"),
        ((permit(), deny(run_as=("root",))), question(), "rule: rule d denies it"),
        ((permit(), deny(hosts=(read_host("web*"),))), question(), "p"),
        ((permit(), deny(services=("sudo",))), question(), "p"),
        ((permit(), deny(services=("jitsudo",))), question(), "rule: rule d denies it"),
        ((permit(), deny(**hours("Sat 08:00-18:00 UTC"))), question(), "p"),
        ((permit(), deny(**hours("Wed 08:00-18:00 UTC"))), question(), "rule: rule d denies it"),
        ((permit(), deny(**patterns(("/usr/bin/systemctl", "**")))), question(), "rule: rule d denies it"),
        ((permit(), deny(**patterns(("/usr/bin/systemctl", "stop", "**")))), question(), "p"),
        ((permit(), deny(**hours("Wed 08:00-18:00 UTC"), who=("group:ops",))), question(), "p"),
        # in a deny a user is that user with any group: a group is no way around it
        (
            (permit(run_as=("*",)), deny(run_as=("root",))),
            question(run_as=RunAs("root", 0, "adm", 4), is_own_group=False),
            "rule: rule d denies it",
        ),
        # reasons
        ((permit(reason=Reason()),), question(reason="lag"), "p"),
        ((permit(reason=Reason()),), question(), "reason: rule p wants a reason"),
        ((permit(reason=Reason()),), question(reason=" "), "reason: rule p wants a reason"),
        ((permit(reason=Reason(read_pattern("CHG-[0-9]+"), "the change number")),), question(reason="lag, CHG-1"), "p"),
        (
            (permit(reason=Reason(read_pattern("CHG-[0-9]+"), "the change number")),),
            question(reason="lag"),
            "reason: your reason does not match: rule p wants a reason: the change number",
        ),
        ((permit("a", reason=Reason()), permit("b")), question(), "reason: rule a wants a reason"),
        # terms
        ((permit(lasts_for=3600),), question(lasts_for=3600), "p"),
        ((permit(lasts_for=3600),), question(lasts_for=1, uses=1), "p"),
        ((permit(lasts_for=5400),), question(lasts_for=5401), "terms: rule p grants at most 1h30m"),
        ((permit(),), question(lasts_for=0), "terms: rule p grants at most 15m"),
        ((permit(),), question(lasts_for=-1), "terms: rule p grants at most 15m"),
        ((permit(uses=3),), question(uses=3), "p"),
        ((permit(uses=3),), question(uses=4), "terms: rule p grants at most 3 uses"),
        ((permit(),), question(uses=0), "terms: rule p grants at most 1 use"),
        ((permit(),), question(timeout_for=10**6), "p"),
        ((permit(terms=Terms(timeout_for=60)),), question(timeout_for=60), "p"),
        (
            (permit(terms=Terms(timeout_for=60)),),
            question(timeout_for=61),
            "terms: rule p lets a command run for at most 1m",
        ),
        ((permit(terms=Terms(env=("PGDATA",))),), question(variables=((b"PGDATA", b"/x"),)), "p"),
        (
            (permit(terms=Terms(env=("PGDATA",))),),
            question(variables=((b"PGDATA", b"/x"), (b"LD_PRELOAD", b"/y"))),
            "terms: rule p does not allow the variable LD_PRELOAD",
        ),
        ((permit(),), question(variables=((b"A\xff", b""),)), "terms: rule p does not allow the variable 'A\\xff'"),
        (
            (permit(terms=Terms(env=("PG*",))),),
            question(variables=((b"PGX", b"() { :; }; x"),)),
            "terms: the variable PGX holds a function, and functions are not allowed",
        ),
        ((permit(terms=Terms(cwd="caller")),), question(chdir=b"/etc"), "p"),
        ((permit(terms=Terms(cwd="/srv")),), question(), "p"),
        ((permit(terms=Terms(cwd="/srv")),), question(chdir=b"/srv"), "p"),
        (
            (permit(terms=Terms(cwd="/srv")),),
            question(chdir=b"/etc"),
            "terms: rule p runs commands only in /srv",
        ),
        (
            (permit(),),
            question(writable_by=("alice", "group:dba")),
            "terms: others can change the file of this command, which rule p does not allow: alice and group:dba",
        ),
        ((permit(terms=Terms(writable=True)),), question(writable_by=("alice",)), "p"),
        # terms come before the reason: nobody types one for nothing
        ((permit(reason=Reason()),), question(uses=2), "terms: rule p grants at most 1 use"),
        # a missing command is told apart from nothing
        ((permit(),), question(is_missing=True), NO_RULE),
        ((permit(), permit("q")), question(is_missing=True), NO_RULE),
        ((deny(), permit()), question(is_missing=True), "rule: rule d denies it"),
        ((), question(is_missing=True), NO_RULE),
    ],
)
def test_what_policy_answers(rules: tuple[Rule, ...], asked: Question, answer: str) -> None:
    assert told(decide(policy(*rules), asked, NOON)) == answer


def test_a_permit_carries_the_terms_of_its_rule() -> None:
    rule = permit(approvals=(Approval(2, ("group:ops",)),), expires_for=60, lasts_for=120, uses=3, terms=Terms(timeout_for=9))
    assert decide(policy(rule), question(), NOON) == Permit("p", rule.obligations, None)
    assert rule.obligations.uses == 3 and rule.obligations.terms.timeout_for == 9


@pytest.mark.parametrize(
    ("rules", "asked", "root", "answer"),
    [
        ((), question(ROOT), "permit", "root"),
        ((), question(ROOT), "deny", 'no rule: root may not ask here (root = "deny" in jitd.toml)'),
        (
            (permit(who=("user:root",)),),
            question(ROOT),
            "deny",
            'no rule: root may not ask here (root = "deny" in jitd.toml)',
        ),
        ((permit(who=("user:root",), uses=1),), question(ROOT, uses=9), "permit", "root"),
        # break-glass: a freeze for everybody must not lock root out, a rule about root does
        ((deny(),), question(ROOT), "permit", "root"),
        ((deny(who=("user:root",)),), question(ROOT), "permit", "rule: rule d denies it"),
        ((deny(who=("group:root",)),), question(ROOT), "permit", "rule: rule d denies it"),
        ((deny(who=("group:ops",)),), question(ROOT), "permit", "root"),
        ((deny(who=("user:root",), **patterns(("/usr/bin/id", "**"))),), question(ROOT), "permit", "root"),
        ((), question(ROOT, variables=((b"LD_PRELOAD", b"x"),), writable_by=("eve",), chdir=b"/x"), "permit", "root"),
        ((), question(ROOT, is_missing=True), "permit", NO_RULE),
        # uid 0 by a ticket is not that root
        ((), question(replace(ROOT, principal="root/admin@EXAMPLE.ORG")), "permit", NO_RULE),
    ],
)
def test_what_root_is_answered(rules: tuple[Rule, ...], asked: Question, root: Literal["permit", "deny"], answer: str) -> None:
    assert told(decide(policy(*rules, root=root), asked, NOON)) == answer


def test_roots_own_rule_asks_for_nothing() -> None:
    terms = Terms(timeout_for=None, cwd="caller", env=("*",), writable=True, leftovers="end", record=Record(what="none"))
    assert decide(policy(), question(ROOT), NOON) == Permit("root", Obligations((), 900, LONGEST, 1_000_000, terms))


class Broken:
    """A condition that fails when it is asked."""

    text = "broken"
    path, file, arguments, is_open, is_edit, literal = None, None, (), True, False, b""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def matches(self, *_: object) -> bool:
        raise self.error("boom")


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, OverflowError, UnicodeError, AssertionError])
@pytest.mark.parametrize("verdict", ["permit", "deny"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_rule_with_an_error_denies(verdict: str, place: int, error: type[Exception]) -> None:
    broken = replace(permit("broken") if verdict == "permit" else deny("broken"), commands=(Broken(error),))
    rules = [permit(who=("group:none",)), permit("after")]
    rules.insert(place, broken)
    answer = decide(policy(*rules), question(), NOON)
    assert answer == Deny(Why.ERROR, f"rule broken: an error while deciding: {error.__name__}: boom", "broken")


def test_a_rule_with_an_error_that_is_not_asked_changes_nothing() -> None:
    broken = permit("broken", commands=(Broken(ValueError),))
    assert told(decide(policy(permit(), broken), question(), NOON)) == "p"
    assert told(decide(policy(replace(broken, who=("group:none",)), permit()), question(), NOON)) == "p"


def test_a_moment_without_a_zone_denies() -> None:
    answer = decide(policy(permit(**hours("Mon-Fri 08:00-18:00 UTC"))), question(), NOON.replace(tzinfo=None))
    assert isinstance(answer, Deny) and answer.why is Why.ERROR


@pytest.mark.parametrize(
    ("who", "unsure", "command", "why"),
    [
        (("group:ghosts",), {"ghosts"}, "/usr/bin/id", Why.ERROR),
        (("group:others", "group:ghosts"), {"ghosts"}, "/usr/bin/id", Why.ERROR),
        (("group:ghosts",), {"ghosts"}, "/usr/bin/true", None),
        (("group:ghosts",), {"others"}, "/usr/bin/id", None),
        (("user:ghosts", "principal:ghosts"), {"ghosts"}, "/usr/bin/id", None),
        (("group:dba", "group:ghosts"), {"ghosts"}, "/usr/bin/id", Why.RULE),
        (("group:ghosts",), set(), "/usr/bin/id", None),
    ],
)
def test_a_deny_by_a_group_that_cannot_be_looked_up_holds(
    who: tuple[str, ...], unsure: set[str], command: str, why: Why | None
) -> None:
    """THREATS S-02: for what it is about, and for nothing else."""
    alice = replace(ALICE, unsure=frozenset(unsure))
    rules = policy(deny("no", who=who, **patterns(("/usr/bin/id",))), permit("all"))
    answer = decide(rules, question(alice, (command.encode(),)), NOON)
    assert (answer.why if isinstance(answer, Deny) else None) is why
