# SPDX-License-Identifier: Apache-2.0
"""What a new version of jitd does with the memberships that are open in its database: they end, and honestly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.beside.refusals import Failed
from jitd.core.holding import Ending, HoldingState
from jitd_things.givers.kind import Failed as FailedThere
from jitd_things.givers.kind import Strays, Taken
from jitd_things.givers.messages import QUESTIONS, Answer, Search, Take
from jitd_things.giving.standing import take_standing
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
        await restarted(house, Taken(LEFT))
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
        await restarted(house, Taken(LEFT))
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
        assert house.perform.holdings.untaken()[ID].why.endswith("it is locked")
        house.giver.answers = [Taken(LEFT)]
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


# --- what no holding is about ------------------------------------------------------------------------------------------------


class Line:
    """What jitd-givers is asked. It finds ``found``, and answers each Take with the next of ``answers``."""

    def __init__(self, found: tuple[str, ...], *answers: Taken | FailedThere) -> None:
        self.asked: list[object] = []
        self._answers = [Strays(found), *answers]

    async def ask(self, question: object) -> object:
        self.asked.append(question)
        return self._answers.pop(0)


def standing(line: Line, notes: Path) -> tuple[list[str], list[str]]:
    """Return the names of the records, and the lines of the log."""
    recorded: list[str] = []
    logged: list[str] = []

    def log(text: str, **more: Any) -> None:
        logged.append(f"{text}: {more}")

    asyncio.run(take_standing(line, lambda: ["WNC0-D702"], lambda name, detail: recorded.append(name), log, notes))  # type: ignore[arg-type]
    return recorded, logged


def test_a_membership_that_no_holding_is_about_is_taken_too(tmp_path: Path) -> None:
    """THREATS Q-33"""
    (tmp_path / "WNC0-D703").touch()
    line = Line(("WNC0-D703", "WNC0-D704"), Taken(LEFT), FailedThere("it is locked"))
    recorded, logged = standing(line, tmp_path)
    assert recorded == ["thing.stray", "thing.stray_gone", "thing.stray"]
    assert LEFT in logged[0] and "is not taken back" in logged[1] and "it is locked" in logged[1]
    search, first, _ = line.asked
    assert search == Search("group", "former", ("WNC0-D702",))
    assert isinstance(first, Take) and (first.kind, first.order.holding) == ("group", "WNC0-D703")
    assert QUESTIONS.read(QUESTIONS.write(first)) == first


@pytest.mark.parametrize("place", ["empty", "missing"])
def test_on_a_host_without_notes_jitd_givers_is_not_started(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    line = Line(())
    assert standing(line, tmp_path / place) == ([], [])
    assert line.asked == []
