# SPDX-License-Identifier: Apache-2.0
"""Whether a rule matches all that another one matches: a table of pairs, and what must hold of all rules and questions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.conditions import Glob, read_command_pattern
from jitd.core.decision import Approval, Deny, Permit
from jitd.core.keys.hosts import read_host
from jitd.core.keys.hours import covers_hours, read_hours
from jitd.core.keys.key import Condition
from jitd.core.policy import Rule, decide
from jitd.core.question import Question
from jitd.core.when import When
from jitd_inspection.checking.order import about_order
from tests.core.house import deny, hours, patterns, permit, policy
from tests.core.test_policy_properties import MOMENTS, questions, rules

TEXTS = st.text("ab*?", max_size=6)
PLAIN = st.text("ab", max_size=7)


@pytest.mark.parametrize(
    ("wide", "narrow", "does"),
    [
        ("*", "", True), ("*", "*", True), ("*", "a*b?", True), ("?", "a", True), ("?", "?", True), ("?", "*", False),
        ("a*", "ab", True), ("a*", "a*b", True), ("a*", "*a", False), ("?*", "*?", True), ("*?", "**?", True), ("a", "a", True),
        ("a", "b", False), ("", "a", False), ("", "", True), ("a?c", "abc", True), ("a?c", "a*c", False), ("*b*", "abc", True),
        ("*b*", "a?c", False), ("*a*b", "xaxbxb", True),
    ],
)  # fmt: skip
def test_which_globs_cover_which(wide: str, narrow: str, does: bool) -> None:
    assert Glob(wide).covers(Glob(narrow)) is does


@given(TEXTS, TEXTS, PLAIN)
def test_what_a_covered_glob_matches_the_covering_one_matches(wide: str, narrow: str, text: str) -> None:
    if Glob(wide).covers(Glob(narrow)) and Glob(narrow).matches(text):
        assert Glob(wide).matches(text)


@pytest.mark.parametrize(
    ("wide", "narrow", "does"),
    [
        ("**", "/a b", True),
        ("/a", "**", False),
        ("/a **", "/a", True),
        ("/a **", "/a b c **", True),
        ("/a b **", "/a", False),
        ("/a", "/a **", False),
        ("/a *", "/a b", True),
        ("/a *", "/a", False),
        ("/a *", "/a b c", False),
        ("/usr/*/x", "/usr/bin/x", True),
        ("/usr/*/x", "/usr/bin/y/x", False),
        ("/usr/bin/?", "/usr/bin/*", False),
        ("/a /var/*", "/a /var/log/*", True),
        ("/a /var/*", "/a /var/../x", False),
        ("/a *", "/a /var/../x", True),
        ("/a ?*", "/a /var/*", True),
        ("/a /*", "/a *", False),
        ("/a */../*", "/a /x/../*", True),
    ],
)
def test_which_patterns_cover_which(wide: str, narrow: str, does: bool) -> None:
    one, other = (read_command_pattern(tuple(words.split())) for words in (wide, narrow))
    assert one.covers(other) is does


ALWAYS = ("Mon-Fri 00:00-24:00 UTC", "Sat 00:00-Mon 00:00 UTC")


@pytest.mark.parametrize(
    ("wide", "narrow", "does"),
    [
        (None, None, True),
        (None, ["Mon 08:00-09:00 UTC"], True),
        (["Mon-Fri 08:00-18:00 UTC"], None, False),
        (["Mon-Fri 08:00-18:00 UTC"], ["Tue 08:00-18:00 UTC"], True),
        (["Mon-Fri 08:00-18:00 UTC"], ["Tue 08:00-18:01 UTC"], False),
        (["Mon 08:00-12:00 UTC", "Mon 12:00-18:00 UTC"], ["Mon 11:00-13:00 UTC"], True),
        (["Sun 22:00-06:00 UTC"], ["Mon 00:00-06:00 UTC"], True),
        (["Mon 00:00-24:00 UTC"], ["Mon 08:00-09:00 Europe/Berlin"], False),
        (list(ALWAYS), ["Mon 08:00-09:00 Europe/Berlin"], True),
        (list(ALWAYS), None, True),
    ],
)
def test_which_hours_cover_which(wide: list[str] | None, narrow: list[str] | None, does: bool) -> None:
    one, other = (None if h is None else tuple(read_hours(text, ZoneInfo) for text in h) for h in (wide, narrow))
    assert covers_hours(one, other) is does


LOG = patterns(("/usr/bin/cat", "/var/log/*"))


@pytest.mark.parametrize(
    ("wide", "narrow", "does"),
    [
        (permit(), permit(), True),
        (permit(), permit(**LOG), True),
        (permit(**LOG), permit(), False),
        (permit(who=("group:dba", "group:ops")), permit(who=("group:ops",)), True),
        (permit(who=("group:ops",)), permit(who=("group:ops", "user:eve")), False),
        (permit(), permit(needs_ticket=False), False),
        (permit(needs_ticket=False), permit(), True),
        (permit(), permit(services=("sudo",)), False),
        (permit(services=("sudo", "jitsudo")), permit(), True),
        (permit(), permit(hosts=(read_host("db*"),)), True),
        (permit(hosts=(read_host("db*"),)), permit(), False),
        (permit(hosts=(read_host("db*"),)), permit(hosts=(read_host("db1*"),)), True),
        (permit(**hours("Mon 08:00-09:00 UTC")), permit(), False),
        (permit(), permit(run_as=("root:adm",)), False),
        (permit(run_as=("*",)), permit(run_as=("root:adm", "bob")), True),
        (permit(run_as=("root:*",)), permit(run_as=("root",)), True),
        (permit(run_as=("*:adm",)), permit(run_as=("bob:adm",)), True),
        (permit(run_as=("*:adm",)), permit(run_as=("bob",)), False),
        (permit(gives=("service-ticket:a/b",), commands=None), permit(), False),
        (permit(), permit(gives=("service-ticket:a/b",), commands=None), False),
        (permit(gives=("service-ticket:a/b",)), permit(gives=("service-ticket:a/b",), commands=None), True),
        # terms and approvals are not conditions: the first permit that matches decides
        (permit(uses=1, approvals=(Approval(1, ("group:ops",)),)), permit(uses=9), True),
        # denies
        (deny(), permit(), True),
        (permit(), deny(), False),
        (deny(), permit(gives=("service-ticket:a/b",), commands=None), True),
        (deny(run_as=("root",)), permit(run_as=("root:adm",)), True),
        (deny(run_as=("root",)), permit(run_as=("*",)), False),
        (deny(commands=LOG["commands"]), permit(**LOG), True),
        (deny(commands=LOG["commands"]), permit(), False),
        (deny(), deny(commands=LOG["commands"]), True),
        # a deny without who does not bind root
        (deny(), deny(who=("group:ops",)), False),
        (deny(), deny(who=("principal:bob@EXAMPLE.ORG",)), True),
    ],
)
def test_which_rules_cover_which(wide: Rule, narrow: Rule, does: bool) -> None:
    assert wide.covers(narrow) is does


def test_a_rule_with_an_expression_covers_nothing() -> None:
    """Otherwise it would be said to stand before rules that it leaves alone."""
    strange = permit(when=When("fact.load < 1", frozenset({"fact.load"}), lambda values: True))
    assert permit().covers(permit()) and permit().covers(strange)
    assert not strange.covers(permit()) and not strange.covers(strange)


def test_a_new_condition_cannot_forget_to_say_what_it_covers() -> None:
    assert {"holds", "wants", "covers"} <= Condition.__abstractmethods__


@given(rules(), rules(), questions(), MOMENTS)
def test_what_a_covered_rule_matches_the_covering_one_matches(
    wide: tuple[Rule, object], narrow: tuple[Rule, object], asked: Question, at: datetime
) -> None:
    one, other = wide[0], narrow[0]
    if one.covers(other) and _matches(other, asked, at):
        assert _matches(one, asked, at)


def _matches(rule: Rule, asked: Question, at: datetime) -> bool:
    answer = decide(policy(rule), asked, at)
    return isinstance(answer, Permit) or answer.rule == rule.name


@given(st.lists(rules(), max_size=6), questions(), MOMENTS)
def test_a_rule_that_is_shadowed_can_be_taken_out(made: list[tuple[Rule, object]], asked: Question, at: datetime) -> None:
    named = [replace(rule, name=f"r{number}", line=number) for number, (rule, _) in enumerate(made)]
    before = decide(policy(*named), asked, at)
    for warned in about_order(named):
        if warned.name == "shadowed":
            without = decide(policy(*(rule for rule in named if rule.name != warned.rule)), asked, at)
            if isinstance(before, Deny) and before.rule == warned.rule:
                assert isinstance(without, Deny) and without.rule, "another rule says the same"
            else:
                assert without == before
