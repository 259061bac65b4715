# SPDX-License-Identifier: Apache-2.0
"""``self`` in ``run_as``: the requester's own account, in permits and denies, and in what is said about rules with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.command import RunAs
from jitd.core.explaining import closest, explain
from jitd.core.policy import Rule, decide, describe
from jitd.core.question import Question
from tests.core.house import ALICE, BOB, NOON, deny, permit, policy, question, told

NO_RULE = "no rule: no rule permits this"
DENIED = "rule: rule d denies it"
OWN = RunAs("alice", 4001, "alice", 4001)
HERS = RunAs("alice", 4001, "docker", 998)
BOBS = RunAs("bob", 4002, "docker", 998)
ROOTS = RunAs("root", 0, "docker", 998)
CALLED_SELF = RunAs("self", 4009, "docker", 998)
SECOND_NAME = RunAs("alice2", 4001, "docker", 998)
MINE, ANY = permit(run_as=("self:docker",)), permit(run_as=("*",))


def asked(run_as: RunAs, **facts: Any) -> Question:
    return question(run_as=run_as, **{"is_own_group": run_as.user == run_as.group, **facts})


@pytest.mark.parametrize(
    ("rules", "run_as", "answer"),
    [
        # a permit: her own account, in name and uid, with the group of the word
        ((MINE,), HERS, "p"),
        ((MINE,), OWN, NO_RULE),
        ((MINE,), replace(HERS, group="lxd", gid=997), NO_RULE),
        ((MINE,), BOBS, NO_RULE),
        ((MINE,), ROOTS, NO_RULE),
        ((MINE,), SECOND_NAME, NO_RULE),
        ((MINE,), CALLED_SELF, NO_RULE),
        ((permit(run_as=("self",)),), OWN, "p"),
        ((permit(run_as=("self",)),), HERS, NO_RULE),
        ((permit(run_as=("self:*",)),), HERS, "p"),
        ((permit(run_as=("self:*",)),), BOBS, NO_RULE),
        ((permit(run_as=("postgres", "self:docker")),), HERS, "p"),
        # a deny: her account by its name or by its uid, and an account of this name, with any group unless it names one
        ((ANY, deny(run_as=("self",))), HERS, DENIED),
        ((ANY, deny(run_as=("self",))), OWN, DENIED),
        ((ANY, deny(run_as=("self:docker",))), HERS, DENIED),
        ((ANY, deny(run_as=("self:docker",))), OWN, "p"),
        ((ANY, deny(run_as=("self:docker",))), SECOND_NAME, DENIED),
        ((ANY, deny(run_as=("self:docker",))), CALLED_SELF, DENIED),
        ((ANY, deny(run_as=("self:docker",))), BOBS, "p"),
        ((ANY, deny(run_as=("*:docker",))), HERS, DENIED),
        ((MINE, deny(run_as=("alice",))), HERS, DENIED),
    ],
)
def test_what_policy_answers_about_ones_own_account(rules: tuple[Rule, ...], run_as: RunAs, answer: str) -> None:
    """THREATS Q-31"""
    assert told(decide(policy(*rules), asked(run_as), NOON)) == answer


def test_nobody_else_runs_as_the_one_who_asks() -> None:
    """THREATS Q-31: the same rule is for each of them, and about each of them alone."""
    both = permit(who=("group:dba", "group:ops"), run_as=("self:docker",))
    assert told(decide(policy(both), question(BOB, run_as=BOBS, is_own_group=False), NOON)) == "p"
    assert told(decide(policy(both), question(BOB, run_as=HERS, is_own_group=False), NOON)) == NO_RULE
    assert told(decide(policy(both), question(ALICE, run_as=BOBS, is_own_group=False), NOON)) == NO_RULE


@pytest.mark.parametrize(
    ("wide", "narrow", "is_covered"),
    [
        (("self:*",), ("self:docker",), True),
        (("*",), ("self:docker",), True),
        (("*:docker",), ("self:docker",), True),
        (("self:docker",), ("self:docker",), True),
        (("self",), ("self:docker",), False),
        (("self:docker",), ("alice:docker",), False),
        (("alice:*",), ("self:docker",), False),
        (("self:*",), ("*:docker",), False),
    ],
)
def test_which_permits_cover_one_another(wide: tuple[str, ...], narrow: tuple[str, ...], is_covered: bool) -> None:
    assert permit("a", run_as=wide).covers(permit("b", run_as=narrow)) is is_covered


def test_a_deny_of_self_covers_permits_of_self_with_any_group() -> None:
    assert deny(run_as=("self",)).covers(MINE)
    assert not deny(run_as=("self",)).covers(permit(run_as=("alice:docker",))), "somebody else may ask for alice's account"


def test_it_is_told_as_the_account_of_the_reader_and_as_the_word_of_the_rule() -> None:
    assert describe(MINE).startswith("any command as yourself with group docker (-g)")
    assert describe(permit(run_as=("self", "self:*"))).startswith("any command as yourself or yourself with any group (-g)")
    (near,) = closest(policy(MINE), asked(OWN), NOON)
    assert near.wants == ("as self:docker",)
    (found,) = explain(policy(MINE), asked(HERS), NOON)
    assert [one.value for one in found.findings if one.condition == "run_as"] == ["alice:docker"]
