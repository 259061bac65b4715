# SPDX-License-Identifier: Apache-2.0
"""What ``jitd check`` warns about [approvers] of jitd.toml, and about rules that take approvals by the door."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.authentication import Demand
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Approval
from jitd.core.policy import Rule
from jitd.core.subject import Approver, Sids
from jitd.settings.config import Config, Door
from jitd_inspection.checking.known import Known
from jitd_inspection.checking.people import about_people
from jitd_inspection.checking.reach import about_reach
from jitd_inspection.checking.visitors import about_visitors, names_of
from tests.core.house import permit

USERS: dict[str, int | None] = {"alice": 1001, "bob": 1002, "zoe": None, "root": 0}
GROUPS = {"ops": ("bob",), "dba": ("alice",), "remote": None}
CONFIG = Config(frozenset({"R"}), "h", people={"carl": frozenset({"carl"})})


def asks(*words: str, need: int = 1, **demand: Any) -> Rule:
    return permit(approvals=(Approval(need, words, Demand(**demand)),))


BY_DOOR, ON_HOST = asks("group:ops", door=True), asks("group:ops")
OPS, NONE = frozenset({"ops"}), frozenset[str]()
ROWS: list[tuple[str, dict[str, Approver], Rule, list[str]]] = [
    ("a line with an effect", {"zoe@T": Approver("zoe", OPS)}, BY_DOOR, []),
    ("no door", {"zoe@T": Approver("zoe", OPS)}, ON_HOST, ["no-effect: no approval of a rule names group:ops with door = true"]),
    ("a group of no rule", {"zoe@T": Approver("zoe", OPS | {"x"})}, BY_DOOR, ["no-effect: no approval of a rule names group:x"]),
    ("an account", {"bob@R": Approver("bob", OPS)}, BY_DOOR, ["no-effect: it has the account bob here"]),
    ("no group", {"zoe@T": Approver("zoe")}, BY_DOOR, ["no-effect: it has no groups"]),
    ("by principal", {"zoe@T": Approver("zoe")}, asks("principal:zoe@T", door=True), []),
    ("an account's name", {"bob@T": Approver("bob@T", OPS)}, BY_DOOR, ["two-persons: if the account bob is the same person"]),
    ("an instance", {"Bob/x@T": Approver("Bob/x@T", OPS)}, BY_DOOR, ["two-persons: if the account bob is the same person"]),
    (
        "somebody's own name",
        {"carl@T": Approver("carl@T", OPS)},
        BY_DOOR,
        ["two-persons: if the account carl is the same person"],
    ),
    ("said whose", {"bob@T": Approver("bob", OPS)}, BY_DOOR, []),
    (
        "two realms",
        {"zoe@T": Approver("zoe@T", OPS), "zoe@U": Approver("zoe", OPS)},
        BY_DOOR,
        ["two-persons: if zoe@U is the same person"],
    ),
]


@pytest.mark.parametrize(("lines", "rule", "found"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_line_that_has_no_effect_or_may_make_two_of_one_is_told(
    lines: dict[str, Approver], rule: Rule, found: list[str]
) -> None:
    """THREATS F-11: the warning about what jitd does not notice."""
    known = Known(GROUPS, USERS, replace(CONFIG, approvers=lines))
    warned = list(about_visitors([rule], known))
    assert len(warned) == len(found)
    for one, (name, _, text) in zip(warned, (each.partition(": ") for each in found), strict=True):
        assert one.name == name and one.sentence.partition(": ")[2].startswith(text), one
    assert all(word.startswith(("principal:", "user:")) for word in names_of(known.config))


def test_a_group_of_operators_has_an_effect_if_operators_may_come_by_the_door() -> None:
    lines = {"zoe@T": Approver("zoe", OPS)}
    for operators, n_warned in ((None, 1), (Demand(ticket_age=600, door=True), 0)):
        config = replace(CONFIG, approvers=lines, operators=("group:ops",), door=Door(operators=operators))
        assert len(list(about_visitors([ON_HOST], Known(GROUPS, USERS, config)))) == n_warned


def test_a_group_by_sids_that_no_approval_by_the_door_names_is_told_and_its_people_are_never_too_few() -> None:
    sids = Sids({"S-1-5-21-1-2-3-1105": "remote"}, frozenset({"R"}))
    known = Known(GROUPS, USERS, replace(CONFIG, sids=sids))
    by_door, on_host = asks("group:remote", door=True, need=2), asks("group:remote")
    assert list(about_visitors([by_door], known)) == [] and list(about_people([by_door], known)) == []
    assert [one.name for one in about_people([on_host], known)] == ["no-approver"]
    for rule, why in ((ON_HOST, "names group:remote"), (on_host, "names group:remote with door = true")):
        (warned,) = about_visitors([rule], known)
        assert warned.name == "no-effect" and warned.sentence.startswith("jitd.toml, [approvers.sids]: no approval of a rule")
        assert warned.sentence.endswith(why)


def test_people_of_a_line_are_enough_for_an_approval_by_the_door_alone() -> None:
    lines = {"zoe@T": Approver("zoe", frozenset({"remote"})), "yan@T": Approver("zoe", frozenset({"remote"}))}
    known = Known(GROUPS, USERS, replace(CONFIG, approvers=lines))
    assert list(about_people([asks("group:remote", door=True)], known)) == []
    assert [one.name for one in about_people([asks("group:remote")], known)] == ["no-approver"]
    assert [one.name for one in about_people([asks("group:remote", door=True, need=2)], known)] == ["no-approver"]
    assert [one.name for one in about_people([asks("group:remote", door=True)], Known(GROUPS, USERS, CONFIG))] == ["no-such-name"]


@pytest.mark.parametrize(
    ("demand", "is_bare"),
    [
        ({"door": True}, True),
        ({"door": True, "forwarded": "refuse"}, True),
        ({"door": True, "ticket_age": 600}, False),
        ({"door": True, "indicators": ("otp",)}, False),
        ({}, False),
    ],
)
def test_a_rule_that_gives_root_for_a_bare_ticket_by_the_door_is_told(demand: dict[str, Any], is_bare: bool) -> None:
    """THREATS F-09."""
    shell = replace(asks("group:ops", **demand), commands=(read_command_pattern(("/bin/sh",)),))
    harmless = replace(asks("group:ops", **demand), commands=(read_command_pattern(("/usr/bin/true",)),))
    assert ("bare-door" in [one.name for one in about_reach([shell], {})]) is is_bare
    assert "bare-door" not in [one.name for one in about_reach([harmless], {})]
