# SPDX-License-Identifier: Apache-2.0
"""Who is told what of a request, how often, and what becomes of it when a channel, the disk or the daemon fails.

Law: at the end of every test the record verifies: no notice changes a life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.core.decision import Approval
from jitd.core.law import CLOCK
from jitd.core.notice import Skipped
from jitd.core.request import RequestState, Verdict, WaysOpened
from jitd.deciding.seats import UNKNOWN, Seats
from jitd.store import StoreError, Told
from jitd.verbs.mutes import Mutes
from jitd.verbs.notice_rows import notice_row
from jitd.verbs.rows import on_host
from jitd_outsiders.announcing.letters import LOOKED_UP_AFTER
from jitd_outsiders.announcing.post import AWAY_FOR, FIRST_PAUSE, LONGEST_PAUSE, MINUTE, MOST_A_MINUTE, MOST_OF_ONE
from jitd_outsiders.notifying.mail import MailSettings
from tests.daemon.notices import GROUP, PERSONS, House
from tests.daemon.played import played
from tests.scene import asked, free, moment, permit, person, review, screened, submit, too_late, withdraw

ID = "K7QM-2XVD"
Scene = Callable[[House], Coroutine[Any, Any, None]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


# --- who is told what ------------------------------------------------------------------------------------------------


@played
async def test_a_request_that_waits_is_told_once_to_the_group_and_once_to_each_person(house: House) -> None:
    house.begin()
    await house.work()
    await house.pass_time(1)
    house.notices.look(ID)
    await house.work()
    assert house.ops.said == [("waits", ID, "")]
    assert house.tty.said == [("waits", ID, "bob"), ("waits", ID, "carol"), ("waits", ID, "dave")]


@played
async def test_a_rule_without_channels_and_a_permit_without_approvals_tell_nobody(house: House) -> None:
    house.begin(notify=())
    made = asked("FREE-FREE")
    house.act(submit(made), screened(made, free(notify=("ops", "tty")), attended=False))
    await house.work()
    assert house.found("FREE-FREE").state is RequestState.APPROVED
    assert house.ops.n_tries == house.tty.n_tries == 0


@played
async def test_the_requester_is_never_told_as_an_approver(house: House) -> None:
    house.begin(who=person("bob"))
    await house.work()
    assert [to for _, _, to in house.tty.said] == ["carol", "dave"]


@played
async def test_who_has_approved_is_not_reminded_and_the_others_are_at_half_time(house: House) -> None:
    made = house.begin(ID, Approval(2, ("group:ops",)))
    await house.work()
    house.act(review(made, person("bob")))
    house.channels["ops"].heard.clear()
    house.channels["tty"].heard.clear()
    await house.pass_time(449)
    assert house.ops.said == house.tty.said == []
    await house.pass_time(2)
    assert house.ops.said == [("reminder", ID, "")]
    assert house.tty.said == [("reminder", ID, "carol"), ("reminder", ID, "dave")]
    await house.pass_time(100)
    assert len(house.ops.said) == 1 and len(house.tty.said) == 2


@played
async def test_who_heard_of_it_in_the_second_half_needs_no_reminder(house: House) -> None:
    house.ops.is_down = True
    house.begin()
    await house.work()
    await house.pass_time(500)
    house.ops.is_down = False
    await house.pass_time(LONGEST_PAUSE)
    await house.pass_time(100)
    house.notices.look(ID)
    await house.work()
    assert house.ops.said == [("waits", ID, "")]


@pytest.mark.parametrize("end", ["approved", "denied", "withdrawn", "expired"])
def test_how_it_ended_is_told_to_those_who_were_told_but_not_to_who_decided(house: House, end: str) -> None:
    async def scene() -> None:
        made = house.begin()
        await house.work()
        if end == "expired":
            await house.pass_time(900)
            house.ops.heard.clear()
            house.tty.heard.clear()
        ends = {
            "approved": lambda: review(made, person("bob")),
            "denied": lambda: review(made, person("bob"), Verdict.DENY),
            "withdrawn": lambda: withdraw(made),
            "expired": lambda: too_late(made),
        }
        house.act(ends[end]())
        assert str(house.found().state) == end
        await house.work()
        assert house.ops.said[-1] == ("decided", ID, "")
        told = [to for event, _, to in house.tty.said if event == "decided"]
        assert told == (["carol", "dave"] if end in ("approved", "denied") else ["bob", "carol", "dave"])
        assert house.store.told_open() == [], "nothing is left to be told"

    asyncio.run(scene())


@played
async def test_what_is_decided_before_it_was_told_is_told_to_nobody(house: House) -> None:
    made = house.begin()
    house.act(withdraw(made))
    await house.work()
    assert house.ops.n_tries == house.tty.n_tries == 0 and house.store.told(ID) == []


@played
async def test_what_becomes_moot_while_it_is_held_up_is_not_sent(house: House) -> None:
    """One message is being sent while the request is decided: the others, which wait for it, are not sent."""
    made = house.begin(notify=("tty",))
    house.tty.gate = asyncio.Event()
    working = asyncio.create_task(house.work())
    while not house.tty.n_tries:
        await asyncio.sleep(0)
    house.act(withdraw(made))
    house.tty.gate.set()
    await working
    await house.work()
    assert house.tty.said == [("waits", ID, "bob"), ("decided", ID, "bob")]


@played
async def test_a_way_that_opens_is_told_to_its_people_and_to_the_group_and_not_to_those_who_may_already(house: House) -> None:
    ops, security = Approval(1, ("group:dba",)), Approval(1, ("group:security",), after=300)
    house.begin(ID, replace(ops, instead=(security,)), who=person("eve"))
    await house.work()
    assert house.tty.said == [("waits", ID, "alice")]
    await house.pass_time(300)
    house.act(WaysOpened(ID, CLOCK, 300))
    await house.work()
    assert house.tty.said[1:] == [("opened", ID, "dave")]
    assert house.ops.said == [("waits", ID, ""), ("opened", ID, "")]
    await house.pass_time(200)
    assert sorted(house.tty.said[2:]) == [("reminder", ID, "alice"), ("reminder", ID, "dave")]


@played
async def test_a_person_with_two_accounts_who_decided_is_told_by_neither(house: House) -> None:
    house.seats = lambda way: replace(House._seats(house, way), people=("bob", "bob2", "carol"))
    made = house.begin(notify=("tty",))
    await house.work()
    house.act(review(made, person("bob")))
    await house.work()
    assert [to for event, _, to in house.tty.said if event == "decided"] == ["carol"]


@played
async def test_people_who_cannot_be_looked_up_are_looked_up_again(house: House) -> None:
    known = house.seats
    house.seats = lambda way: UNKNOWN
    house.begin(notify=("tty",))
    await house.work()
    assert house.tty.n_tries == 0
    house.seats = known
    await house.pass_time(LOOKED_UP_AFTER)
    assert [to for _, _, to in house.tty.said] == ["bob", "carol", "dave"]


@pytest.mark.parametrize(
    ("seats", "said"),
    [(UNKNOWN, 1), (Seats(("eve@R",), is_whole=False, visitors=("eve@R",)), 0), (Seats((), is_whole=True), 0)],
)
def test_that_people_are_not_found_is_logged_once_and_not_of_who_comes_by_the_door(
    house: House, capsys: pytest.CaptureFixture[str], seats: Seats, said: int
) -> None:
    async def scene() -> None:
        house.seats = lambda way: seats
        house.begin(notify=("tty",))
        await house.work()
        for _ in range(4):
            await house.pass_time(LOOKED_UP_AFTER)
        assert house.tty.said == []

    asyncio.run(scene())
    assert capsys.readouterr().err.count("could not be looked up") == said


# --- the requester who does not wait -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_requester_who_does_not_wait_is_told_the_end_also_after_a_kill(tmp_path: Path, is_killed: bool) -> None:
    async def scene() -> None:
        house = House(tmp_path, {"tty": replace(PERSONS, requester=True)})
        made = house.begin(notify=("tty",), waits=False)
        await house.work()
        if is_killed:
            house.lifecycle.handle(review(made, person("bob"), attended=False))  # and killed before any effect
            house.restart()
        else:
            house.act(review(made, person("bob"), attended=False))
        await house.work()
        assert [one for one in house.tty.said if one[0] == "decided" and one[2] == "alice"] == [("decided", ID, "alice")]
        house.restart()
        await house.work()
        assert len([one for one in house.tty.said if one[2] == "alice"]) == 1
        house.close()

    asyncio.run(scene())


@played
async def test_a_requester_who_waits_or_whose_channel_does_not_say_so_is_not_told(house: House) -> None:
    made = house.begin(notify=("tty",), waits=False)
    await house.work()
    house.act(review(made, person("bob"), attended=False))
    await house.work()
    assert all(to != "alice" for _, _, to in house.tty.said)


# --- what fails ------------------------------------------------------------------------------------------------------------


@played
async def test_a_channel_that_is_down_is_tried_with_growing_pauses_and_told_of_and_goes_on_where_it_was(house: House) -> None:
    house.ops.is_down = True
    house.begin(notify=("ops",))
    pauses, last = [], 0.0
    for _ in range(400):
        before = house.ops.n_tries
        await house.pass_time(0.5)
        if house.ops.n_tries > before:
            pauses.append(house.clock - last)
            last = house.clock
    assert pauses[1:8] == [1, 2, 4, 8, 16, 32, 60] and max(pauses) <= LONGEST_PAUSE
    (failing,) = house.notices.failing()
    assert (failing.channel, failing.why, failing.n_requests) == ("ops", "it cannot be reached", 1)
    ((name, told, why),) = house.notices.of(house.found())
    assert (name, told, why) == ("ops", [], "it cannot be reached")
    house.ops.is_down = False
    await house.pass_time(LONGEST_PAUSE)
    assert house.ops.said == [("waits", ID, "")] and house.notices.failing() == []


@played
async def test_a_channel_that_is_down_holds_up_no_other_one_and_no_decision(house: House) -> None:
    house.ops.is_down = True
    made = house.begin()
    await house.work()
    assert len(house.tty.said) == 3
    house.act(review(made, person("bob")))
    await house.pass_time(LONGEST_PAUSE)
    assert house.found().state is RequestState.APPROVED
    house.ops.is_down = False
    await house.pass_time(LONGEST_PAUSE)
    assert house.ops.said == [] and house.notices.failing() == [], "what is moot by now is not told"


@played
async def test_a_message_that_is_refused_each_time_keeps_back_no_other_one(house: House) -> None:
    house.ops.refuses = {ID}
    house.begin(notify=("ops",))
    await house.work()
    house.begin("G00D-G00D", notify=("ops",))
    await house.pass_time(FIRST_PAUSE)
    assert ("waits", "G00D-G00D", "") in house.ops.said
    await house.pass_time(LONGEST_PAUSE)
    assert [one.n_requests for one in house.notices.failing()] == [1]


@played
async def test_an_address_that_fails_keeps_back_nobody_else_of_the_same_channel(house: House) -> None:
    """Whoever lets their own address fail silences no other approver."""
    house.tty.refuses = {"bob"}
    house.begin(notify=("tty",))
    await house.work()
    await house.pass_time(FIRST_PAUSE)
    assert house.tty.said == [("waits", ID, "carol"), ("waits", ID, "dave")]
    for _ in range(5):
        await house.pass_time(LONGEST_PAUSE)
    house.begin("G00D-G00D", notify=("tty",))
    await house.work()
    assert house.tty.said[-2:] == [("waits", "G00D-G00D", "carol"), ("waits", "G00D-G00D", "dave")], "and at once"
    assert [one.n_requests for one in house.notices.failing()] == [2]
    house.tty.refuses = set()
    await house.pass_time(LONGEST_PAUSE)
    assert {request for _, request, to in house.tty.said if to == "bob"} == {ID, "G00D-G00D"} and not house.notices.failing()


@played
async def test_broken_glass_is_told_to_those_whose_address_works(house: House) -> None:
    house.tty.refuses = {"bob", "carol"}
    made = asked(ID)
    house.skipped[ID] = Skipped((Approval(1, ("group:ops",)),))
    house.act(submit(made), screened(made, free(notify=("tty",)), attended=False))
    house.notices.look(ID)
    await house.work()
    for _ in range(2):
        await house.pass_time(2 * FIRST_PAUSE)
    assert [to for *_, to in house.tty.said] == ["dave"]


@played
async def test_words_that_cannot_be_found_for_one_request_keep_back_no_other_one(house: House) -> None:
    class Stumbling:
        def say(self, notice: Any, request: Any, *words: Any) -> Any:
            if request.id == ID:
                raise ValueError("a surrogate")
            from jitd_outsiders.notifying import wording

            return wording.say(notice, request, *words)

    house.says = Stumbling()
    house.begin(notify=("ops",))
    await house.work()
    house.begin("G00D-G00D", notify=("ops",))
    await house.pass_time(FIRST_PAUSE)
    assert house.ops.said == [("waits", "G00D-G00D", "")]
    assert house.notices.failing()[0].why == "an error of jitd: ValueError"


@played
async def test_a_mark_that_cannot_be_written_is_written_later_and_nothing_is_sent_twice(house: House) -> None:
    house.store.n_fail = 2
    house.begin(notify=("ops",))
    await house.work()
    house.notices.look(ID)
    await house.pass_time(5)
    house.notices.look(ID)
    await house.pass_time(5)
    assert house.ops.said == [("waits", ID, "")]
    assert [(m.channel, m.event) for m in house.store.told(ID)] == [("ops", "waits")]


@played
async def test_a_kill_between_message_and_mark_sends_it_twice_and_any_other_kill_does_not(house: House) -> None:
    house.begin(notify=("ops",))
    await house.work()
    house.restart()
    await house.work()
    assert len(house.ops.said) == 1
    house.store.n_fail = 100
    house.begin("10ST-MARK", notify=("ops",))
    await house.work()
    house.restart()
    await house.work()
    assert house.ops.said == [("waits", ID, ""), ("waits", "10ST-MARK", ""), ("waits", "10ST-MARK", "")]


@played
async def test_a_daemon_that_was_killed_before_it_told_tells_when_it_is_back(house: House) -> None:
    house.begin()
    house.restart()
    await house.work()
    assert house.ops.said == [("waits", ID, "")] and len(house.tty.said) == 3
    house.lifecycle.handle(review(house.found(), person("bob")))
    house.restart()
    await house.work()
    assert house.ops.said[1:] == [("decided", ID, "")] and len(house.tty.said) == 5


@played
async def test_a_channel_that_was_down_for_more_than_a_day_does_not_tell_old_ends(house: House) -> None:
    made = house.begin(notify=("ops",))
    await house.work()
    house.ops.is_down = True
    house.act(review(made, person("bob")))
    await house.work()
    house.ops.is_down = False
    await house.pass_time(timedelta(days=2).total_seconds())
    assert house.ops.said == [("waits", ID, "")] and house.store.told_open() == []


@played
async def test_a_channel_that_jitd_toml_has_no_more_is_named(house: House) -> None:
    made = house.begin(notify=("gone",))
    await house.work()
    assert house.notices.of(made) == [("gone", [], "jitd.toml has no channel of this name any more")]


@played
async def test_a_daemon_that_ends_waits_for_the_message_that_is_being_sent_and_sends_no_more(house: House) -> None:
    house.begin(notify=("tty",))
    house.tty.gate = asyncio.Event()
    working = asyncio.create_task(house.work())
    while not house.tty.n_tries:
        await asyncio.sleep(0)
    finishing = asyncio.create_task(house.notices.finish())
    await asyncio.sleep(0)
    house.tty.gate.set()
    await asyncio.gather(finishing, working)
    assert house.tty.said == [("waits", ID, "bob")]
    assert [mark.address for mark in house.store.told(ID)] == ["bob"]


# --- too much ----------------------------------------------------------------------------------------------------------------


@played
async def test_who_is_not_logged_in_is_told_when_they_are_and_this_is_no_failure(house: House) -> None:
    house.tty.away = {"bob"}
    id = house.begin().id
    await house.work()
    assert {to for _, _, to in house.tty.said} == {"carol", "dave"} and not house.posts["tty"].troubles
    assert {mark.address for mark in house.store.told(id) if mark.channel == "tty"} == {"carol", "dave"}
    n_tries = house.tty.n_tries
    await house.pass_time(AWAY_FOR - 1)
    assert house.tty.n_tries == n_tries, "nobody is asked for all the time"
    await house.pass_time(1)
    assert house.tty.n_tries == n_tries + 1 and "bob" not in {to for _, _, to in house.tty.said}
    house.tty.away = set()
    await house.pass_time(AWAY_FOR)
    assert [event for event, _, to in house.tty.said if to == "bob"] == ["waits"]


@played
async def test_who_logs_in_after_a_request_was_decided_is_told_nothing_of_it(house: House) -> None:
    house.tty.away = {"bob"}
    id = house.begin().id
    await house.work()
    house.act(withdraw(house.found(id)))
    house.tty.away = set()
    await house.pass_time(AWAY_FOR)
    assert "bob" not in {to for _, _, to in house.tty.said}


@played
async def test_more_than_five_a_minute_become_one_digest_and_each_is_told_once(house: House) -> None:
    """THREATS A-09."""
    ids = [f"AAAA-{n:04}" for n in range(12)]
    for id in ids[:8]:
        house.begin(id, notify=("ops",))
    await house.work()
    assert len(house.ops.heard) == MOST_OF_ONE and house.ops.heard[-1].event == "digest"
    assert all(id in "\n".join(house.ops.heard[-1].lines) for id in ids[4:8])
    for id in ids[8:]:
        house.begin(id, notify=("ops",))
        await house.work()
    assert len(house.ops.heard) == MOST_OF_ONE, "no more in this minute"
    await house.pass_time(MINUTE)
    digest = house.ops.heard[-1]
    assert len(house.ops.heard) <= MOST_OF_ONE + 4 and all(
        any(id in "\n".join((m.request, *m.lines)) for m in house.ops.heard) for id in ids
    ), digest
    n_before = len(house.ops.heard)
    await house.pass_time(MINUTE)
    assert len(house.ops.heard) == n_before
    assert {mark.request for id in ids for mark in house.store.told(id)} == set(ids)


@played
async def test_what_is_decided_while_it_is_held_back_is_not_in_the_digest(house: House) -> None:
    for n in range(9):
        house.begin(f"AAAA-{n:04}", notify=("ops",))
        await house.work()
    house.act(withdraw(house.found("AAAA-0007")))
    await house.pass_time(MINUTE)
    told = "\n".join("\n".join((m.request, *m.lines)) for m in house.ops.heard)
    assert "AAAA-0007" not in told and "AAAA-0008" in told


@played
async def test_a_flood_of_one_address_holds_up_no_other_address(house: House) -> None:
    """THREATS A-09."""
    for n in range(30):
        house.begin(f"AAAA-{n:04}", notify=("ops", "tty"))
    await house.work()
    assert {to for _, _, to in house.tty.said} == {"bob", "carol", "dave"}
    for name in ("bob", "carol", "dave"):
        assert len([one for one in house.tty.said if one[2] == name]) == MOST_OF_ONE


@played
async def test_who_asks_for_much_delays_what_another_person_asks_for_by_nothing(house: House) -> None:
    """THREATS N-07."""
    for n in range(12):
        house.begin(f"AAAA-{n:04}")
        await house.work()
    house.begin("EEEE-0001", who=person("eve"))
    await house.work()
    assert house.ops.said[-1] == ("waits", "EEEE-0001", "")
    assert house.tty.said[-3:] == [("waits", "EEEE-0001", name) for name in ("bob", "carol", "dave")]
    assert len([one for one in house.tty.said if one[2] == "bob"]) == MOST_OF_ONE + 1


@played
async def test_a_second_account_of_the_same_person_has_no_budget_of_its_own(house: House) -> None:
    """THREATS N-07."""
    for n in range(8):
        house.begin(f"AAAA-{n:04}", who=person(("bob", "bob2")[n % 2]))
        await house.work()
    assert len([one for one in house.tty.said if one[2] == "carol"]) == MOST_OF_ONE


@played
async def test_a_hundred_people_who_ask_at_once_do_not_fill_a_terminal_and_each_is_told_of(house: House) -> None:
    """THREATS N-07."""
    ids = [f"AAAA-{n:04}" for n in range(100)]
    for n, id in enumerate(ids):
        house.begin(id, notify=("ops",), who=person(f"p{n}"))
        await house.work()
    assert len(house.ops.heard) == MOST_A_MINUTE
    await house.pass_time(MINUTE)
    assert len(house.ops.heard) <= 2 * MOST_A_MINUTE
    assert {mark.request for id in ids for mark in house.store.told(id)} == set(ids)


@played
async def test_what_comes_together_is_sent_in_turns_so_that_the_first_of_everybody_comes_first(house: House) -> None:
    for n in range(5):
        house.begin(f"AAAA-{n:04}", notify=("ops",))
    house.begin("EEEE-0001", notify=("ops",), who=person("eve"))
    await house.work()
    assert [id for _, id, _ in house.ops.said][:2] == ["AAAA-0000", "EEEE-0001"]


# --- what the requester reads of it -----------------------------------------------------------------------------------------


@played
async def test_the_requester_reads_who_was_told_and_that_nobody_else_is_logged_in(house: House) -> None:
    house.tty.away = {"dave"}
    house.begin()
    assert house.heard() == [], "nobody is said to be told before they are"
    await house.work()
    assert house.heard() == ["told by ops", "told on their terminals: bob, carol; nobody else is logged in here"]
    assert house.looked == [ID, ID]
    house.tty.away = set()
    await house.pass_time(AWAY_FOR)
    assert house.heard() == ["told by ops", "told on their terminals: bob, carol, dave"]


OFF = "; ask them yourself"


@pytest.mark.parametrize(
    ("away", "unwilling", "muted", "line"),
    [
        ("bob carol dave", "", "", "nobody who may approve it is logged in here"),
        ("bob", "carol dave", "", f"no approver sees this now: carol, dave have messages off (mesg y){OFF}"),
        ("carol dave", "", "bob", f"no approver sees this now: 1 person has messages off (jitd mute --off){OFF}"),
        (
            "",
            "bob carol",
            "dave",
            f"no approver will see this: bob, carol and 1 person have messages off (mesg y or jitd mute --off){OFF}",
        ),
        ("carol", "dave", "", "told on their terminals: bob; nobody else here takes messages now"),
        ("carol", "", "dave", "told on their terminals: bob; nobody else here takes messages now"),
        ("", "", "", "told on their terminals: bob, carol, dave"),
    ],
)
def test_nobody_who_is_away_or_has_muted_notices_is_named_and_a_terminal_that_takes_none_is(
    house: House, away: str, unwilling: str, muted: str, line: str
) -> None:
    """THREATS N-08."""

    async def scene() -> None:
        house.tty.away, house.tty.unwilling = set(away.split()), set(unwilling.split())
        for name in muted.split():
            house.store.mute(name, house.at.at + timedelta(days=1))
        house.begin(notify=("tty",))
        await house.work()
        assert house.heard() == [line]
        await house.pass_time(AWAY_FOR)
        assert house.heard() == [line]
        house.restart()
        await house.work()
        assert house.heard() == [line], "the daemon knows after a restart, too, who wanted none"

    asyncio.run(scene())


@played
async def test_who_takes_no_messages_is_not_asked_again_is_told_no_end_and_is_not_said_to_be_told(house: House) -> None:
    house.tty.unwilling = {"bob"}
    made = house.begin(notify=("tty",))
    await house.work()
    n_tries = house.tty.n_tries
    await house.pass_time(AWAY_FOR)
    assert house.tty.n_tries == n_tries
    ((_, told, why_not),) = house.notices.of(house.found())
    assert ([mark.address for mark in told], why_not) == (["carol", "dave"], "")
    house.tty.unwilling = set()
    house.act(withdraw(made))
    await house.work()
    assert [to for event, _, to in house.tty.said if event == "decided"] == ["carol", "dave"]
    assert house.store.told_open() == []


@played
async def test_broken_glass_that_a_terminal_did_not_take_is_not_recorded_as_told(house: House) -> None:
    house.tty.unwilling = {"bob"}
    made = asked(ID)
    house.skipped[ID] = Skipped((Approval(1, ("group:ops",)),))
    house.act(submit(made), screened(made, free(notify=("tty",)), attended=False))
    house.notices.look(ID)
    await house.work()
    assert [note["detail"]["to"] for note in house.noted()] == ["carol", "dave"]


@played
async def test_a_requester_reads_that_a_channel_fails_and_not_why(house: House) -> None:
    house.tty.is_down = True
    house.begin(notify=("tty",))
    await house.work()
    assert house.heard() == ["nobody could be told on their terminals yet; jitd tries again"]
    house.begin("1ATE-1ATE", notify=("tty",))
    assert house.heard("1ATE-1ATE") == ["nobody could be told on their terminals yet; jitd tries again"]
    house.tty.is_down, house.tty.refuses = False, {"bob"}
    await house.pass_time(LONGEST_PAUSE)
    await house.pass_time(LONGEST_PAUSE)
    assert house.heard() == ["told on their terminals: carol, dave; others could not be told yet; jitd tries again"]


@played
async def test_who_asks_for_much_reads_that_people_are_told_later(house: House) -> None:
    for n in range(MOST_OF_ONE + 1):
        house.begin(f"AAAA-{n:04}")
        await house.work()
    assert house.heard(f"AAAA-{MOST_OF_ONE:04}") == [
        "people are told by ops within a minute, because you ask for much",
        "people are told on their terminals within a minute, because you ask for much",
    ]
    await house.pass_time(MINUTE)
    assert house.heard(f"AAAA-{MOST_OF_ONE:04}") == ["told by ops", "told on their terminals: bob, carol, dave"]


def test_the_requester_reads_names_only_of_people_who_could_approve() -> None:
    """THREATS N-08."""
    events = ("waits", "opened-300", "reminder", "break_glass", "overdue", "decided", "not_taken-H1")
    marks = [Told(ID, "tty", "bob", event, moment().at, is_open=True) for event in events]

    def names(**who: bool) -> list[str]:
        return [mark.to for mark in notice_row("tty", marks, "", **who).told]

    assert names(is_named=False, is_told_all=True) == ["bob"] * 7
    assert names(is_named=True, is_told_all=False) == ["bob"] * 3 + [""] * 4
    assert names(is_named=False, is_told_all=False) == [""] * 7
    assert notice_row("tty", marks, "no route", is_named=True, is_told_all=False).failing == "not everybody could be told yet"


@played
async def test_of_what_does_not_wait_any_more_nothing_is_said_and_nothing_is_kept(house: House) -> None:
    made = house.begin()
    await house.work()
    house.act(withdraw(made))
    await house.work()
    assert house.heard() == []
    assert all(not post._looked and not post._missed for post in house.posts.values())


# --- mutes, and what nobody mutes ----------------------------------------------------------------------------------------------


@played
async def test_who_is_muted_is_told_nothing_until_it_is_over_and_the_group_is_told(house: House) -> None:
    """THREATS A-09."""
    house.store.mute("bob", house.at.at + timedelta(seconds=60))
    house.begin()
    await house.work()
    assert [to for _, _, to in house.tty.said] == ["carol", "dave"] and house.ops.said == [("waits", ID, "")]
    await house.pass_time(61)
    assert [to for _, _, to in house.tty.said] == ["carol", "dave", "bob"]


@played
async def test_a_mute_that_is_lifted_lets_through_what_still_waits(house: House) -> None:
    house.store.mute("bob", house.at.at + timedelta(days=1))
    house.begin()
    await house.work()
    house.store.mute("bob", None)
    house.notices.look_at_all()
    await house.work()
    assert ("waits", ID, "bob") in house.tty.said


@played
async def test_a_mute_is_lifted_at_once_and_one_request_is_looked_at_in_each_pass_of_the_loop(house: House) -> None:
    """THREATS S-18: all of them were read before anybody else was served."""
    ids = [f"AAAA-00{n:02d}" for n in range(30)]
    for id in ids:
        house.begin(id)
    looked: list[str] = []
    house.notices.look = looked.append  # type: ignore[method-assign]
    mutes = Mutes(house.store, house.notices.look_again, lambda: house.at)
    keeping = asyncio.create_task(house.notices.keep())
    mutes.mute(person("bob"), None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert looked == [], "who is not muted has missed nothing"
    assert mutes.mute(person("bob"), 60).startswith(f"until {on_host(house.at.at + timedelta(seconds=60))} you are told nothing")
    mutes.mute(person("bob"), None)
    assert house.store.muted() == {}
    assert looked == []
    for n_passes in range(1, 100):
        await asyncio.sleep(0)
        assert len(looked) <= n_passes
    assert sorted(looked) == ids
    keeping.cancel()
    await asyncio.wait([keeping])


@played
async def test_broken_glass_is_told_loudly_to_muted_people_too_and_is_in_the_record(house: House) -> None:
    house.store.mute("bob", house.at.at + timedelta(days=1))
    house.skipped[ID] = Skipped((Approval(1, ("group:ops",)),))
    made = asked(ID)
    house.act(submit(made), screened(made, free(notify=("ops", "tty")), attended=False))
    house.notices.look(ID)
    await house.work()
    assert [to for event, _, to in house.tty.said if event == "break_glass"] == ["bob", "carol", "dave"]
    assert [(one["channel"], one["to"]) for one in (note["detail"] for note in house.noted())] == [
        ("ops", ""), ("tty", "bob"), ("tty", "carol"), ("tty", "dave"),
    ]  # fmt: skip
    house.skipped[ID] = replace(house.skipped[ID], is_overdue=True)
    house.notices.look(ID)
    await house.work()
    assert [event for event, _, to in house.tty.said if to == "bob"] == ["break_glass", "overdue"]
    house.skipped[ID] = replace(house.skipped[ID], given_by="carol", given_at=house.at.at)
    house.notices.look(ID)
    await house.work()
    assert house.ops.said[-1] == ("reviewed", ID, "") and "carol has reviewed" in house.ops.heard[-1].lines[0]
    assert [to for event, _, to in house.tty.said if event == "reviewed"] == ["dave"], "not the muted one, nor who reviewed"
    assert house.store.told_open() == []


@played
async def test_broken_glass_is_never_left_to_a_digest(house: House) -> None:
    for n in range(9):
        house.begin(f"AAAA-{n:04}", notify=("ops",))
    await house.work()
    made = asked(ID)
    house.skipped[ID] = Skipped((Approval(1, ("group:ops",)),))
    house.act(submit(made), screened(made, free(notify=("ops",)), attended=False))
    house.notices.look(ID)
    await house.work()
    assert house.ops.said[-1] == ("break_glass", ID, "")


def test_a_group_has_no_addressee_and_persons_have_one(tmp_path: Path) -> None:
    assert not GROUP.is_for_persons and PERSONS.is_for_persons
    assert MailSettings("m", to_each="{user}@example.org").is_for_persons


# --- what else could go wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_requester_is_told_the_end_though_nobody_else_was_told_anything(tmp_path: Path, is_killed: bool) -> None:
    async def scene() -> None:
        house = House(tmp_path, {"tty": replace(PERSONS, requester=True)})
        house.seats = lambda way: Seats((), is_whole=True)
        made = house.begin(notify=("tty",), waits=False)
        await house.work()
        if is_killed:
            house.lifecycle.handle(review(made, person("bob"), attended=False))
            house.restart()
        else:
            house.act(review(made, person("bob"), attended=False))
        await house.work()
        assert house.tty.said == [("decided", ID, "alice")]
        house.close()

    asyncio.run(scene())


def test_a_requester_who_waits_hears_it_from_jitsudo_and_not_from_a_channel(tmp_path: Path) -> None:
    async def scene() -> None:
        house = House(tmp_path, {"tty": replace(PERSONS, requester=True)})
        made = house.begin(notify=("tty",), waits=True)
        await house.work()
        house.act(review(made, person("bob"), attended=False))
        await house.work()
        assert all(to != "alice" for _, _, to in house.tty.said)
        house.close()

    asyncio.run(scene())


@played
async def test_while_gatekeepers_are_asked_after_the_last_approval_nobody_is_reminded(house: House) -> None:
    made = house.begin(notify=("ops",))
    await house.work()
    asked_again = replace(review(made, person("bob")), decision=permit(notify=("ops",), gatekeepers=("change",)))
    house.act(asked_again)
    assert house.found().asking_at is not None
    await house.pass_time(500)
    assert house.ops.said == [("waits", ID, "")]


@played
async def test_a_channel_that_is_down_is_tried_with_one_message_however_many_wait(house: House) -> None:
    house.ops.is_down = True
    for n in range(20):
        house.begin(f"AAAA-{n:04}", notify=("ops",))
    await house.work()
    for _ in range(30):
        await house.pass_time(1)
    assert house.ops.n_tries <= 7
    house.ops.is_down = False
    await house.pass_time(LONGEST_PAUSE)
    await house.pass_time(MINUTE)
    assert {mark.request for n in range(20) for mark in house.store.told(f"AAAA-{n:04}")} == {f"AAAA-{n:04}" for n in range(20)}


@played
async def test_a_request_that_cannot_be_looked_at_is_looked_at_again(house: House) -> None:
    house.begin(notify=("ops",))
    house.store.n_unread = 1
    (post,) = (post for post in house.posts.values() if post.settings.name == "ops")
    with pytest.raises(StoreError):
        await post.work()
    assert house.ops.n_tries == 0
    await house.pass_time(FIRST_PAUSE)
    assert house.ops.said == [("waits", ID, "")]


@played
async def test_who_could_approve_already_is_not_told_of_a_way_that_opens_nor_is_a_group_that_heard_of_it_later(
    house: House,
) -> None:
    ops, later = Approval(1, ("group:ops",)), Approval(1, ("group:security",), after=300)
    house.ops.is_down = True
    house.begin(ID, replace(ops, instead=(later,)))
    await house.work()
    await house.pass_time(300)
    house.act(WaysOpened(ID, CLOCK, 300))
    house.ops.is_down = False
    await house.pass_time(LONGEST_PAUSE)
    house.notices.look(ID)
    await house.work()
    assert house.tty.said == [("waits", ID, "bob"), ("waits", ID, "carol"), ("waits", ID, "dave")]
    assert house.ops.said == [("waits", ID, "")]
