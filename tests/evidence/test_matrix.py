# SPDX-License-Identifier: Apache-2.0
"""The matrix of who may ask and who may approve, against the text of the policy; and which policy it is of."""

from __future__ import annotations

import tomllib
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jitd.core.authentication import Demand
from jitd.core.policy import Policy
from jitd.store.opening import read_store
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.figure import Scope, Then
from jitd_evidence.report.making import make
from jitd_evidence.report.matrix import MATRIX, MOST_NAMED, policy_at, words_of
from jitd_evidence.report.sections import ACTIONS
from tests.evidence.year import RULES, Year

RIGHTS = {"may ask", "may ask in an emergency", "is denied"}


def matrix(scope: Scope, **fields: Any) -> list[tuple[Any, ...]]:
    return list(MATRIX.rows(replace(scope, **fields)))


def said(scope: Scope, then: Then) -> str:
    with closing(scope.store):
        made = make(replace(scope, then=then), [ACTIONS], host="db1", by="root", head=scope.store.head())
    return str(made["sections"][0]["figures"][1]["says"])


def test_the_matrix_has_every_word_of_every_rule_and_no_other(scope: Scope) -> None:
    rules = tomllib.loads(RULES)
    rows = [row[:3] for row in matrix(scope)]
    wanted = [(rule["name"], "is denied", "anybody") for rule in rules["deny"]]
    by_name = {rule["name"]: rule for rule in rules["permit"]}
    for name, rule in by_name.items():
        glass = rule.get("break_glass")
        wanted += [(name, "may ask in an emergency" if glass else "may ask", word) for word in rule["who"]]
        approvals = (by_name[glass["instead_of"]] if glass else rule).get("approvals", [])
        right = "may review it afterwards" if glass else "may approve"
        wanted += [(name, right, word) for one in approvals for word in one["from"]]
        wanted += [] if approvals else [(name, "needs no approval", None)]
    assert sorted(map(str, rows)) == sorted(map(str, wanted))


def test_the_terms_say_how_many_have_to_approve(scope: Scope) -> None:
    (row,) = [row for row in matrix(scope, rule="two-people") if row[1] == "may approve"]
    assert row[4] == "2 approvals from group:ops"
    assert {row[0] for row in matrix(scope, rule="two-people")} == {"two-people"}


def test_the_people_are_those_whom_this_host_lists_and_it_says_if_these_are_not_all(scope: Scope) -> None:
    many = frozenset(f"p{n:03}" for n in range(MOST_NAMED + 3))
    people = {
        "group:ops": (frozenset({"carol", "bob"}), True),
        "group:web": (frozenset({"erin"}), False),
        "group:dba": (many, True),
    }
    rows = {(row[0], row[2]): row[3] for row in matrix(scope, people=people)}
    assert rows["restart-web", "group:ops"] == "bob, carol"
    assert rows["restart-web", "group:web"] == "erin, (this host cannot list all)"
    assert rows["dump-shop", "group:dba"].endswith("p099, and 3 more")
    assert rows["never", "group:silent"] is None, "nobody looked"
    assert {"group:ops", "group:web", "group:silent"} <= set(words_of(scope.policy.rules))


def test_who_may_approve_by_the_door_is_named_for_the_approval_and_not_for_asking(scope: Scope) -> None:
    rule = next(one for one in scope.policy.rules if one.name == "restart-web")
    (way,) = rule.approvals
    by_door = replace(rule, who=("group:ops",), approvals=(replace(way, demand=Demand(door=True)),))
    policy = replace(scope.policy, rules=(by_door,))
    assert words_of(policy.rules) == ("group:ops", "door:group:ops")
    people = {"group:ops": (frozenset({"bob"}), False), "door:group:ops": (frozenset({"bob", "zoe"}), True)}
    rows = {row[1]: row[2:4] for row in matrix(scope, then=Then(policy), people=people)}
    assert rows == {"may ask": ("group:ops", "bob, (this host cannot list all)"), "may approve": ("group:ops", "bob, zoe")}


def test_it_says_of_which_policy_it_is(year: Year) -> None:
    """Nobody may take the rules of today for those of the time that the report is about."""
    with closing(read_store(year.database)) as store:
        digests = [policy_at(store, year.since + timedelta(days=days)) for days in (-1, 10, 40, 365)]
        assert digests[0] == "" and len(set(digests)) == 4 and store.policy_text(digests[1]) is not None
    for then in (Then(year.policy), Then(Policy((), "deny", "ab" * 32)), Then(year.policy, "cd" * 32)):
        store = read_store(year.database)
        scope = scope_of(store, year.policy, year.until, year.since, year.until)
        text = said(scope, then)
        assert then.policy.digest in text
        assert ("in force today" in text and f"others were: {then.unread}" in text) == bool(then.unread)
        assert ("when the time of the report ended: " in text) == (not then.unread)
