# SPDX-License-Identifier: Apache-2.0
"""Rights that change while a request waits.

Law: a right counts at the moment of the review, and again at the last approval. After a refusal nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from jitd.core.decision import Approval
from jitd.core.lock import Whom
from jitd.core.request import RequestState, Verdict
from jitd.core.subject import Subject
from jitd.verbs.refusal import Refusal
from tests.daemon.asking import ALICE, BOB, HERE, AskingHouse, Client, house
from tests.daemon.test_decider import CAROL, OPS
from tests.scene import locked, place

__all__ = ["house"]  # a fixture

TWO_OPS = (Approval(2, ("group:ops",)),)
Change = Callable[[AskingHouse], Any]


def leave(house: AskingHouse, user: str, group: str) -> None:
    """``user`` is in ``group`` no more, and nobody else has left it."""
    accounts: Any = house.decider._accounts

    def again(known: Subject) -> Subject | None:
        now = house.again(known)
        return now if now is None or now.user != user else replace(now, groups=now.groups - {group})

    accounts.again = again


LOST: dict[str, Change] = {
    "has left the group": lambda house: leave(house, "bob", "ops"),
    "has no account any more": lambda house: setattr(house, "gone", ("bob",)),
    "is refused by the KDC": lambda house: setattr(house, "refused", (BOB.principal,)),
    "is locked": lambda house: house.lifecycle.handle(place(locked(Whom.USER, "bob", person="bob"))),
    "is named by no rule any more": lambda house: house.rules(approvals=(Approval(1, ("group:security",)),)),
}


async def review(house: AskingHouse, id: str, who: Subject, verdict: Verdict = Verdict.APPROVE) -> str:
    return await house.reviews.review(who, id, verdict, house.found(id).fingerprint, "", HERE)


@pytest.mark.parametrize("change", [LOST[name] for name in list(LOST)[:4]], ids=list(LOST)[:4])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_who_lost_the_right_since_they_connected_reviews_nothing(house: AskingHouse, change: Change, verdict: Verdict) -> None:
    """THREATS A-07."""
    house.rules(approvals=OPS)

    async def play() -> None:
        made = await Client(house).submit()
        change(house)
        before, head = house.found(made.id), house.store.head()
        with pytest.raises(Refusal) as refused:
            await review(house, made.id, BOB, verdict)
        assert refused.value.code in ("forbidden", "unauthenticated")
        assert (house.found(made.id), house.store.head()) == (before, head)
        assert house.monitors.started == []

    house.run(play())


@pytest.mark.parametrize("change", LOST.values(), ids=list(LOST))
def test_an_approval_whose_author_lost_the_right_is_not_counted_with_the_next_one(house: AskingHouse, change: Change) -> None:
    """THREATS A-07."""
    house.rules(approvals=TWO_OPS)

    async def play() -> None:
        made = await Client(house).submit()
        await review(house, made.id, BOB)
        change(house)
        await review(house, made.id, CAROL)
        found = house.found(made.id)
        assert found.state is RequestState.PENDING and house.store.grant(made.id) is None
        assert house.monitors.started == []

    house.run(play())


def test_two_who_still_may_are_enough(house: AskingHouse) -> None:
    """The twin of the test above: what made the difference was the right."""
    house.rules(approvals=TWO_OPS)

    async def play() -> None:
        made = await Client(house).submit()
        await review(house, made.id, BOB)
        leave(house, "dave", "ops")
        await review(house, made.id, CAROL)
        assert house.found(made.id).state is RequestState.APPROVED

    house.run(play())


def test_rights_that_are_lost_while_the_review_is_being_looked_at_do_not_count(house: AskingHouse) -> None:
    """THREATS A-07: between the moment at which bob is found to be entitled and the commit, an operator locks him."""
    house.rules(approvals=OPS)

    async def play() -> None:
        made = await Client(house).submit()

        async def meanwhile(principals: Sequence[str]) -> frozenset[str]:
            if next(house.store.locks(), None) is None:
                house.lifecycle.handle(place(locked(Whom.USER, "bob", person="bob")))
            return frozenset()

        house.decider._kdc.refused = meanwhile
        with pytest.raises(Refusal) as refused:
            await review(house, made.id, BOB)
        assert refused.value.code == "forbidden"
        found = house.found(made.id)
        assert (found.state, found.reviews) == (RequestState.PENDING, ())
        assert house.store.grant(made.id) is None and house.monitors.started == []

    house.run(play())


def test_a_requester_who_joins_the_approvers_meanwhile_does_not_review_their_own(house: AskingHouse) -> None:
    """THREATS A-07."""
    house.rules(approvals=OPS)

    async def play() -> None:
        made = await Client(house).submit()
        before, head = house.found(made.id), house.store.head()
        joined = replace(ALICE, groups=ALICE.groups | {"ops"})
        other = replace(joined, principal="alice/admin@EXAMPLE.TEST", user="alice-adm", uid=4001)
        for who in (joined, other):
            with pytest.raises(Refusal, match="is your own"):
                await review(house, made.id, who)
        assert (house.found(made.id), house.store.head()) == (before, head)

    house.run(play())
