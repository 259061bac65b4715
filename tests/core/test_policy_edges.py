# SPDX-License-Identifier: Apache-2.0
"""A policy at its edges: standard input, how a rule's words are listed, whom a rule is about, and what a doubt is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.decision import Terms
from jitd.core.policy import Rule, decide, describe
from jitd.core.subject import Subject
from tests.core.house import ALICE, NOON, deny, patterns, permit, policy, question, told


@pytest.mark.parametrize(
    ("term", "stdin", "is_let"),
    [
        ("any", "terminal", True),
        ("any", "null", True),
        ("any", "closed", True),
        ("any", "pipe", True),
        ("tty", "terminal", True),
        ("tty", "null", False),
        ("tty", "closed", False),
        ("tty", "pipe", False),
        ("none", "terminal", False),
        ("none", "null", True),
        ("none", "closed", True),
        ("none", "pipe", False),
    ],
)
def test_what_standard_input_may_be(term: str, stdin: str, is_let: bool) -> None:
    asked = question()
    asked = replace(asked, command=replace(asked.command, streams=(stdin, "terminal", "terminal")))
    answer = told(decide(policy(permit(terms=replace(Terms(), stdin=term))), asked, NOON))
    assert (answer == "p") is is_let


@pytest.mark.parametrize(
    ("run_as", "words"),
    [
        (None, "anyone"),
        (("root",), "root"),
        (("root", "postgres"), "root or postgres"),
        (("root", "postgres", "*"), "root, postgres or anyone"),
    ],
)
def test_a_rule_says_as_whom(run_as: tuple[str, ...] | None, words: str) -> None:
    terms = "for at most 15 minutes and 1 use"
    assert describe(permit(run_as=run_as, commands=None)) == f"any command as {words}, {terms}"
    assert describe(permit(run_as=run_as, **patterns(("/bin/true",)))) == f"/bin/true as {words}, {terms}"


BY_PAM = replace(ALICE, principal="pam:alice", perhaps=frozenset({ALICE.principal}))
LOCAL = replace(ALICE, principal="local:alice", perhaps=frozenset({ALICE.principal}))
HERS = f"principal:{ALICE.principal}"
# the rule, somebody, whether it is about them
ABOUT: dict[str, tuple[Rule, Subject, bool]] = {
    "a permit, with a ticket": (permit(), ALICE, True),
    "a permit of others": (permit(who=("group:ops",)), ALICE, False),
    "a permit, without a ticket": (permit(), LOCAL, False),
    "a permit that needs no ticket": (permit(needs_ticket=False), LOCAL, True),
    "a permit, by local PAM": (permit(), BY_PAM, False),
    "a permit that needs no ticket, by local PAM": (permit(needs_ticket=False), BY_PAM, False),
    "a permit that takes local PAM": (permit(without_kdc="local"), BY_PAM, True),
    "a permit that takes local PAM, without that": (permit(without_kdc="local"), LOCAL, False),
    "a permit of a principal that nobody proved": (permit(who=(HERS,), needs_ticket=False), LOCAL, False),
    "a deny of everybody": (deny(), LOCAL, True),
    "a deny of a principal that nobody proved": (deny(who=(HERS,)), LOCAL, True),
    "a deny of others": (deny(who=("group:ops",)), LOCAL, False),
    "a deny of a group that cannot be looked up": (deny(who=("group:x",)), replace(ALICE, unsure=frozenset({"x"})), True),
    "a permit of a group that cannot be looked up": (permit(who=("group:x",)), replace(ALICE, unsure=frozenset({"x"})), False),
}


@pytest.mark.parametrize(("rule", "who", "is_it"), ABOUT.values(), ids=list(ABOUT))
def test_whom_a_rule_is_about(rule: Rule, who: Subject, is_it: bool) -> None:
    assert rule.is_of(who) is is_it


def test_a_deny_that_is_about_somebody_anyway_needs_no_group_that_cannot_be_looked_up() -> None:
    for words, who in (((HERS, "group:x"), LOCAL), (("user:alice", "group:x"), ALICE)):
        asked = question(replace(who, unsure=frozenset({"x"})))
        assert told(decide(policy(deny(who=words)), asked, NOON)) == "rule: rule d denies it"


def test_a_deny_by_a_group_that_cannot_be_looked_up_says_which() -> None:
    asked = question(replace(ALICE, unsure=frozenset({"x"})))
    assert told(decide(policy(deny(who=("group:x",))), asked, NOON)) == (
        "error: rule d: group x cannot be looked up now, and this rule denies members of the group: try again later"
    )


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ((permit(**patterns(("/usr/bin/id",))),), "no rule: no rule permits this"),
        ((permit(run_as=("postgres",)),), "no rule: no rule permits this"),
        ((permit("all", commands=None, run_as=None),), "all"),
        ((permit("all", commands=None, run_as=None), deny(**patterns(("/usr/bin/id",)))), "rule: rule d denies it"),
        ((permit("all", commands=None, run_as=None), deny(run_as=("postgres",))), "rule: rule d denies it"),
        ((permit("all", commands=None, run_as=None), deny(who=("user:bob",), **patterns(("/usr/bin/id",)))), "all"),
    ],
)
def test_a_command_line_that_is_in_doubt_may_be_what_is_denied_and_is_nothing_that_is_permitted(
    rules: tuple[Rule, ...], answer: str
) -> None:
    asked = question(service="sudo")
    asked = replace(asked, command=replace(asked.command, path=b"", doubt="it has an option that is not known"))
    rules = tuple(replace(rule, services=None) for rule in rules)
    assert told(decide(policy(*rules), asked, NOON)) == answer
