# SPDX-License-Identifier: Apache-2.0
"""What an approval is worth after it was given: at a use of a lease, by ``--resume``, and for an equal request.

Law: one row is one change between the review and the use; in its twin nothing changed that matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jitd.core import grant, lock
from jitd.core.decision import Approval, Permit
from jitd.core.policy import Policy, Rule
from jitd.core.request import Review, Verdict
from tests.daemon.test_decider import ALICE, BOB, CAROL, ENV, OPS, WAITING, House, house, rule
from tests.scene import START, actor, locked, moment, place
from tests.scene import asked as requested

__all__ = ["house"]


# --- what approvals are worth later ------------------------------------------------------------------------------------

RID = "AAAA-AAAA"
REFUSED = (BOB.principal,)


def change(**fields: Any) -> Callable[[House], None]:
    """Something that changes between an approval and the use that is taken of it."""

    def of(house: House) -> None:
        for name, value in fields.items():
            setattr(house, name, value)

    return of


def ruled(*rules: Rule) -> Policy:
    return Policy(rules, "permit", "")


TWO = rule(approvals=(Approval(2, ("group:ops",)),))
# what happens between, is the approval still worth a use?
BETWEEN: dict[str, tuple[Callable[[House], None], bool]] = {
    "nothing": (change(), True),
    "its author's account is gone": (change(gone=("bob",)), False),
    "the KDC has refused its author": (change(refused=REFUSED), False),
    "somebody else's account is gone": (change(gone=("carol",)), True),
    "its author has left the group": (change(left=frozenset({"ops"})), False),
    "its author has left another group": (change(left=frozenset({"dba"})), True),
    "its author is locked, by another spelling": (
        lambda house: house.lifecycle.handle(place(locked(lock.Whom.PRINCIPAL, "bob/admin@EXAMPLE.TEST", person="bob"))),
        False,
    ),
    "the rule asks two": (change(policy=ruled(TWO)), False),
    "the rule asks others": (change(policy=ruled(rule(approvals=(Approval(1, ("group:security",)),)))), False),
    "the rule asks others as well": (change(policy=ruled(rule(approvals=(*OPS, Approval(1, ("group:security",)))))), False),
    "the rule also takes others": (change(policy=ruled(rule(approvals=(Approval(1, ("group:ops", "group:dba")),)))), True),
    "the rule gives less time": (change(policy=ruled(rule(lasts_for=1)), at=moment(1)), False),
    "a rule about something else comes first": (
        change(policy=ruled(Rule("permit", "q", who=(), run_as=("root",), commands=(ENV,)), rule())),
        True,
    ),
}


@pytest.mark.parametrize(("between", "is_enough"), BETWEEN.values(), ids=list(BETWEEN))
def test_an_approval_is_looked_at_anew_at_each_later_use(house: House, between: Callable[[House], None], is_enough: bool) -> None:
    """THREATS A-12, A-13: of a lease by a new request, and of its own request by ``--resume``."""
    what = house.first().command
    house.lease(RID, what)
    house.lease("CCCC-CCCC", what, lasts_for=None, uses=None)
    between(house)
    found = house.first().decision
    assert isinstance(found, Permit) and (found.lease == RID) is is_enough
    assert isinstance(house.use("CCCC-CCCC"), Permit) is is_enough


def test_another_rule_is_never_answered_for_by_a_lease_though_the_same_people_would_do(house: House) -> None:
    """THREATS A-12: its own request may be decided by another rule, whose approvals are tallied for it."""
    what = house.first().command
    house.lease(RID, what)
    house.lease("CCCC-CCCC", what, lasts_for=None, uses=None)
    house.policy = ruled(rule(name="q"))
    found = house.first()
    assert isinstance(found.decision, Permit) and (found.decision.lease, found.approved) == (None, None)
    assert isinstance(house.use("CCCC-CCCC"), Permit)


@pytest.mark.parametrize("standing", ["use", "review"])
@pytest.mark.parametrize(
    ("between", "counts"),
    [
        (change(left=frozenset({"ops"})), {"use": False, "review": True}),
        (change(gone=("bob",)), {"use": False, "review": False}),
        (change(refused=REFUSED), {"use": False, "review": False}),
        (lambda house: house.lifecycle.handle(place(locked(name="bob"))), {"use": False, "review": False}),
    ],
    ids=["the shift is over", "the account is gone", "the KDC refuses", "a lock"],
)
def test_a_rule_may_count_by_the_groups_of_the_review(house: House, between: Any, counts: dict[str, bool], standing: str) -> None:
    """THREATS A-13: an eight-hour lease does not end with a shift."""
    house.policy = ruled(rule(standing=standing))
    house.lease(RID, house.first().command)
    between(house)
    found = house.first().decision
    assert isinstance(found, Permit) and (found.lease == RID) is counts[standing]


def test_a_rule_that_says_review_only_now_does_not_loosen_what_was_approved_before(house: House) -> None:
    """THREATS A-13."""
    house.lease(RID, house.first().command)
    house.policy, house.left = ruled(rule(standing="review")), frozenset({"ops"})
    found = house.first().decision
    assert isinstance(found, Permit) and found.lease is None


def test_the_kdc_is_asked_of_the_requester_and_of_all_who_approved_together(house: House) -> None:
    """A KDC that is silent is waited for once: what it says, or does not say, is kept."""
    made = requested(what=WAITING, reviews=tuple(Review(by, Verdict.APPROVE, "", START) for by in (BOB, CAROL)))
    asyncio.run(house.decider.decide_again(made))
    assert house.asked_together == [(ALICE.principal, BOB.principal, CAROL.principal), (BOB.principal, CAROL.principal)]


def test_a_lease_that_ends_while_its_approvers_are_looked_up_answers_for_nothing(house: House) -> None:
    """THREATS A-13."""
    house.lease(RID, house.first().command)

    async def refused(principals: Sequence[str]) -> frozenset[str]:
        house.lifecycle.handle(grant.Revoked(RID, actor(ALICE), "given back"))
        return frozenset()

    house.decider._kdc.refused = refused
    found = house.first().decision
    assert isinstance(found, Permit) and found.lease is None


# --- one time ------------------------------------------------------------------------------------------------------------


def test_an_approval_for_one_time_is_told_to_an_equal_request_and_not_given_to_it(house: House) -> None:
    """THREATS A-14."""
    house.lease(RID, house.first().command, lasts_for=None, uses=None)
    found = house.first()
    assert isinstance(found.decision, Permit) and (found.decision.lease, found.approved) == (None, RID)
    assert isinstance(house.use(RID), Permit), "its own request takes it"
    assert house.first(argv=(b"/usr/bin/env", b"y")).approved is None


def test_nobody_is_sent_to_an_approval_that_counts_no_longer(house: House) -> None:
    """THREATS A-14: the request would be refused when it is resumed."""
    house.lease(RID, house.first().command, lasts_for=None, uses=None)
    house.gone = ("bob",)
    assert house.first().approved is None


def test_what_is_asked_anew_is_answered_by_nothing_that_was_granted_before(house: House) -> None:
    """``-k COMMAND``: the lease stays, and answers the next who asks without it."""
    house.lease(RID, house.first().command)
    asked_anew = house.first(anew=True).decision
    assert isinstance(asked_anew, Permit) and asked_anew.lease is None
    house.lease("CCCC-CCCC", house.first().command, lasts_for=None, uses=None)
    assert house.first(anew=True).approved is None
    again = house.first().decision
    assert isinstance(again, Permit) and again.lease == RID
    left_over = requested("DDDD-DDDD", what=WAITING, anew=True)
    house.lease("EEEE-EEEE", WAITING)
    later = asyncio.run(house.decider.decide_again(left_over)).decision
    assert isinstance(later, Permit) and later.lease is None
