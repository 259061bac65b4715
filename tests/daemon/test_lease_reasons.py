# SPDX-License-Identifier: Apache-2.0
"""A use of a lease has the reason of the lease, so nobody is asked for it again. For everything else, a reason is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.keys.reason import Reason
from jitd.core.policy import Policy
from jitd.core.request import Request, RequestState
from jitd.expressions.patterns import read_pattern
from jitd.verbs.refusal import Refusal
from tests.daemon.asking import SAID, AskingHouse, Client, house
from tests.daemon.test_decider import WAITING, rule

__all__ = ["house"]  # a fixture

WISH = Reason(read_pattern("CHG-[0-9]+"), "the change number")
WANTS = "rule p wants a reason: the change number"
LEASE, OF_LEASE = "AAAA-AAAA", "replica lag, CHG-1"


@pytest.fixture
def leased(house: AskingHouse) -> AskingHouse:
    house.policy = Policy((rule(reason=WISH),), "permit", "digest")
    command = replace(house.first(reason="CHG-1").command, findings=None)
    house.lease(LEASE, command, claims=replace(SAID, reason=OF_LEASE))
    return house


def asks(house: AskingHouse, **changes: Any) -> Request:
    async def play() -> Request:
        made = await Client(house).submit(**changes)
        return house.found(made.id)

    made: Request = house.run(play())
    return made


def refused(house: AskingHouse, **changes: Any) -> str:
    n_requests = len(list(house.store.requests(ended=True)))
    with pytest.raises(Refusal) as no:
        asks(house, **changes)
    assert no.value.code == "reason" and len(list(house.store.requests(ended=True))) == n_requests
    return no.value.text


@pytest.mark.parametrize(
    ("reason", "kept"),
    [(None, OF_LEASE), ("", OF_LEASE), (" ", OF_LEASE), ("CHG-2", "CHG-2")],
    ids=["none", "empty", "blank", "own"],
)
def test_a_use_of_a_lease_has_its_reason_and_nobody_is_asked_for_it_again(
    leased: AskingHouse, reason: str | None, kept: str
) -> None:
    """A reason that is given is kept."""
    made = asks(leased, reason=reason)
    assert (made.state, made.lease, made.claims.reason) == (RequestState.APPROVED, LEASE, kept)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"argv": (b"/usr/bin/env", b"another")}, WANTS),
        ({"lasts_for": 60}, WANTS),
        ({"anew": True}, WANTS),
        ({"reason": "because"}, f"your reason does not match: {WANTS}"),
    ],
    ids=["another command", "a longer lease", "-k", "a reason that does not match"],
)
def test_for_everything_else_a_reason_is_wanted_and_nothing_is_submitted(
    leased: AskingHouse, changes: dict[str, Any], told: str
) -> None:
    """THREATS A-20."""
    assert refused(leased, **changes) == told
    assert leased.store.grant(LEASE).left == 2  # type: ignore[union-attr]


def test_a_lease_that_does_not_count_any_more_lends_no_reason(leased: AskingHouse) -> None:
    """THREATS A-20: its approver may not approve any more, or the rule wants another reason now."""
    leased.gone = ("bob",)
    assert refused(leased) == WANTS
    leased.gone = ()
    leased.policy = Policy((rule(reason=Reason(read_pattern("INC-[0-9]+"))),), "permit", "digest")
    assert refused(leased) == "rule p wants a reason that matches INC-[0-9]+"
    leased.policy = Policy((rule(name="q", reason=WISH),), "permit", "digest")
    assert refused(leased) == WANTS.replace(" p ", " q ")
    leased.policy = Policy((rule(reason=WISH),), "permit", "digest")
    assert asks(leased).lease == LEASE, "the honest use"


def test_of_two_leases_the_reason_is_that_of_the_one_that_answers(leased: AskingHouse) -> None:
    old = replace(WAITING, streams=("null", "null", "null"))
    leased.lease("BBBB-BBBB", old, claims=replace(SAID, reason="CHG-7"))
    made = asks(leased)
    assert made.claims.reason == leased.found(made.lease or "").claims.reason
