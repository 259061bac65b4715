# SPDX-License-Identifier: Apache-2.0
"""What approvals are worth later: at a use of a lease, or by ``--resume``. Law: one row is one change since the review."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core import grant, lease
from jitd.core.decision import Approval, Obligations, Permit, Record, Terms
from jitd.core.deed import JITSUDO
from jitd.core.grant import Grant, Used, covers, waits_for_its_own
from jitd.core.request import Request, RequestState, Review, Verdict, issued
from jitd.core.subject import Subject
from tests.scene import HOST, START, actor, asked, command, moment, permit, person

ALICE, BOB, CAROL, DAVE = (person(name) for name in ("alice", "bob", "carol", "dave"))
OPS, TWO_OPS, SECURITY = Approval(1, ("group:ops",)), Approval(2, ("group:ops",)), Approval(1, ("group:security",))
OPS_OR_SECURITY = Approval(1, ("group:ops", "group:security"))


def approved(by: tuple[Subject, ...], owed: Permit, **changes: object) -> tuple[Request, Grant]:
    """A request that those people approved, and its grant."""
    reviews = tuple(Review(one, Verdict.APPROVE, "", START) for one in by)
    made = replace(asked(**changes), state=RequestState.APPROVED, rule="rule-1", obligations=owed.obligations, reviews=reviews)
    return made, issued(made, moment()).grant


def today(*approvals: Approval, **changes: object) -> Obligations:
    return replace(permit().obligations, approvals=approvals, **changes)


# (what has changed, what was asked, who approved, what is asked today, who stands, is it enough?)
ROWS = [
    ("nothing", (OPS,), (BOB,), (OPS,), (BOB,), True),
    ("nothing, of two", (OPS, SECURITY), (BOB, DAVE), (OPS, SECURITY), (BOB, DAVE), True),
    ("the rule asks two of them now", (OPS,), (BOB,), (TWO_OPS,), (BOB,), False),
    ("the rule asks somebody else as well", (OPS,), (BOB,), (OPS, SECURITY), (BOB,), False),
    ("the rule asks somebody else instead", (OPS,), (BOB,), (SECURITY,), (BOB,), False),
    ("the rule asks somebody, and asked nobody", (), (), (OPS,), (), False),
    ("the rule asks fewer", (TWO_OPS,), (BOB, CAROL), (OPS,), (BOB, CAROL), True),
    ("the rule also takes others now", (OPS,), (BOB,), (OPS_OR_SECURITY,), (BOB,), True),
    ("the rule asks nobody any more", (OPS,), (BOB,), (), (BOB,), True),
    ("who approved is gone", (OPS,), (BOB,), (OPS,), (), False),
    ("one of two is gone", (TWO_OPS,), (BOB, CAROL), (TWO_OPS,), (CAROL,), False),
    ("one of two is gone, and one would do today", (TWO_OPS,), (BOB, CAROL), (OPS,), (CAROL,), False),
    ("who approved has left the group", (OPS,), (BOB,), (OPS,), (replace(BOB, groups=frozenset({"bob"})),), False),
    ("who approved is in more groups now", (OPS,), (BOB,), (OPS,), (replace(BOB, groups=BOB.groups | {"dba"}),), True),
    ("who approved is the requester's person now", (OPS,), (BOB,), (OPS,), (replace(BOB, person="alice"),), False),
]


@pytest.mark.parametrize(("what", "then", "by", "now", "standing", "is_enough"), ROWS, ids=[row[0] for row in ROWS])
def test_approvals_are_tallied_again_for_what_is_asked_today(what, then, by, now, standing, is_enough):
    """THREATS A-12, A-13."""
    answered, held = approved(by, permit() if not then else permit(*then), lasts_for=600, uses=3)
    answered = replace(answered, obligations=replace(answered.obligations, approvals=then))
    assert lease.discharges(held, answered, today(*now), standing, moment(1)) is is_enough
    assert (lease.owes(answered, today(*now), standing) == 0) is is_enough


def test_what_was_never_permitted_is_no_approval():
    with pytest.raises(AssertionError, match="an approved request has its obligations"):
        lease.owes(asked(), today(), ())


# (what the rule gives today, after so many seconds, uses taken, is it still within?)
WITHIN = [
    ({}, 1, 0, True),
    ({}, 599, 2, True),
    ({"lasts_for": 60}, 59, 0, True),
    ({"lasts_for": 60}, 60, 0, False),
    ({"uses": 1}, 1, 0, True),
    ({"uses": 1}, 1, 1, False),
    ({"lasts_for": 9999, "uses": 99}, 599, 2, True),
]


@pytest.mark.parametrize(("gives", "after", "taken", "is_within"), WITHIN)
def test_a_lease_is_no_longer_and_has_no_more_uses_than_its_rule_gives_today(gives, after, taken, is_within):
    """THREATS A-12."""
    answered, held = approved((BOB,), permit(), lasts_for=600, uses=3)
    held = replace(held, left=held.uses - taken)
    assert lease.discharges(held, answered, today(OPS, **gives), (BOB,), moment(after)) is is_within


SHIFTED = replace(BOB, groups=frozenset({"bob"}))
"""bob, whose shift is over."""


@pytest.mark.parametrize(
    ("standing", "now", "counts"),
    [
        ("use", BOB, True),
        ("use", SHIFTED, False),
        ("use", None, False),
        ("review", BOB, True),
        ("review", SHIFTED, True),
        ("review", None, False),
        ("review", replace(SHIFTED, person="alice"), False),
    ],
)
def test_a_rule_may_take_the_groups_of_the_review_and_never_an_account_that_is_gone(standing, now, counts):
    """THREATS A-13."""
    answered, _ = approved((BOB,), permit())
    left = lease.still_counts(answered.reviews[0], now, standing)
    assert (lease.owes(answered, today(OPS), () if left is None else (left,)) == 0) is counts


# --- one time -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "asks_for", "answers"),
    [
        (JITSUDO, {}, False),
        (JITSUDO, {"lasts_for": 60}, True),
        (JITSUDO, {"uses": 1}, True),
        ("sudo", {}, True),
        ("sudo", {"lasts_for": 60}, True),
    ],
)
def test_an_approval_for_one_time_belongs_to_its_request_but_at_a_gate(service, asks_for, answers):
    """THREATS A-14: at a gate, where nobody can name a request, it answers the next who asks the same."""
    _, held = approved((BOB,), permit(), service=service, **asks_for)
    same = (held, ALICE, HOST, service, command("true"), "rule-1", moment(1))
    assert covers(*same) is answers
    assert waits_for_its_own(*same) is not answers


@pytest.mark.parametrize("change", [{"left": 0}, {"boot_id": "boot-2"}, {"rule": "rule-2"}, {"ends_boot": 1001.0}])
def test_nobody_is_sent_to_a_request_that_has_nothing_left(change):
    """THREATS A-14."""
    _, held = approved((BOB,), permit())
    assert not waits_for_its_own(replace(held, **change), ALICE, HOST, JITSUDO, command("true"), "rule-1", moment(1))


# --- terms --------------------------------------------------------------------------------------------------------------------


def test_a_use_is_on_the_terms_of_today_where_these_are_tighter_and_so_are_later_ones():
    """THREATS A-13."""
    _, held = approved((BOB,), permit(terms=Terms(leftovers="keep", record=Record(what="output"))), uses=3)
    tight, loose = Terms(timeout_for=60, record=Record(what="all")), Terms(leftovers="keep", record=Record(what="none"))
    for terms in (tight, loose):
        held, _ = grant.transition(held, Used(held.id, actor(ALICE), held.id, terms), moment(1))
        assert held.terms == Terms(timeout_for=60, leftovers="end", record=Record(what="all"))
