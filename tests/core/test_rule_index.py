# SPDX-License-Identifier: Apache-2.0
"""The index finds every rule that an evaluator without an index would find, and few others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.core.command import RunAs
from jitd.core.conditions import Glob, read_command_pattern
from jitd.core.decision import Approval, Decision, Deny, Permit
from jitd.core.facts import Facts, Unasked, Unknown
from jitd.core.keys.hours import read_hours
from jitd.core.masking import read_mask
from jitd.core.named_groups import NamedGroups
from jitd.core.policy import (
    Policy,
    Rule,
    decide,
    given_things,
    groups_named,
    named_directories,
    named_files,
    rules_for,
    takes_local_proofs,
)
from jitd.core.question import Question
from jitd.core.rule import CONDITIONS
from jitd.core.rule_index import RuleIndex
from jitd.core.subject import Subject
from jitd.core.when import When, WhenFailed
from tests.core.house import ALICE, AS_ROOT, BOB, EVE, NOON, ROOT, ZONES, deny, patterns, permit, policy, question

MANY = 5_000
LOCAL = Subject("local:alice", "alice", 4001, 4001, frozenset({"alice"}), "alice", None, frozenset({"alice@EXAMPLE.ORG"}))
UNSURE = replace(BOB, unsure=frozenset({"dba"}))
THING, OTHER = "service-ticket:postgres/db1.example.org", "service-ticket:imap/db1.example.org"


class Everything(RuleIndex):
    """No index: every permit is asked about."""

    def permits(self, question: Question) -> tuple[Rule, ...]:
        return self._permits

    def about(self, who: Subject) -> tuple[Rule, ...]:
        return self._permits


def without_index(indexed: Policy) -> Policy:
    """The same policy, for an evaluator that asks about each rule."""
    naive = replace(indexed)
    object.__setattr__(naive, "index", Everything(naive.rules))
    return naive


WORDS = st.sampled_from(
    ["group:dba", "group:ops", "user:alice", "user:bob", "principal:alice@EXAMPLE.ORG", "principal:eve@EXAMPLE.ORG", "group:eve"]
)
PATHS = st.sampled_from(["/usr/bin/a", "/usr/bin/b", "/usr/bin/?", "/usr/*/a", "/usr/bin/a*", "/usr/bin/\udcff"])
ARGUMENTS = st.sampled_from(["restart", "re*", "*", "?", "", "*x", "r?start", "é", "\udcff"])
PATTERN = st.builds(
    lambda path, words, is_open: (path, *words, *(("**",) if is_open else ())),
    PATHS,
    st.lists(ARGUMENTS, max_size=3),
    st.booleans(),
)
COMMANDS = st.one_of(st.just(("**",)), PATTERN)


def fails(values: Any) -> bool:
    raise WhenFailed("it divides by zero")


WHENS = st.sampled_from(
    [
        When("fact.load < 2.0", frozenset({"fact.load"}), lambda values: values["fact.load"] < 2),
        When("fact.tainted || fact.load < 2.0", frozenset({"fact.load", "fact.tainted"}), lambda values: values["fact.tainted"]),
        When("claim.reason == 'x'", frozenset({"claim.reason"}), lambda values: values["claim.reason"] == "x"),
        When("1 / 0 == 1", frozenset(), fails),
    ]
)
KNOWN: Any = st.sampled_from(
    [
        {},
        {"fact.load": 1.0},
        {"fact.load": 3.0, "fact.tainted": True},
        {"fact.load": Unknown("no source knows this fact"), "fact.tainted": False},
    ]
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    commands = draw(st.none() | st.lists(COMMANDS, max_size=3))
    hours = draw(st.sampled_from([None, None, "Mon-Fri 08:00-18:00 UTC", "Sat 08:00-18:00 UTC"]))
    return Rule(
        draw(st.sampled_from(["permit", "permit", "permit", "deny"])),
        draw(st.sampled_from("abcdefgh")),
        who=draw(st.none() | st.lists(WORDS, max_size=3).map(tuple)),
        run_as=draw(st.sampled_from([None, ("root",), ("*",), ("bob",)])),
        commands=None if commands is None else tuple(read_command_pattern(words) for words in commands),
        gives=draw(st.sampled_from([None, None, None, (), (THING,), (OTHER, THING)])),
        hours=None if hours is None else (read_hours(hours, ZONES.get),),
        services=draw(st.sampled_from([None, ("jitsudo",), ("sudo",)])),
        needs_ticket=draw(st.booleans()),
        uses=draw(st.sampled_from([1, 3])),
        when=draw(st.none() | st.none() | WHENS),
        approvals=draw(st.sampled_from([(), (Approval(1, ("group:ops",)),)])),
    )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    path = draw(st.sampled_from([b"/usr/bin/a", b"/usr/bin/b", b"/usr/bin/\xff", b"/usr/sbin/a", b"a", b""]))
    arguments = draw(st.lists(st.sampled_from([b"restart", b"reload", b"", b"x", "é".encode(), b"\xff", b"\xc3"]), max_size=4))
    asked = question(
        draw(st.sampled_from([ALICE, BOB, EVE, ROOT, LOCAL, UNSURE])),
        (path, *arguments),
        draw(st.sampled_from([AS_ROOT, RunAs("bob", 4002, "bob", 4002)])),
        uses=draw(st.sampled_from([None, 2])),
        reason=draw(st.sampled_from([None, "x"])),
        is_missing=draw(st.sampled_from([False, False, True])),
        names=draw(st.sampled_from([(), (b"/usr/bin/a", b"/usr/bin/b")])),
    )
    more: dict[str, Any] = draw(
        st.sampled_from(
            [
                {},
                {},
                {"doubt": "nobody knows what it runs", "path": b""},
                {"argv": ()},
                {"argv": (THING.encode(),), "path": b"", "gives": True},
                {"argv": (THING.encode(), OTHER.encode()), "path": b"", "gives": True},
                {"argv": (), "path": b"", "gives": True},
            ]
        )
    )
    return replace(asked, command=replace(asked.command, **more))


MOMENTS = st.sampled_from([NOON, NOON.replace(day=6), NOON.replace(tzinfo=None)])


def answer(house: Policy, asked: Question, at: datetime, known: Facts) -> Decision | frozenset[str]:
    """The decision, or the names of the facts that it depends on."""
    try:
        return decide(house, asked, at, known)
    except Unasked as unasked:
        return unasked.names


@given(st.lists(rules(), max_size=12), questions(), MOMENTS, KNOWN, st.sampled_from(["permit", "deny"]))
@example([permit(who=None, **patterns(("/usr/bin/a",)))], question(EVE, (b"/usr/bin/a",)), NOON, {}, "permit")
@example([permit(who=None, **patterns(("/usr/bin/?", "**")))], question(EVE, (b"/usr/bin/a",)), NOON, {}, "permit")
def test_an_evaluator_without_an_index_gives_the_same_answer(
    made: list[Rule], asked: Question, at: datetime, known: Facts, root: Any
) -> None:
    indexed = policy(*(replace(rule, name=f"{rule.name}{number}") for number, rule in enumerate(made)), root=root)
    assert answer(indexed, asked, at, known) == answer(without_index(indexed), asked, at, known)


@given(st.lists(rules(), max_size=12), questions())
def test_what_is_passed_over_would_not_have_matched_and_the_rest_keeps_its_order(made: list[Rule], asked: Question) -> None:
    permits = [replace(rule, verdict="permit", name=str(number)) for number, rule in enumerate(made)]
    kept = [int(rule.name) for rule in policy(*permits).index.permits(asked)]
    assert kept == sorted(set(kept))
    for number in {*range(len(permits))} - {*kept}:
        assert not all(key.holds(permits[number], asked, NOON) for key in CONDITIONS)


@given(st.lists(rules(), max_size=12), st.sampled_from([ALICE, BOB, EVE, ROOT, LOCAL, UNSURE]))
def test_the_rules_about_a_person_are_all_found(made: list[Rule], who: Subject) -> None:
    indexed = policy(*made)
    where = (who, "db1.example.org", "jitsudo")
    assert rules_for(indexed, *where) == rules_for(without_index(indexed), *where)


def test_a_deny_is_asked_about_a_file_with_another_name() -> None:
    """A deny is for the file. An index by name must not lose it."""
    house = policy(
        permit(**patterns(("/usr/bin/vim", "**"))),
        *(deny(f"d{number}", **patterns((f"/opt/tool{number}", "**"))) for number in range(100)),
        deny("editor", **patterns(("/usr/bin/vim.basic", "**"))),
    )
    asked = question(ALICE, (b"/usr/bin/vim", b"/etc/shadow"))
    assert isinstance(decide(house, asked, NOON), Permit)
    denied = decide(house, replace(asked, names=(b"/usr/bin/vim.basic",)), NOON)
    assert isinstance(denied, Deny) and denied.rule == "editor"


def test_what_denies_name_and_permits_give_is_collected_once() -> None:
    house = policy(
        permit("g", gives=(THING, OTHER), commands=None),
        permit("h", gives=(THING,), commands=None),
        deny(who=("group:dba", "user:bob"), **patterns(("/usr/bin/a", "**"), ("/usr/bin/*",), ("/usr/bin/a", "x"))),
        deny("e", **patterns(("sudoedit", "/etc/b"), ("/*", "**"), ("**",))),
        permit("m", masks=(read_mask("-p *"),), **patterns(("/usr/bin/m", "**"), ("/usr/bin/m?",))),
        permit("p", who=("group:ops",), **patterns(("/usr/bin/c",))),
    )
    assert given_things(house) == (THING, OTHER)
    assert groups_named(house) == NamedGroups(frozenset({"dba", "ops"}), frozenset({"dba"}))
    assert named_files(house) == (b"/usr/bin/a", b"/etc/b", b"/usr/bin/m") and named_directories(house) == (b"/usr/bin",)


def test_a_policy_takes_local_proofs_if_a_permit_of_it_does() -> None:
    taking, other = permit("local", without_kdc="local"), permit("other")
    for rules, takes in (((), False), ((other,), False), ((taking,), True), ((other, taking), True), ((deny(),), False)):
        assert takes_local_proofs(policy(*rules)) is takes


APPLY = b"/usr/bin/systemctl", b"restart"
WORKLOADS: dict[str, tuple[Callable[[int], dict[str, Any]], Question]] = {
    "other groups": (
        lambda n: {"who": (f"group:team{n}",), **patterns(("/usr/bin/systemctl", "restart", "postgresql"))},
        question(replace(ALICE, groups=frozenset({"team4711", "dba"})), (*APPLY, b"postgresql")),
    ),
    "another first word": (
        lambda n: patterns((f"/usr/bin/tool{n}", "restart", "postgresql")),
        question(ALICE, (b"/usr/bin/tool4711", b"restart", b"postgresql")),
    ),
    "other arguments": (
        lambda n: patterns(("/usr/bin/systemctl", "restart", f"service{n}")),
        question(ALICE, (*APPLY, b"service4711")),
    ),
    "other patterns for an argument": (
        lambda n: patterns(("/usr/bin/systemctl", "restart", f"service{n}-*")),
        question(ALICE, (*APPLY, b"service4711-a")),
    ),
    "an open end": (
        lambda n: patterns(("/usr/bin/systemctl", "restart", f"service{n}", "**")),
        question(ALICE, (*APPLY, b"service4711", b"--now", b"-q")),
    ),
    "other patterns for a path": (
        lambda n: patterns((f"/opt/tool{n}-*/run", "restart")),
        question(ALICE, (b"/opt/tool4711-1.2/run", b"restart")),
    ),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_of_thousands_of_permits_few_are_asked_about(name: str) -> None:
    """The bar is 20. Each of them may have a ``when``, which costs more than all else of a rule."""
    conditions, asked = WORKLOADS[name]
    n_asked: list[str] = []

    def note(values: Any) -> bool:
        n_asked.append(values["claim.reason"])
        return True

    when = When("claim.reason == ''", frozenset({"claim.reason"}), note)
    house = policy(*(permit(f"r{number}", when=when, **conditions(number)) for number in range(MANY)))
    assert [rule.name for rule in house.index.permits(asked)] == ["r4711"]
    assert decide(house, asked, NOON) == Permit("r4711", house.rules[4711].obligations) and len(n_asked) == 1
    for other in ((*APPLY, b"nothing"), (b"/usr/bin/id",), (b"/usr/bin/id", *(b"x" for _ in range(MANY)))):
        assert house.index.permits(question(BOB, other)) == house.index.permits(question(ALICE, other)) == ()


def test_a_permit_is_asked_about_only_where_its_words_may_be_those_of_the_command() -> None:
    patterns = {"closed": ("/usr/bin/a", "x"), "open": ("/usr/bin/a", "x", "**"), "wild": ("/usr/bin/a", "x*y")}
    index = RuleIndex([permit(name, commands=(read_command_pattern(words),)) for name, words in patterns.items()])
    for argv, names in (
        ((b"/usr/bin/a",), []),
        ((b"/usr/bin/a", b"x"), ["closed", "open"]),
        ((b"/usr/bin/a", b"x", b"y"), ["open"]),
        ((b"/usr/bin/a", b"xy"), ["wild"]),
        ((b"/usr/bin/a", b"x-y"), ["wild"]),
        ((b"/usr/bin/a", b"yx"), []),
        ((b"/usr/bin/a", b"x", b"xy"), ["open"]),
        ((b"/usr/bin/b", b"x"), []),
        ((b"/usr/bin/a", b"x") + (b"z",) * 40, ["open"]),
    ):
        assert [rule.name for rule in index.permits(question(argv=argv))] == names, argv


def test_a_permit_whose_pattern_fails_is_asked_about_so_that_the_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> bool:
        raise ValueError("it fails")

    index = RuleIndex([permit("wild", commands=(read_command_pattern(("/usr/bin/a", "x*y")),))])
    monkeypatch.setattr(Glob, "matches", fails)
    assert [rule.name for rule in index.permits(question(argv=(b"/usr/bin/a", b"xy")))] == ["wild"]
