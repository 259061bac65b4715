# SPDX-License-Identifier: Apache-2.0
"""Rules with ``without_kdc = "local"``: what they permit to people whom local PAM has proved, and whose approvals they take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.approvers import may_approve, may_review, tally
from jitd.core.decision import Approval, Deny, Obligations, Permit, Terms, Why, narrow
from jitd.core.policy import Rule, decide
from jitd.core.subject import Subject
from jitd.core.ways import opened
from jitd.core.when import When
from tests.core.test_policy import ALICE, BOB, NOON, deny, permit, policy, question

ALICE_BY_PAM = replace(ALICE, principal="pam:alice", perhaps=frozenset({ALICE.principal}))
BOB_BY_PAM = replace(BOB, principal="pam:bob", perhaps=frozenset({BOB.principal}))
LOCAL: dict[str, Any] = {"without_kdc": "local"}
IS_ALICE = When("is alice", frozenset({"subject.principal"}), lambda values: values["subject.principal"] == ALICE.principal)
IS_LOCAL = When("is local", frozenset({"subject.is_local"}), lambda values: values["subject.is_local"] is True)


@pytest.mark.parametrize(
    ("rules", "who", "is_permitted"),
    [
        ((permit(**LOCAL),), ALICE_BY_PAM, True),
        ((permit(**LOCAL),), ALICE, True),
        ((permit(),), ALICE_BY_PAM, False),
        ((permit(needs_ticket=False),), ALICE_BY_PAM, False),
        ((permit(), permit("second", **LOCAL)), ALICE_BY_PAM, True),
        ((permit(**LOCAL), deny(who=None)), ALICE_BY_PAM, False),
        ((permit(**LOCAL), deny(who=(f"principal:{ALICE.principal}",))), ALICE_BY_PAM, False),
        ((permit(**LOCAL), deny(who=("user:alice",))), ALICE_BY_PAM, False),
        ((permit(who=(f"principal:{ALICE.principal}",), **LOCAL),), ALICE_BY_PAM, False),
        ((permit(**LOCAL),), replace(ALICE, principal="local:alice"), False),
    ],
)
def test_only_a_rule_that_says_so_permits_to_who_was_proved_by_pam_and_denies_hold(
    rules: tuple[Rule, ...], who: Subject, is_permitted: bool
) -> None:
    """THREATS K-21."""
    assert isinstance(decide(policy(*rules), question(who), NOON), Permit if is_permitted else Deny)


def test_an_approval_by_local_pam_counts_only_where_the_rule_takes_it() -> None:
    """THREATS K-21."""
    owed = (Approval(1, ("group:ops",), instead=(Approval(1, ("user:bob",)),)),)
    bob = replace(BOB_BY_PAM, groups=frozenset({"ops"}))
    assert may_approve(opened(owed, 0, "local"), bob, ALICE)
    assert not may_review(opened(owed, 0), bob, ALICE)
    assert tally(opened(owed, 0), (bob,), ALICE) == 1 and tally(opened(owed, 0, "local"), (bob,), ALICE) == 0


def test_one_person_counts_once_with_a_ticket_and_by_pam_and_never_for_themself() -> None:
    """THREATS K-21."""
    two = opened((Approval(2, ("user:bob", "user:alice")),), 0, "local")
    assert tally(two, (BOB, BOB_BY_PAM), replace(ALICE, person="else", uid=9)) == 1
    assert not may_review(two, ALICE_BY_PAM, ALICE) and not may_review(two, ALICE, ALICE_BY_PAM)


@pytest.mark.parametrize(
    ("old", "new", "both"), [("local", "local", "local"), ("local", "deny", "deny"), ("deny", "local", "deny")]
)
def test_a_request_that_waits_keeps_the_stricter_word(old: str, new: str, both: str) -> None:
    terms = Obligations((), 1, 1, 1, Terms())
    assert narrow(replace(terms, without_kdc=old), replace(terms, without_kdc=new)).without_kdc == both


@pytest.mark.parametrize("rule", [permit("w", when=IS_ALICE, **LOCAL), deny("w", when=IS_ALICE)], ids=["permit", "deny"])
def test_a_condition_about_the_principal_denies_where_none_was_proved(rule: Rule) -> None:
    """THREATS K-21."""
    rules = policy(rule, permit(**LOCAL))
    answer = decide(rules, question(ALICE_BY_PAM), NOON)
    assert isinstance(answer, Deny) and answer.why is Why.ERROR and "but no principal" in answer.because
    assert isinstance(decide(rules, question(replace(ALICE, principal="other@EXAMPLE.TEST")), NOON), Permit)


@pytest.mark.parametrize(
    ("who", "is_denied"), [(ALICE_BY_PAM, True), (replace(ALICE, principal="local:alice"), True), (ALICE, False)]
)
def test_a_deny_of_those_without_a_ticket_holds_for_a_local_password(who: Subject, is_denied: bool) -> None:
    """THREATS K-21."""
    rules = policy(deny(when=IS_LOCAL), permit(**LOCAL), permit("second", needs_ticket=False))
    assert isinstance(decide(rules, question(who), NOON), Deny if is_denied else Permit)
