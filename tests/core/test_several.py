# SPDX-License-Identifier: Apache-2.0
"""What policy answers to a request for several things, which rules of their own permit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.command import work_of
from jitd.core.decision import Approval, Deny, Permit, Why
from jitd.core.explaining import closest
from jitd.core.facts import Facts, Unasked
from jitd.core.keys.reason import Reason
from jitd.core.policy import Rule, decide, facts_named
from jitd.core.question import Question
from jitd.core.several import MOST_THINGS, for_all
from jitd.core.when import When
from jitd.expressions.patterns import read_pattern
from tests.core.house import ALICE, NOON, deny, permit, policy, question, told
from tests.scene import thing

A, B, C = (f"service-ticket:{name}/db1.example.test" for name in ("postgres", "host", "http"))
RISK = When("fact.risk < 10", frozenset({"fact.risk"}), lambda values: values["fact.risk"] < 10)
OPS, DBA = Approval(1, ("group:ops",)), Approval(2, ("group:dba",))


def gives(name: str, *things: str, **changes: Any) -> Rule:
    return permit(**{"name": name, "commands": None, "gives": things, **changes})


def wanted(*things: str, **facts: Any) -> Question:
    return replace(question(ALICE, **facts), command=thing(argv=tuple(one.encode() for one in things)))


def owed(rules: tuple[Rule, ...], *things: str, **facts: Any) -> Permit:
    answer = decide(policy(*rules), wanted(*things, **facts), NOON)
    assert isinstance(answer, Permit), answer
    return answer


def test_rules_that_permit_together_ask_for_all_their_approvals_and_the_stricter_terms() -> None:
    """THREATS T-23."""
    rules = gives("a", A, approvals=(OPS,), lasts_for=600, gatekeepers=("risk",)), gives("b", B, approvals=(DBA,), lasts_for=60)
    for things in ((A, B), (B, A)):
        answer = owed(rules, *things)
        assert answer.rule == "a and b"
        assert set(answer.obligations.approvals) == {OPS, DBA}
        assert answer.obligations.lasts_for == 60 and answer.obligations.gatekeepers == ("risk",)


def test_a_request_has_at_most_eight_things() -> None:
    assert MOST_THINGS == 8


def test_an_answer_alone_is_the_answer() -> None:
    for answer in (owed((gives("a", A),), A), Deny("a", Why.NO_RULE, "no")):
        assert for_all([answer]) is answer


def test_of_several_denials_the_first_is_told() -> None:
    first, second = Deny("a", Why.NO_RULE, "no"), Deny("b", Why.NO_RULE, "nor this")
    assert for_all([owed((gives("a", A),), A), first, second]) == first
    assert for_all([second, first]) == second


def test_one_rule_that_gives_all_of_them_answers_alone() -> None:
    answer = owed((gives("both", A, B, approvals=(OPS,)), gives("b", B, approvals=(DBA,))), A, B)
    assert (answer.rule, answer.obligations.approvals) == ("both", (OPS,))


def test_each_thing_gets_the_answer_that_it_would_get_alone() -> None:
    """The first rule that gives a thing is the one that counts for it, whatever rule gives the others. THREATS T-23."""
    rules = gives("strict", A, approvals=(DBA,)), gives("loose", A, B)
    assert owed(rules, A).rule == "strict" and owed(rules, B).rule == "loose"
    assert owed(rules, B, A).rule == "loose and strict" and owed(rules, B, A).obligations.approvals == (DBA,)


DENIALS: list[tuple[str, tuple[Rule, ...], dict[str, Any], str]] = [
    ("one that no rule gives", (gives("a", A),), {}, f"no rule: no rule permits {B}"),
    ("one that a rule denies", (gives("a", A), gives("b", B), deny(gives=(B,))), {}, "rule: rule d denies it"),
    ("one that is denied in company", (gives("a", A, B), deny(gives=(A,))), {}, "rule: rule d denies it"),
    ("one that wants a reason", (gives("a", A), gives("b", B, reason=Reason(1, read_pattern(".")))), {}, "reason: rule b wants"),
    ("one for longer than its rule", (gives("a", A), gives("b", B, lasts_for=9)), {"lasts_for": 10}, "terms: rule b grants at"),
]


@pytest.mark.parametrize(("rules", "facts", "answer"), [row[1:] for row in DENIALS], ids=[row[0] for row in DENIALS])
def test_if_one_is_denied_all_are(rules: tuple[Rule, ...], facts: dict[str, Any], answer: str) -> None:
    """THREATS T-23."""
    for things in ((A, B), (B, A)):
        assert told(decide(policy(*rules), wanted(*things, **facts), NOON)).startswith(answer)


NARROWED = [
    ("by no rule", (), None, ("group:dba",)),
    ("by the terms of a rule", (gives("b", B, lasts_for=9, visible_to=("group:dba", "group:ops")),), 10, ("group:dba",)),
    ("by the terms of a rule that others may see", (gives("b", B, lasts_for=9, visible_to=("group:ops",)),), 10, ()),
]


@pytest.mark.parametrize(("rules", "lasts_for", "words"), [row[1:] for row in NARROWED], ids=[row[0] for row in NARROWED])
def test_a_denial_is_shown_to_no_more_people_than_what_is_asked_for_with_it(
    rules: tuple[Rule, ...], lasts_for: int | None, words: tuple[str, ...]
) -> None:
    """The order in which the things are named makes no difference. THREATS T-23."""
    narrowed = (gives("a", A, visible_to=("group:dba",)), *rules)
    for things in ((A, B), (B, A)):
        answer = decide(policy(*narrowed), wanted(*things, lasts_for=lasts_for), NOON)
        assert isinstance(answer, Deny) and answer.visible_to == words
    unnarrowed = decide(policy(gives("a", A)), wanted(A, B), NOON)
    assert isinstance(unnarrowed, Deny) and unnarrowed.visible_to is None, "no rule narrows anything"


def test_a_deny_may_be_about_two_things_together() -> None:
    """What a rule's condition sees as ``request.gives`` is all that is asked for."""
    together = When("both", frozenset({"request.gives"}), lambda values: {A, B} <= set(values["request.gives"]))
    rules = gives("a", A), gives("b", B), deny(when=together)
    assert isinstance(decide(policy(*rules), wanted(A, B), NOON), Deny)
    assert isinstance(decide(policy(*rules), wanted(A), NOON), Permit)


def test_facts_that_the_rule_of_the_last_thing_names_are_looked_for() -> None:
    rules = gives("a", A), gives("b", B, when=RISK)
    asked = wanted(A, B)
    assert facts_named(policy(*rules), asked, NOON) == {"fact.risk"}
    with pytest.raises(Unasked):
        decide(policy(*rules), asked, NOON)
    known: Facts = {"fact.risk": 5}
    assert told(decide(policy(*rules), asked, NOON, known)) == "a and b"


def test_approvals_in_too_many_ways_together_are_refused_and_not_shortened() -> None:
    many = tuple(Approval(1, (f"group:g{n}",), instead=(Approval(1, (f"group:h{n}",)),)) for n in range(4))
    more = tuple(Approval(1, (f"group:i{n}",), instead=(Approval(1, (f"group:j{n}",)),)) for n in range(4))
    rules = gives("a", A, approvals=many), gives("b", B, approvals=more)
    assert owed(rules, A) and owed(rules, B)
    assert owed((rules[0], gives("b", B, approvals=more[:2])), A, B), "the most that there may be"
    assert told(decide(policy(*rules), wanted(A, B), NOON)).endswith("ask for them one by one")
    narrowed = replace(rules[0], visible_to=("group:dba",)), rules[1]
    answer = decide(policy(*narrowed), wanted(A, B), NOON)
    assert isinstance(answer, Deny) and answer.visible_to == ("group:dba",)


def test_what_came_closest_is_about_the_thing_that_no_rule_gives() -> None:
    rules = gives("a", A), gives("b", B, hosts=())
    assert [near.rule for near in closest(policy(*rules), wanted(A, B), NOON)] == ["b"]


def test_a_lease_of_several_answers_for_the_same_in_any_order_and_for_no_fewer() -> None:
    """THREATS T-23."""
    assert work_of(wanted(A, B).command) == work_of(wanted(B, A).command)
    for others in ((A,), (B,), (A, C), (A, B, C)):
        assert work_of(wanted(*others).command) != work_of(wanted(A, B).command)
