# SPDX-License-Identifier: Apache-2.0
"""What becomes of things that are given, over a real store, with a giver that does what each test tells it.

Law: at the end of every test the record verifies, and nothing was given that another reader did not find in it before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.beside.refusals import Failed, Refused
from jitd.core.effects import Give
from jitd.core.grant import Expired, GrantState, Revoked
from jitd.core.holding import Ending, HoldingState, Taking
from jitd.core.law import CLOCK, DAEMON
from jitd.core.lock import Whom
from jitd.lifecycle.holdings import FIRST_PAUSE, LONGEST_PAUSE
from jitd.lifecycle.owed import COMES_BACK_FOR
from jitd.store import StoreError
from tests.daemon.giving import ID, FakeGiver, House
from tests.daemon.played import played
from tests.scene import actor, free, locked, permit, person, place, review

GIVING, HELD, TAKING, ENDED = HoldingState
DOES, HANGS = FakeGiver.DOES, FakeGiver.HANGS
SILENT, NO = Failed("the KDC is silent"), Refused("it is not gated")
Scene = Callable[[House], Coroutine[Any, Any, None]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


# --- given, held, taken -----------------------------------------------------------------------------------------------


@played
async def test_what_is_permitted_is_recorded_then_given_then_handed_over(house: House) -> None:
    """THREATS T-17."""
    client = house.begin()
    assert house.recorded(ID) is not None and house.giver.asked == [], "it is in the record before anybody is asked for it"
    await house.settle()
    assert house.giver.asked == [("give", ID)] and house.giver.unrecorded == []
    assert (client.said, client.talk.state, house.held().state) == (["given"], "holding", HELD)
    (given,) = client.heard
    assert (given.id, given.name, given.to) == (ID, "postgres/db1.example.test@EXAMPLE.TEST", "alice@EXAMPLE.TEST")
    assert given.left_ms == 3600 * 1000 and given.stays is False


@played
async def test_what_cannot_be_recorded_is_not_given(house: House) -> None:
    """THREATS T-17."""
    house.store.n_fail = 1
    with pytest.raises(Exception, match="disk full"):
        house.begin()
    await house.settle()
    assert house.giver.asked == [] and house.recorded(ID) is None and not list(house.store.documents())


@played
async def test_a_client_that_goes_gives_back_what_it_had(house: House) -> None:
    """THREATS T-18."""
    client = house.begin()
    await house.settle()
    client.go()
    await house.settle()
    assert house.giver.asked == [("give", ID), ("take", ID)] and house.giver.there == set()
    assert house.held().state is ENDED and house.held().because == "given back by its holder"
    assert house.grant().state is GrantState.SPENT
    assert house.told() == ["giving", "given", "taking", "ended"]


@played
async def test_a_client_that_goes_before_it_is_given_has_nothing_and_it_is_taken_back(house: House) -> None:
    """THREATS T-18: nothing is held unattended because an answer came late."""
    house.giver.answers = [HANGS]
    client = house.begin()
    await house.settle()
    client.go()
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert client.said == [] and house.held().state is ENDED and house.giver.there == set()
    assert house.held().because == "its client went away"


@played
async def test_what_was_asked_to_stay_and_was_kept_is_there_when_the_client_has_gone(house: House) -> None:
    client = house.begin(stays=True)
    await house.settle()
    client.keep()
    client.go()
    await house.settle()
    assert client.said == ["given", "done"] and house.held().state is HELD and house.giver.there == {ID}
    await house.pass_time(3600)
    house.perform.act(Expired(ID, CLOCK)) if house.grant().is_live else None
    await house.settle()
    assert house.held().state is ENDED and house.giver.there == set()


@played
async def test_what_was_asked_to_stay_and_was_not_kept_is_taken_with_the_connection(house: House) -> None:
    """THREATS T-18: the client may have gone before it fetched anything."""
    client = house.begin(stays=True)
    await house.settle()
    client.go()
    await house.settle()
    assert house.held().state is ENDED and house.giver.there == set()


@played
async def test_what_was_not_asked_to_stay_is_not_kept_and_nothing_is_left_in_hand(house: House) -> None:
    """THREATS T-22: a connection whose ``keep`` is refused is free for the next request, and holds nothing any more."""
    client = house.begin()
    await house.settle()
    client.keep()
    await house.settle()
    assert client.said == ["given", "refused"] and client.heard[1].code == "usage" and client.talk.state == "ready"
    assert house.held().state is ENDED and house.giver.there == set() and house.waiters.holder_of(ID) is None


@played
async def test_a_client_that_asks_again_after_a_refused_keep_cannot_hinder_a_revocation(house: House) -> None:
    """THREATS T-22: each thing that a connection has in hand is taken, and nothing that it says is in the way of an operator."""
    client = house.begin()
    await house.settle()
    client.keep()
    client.talk.state = "waiting"
    house.begin(id="B0B0-B0B0", client=client)
    await house.settle()
    for id in (ID, "B0B0-B0B0"):
        if house.grant(id).is_live:
            house.perform.act(Revoked(id, DAEMON, "enough"))
    await house.settle()
    client.go()
    await house.settle()
    assert client.said == ["given", "refused", "given", "taken"]
    assert house.giver.there == set() and {house.held(id).state for id in (ID, "B0B0-B0B0")} == {ENDED}


@played
async def test_whoever_has_it_in_hand_is_told_when_it_is_taken(house: House) -> None:
    client = house.begin()
    await house.settle()
    house.perform.act(Revoked(ID, actor(person("bob")), "wrong host"))
    assert client.said == ["given", "taken"] and client.heard[1].because == "wrong host" and client.talk.state == "ready"
    await house.settle()
    client.go()
    assert house.held().state is ENDED and house.told().count("taking") == 1


# --- no ---------------------------------------------------------------------------------------------------------------


@played
async def test_a_refused_give_uses_nothing_up_and_the_client_is_told_why(house: House) -> None:
    """THREATS T-20."""
    house.giver.answers = [NO]
    client = house.begin()
    await house.settle()
    assert client.said == ["refused"] and NO.why in client.heard[0].text and client.heard[0].code == "failed"
    found = house.held()
    assert found.outcome is not None and found.outcome.ending is Ending.NOT_GIVEN and found.outcome.because == NO.why
    assert house.giver.asked == [("give", ID)], "what was refused changed nothing, and is not taken"
    assert (house.grant().state, house.grant().left) == (GrantState.ACTIVE, 1)
    again = await house.come_back()
    await house.settle()
    assert again.said == ["given"] and house.held(f"{ID}.2").state is HELD


@pytest.mark.parametrize("answer", [NO, SILENT], ids=["it refuses", "it fails"])
@pytest.mark.parametrize("words", [None, ("user:carol",)])
def test_the_log_tells_of_a_thing_only_what_its_rule_shows(
    house: House, answer: Any, words: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS L-30: who reads the journal reads this log, too."""

    @played
    async def play(house: House) -> None:
        house.giver.answers = [answer, answer]
        house.begin(free(visible_to=words))
        await house.settle()

    play(house)
    said = capsys.readouterr().err
    assert ID in said, "it is told which one, so that root can look"
    assert (answer.why in said) == (words is None)
    assert house.held().thing not in said


@pytest.mark.parametrize("fault", [SILENT, RuntimeError("a defect")], ids=["it fails", "it breaks"])
def test_what_may_have_been_given_is_taken_back(house: House, fault: Any) -> None:
    """THREATS T-17, T-20: after a failure nobody knows; it is not handed over, it is taken, and then the use is given back."""

    async def scene() -> None:
        house.giver.answers = [fault]
        client = house.begin()
        await house.settle()
        assert client.said == ["refused"] and house.giver.asked == [("give", ID), ("take", ID)]
        found = house.held()
        assert found.outcome is not None and found.outcome.ending is Ending.NOT_GIVEN and house.giver.there == set()
        assert (house.grant().state, house.grant().left) == (GrantState.ACTIVE, 1)

    asyncio.run(scene())


@played
async def test_a_kind_that_nobody_gives_is_not_given(house: House) -> None:
    house.perform.holdings._givers._by_kind.clear()
    client = house.begin()
    await house.settle()
    assert client.said == ["refused"] and "this host cannot give" in client.heard[0].text
    assert house.held().state is ENDED and house.grant().left == 1


# --- one at a time ----------------------------------------------------------------------------------------------------


@played
async def test_what_is_revoked_while_it_is_being_given_is_taken_after_the_answer_and_never_handed_over(house: House) -> None:
    """THREATS T-19: take never overtakes give, or what is written last would stay."""
    house.giver.answers = [HANGS]
    client = house.begin()
    await house.settle()
    house.perform.act(Revoked(ID, actor(person("bob")), "wrong host"))
    await house.settle()
    assert house.giver.asked == [("give", ID)] and house.held().state is TAKING
    assert client.said == ["refused"] and "wrong host" in client.heard[0].text
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert house.giver.asked == [("give", ID), ("take", ID)] and house.giver.most_at_once == 1
    found = house.held()
    assert found.outcome is not None and found.outcome.ending is Ending.LEFT and house.giver.there == set()
    assert client.said == ["refused"], "it is told once"


@pytest.mark.parametrize("answer", [NO, SILENT])
def test_what_was_revoked_and_then_not_given_is_taken_all_the_same(house: House, answer: Any) -> None:
    async def scene() -> None:
        house.giver.answers = [HANGS]
        house.begin()
        await house.settle()
        house.perform.act(Revoked(ID, actor(person("bob")), "wrong host"))
        house.giver.hanging[0].set_result(answer)
        await house.settle()
        found = house.held()
        assert found.outcome is not None and found.outcome.ending is Ending.NOT_GIVEN and found.outcome.because == "wrong host"
        assert ("take", ID) in house.giver.asked and house.giver.there == set()

    asyncio.run(scene())


@played
async def test_each_holding_is_asked_about_by_one_at_a_time_however_often_it_is_ordered(house: House) -> None:
    house.giver.answers = [HANGS, HANGS]
    house.begin()
    for _ in range(20):
        house.perform._do(Give(ID))
    await house.settle()
    assert house.giver.asked == [("give", ID)]
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    house.perform.act(Taking(ID, DAEMON, "enough"), Taking(ID, DAEMON, "enough"))
    await house.settle()
    assert house.giver.asked == [("give", ID), ("take", ID)]
    house.giver.hanging[1].set_result(DOES)
    await house.settle()
    assert house.giver.asked == [("give", ID), ("take", ID)] and house.held().state is ENDED
    assert len(house.perform.holdings._memory) == 0, "nothing is kept of what has ended"


@played
async def test_an_end_after_which_the_database_could_not_be_read_is_told_and_nothing_of_it_is_remembered(house: House) -> None:
    """THREATS T-19: otherwise status would say until the daemon ends that the thing cannot be taken back."""
    holdings, told = house.perform.holdings, list[str]()
    house.giver.answers = [DOES, Failed("not now")]
    client = house.begin()
    await house.settle()
    client.go()
    await house.settle()
    assert holdings.untaken().keys() == {ID}, "it is told while it is so"
    act = holdings._act

    def act_and_lose_the_disk(*events: Any) -> None:
        act(*events)
        house.store.n_unread = 1

    holdings._act, holdings._look = act_and_lose_the_disk, told.append
    await house.pass_time(1)
    assert house.held().state is ENDED and house.giver.there == set() and house.store.n_unread == 0
    await house.pass_time(3)
    assert holdings.untaken() == {} and len(holdings._memory) == 0 and told == [ID]
    await house.pass_time(300)
    assert told == [ID] and house.giver.asked == [("give", ID), ("take", ID), ("take", ID)]


@played
async def test_what_has_ended_is_not_remembered_by_a_mending_that_could_not_read_the_database(house: House) -> None:
    client = house.begin()
    await house.settle()
    client.go()
    await house.settle()
    assert house.held().state is ENDED
    house.store.n_unread = 1
    with pytest.raises(StoreError):
        await house.perform.holdings.give_anew(ID)
    assert len(house.perform.holdings._memory) == 0 and ("give", ID) not in house.giver.asked[1:]


@played
async def test_nothing_is_remembered_of_what_has_ended_whatever_comes_after_its_end(house: House) -> None:
    client = house.begin()
    await house.settle()
    client.go()
    await house.settle()
    assert house.held().state is ENDED
    holdings = house.perform.holdings
    assert await holdings.give_anew(ID) is None, "drift was found before the end"
    holdings.await_holder(ID)
    holdings.nobody_came(ID)
    assert len(holdings._memory) == 0 and ("give", ID) not in house.giver.asked[1:]


# --- whatever ends it -------------------------------------------------------------------------------------------------


def expires(house: House) -> None:
    house.at = house.at.__class__(house.at.at, house.grant().ends_boot, "boot-1")
    house.perform._due("grant", ID)


ENDS: dict[str, Callable[[House], None]] = {
    "its time is over": expires,
    "its approver revokes": lambda house: house.perform.act(Revoked(ID, actor(person("bob")), "no")),
    "its holder is locked": lambda house: house.perform.act(place(locked(name="alice"))),
    "its approver is locked": lambda house: house.perform.act(place(locked(name="bob"))),
    "everybody is locked": lambda house: house.perform.act(place(locked(Whom.ALL))),
}


@pytest.mark.parametrize("end", ENDS)
def test_it_is_taken_on_whatever_end_of_its_grant(house: House, end: str) -> None:
    """THREATS T-19."""

    async def scene() -> None:
        client = house.begin(permit())
        waiting = house.store.request(ID)
        assert waiting is not None
        house.perform.act(review(waiting, person("bob")))
        await house.settle()
        assert house.held().state is HELD
        ENDS[end](house)
        await house.settle()
        assert house.giver.there == set() and house.held().state is ENDED
        assert client.said[-1] == "taken" and not house.grant().is_live

    asyncio.run(scene())


@played
async def test_a_lock_takes_every_thing_that_it_ends_though_a_client_of_one_is_odd(house: House) -> None:
    """THREATS T-22."""
    clients = [house.begin(id=id) for id in (ID, "B0B0-B0B0", "C0C0-C0C0")]
    await house.settle()
    clients[0].keep()
    house.perform.act(place(locked(name="alice")))
    await house.settle()
    assert house.giver.there == set() and [client.said[-1] for client in clients] == ["refused", "taken", "taken"]


@played
async def test_a_client_that_cannot_be_told_is_in_nobodys_way(house: House) -> None:
    """THREATS T-22: what else was ordered with it is done."""
    clients = [house.begin(id=id) for id in (ID, "B0B0-B0B0", "C0C0-C0C0")]
    await house.settle()
    for client in clients[:2]:
        client.talk.state = "closed"  # whatever is said to it is out of order
    house.perform.act(place(locked(name="alice")))
    await house.settle()
    assert house.giver.there == set() and clients[2].said == ["given", "taken"]
    assert {house.held(id).state for id in (ID, "B0B0-B0B0", "C0C0-C0C0")} == {ENDED}


@played
async def test_a_client_that_cannot_be_told_of_its_request_is_in_nobodys_way(house: House) -> None:
    """THREATS T-22: what else was ordered with it is done."""
    clients = [house.begin(permit(), id=id) for id in (ID, "B0B0-B0B0")]
    clients[0].talk.state = "closed"  # whatever is said to it is out of order
    house.perform.act(place(locked(name="alice")))
    await house.settle()
    assert [client.heard[-1].type for client in clients[1:]] == ["refused"]


# --- tried again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [SILENT, NO, OSError("a defect")], ids=["it fails", "it refuses", "it breaks"])
def test_what_cannot_be_taken_is_tried_again_with_pauses_that_grow_and_is_never_called_taken(house: House, fault: Any) -> None:
    """THREATS T-19."""

    async def scene() -> None:
        house.begin()
        await house.settle()
        house.giver.answers = [fault] * 8
        house.perform.act(Revoked(ID, DAEMON, "enough"))
        await house.settle()
        pause, n_tries = FIRST_PAUSE, 1
        while house.giver.answers:
            await house.pass_time(pause - 0.001)
            assert len(house.giver.asked) == 1 + n_tries, "not before its time"
            await house.pass_time(0.001)
            n_tries += 1
            assert len(house.giver.asked) == 1 + n_tries and house.held().state is TAKING
            pause = min(LONGEST_PAUSE, 2 * pause)
        assert pause == LONGEST_PAUSE
        await house.pass_time(pause)
        assert house.held().state is ENDED and house.giver.there == set() and len(house.perform.holdings._memory) == 0

    asyncio.run(scene())


@played
async def test_what_nobody_may_take_ends_when_it_permits_nothing_any_more_and_is_said_to_be_left(house: House) -> None:
    house.begin(free(lasts_for=60))
    await house.settle()
    house.giver.answers = [NO] * 20
    house.perform.act(Revoked(ID, DAEMON, "enough"))
    await house.settle()
    while house.held().state is TAKING:
        assert house.at.at < house.held().until
        await house.pass_time(30)
    found = house.held()
    assert found.outcome is not None and found.outcome.ending is Ending.LEFT and NO.why in found.outcome.because


@played
async def test_a_giver_that_never_answers_keeps_the_holding_open(house: House) -> None:
    house.begin()
    await house.settle()
    house.giver.answers = [HANGS]
    house.perform.act(Revoked(ID, DAEMON, "enough"))
    await house.pass_time(10_000)
    assert house.held().state is TAKING and house.told()[-1] == "taking"


# --- what cannot be recorded -------------------------------------------------------------------------------------------


@played
async def test_a_client_that_goes_while_the_disk_is_full_gives_back_as_soon_as_it_can_be_recorded(house: House) -> None:
    """THREATS T-18."""
    client = house.begin()
    await house.settle()
    house.store.n_fail = 3
    client.go()
    await house.settle()
    assert house.held().state is HELD and house.giver.asked == [("give", ID)], "it is not taken before it is recorded"
    for _ in range(4):
        await house.pass_time(FIRST_PAUSE)
    assert house.held().state is ENDED and house.giver.there == set()


@played
async def test_a_client_that_goes_while_the_database_cannot_be_read_gives_back_later(house: House) -> None:
    """THREATS T-18."""
    client = house.begin()
    await house.settle()
    house.store.n_unread = 1
    with pytest.raises(Exception, match="input/output"):
        client.go()
    await house.pass_time(FIRST_PAUSE)
    assert house.held().state is ENDED and house.giver.there == set()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_what_was_given_and_could_not_be_recorded_is_given_again_or_taken_and_never_forgotten(house: House, n: int) -> None:
    """THREATS T-17."""

    async def scene() -> None:
        house.begin()
        house.store.n_fail = n
        await house.settle()
        for _ in range(n + 1):
            await house.pass_time(FIRST_PAUSE)
        assert house.held().state is HELD and set(house.giver.asked) == {("give", ID)}

    asyncio.run(scene())


@played
async def test_what_was_taken_and_could_not_be_recorded_is_taken_again(house: House) -> None:
    house.begin()
    await house.settle()
    house.perform.act(Revoked(ID, DAEMON, "enough"))
    house.store.n_fail = 2
    await house.settle()
    assert house.held().state is TAKING and house.giver.there == set()
    for _ in range(3):
        await house.pass_time(FIRST_PAUSE)
    assert house.held().state is ENDED


@played
async def test_what_cannot_be_looked_at_now_is_looked_at_again(house: House) -> None:
    """THREATS T-19: an order to take something back is never lost, or it would stay until the daemon is restarted."""
    house.begin()
    await house.settle()
    house.perform.act(Revoked(ID, DAEMON, "enough"))
    house.store.n_unread = 1
    await house.settle()
    assert house.giver.asked == [("give", ID)]
    await house.pass_time(FIRST_PAUSE)
    assert house.held().state is ENDED and house.giver.there == set()


@played
async def test_nobody_gets_back_what_is_theirs_by_a_client_that_comes_again_in_that_moment(house: House) -> None:
    """What a client gave back while the disk was full is not taken from the one that has it in hand since."""
    client = house.begin()
    await house.settle()
    house.store.n_fail = 1
    client.go()
    again = await house.come_back()
    await house.pass_time(FIRST_PAUSE)
    assert again.said == ["given"] and house.held().state is HELD
    again.go()
    await house.settle()
    assert house.held().state is ENDED


# --- a daemon that was killed ------------------------------------------------------------------------------------------


async def in_state(house: House, state: HoldingState, *, stays: bool = False, keeps: bool = True) -> None:
    """A holding of alice's in ``state`` in the database of a daemon that is killed now. What ``stays`` is kept, if ``keeps``."""
    house.giver.answers = [HANGS] if state is GIVING else [DOES, HANGS]
    client = house.begin(stays=stays)
    await house.settle()
    if state is HELD and stays and keeps:
        client.keep()
    if state is TAKING:
        house.perform.act(Revoked(ID, DAEMON, "enough"))
        await house.settle()
    assert house.held().state is state
    for hanging in house.giver.hanging:
        hanging.cancel()
    await asyncio.sleep(0)


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("state", [GIVING, HELD, TAKING])
def test_after_a_restart_what_nobody_comes_back_for_is_taken_unless_it_was_kept(
    house: House, state: HoldingState, stays: bool
) -> None:
    """THREATS T-17, T-18: whatever the KDC has by then, the store knows as open, and it ends."""

    async def scene() -> None:
        await in_state(house, state, stays=stays)
        house.restart()
        await house.recovery.recover()
        await house.pass_time(0)
        assert house.held().state is (ENDED if state is TAKING else HELD)
        await house.pass_time(COMES_BACK_FOR - 0.001)
        assert house.held().state is (ENDED if state is TAKING else HELD)
        await house.pass_time(0.001)
        is_kept = state is HELD and stays
        assert house.held().state is (HELD if is_kept else ENDED)
        assert house.giver.there == ({ID} if is_kept else set())

    asyncio.run(scene())


def test_after_a_restart_what_was_to_stay_and_was_not_kept_is_taken(house: House) -> None:
    """THREATS T-17: its client was killed before it had the ticket."""

    async def scene() -> None:
        await in_state(house, HELD, stays=True, keeps=False)
        assert house.held().kept_at is None
        house.restart()
        await house.recovery.recover()
        await house.pass_time(COMES_BACK_FOR)
        assert house.held().state is ENDED and house.giver.there == set()

    asyncio.run(scene())


def test_that_it_is_kept_is_recorded_before_the_client_is_told(house: House) -> None:
    async def scene() -> None:
        await in_state(house, HELD, stays=True)
        assert house.held().kept_at is not None
        events = [json.loads(body)["event"] for _, body, _ in house.store.records(0)]
        assert events.count("holding.kept") == 1

    asyncio.run(scene())


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("state", [GIVING, HELD])
def test_after_a_restart_a_client_that_comes_back_has_it_in_hand_again(house: House, state: HoldingState, stays: bool) -> None:
    async def scene() -> None:
        await in_state(house, state, stays=stays)
        house.restart()
        await house.recovery.recover()
        back = await house.come_back()
        await house.pass_time(0)
        assert back.said == ["given"] and back.talk.state == "holding"
        await house.pass_time(COMES_BACK_FOR)
        assert house.held().state is HELD and back.said == ["given"]
        back.go()
        await house.settle()
        assert house.held().state is ENDED and house.giver.there == set()

    asyncio.run(scene())


@played
async def test_a_client_that_was_approved_by_somebody_hears_first_of_the_thing_when_it_comes_back(house: House) -> None:
    """What was said about the request is no news any more, and in the middle of it would break the conversation."""
    client = house.begin(permit())
    waiting = house.store.request(ID)
    assert waiting is not None
    house.perform.act(review(waiting, person("bob"), comment="go ahead"))
    await house.settle()
    assert client.said == ["progress", "progress", "given"]
    house.restart()
    await house.recovery.recover()
    back = await house.come_back()
    assert back.said == ["given"] and back.talk.state == "holding"


@played
async def test_a_give_that_hangs_over_the_time_to_come_back_is_handed_to_who_waits(house: House) -> None:
    await in_state(house, GIVING)
    house.restart()
    house.giver.answers = [HANGS]
    await house.recovery.recover()
    back = await house.come_back()
    await house.pass_time(COMES_BACK_FOR + 1)
    assert back.said == [] and house.held().state is GIVING
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert back.said == ["given"]


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("state", [GIVING, HELD, TAKING])
def test_another_boot_takes_back_all_that_was_given_before_it(house: House, state: HoldingState, stays: bool) -> None:
    """THREATS T-19: kept or not."""

    async def scene() -> None:
        await in_state(house, state, stays=stays)
        house.restart("boot-2")
        house.giver.answers = [SILENT, SILENT]
        await house.recovery.recover()
        await house.settle()
        assert house.grant().state in (GrantState.EXPIRED, GrantState.REVOKED)
        assert house.held().state is TAKING
        for _ in range(3):
            await house.pass_time(2 * FIRST_PAUSE)
        assert {deed for deed, _ in house.giver.asked} == {"take"}
        assert house.held().state is ENDED and house.giver.there == set()

    asyncio.run(scene())


@played
async def test_a_daemon_that_is_killed_again_and_again_recovers_each_time(house: House) -> None:
    """What recovery does it may do twice."""
    await in_state(house, GIVING)
    for _ in range(5):
        house.restart()
        house.giver.answers = [HANGS]
        await house.recovery.recover()
        await house.pass_time(0)
        assert house.held().state is GIVING
        for hanging in house.giver.hanging:
            hanging.cancel()
        await asyncio.sleep(0)
    house.restart()
    await house.recovery.recover()
    await house.pass_time(COMES_BACK_FOR)
    assert house.held().state is ENDED and house.giver.there == set() and house.told().count("giving") == 1
