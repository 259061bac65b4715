# SPDX-License-Identifier: Apache-2.0
"""What the chain keeps of an answer of the policy: of a permit the approvals and only what they have beyond, of a deny why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.authentication import Demand
from jitd.core.decision import Approval, BreakGlass, Deny, Obligations, Permit, Record, Terms, Why, n_combinations
from tests.stored import in_clear

OPS = Approval(1, ("group:ops",))
DBA = Approval(2, ("group:dba", "user:eve"), Demand(("otp",)))
WAY = {"need": 1, "from": ["group:ops"], "after": 0}
GLASS = BreakGlass("restart", (OPS, DBA), 3600, 2)


def permit(*approvals: Approval, **changes: Any) -> Permit:
    """A permit under ``approvals``, which skips those of GLASS if it breaks glass."""
    made = Permit("p", Obligations(approvals, 900, 3600, 5, Terms()))
    glass = changes.pop("break_glass", None)
    return replace(made, obligations=replace(made.obligations, break_glass=glass), **changes)


KEPT: list[tuple[str, Permit, dict[str, Any]]] = [
    # what it is about, the permit, what is kept besides the rule and the verdict
    ("nothing is owed", permit(), {"approvals": []}),
    ("one approval", permit(OPS), {"approvals": [[1, "group:ops"]]}),
    ("a lease", permit(lease="K7QM-2XVD"), {"approvals": [], "lease": "K7QM-2XVD"}),
    (
        "a demand",
        permit(OPS, DBA),
        {"approvals": [[1, "group:ops"], [2, "group:dba", "user:eve"]], "demands": ["", "authenticated with otp"]},
    ),
    (
        "another way",
        permit(replace(OPS, instead=(replace(DBA, after=300),))),
        {
            "approvals": [[1, "group:ops"]],
            "ways": [
                [WAY, {"need": 2, "from": ["group:dba", "user:eve"], "after": 300, "demand": "authenticated with otp"}],
            ],
        },
    ),
    (
        "a list without another way",
        permit(replace(OPS, also="oncall:ops", among=("bob",))),
        {"approvals": [[1, "group:ops"]], "ways": [[{**WAY, "also": "oncall:ops", "among": ["bob"]}]]},
    ),
    (
        "a list that is not known",
        permit(OPS, replace(OPS, also="oncall:ops", among=None)),
        {
            "approvals": [[1, "group:ops"], [1, "group:ops"]],
            "ways": [[WAY], [{**WAY, "also": "oncall:ops", "among": None}]],
        },
    ),
    (
        "broken glass",
        permit(break_glass=GLASS),
        {
            "approvals": [],
            "break_glass": {
                "instead_of": "restart",
                "skipped": [[1, "group:ops"], [2, "group:dba", "user:eve"]],
                "review_for": 3600,
                "open": 2,
            },
        },
    ),
    ("facts", permit(seen=(("fact.risk", "40"),)), {"approvals": [], "facts": {"fact.risk": "40"}}),
]


@pytest.mark.parametrize(("answer", "kept"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_what_the_chain_keeps_of_a_permit(answer: Permit, kept: dict[str, Any]) -> None:
    assert in_clear(answer.detail()) == {"decision": "permit", "rule": "p", "lease": None} | kept


def test_what_the_chain_keeps_of_a_deny() -> None:
    plain = {"decision": "deny", "why": "terms", "rule": "p", "because": "rule p wants none"}
    denied = Deny(Why.TERMS, "rule p wants none", "p", visible_to=("group:ops",))
    assert in_clear(denied.detail()) == plain
    assert in_clear(replace(denied, seen=(("fact.risk", "40"),)).detail()) == plain | {"facts": {"fact.risk": "40"}}
    assert in_clear(Deny(Why.NO_RULE, "no").detail()) == {"decision": "deny", "why": "no rule", "rule": "", "because": "no"}


def test_why_something_is_denied_is_spelled_as_the_chain_keeps_it() -> None:
    assert {why.name: in_clear(Deny(why, "no").detail())["why"] for why in Why} == {
        "RULE": "rule",
        "NO_RULE": "no rule",
        "NO_POLICY": "no policy",
        "ERROR": "error",
        "REASON": "reason",
        "TERMS": "terms",
        "MISSING": "missing",
        "UNFIT": "unfit",
        "LOCKED": "locked",
        "APPROVALS": "approvals",
        "GATEKEEPER": "gatekeeper",
        "AUTHENTICATION": "authentication",
        "REVIEW": "review",
        "ACCOUNT": "account",
    }


def test_a_deny_in_place_of_a_permit_is_read_by_the_same_people() -> None:
    for visible_to in (None, (), ("group:ops",)):
        given = permit(OPS, seen=(("fact.risk", "40"),))
        given = replace(given, obligations=replace(given.obligations, visible_to=visible_to))
        assert given.denied(Why.MISSING, "it is gone") == Deny(Why.MISSING, "it is gone", "p", visible_to=visible_to)


def test_an_approval_has_itself_and_each_other_way_as_its_ways() -> None:
    either = replace(OPS, instead=(DBA, replace(OPS, after=60)))
    assert (OPS.ways, either.ways) == ((OPS,), (OPS, DBA, replace(OPS, after=60)))
    assert [n_combinations(owed) for owed in ((), (OPS,), (OPS, either), (either, either))] == [1, 1, 3, 9]


def test_a_list_is_looked_up_in_every_way_that_has_one() -> None:
    either = replace(OPS, also="oncall:ops", instead=(DBA, replace(DBA, also="oncall:dba")))
    known = either.with_lists({"oncall:ops": ("bob",), "oncall:dba": None}.__getitem__)
    assert [way.among for way in known.ways] == [("bob",), None, None]
    again = known.with_lists({"oncall:ops": None, "oncall:dba": ()}.__getitem__)
    assert [way.among for way in again.ways] == [None, None, ()]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Record(), Record(), Record("terminal", "interval", "end")),
        (Record("none"), Record("all"), Record("all")),
        (Record("output"), Record("terminal"), Record("output")),
        (Record(sync="always"), Record(), Record(sync="always")),
        (Record(failure="continue"), Record(failure="continue"), Record(failure="continue")),
        (Record(failure="continue"), Record(), Record(failure="end")),
    ],
)
def test_of_two_ways_to_record_a_run_the_stricter_one_holds_part_by_part(one: Record, other: Record, both: Record) -> None:
    assert one.and_also(other) == other.and_also(one) == both
