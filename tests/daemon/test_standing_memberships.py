# SPDX-License-Identifier: Apache-2.0
"""What a new version of jitd does with the memberships that are open in its database: they end, and honestly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.holding import Ending, HoldingState
from jitd.giving import Answer, Done, Failed
from tests.daemon.giving import ID, FakeGiver, House

THING = "group:tapes"
LEFT = "alice is not a member of the group tapes any more; what alice runs keeps the group until it ends"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    know(made)
    yield made
    made.close()


def know(house: House) -> None:
    """The house has a giver for things of the kind."""
    house.perform.holdings._givers._by_kind["group"] = house.giver


async def restarted(house: House, *answers: Answer) -> None:
    """Another version of the daemon begins."""
    house.restart()
    know(house)
    house.giver.answers += answers
    await house.recovery.recover()
    await house.pass_time(0)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_membership_that_is_held_is_taken_at_the_upgrade_and_what_is_left_is_said(house: House, keeps: bool) -> None:
    """THREATS Q-33: though its grant goes on, and its client may come back."""

    async def scene() -> None:
        client = house.begin(what=THING, stays=keeps)
        await house.settle()
        if keeps:
            client.keep()
        assert house.held().state is HoldingState.HELD
        await restarted(house, Done(left=LEFT))
        held = house.held()
        assert (held.state, held.because) == (HoldingState.ENDED, "this version of jitd gives groups to runs only")
        assert held.outcome is not None and (held.outcome.ending, held.outcome.because) == (Ending.LEFT, LEFT)
        assert house.giver.asked == [("take", ID)]

    asyncio.run(scene())


def test_one_that_was_being_given_is_not_given(house: House) -> None:
    async def scene() -> None:
        house.giver.answers = [FakeGiver.HANGS]
        house.begin(what=THING)
        await house.settle()
        await restarted(house, Done(left=LEFT))
        held = house.held()
        assert held.state is HoldingState.ENDED and held.outcome is not None and held.outcome.ending is Ending.NOT_GIVEN
        assert house.giver.asked == [("take", ID)]

    asyncio.run(scene())


def test_one_that_cannot_be_taken_is_tried_again_and_neither_held_nor_ended_until_then(house: House) -> None:
    """THREATS Q-33"""

    async def scene() -> None:
        house.begin(what=THING)
        await house.settle()
        locked = Failed("gpasswd does not take alice out of the group tapes: it is locked")
        await restarted(house, locked, locked)  # once at the upgrade, and once because the holding is open
        assert house.held().state is HoldingState.TAKING
        assert house.perform.holdings.untaken[ID].why.endswith("it is locked")
        house.giver.answers = [Done(left=LEFT)]
        await house.pass_time(1)
        held = house.held()
        assert held.state is HoldingState.ENDED and held.outcome is not None and held.outcome.ending is Ending.LEFT

    asyncio.run(scene())


def test_other_things_go_on(house: House) -> None:
    async def scene() -> None:
        house.begin()
        await house.settle()
        await restarted(house)
        assert house.held().state is HoldingState.HELD and house.giver.asked == []

    asyncio.run(scene())
