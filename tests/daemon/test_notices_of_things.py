# SPDX-License-Identifier: Apache-2.0
"""Who is told that a thing cannot be taken back, and that it is, after all.

Law: at the end of every test the record verifies: no notice changes a life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.beside.refusals import Failed
from jitd.core.decision import Approval
from jitd.core.grant import Revoked
from jitd.core.law import DAEMON
from jitd.core.notice import Back
from jitd.lifecycle.holdings import FIRST_PAUSE, LONGEST_PAUSE
from jitd_outsiders.announcing.post import MINUTE
from jitd_outsiders.notifying.terminals import TerminalsSettings
from tests.daemon.giving import House as Holders
from tests.daemon.notices import BOTH, House
from tests.daemon.played import played
from tests.scene import person, review, visitor, withdraw

ID = "K7QM-2XVD"
THING = "sudoers:wheel"
UNTAKEN = Back(ID, THING, why="gpasswd does not answer")
TAKEN = Back(ID, THING)
TOLD = f"not_taken-{ID}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, dict(BOTH))
    yield made
    made.close()


async def approved(house: House, **changes: Any) -> None:
    """bob has approved a request of alice's, and all have been told so. The one operator is dave."""
    made = house.begin(ID, Approval(1, ("group:ops",)), **changes)
    await house.work()
    house.act(review(made, person("bob")))
    await house.work()
    forget(house)


def forget(house: House) -> None:
    for channel in house.channels.values():
        channel.heard.clear()


async def look(house: House, *backs: Back) -> None:
    house.backs[ID] = backs
    house.notices.look(ID)
    await house.work()


@played
async def test_who_approved_and_the_operators_are_told_once_and_again_when_it_is_taken(house: House) -> None:
    await approved(house)
    await look(house, UNTAKEN)
    await look(house, UNTAKEN)
    assert house.ops.said == [("not_taken", ID, "")]
    assert house.tty.said == [("not_taken", ID, "bob"), ("not_taken", ID, "dave")], "not carol, who could have approved"
    assert [note["detail"]["event"] for note in house.noted()] == ["not_taken"] * 3
    forget(house)
    await look(house, TAKEN)
    await look(house, TAKEN)
    assert house.ops.said == [("taken", ID, "")]
    assert house.tty.said == [("taken", ID, "bob"), ("taken", ID, "dave")]
    assert house.store.told_open() == [], "nothing is left to be told"


@played
async def test_what_is_taken_in_time_is_told_to_nobody(house: House) -> None:
    await approved(house)
    await look(house, TAKEN)
    assert house.ops.said == house.tty.said == []


@played
async def test_a_daemon_that_was_killed_in_between_tells_it_after_its_start(house: House) -> None:
    await approved(house)
    await look(house, UNTAKEN)
    house.notices.look(ID)
    await house.work()
    house.backs[ID] = (TAKEN,)
    forget(house)
    house.restart()
    await house.work()
    assert house.ops.said == [("taken", ID, "")]
    assert house.tty.said == [("taken", ID, "bob"), ("taken", ID, "dave")]


@played
async def test_what_is_taken_while_the_channel_was_down_is_not_told_at_all(house: House) -> None:
    await approved(house, notify=("ops",))
    house.ops.is_down = True
    await look(house, UNTAKEN)
    house.backs[ID] = (TAKEN,)
    house.ops.is_down = False
    await house.pass_time(LONGEST_PAUSE)
    assert house.ops.said == []


@played
async def test_two_things_of_one_request_are_told_one_by_one(house: House) -> None:
    await approved(house, notify=("ops",))
    other = Back(f"{ID}.2", "sudoers:logs", why="the file is not jitd's any more")
    await look(house, UNTAKEN, other)
    await look(house, TAKEN, other)
    assert [event for event, _, _ in house.ops.said] == ["not_taken", "not_taken", "taken"]
    assert ID in house.store.told_open(), "the other one is not taken yet"
    await house.pass_time(MINUTE)  # no address gets more than some messages a minute
    await look(house, TAKEN, Back(other.holding, other.thing))
    assert [event for event, _, _ in house.ops.said] == ["not_taken", "not_taken", "taken", "taken"]


@played
async def test_who_approved_without_an_account_has_no_terminal_or_address_to_be_told_at(house: House) -> None:
    """The operators are told, and nobody under an empty name."""
    made = house.begin(ID, Approval(1, ("group:ops",)))
    await house.work()
    house.act(review(made, visitor("zoe")))
    await house.work()
    forget(house)
    await look(house, UNTAKEN)
    assert house.ops.said == [("not_taken", ID, "")] and house.tty.said == [("not_taken", ID, "dave")]


@played
async def test_who_heard_of_the_thing_alone_is_not_told_how_the_request_ended(house: House) -> None:
    """dave is an operator and could not have approved: the request's end is nothing to him."""
    made = house.begin(ID, Approval(1, ("group:dba",)), notify=("tty",), who=person("eve"))
    await house.work()
    await look(house, UNTAKEN)
    assert house.tty.said == [("waits", ID, "alice"), ("not_taken", ID, "dave")]
    house.act(withdraw(made))
    await house.work()
    assert house.tty.said[2:] == [("decided", ID, "alice")]


@played
async def test_the_message_says_what_and_why_where_the_command_is_shown_and_neither_elsewhere(house: House) -> None:
    house.settings["tty"] = TerminalsSettings("tty", "command")
    house.restart()
    await approved(house)
    await look(house, Back(ID, THING, why="gpasswd\x1b[2J does not answer"))
    at_terminal, outside = ("\n".join(house.channels[name].heard[0].lines) for name in ("tty", "ops"))
    assert "Thing:    sudoers:wheel" in at_terminal and "Because:" in at_terminal and "does not answer" in at_terminal
    assert "\x1b" not in at_terminal
    assert "sudoers:wheel" not in outside and "gpasswd" not in outside
    assert all("jitd show K7QM-2XVD" in text and "cannot be taken back" in text for text in (at_terminal, outside))
    assert house.tty.heard[0].subject == "K7QM-2XVD: not taken back on db1"
    forget(house)
    await look(house, Back(ID, THING, left="a file of alice keeps the group"))
    assert "Left:     a file of alice keeps the group" in "\n".join(house.tty.heard[0].lines)


def test_a_thing_is_untaken_for_a_minute_before_anybody_is_told(tmp_path: Path) -> None:
    """The real life of a holding: what is to be told follows from the tries of its giver."""

    async def scene() -> None:
        house = Holders(tmp_path)
        looked: list[str] = []
        holdings = house.perform.holdings
        holdings._look = looked.append
        house.begin()
        await house.settle()
        asked = house.store.request(ID)
        assert asked is not None and holdings.backs(asked) == () and looked == []
        house.giver.answers = [Failed("the KDC is silent")] * 8
        house.perform.act(Revoked(ID, DAEMON, "enough"))
        await house.settle()
        pause = FIRST_PAUSE
        while pause < LONGEST_PAUSE:
            assert holdings.backs(asked) == () and looked == []
            await house.pass_time(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
        (back,) = holdings.backs(asked)
        assert looked == [ID] and (back.holding, back.why, back.left) == (ID, "the KDC is silent", "")
        house.giver.answers = []
        await house.pass_time(LONGEST_PAUSE)
        (back,) = holdings.backs(asked)
        assert looked == [ID, ID] and back.why == "" and "a ticket that was issued before" in back.left
        house.close()

    asyncio.run(scene())
