# SPDX-License-Identifier: Apache-2.0
"""A decision that is made again, from the text of the policy and what is stored of the request: it agrees with the record, or
says what it does not know.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core.command import RunAs
from jitd.core.masking import MASKED
from jitd.core.names import NAMES
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.request import Request
from jitd.settings.policyfile import read_again
from jitd_evidence.pack.trace import trace
from tests.scene import START, asked, command, person

ALICE = person("alice")
PERMITTED = {"decision": "permit", "rule": "p"}


def policy(keys: str = "", more: str = "") -> Policy:
    text = PolicyText(
        ((b"p.toml", f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n{keys}\n{more}'.encode()),)
    )
    rules, faults = read_again(text)
    assert not faults, faults
    return Policy(tuple(rules), "deny", text.digest)


def traced(made: Policy, request: Request, recorded: dict[str, Any] = PERMITTED, after: float = 0) -> dict[str, Any]:
    return trace(made, request, START + timedelta(seconds=after), recorded, NAMES)


def request(*argv: str, **changes: Any) -> Request:
    return replace(asked("K7QM-2XVD", ALICE, command(*(argv or ("psql",)))), **changes)


def test_what_the_rule_permits_is_the_same_as_the_record_says() -> None:
    found = traced(policy(), request())
    assert found["same"] and found["says"] == found["recorded"] == {**PERMITTED, "because": ""}
    assert found["form"] == "jitd trace 1" and found["policy"] == policy().digest


def test_a_deny_is_told_with_its_reason() -> None:
    made = policy(more='[[deny]]\nname = "no"\ncommands = [["/usr/bin/psql"]]\nbecause = "not today"\n')
    found = traced(made, request(), {"decision": "deny", "rule": "no", "because": "x"})
    assert found["same"] and "not today" in found["says"]["because"]
    assert [(rule["rule"], rule["says"]) for rule in found["rules"]] == [("no", "denies"), ("p", "permits")]


def test_a_record_that_says_otherwise_is_contradicted_and_stays_beside_it() -> None:
    found = traced(policy(), request(), {"decision": "deny", "rule": "", "because": "no rule"})
    assert not found["same"] and found["recorded"]["decision"] == "deny" and found["says"]["decision"] == "permit"


def test_hours_are_those_of_the_moment_of_the_decision() -> None:
    made = policy('hours = ["Mon 09:00-09:01 UTC"]')
    assert traced(made, request())["same"]
    assert not traced(made, request(), after=120)["same"]


@pytest.mark.parametrize(
    ("seen", "says", "same"),
    [
        ((("fact.load", "0.5"),), "permit", True),
        ((("fact.load", "7.5"),), "deny", False),
        ((), None, False),
        ((("fact.load", "not known: nobody answers"),), None, False),
        ((("fact.load", "0.5…"),), None, False),
        ((("fact.load", "much"),), None, False),
    ],
)
def test_a_fact_is_the_one_that_was_stored_or_is_not_known(seen: Any, says: str | None, same: bool) -> None:
    found = traced(policy("when = 'fact.load < 2.0'"), request(seen=seen))
    assert found["same"] is same and (found["says"] or {"decision": None})["decision"] == says
    assert ("fact.load is not stored." in found["unknown"]) is (says is None)


def test_a_group_that_is_not_the_accounts_own_is_recognised_by_what_was_recorded() -> None:
    ordinary = policy('run_as = ["postgres"]')
    given = request()
    other = replace(given, command=replace(given.command, run_as=RunAs("postgres", 104, "adm", 4)))
    assert traced(ordinary, other)["same"], "perhaps adm is its own group"
    found = traced(ordinary, other, {"decision": "deny", "rule": "", "because": ""})
    assert found["same"] and found["says"]["decision"] == "deny"
    named = policy('run_as = ["postgres:adm"]')
    assert traced(named, other)["same"] and "whether the group" in traced(named, other)["unknown"][1]


def test_what_is_not_stored_is_named() -> None:
    given = request("psql", "--password=x")
    masked = replace(given, command=replace(given.command, argv=(b"psql", MASKED.encode()), masked=((1, 0),)))
    assert traced(policy(), masked)["unknown"] == [
        *("It is not stored who else could change the command's file.", "The masked words are not stored.")
    ]
