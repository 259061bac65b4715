# SPDX-License-Identifier: Apache-2.0
"""A made account is its holder's person: by name, in reviews, as operator, under locks, and at its end.

Law: each direction in which somebody could approve themself through an account has a test of its own.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import account_ending, owed_review
from jitd.core.approvers import lack, may_approve, may_review, tally
from jitd.core.command import spell_id
from jitd.core.decision import Approval, BreakGlass
from jitd.core.grant import Revoked
from jitd.core.holding import Account, Given, Holding, Kept, Taking
from jitd.core.law import DAEMON
from jitd.core.lock import Whom, is_on
from jitd.core.made_account import account_of_holding, holding_of, is_made, itself
from jitd.core.naming import Naming
from jitd.core.request import Withdrawn, issued
from jitd.core.subject import is_named, named, person_of
from tests.scene import START, asked, free, locked, moment, person

ACCOUNT = "jit-wnc0d702"
MADE = replace(person("alice"), user=ACCOUNT, uid=70000, gid=70000, groups=frozenset({"ops", "staff"}))
"""Alice by an account that was made for her, which is in a group that approves."""
OPS = (Approval(1, ("group:ops",)),)
PEOPLE = {"smith": frozenset({"alice", "alice-adm"})}


def behind(account: str) -> str:
    return "alice" if account == ACCOUNT else account


# --- names ---------------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=5, max_size=5), st.one_of(st.just(0), st.integers(1, 10**9 - 1)))
def test_the_name_of_an_account_says_whose_holding_it_is_and_the_other_way_round(bits: bytes, number: int) -> None:
    holding = spell_id(bits) + (f".{number}" if number else "")
    account = account_of_holding(holding)
    assert holding_of(account) == holding and is_made(account) and len(account) <= 32


@pytest.mark.parametrize(
    "other",
    [
        "alice", "jit-", "jit-wnc0d70", "jit-wnc0d7022", "jit-WNC0D702", "jit-wnc0d70u", "jit-wnc0d702-", "jit-wnc0d702-0",
        "jit-wnc0d702-1234567890", "jit-wnc0d702\n", "xjit-wnc0d702", "jit-wnc0d702-02",
    ],
)  # fmt: skip
def test_any_other_name_is_that_of_no_made_account(other: str) -> None:
    assert holding_of(other) is None and not is_made(other)


def test_no_principal_maps_to_a_made_account_by_its_name() -> None:
    """THREATS Q-21: who can make such a principal is not its holder."""
    realms = frozenset({"EXAMPLE.TEST"})
    assert Naming(realms).account_of(f"{ACCOUNT}@EXAMPLE.TEST".encode()) is None
    assert Naming(realms).account_of(b"jit-wnc0d70@EXAMPLE.TEST") == "jit-wnc0d70"


def test_the_person_behind_a_made_account_is_the_one_behind_its_holders() -> None:
    assert person_of(ACCOUNT, {}, behind) == "alice" and person_of(ACCOUNT, PEOPLE, behind) == "smith"
    assert person_of(ACCOUNT, {}, itself) == ACCOUNT, "of whom the record knows nothing is nobody else"
    meant = named(ACCOUNT, Naming(), PEOPLE, behind)
    assert meant.person == "smith" and is_named(person("alice", person="smith"), meant)


# --- reviews -------------------------------------------------------------------------------------------------------------


def test_a_holder_does_not_approve_by_the_account_what_they_asked_for_by_their_own() -> None:
    """THREATS Q-21."""
    assert may_review(OPS, MADE, person("alice")) == frozenset()
    assert tally(OPS, (MADE,), person("alice")) == 1


def test_a_holder_does_not_approve_by_their_own_account_what_they_asked_for_by_the_made_one() -> None:
    """THREATS Q-21."""
    alice = person("alice", groups=frozenset({"ops"}), principal="alice/admin@EXAMPLE.TEST")
    assert may_review(OPS, alice, MADE) == frozenset() and tally(OPS, (alice,), MADE) == 1
    assert may_review(OPS, person("bob"), MADE) == {0}


def test_a_made_account_reviews_nothing_at_all() -> None:
    """THREATS Q-22: also not what somebody else has asked for."""
    carol = person("carol")
    assert may_review(OPS, MADE, carol) == may_approve(OPS, MADE, carol) == frozenset()
    assert tally(OPS, (MADE,), carol) == 1 and lack(OPS, MADE, carol) == ""
    assert may_review(OPS, replace(MADE, user="alice"), carol) == {0}, "it would if it were an account of hers"


def test_two_accounts_of_one_person_count_once_and_a_made_one_not_at_all() -> None:
    two = (Approval(2, ("group:ops",)),)
    bob = person("bob")
    assert tally(two, (bob, replace(MADE, person="bob")), person("dave")) == 1


def test_no_made_account_reviews_what_was_done_behind_broken_glass() -> None:
    """THREATS Q-22."""
    glass, carol = BreakGlass("p", OPS, 3600, 1), person("carol")
    owed = owed_review.OwedReview("K7QM-2XVD", carol, "rule-1", glass, b"", START, "boot-1", 0.0, 1.0)
    assert owed_review.was_skipped(glass, person("bob"), carol) and not owed_review.was_skipped(glass, MADE, carol)
    overdue = replace(owed, state=owed_review.OwedReviewState.OVERDUE)
    assert owed_review.roles_of(overdue, person("bob")) and owed_review.roles_of(overdue, MADE) == frozenset()


# --- locks -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("whom", "name"), [(Whom.USER, "alice"), (Whom.PRINCIPAL, "alice@EXAMPLE.TEST")])
def test_a_lock_on_the_holder_is_on_the_account(whom: Whom, name: str) -> None:
    """THREATS Q-23."""
    placed = replace(locked(whom, name), person="alice", uid=1001)
    assert is_on(placed, MADE) and not is_on(placed, replace(MADE, person="carol", principal="carol@EXAMPLE.TEST"))


def test_a_lock_on_the_account_is_on_its_holder() -> None:
    """THREATS Q-23."""
    placed = replace(locked(Whom.USER, ACCOUNT), person="alice", uid=70000)
    assert is_on(placed, person("alice")) and not is_on(placed, person("bob"))


# --- its end ---------------------------------------------------------------------------------------------------------------

HOLDING = Holding(
    "WNC0-D702",
    "WNC0-D702",
    "WNC0-D702",
    "account:contractor",
    "alice@EXAMPLE.TEST",
    START,
    True,
    START,
    account=Account("alice", 1001),
)


def test_what_was_got_by_the_account_ends_with_it() -> None:
    """THREATS Q-24."""
    by_it, by_hers = asked("A0A0-A0A0", MADE), asked("B0B0-B0B0")
    grants = [issued(replace(one, obligations=free().obligations), moment()).grant for one in (by_it, by_hers)]
    ended = account_ending.consequences(HOLDING, (by_it, by_hers), grants)
    because = f"the account {ACCOUNT} is taken back"
    assert ended == (Withdrawn("A0A0-A0A0", DAEMON, because), Revoked("A0A0-A0A0", DAEMON, because))


def test_only_the_end_of_an_account_ends_what_was_got_by_one() -> None:
    taking = Taking(HOLDING.id, DAEMON, "x")
    assert account_ending.ends_account(HOLDING, taking)
    assert not account_ending.ends_account(replace(HOLDING, thing="sudoers:account"), taking)
    assert not account_ending.ends_account(SimpleNamespace(thing=HOLDING.thing), taking), "an object that is not a holding"
    for event in (Given(HOLDING.id, DAEMON), Kept(HOLDING.id, DAEMON)):
        assert not account_ending.ends_account(HOLDING, event)
