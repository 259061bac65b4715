# SPDX-License-Identifier: Apache-2.0
"""What a sink gets of the record: everything, in its order, at least once, whatever fails in between."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import forms
from jitd.audit.forms import Checkpoint
from jitd.core.chain import GENESIS, Seal, canonical
from jitd.core.chain import seal as sealed_after
from jitd.core.decision import Deny, Why
from jitd.core.grade import Damage, Finding, Grade
from jitd.core.subject import BY_PAM
from jitd.core.values import FORGOTTEN, commitment
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Cursor, StoreError
from jitd.store.opening import open_cursors, read_store
from jitd.store.sqlite import SqliteStore
from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.deliveries import LONGEST_HEADER, MOST_EVENTS, Deliver, Delivered, Event, Https, Syslog
from jitd_outsiders.outside.deliveries import Lines as LogFile
from jitd_outsiders.outside.questions import QUESTIONS
from jitd_sinks.settings import Denials, SinkSettings
from jitd_sinks.sinks import feed as feeds
from jitd_sinks.sinks import fitting, pace, sinks
from jitd_sinks.sinks.feed import AGAIN_FOR, PROOFS, Office
from jitd_sinks.sinks.reading import MOST_KEPT
from jitd_sinks.sinks.sinks import Sinks
from tests.audit.ocsf_schema import faults
from tests.scene import START, asked, command, locked, moment, person, place, screened, submit
from tests.waiting import PATIENCE

HOST = "db1.example.test"
FILE = LogFile("record.jsonl")
WEB = Https("https://siem.example.test/", "lines", "Bearer")
SERVER = Syslog("tcp", "127.0.0.1", 601)
REFUSES = Deny(Why.RULE, "rule no-rm denies it", "no-rm")


class Collector:
    """In the place of jitd-outside and of what is behind it: takes every event, unless an answer was scripted."""

    def __init__(self) -> None:
        self.got: list[Event] = []
        self.answers: list[Callable[[Deliver], Delivered | Failed]] = []
        self.refuses: Callable[[Event], bool] = lambda event: False
        self.always: Callable[[Deliver], Delivered | Failed | None] = lambda question: None
        self.delivered = asyncio.Event()
        self.batches: list[int] = []

    async def deliver(self, body: bytes, n_events: int, deadline_ms: int) -> Delivered | Failed:
        question = QUESTIONS.read(body)
        assert isinstance(question, Deliver) and n_events == len(question.events)
        await asyncio.sleep(0)
        if (answer := self.always(question)) is not None:
            return answer
        if self.answers:
            answer = self.answers.pop(0)(question)
            if isinstance(answer, Delivered):
                self.take(question.events[: answer.n_done], {index for index, _ in answer.refused})
            return answer
        refused = {index for index, event in enumerate(question.events) if self.refuses(event)}
        self.take(question.events, refused)
        return Delivered(len(question.events), tuple((index, "it says 400") for index in sorted(refused)))

    def take(self, events: tuple[Event, ...], refused: set[int]) -> None:
        self.batches.append(len(events))
        self.got += [event for index, event in enumerate(events) if index not in refused]
        self.delivered.set()

    @property
    def numbers(self) -> list[int]:
        return [event.number for event in self.got]

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.got]


class House:
    """The part of a daemon that has the record and its sinks, in the directory ``path``."""

    def __init__(self, path: Path, *settings: SinkSettings) -> None:
        self.path = path / "jitd.db"
        self.settings = {one.name: one for one in settings}
        self.collector = Collector()
        self.thread = ThreadPoolExecutor(1)
        self.after = 0.0
        self.clock = 1000.0
        self.begin()

    def begin(self) -> None:
        self.store = SqliteStore(self.path)
        self.cursors = open_cursors(self.path)
        self.lifecycle = Lifecycle(self.store, lambda: moment(self.after), lambda: "policy", lambda head: self.sinks.look(head))
        office = Office(
            deliver=lambda *question: self.collector.deliver(*question),
            in_thread=self.in_thread,
            note=lambda name, detail: self.lifecycle.note(name, "jitd", 0, detail),
            cursors=self.cursors,
            clock=lambda: self.clock,
            now=lambda: moment(self.after).at,
        )
        self.sinks = Sinks(self.settings, self.store, HOST, lambda: read_store(self.path), office)

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def note(self, n: int = 1, **detail: Any) -> None:
        for _ in range(n):
            self.lifecycle.note("policy.loaded", "root", 0, {"rules": 1, **detail})

    def deny(self, id: str, who: str = "alice", **changes: Any) -> None:
        request = asked(id, person(who), submitted_at=moment(self.after).at, **changes)
        self.lifecycle.handle(submit(request), screened(request, REFUSES))

    def sign(self, number: int) -> None:
        seal = next(digest for n, _, digest in self.store.records(number - 1) if n == number)
        made = Checkpoint(HOST, number, seal, START, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n")
        self.store.keep_checkpoint(made)
        self.sinks.signed(made.number)

    def cursor(self, name: str = "siem") -> Cursor:
        return self.store.cursors()[name]

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body, _ in self.store.records()]

    def play(
        self,
        script: Callable[[], Awaitable[None]] | None = None,
        until: Callable[[], bool] | None = None,
        within: float = PATIENCE,
    ) -> None:
        """Begin the sinks, play ``script`` while they are fed, and stop when they have the whole record or ``until`` is true."""

        async def play() -> None:
            self.sinks.begin()
            task = asyncio.create_task(self.sinks.keep())
            try:
                async with asyncio.timeout(within):
                    if script is not None:
                        await script()
                    if until is not None:
                        while not until():
                            await asyncio.sleep(0.01)
                    else:
                        await self.sinks.finish()
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

        asyncio.run(play())

    def end(self) -> None:
        self.thread.submit(self.sinks._lines.close).result()
        self.cursors.close()
        self.store.close()

    def again(self) -> None:
        """The daemon was killed, and starts again."""
        self.end()
        self.begin()
        self.collector.got.clear()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "GATHERED_FOR", 0.001)
    monkeypatch.setattr(feeds, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(pace, "SHARE", 1.0)
    monkeypatch.setattr(pace, "LEAST_SHARE", 1.0)


@pytest.fixture
def house_of(tmp_path: Path) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def make(**changes: Any) -> House:
        settings = {"name": "siem", "to": FILE, "shows": "command", "from_start": True, **changes}
        made.append(House(tmp_path, SinkSettings(**settings)))
        return made[-1]

    yield make
    for house in made:
        house.end()


Make = Callable[..., House]


def test_a_sink_gets_every_record_in_order_and_each_line_proves_the_chain(house_of: Make) -> None:
    house = house_of()
    house.note(300)
    house.deny("AAAA-AAAA")
    house.play()
    assert house.collector.numbers == list(range(1, house.store.head().number + 1))
    assert max(house.collector.batches) <= MOST_EVENTS
    seal = Seal(0, bytes(32))
    for event in house.collector.got:
        line = forms.read(event.text)
        assert isinstance(line, forms.Record)
        seal = sealed_after(seal, line.sealed)
        assert line.seal == seal.digest
    assert seal == house.store.head()
    assert house.cursor().number == house.store.head().number


def test_records_that_are_made_while_the_sink_is_fed_follow_at_once(house_of: Make) -> None:
    house = house_of()

    async def script() -> None:
        for n in range(20):
            house.note()
            while len(house.collector.got) < n + 2:  # the first one says that the sink is new
                await asyncio.sleep(0.001)

    house.play(script)
    assert house.collector.numbers == list(range(1, 22))


def test_a_new_sink_begins_at_the_head_and_from_start_at_the_first_record(house_of: Make) -> None:
    house = house_of(from_start=False)
    house.note(5)
    house.play()
    assert house.collector.names == ["sink.added"]
    assert house.collector.numbers == [6]


def test_a_sink_with_another_name_is_a_new_one_and_both_names_are_in_the_record(house_of: Make) -> None:
    house = house_of(from_start=False)
    house.note(5)
    house.play()
    house.settings = {"other": SinkSettings("other", FILE)}
    house.again()
    house.play()
    assert house.events()[-2:] == ["sink.added", "sink.removed"]
    assert house.collector.names == ["sink.added", "sink.removed"]


def test_a_sink_that_comes_back_gets_what_it_lacks(house_of: Make) -> None:
    house = house_of()
    house.play()
    settings, house.settings = house.settings, {}
    house.again()
    house.play()
    house.note(3)
    house.settings = settings
    house.again()
    house.play()
    assert house.collector.names == ["sink.removed", *["policy.loaded"] * 3, "sink.added"]


def test_a_sink_that_was_down_gets_all_that_it_lacks_when_it_is_back(house_of: Make) -> None:
    """THREATS L-15."""
    house = house_of()
    house.collector.answers = [lambda question: Failed("connection refused")] * 5

    async def script() -> None:
        while house.collector.answers:
            house.clock += 100.0
            house.note(60)
            await asyncio.sleep(0.005)
        house.clock += 100.0

    house.play(script, until=lambda: house.cursor().number == house.store.head().number)
    assert house.collector.numbers == list(range(1, house.store.head().number + 1))


def test_while_a_sink_is_down_the_status_has_the_reason_and_how_many_records_it_lacks(house_of: Make) -> None:
    house = house_of()
    house.collector.answers = [lambda question: Failed("connection refused")] * 1000
    house.note(7)
    house.play(until=lambda: house.sinks.states()[0][1] > 0)
    ((name, since, why, n_records, n_refused),) = house.sinks.states()
    assert (name, why, n_records, n_refused) == ("siem", "connection refused", 8, 0)
    assert since == START.timestamp()
    assert house.sinks.lag()["siem"].n_records == 8


def test_a_sink_that_takes_pages_and_is_behind_tells_how_many_records_it_lacks_and_how_it_failed_last(house_of: Make) -> None:
    house = house_of()
    n_asked, taken, seen = 0, 0, []

    def answer(question: Deliver) -> Delivered | Failed | None:
        nonlocal n_asked, taken
        n_asked += 1
        if n_asked == 3:  # it has taken the first page after the failure, and nothing is wrong at the moment
            taken = house.collector.numbers[-1]
            seen.extend(house.sinks.states())
            house.clock += sinks.SLOW_AFTER + 1
            seen.extend(house.sinks.states())
        return Failed("it says 500") if n_asked == 1 else None

    house.collector.always = answer

    async def script() -> None:
        house.note(2 * MOST_EVENTS)

    house.play(script, until=lambda: n_asked >= 3 and house.cursor().number == house.store.head().number)
    fast, slow = seen
    last = "the last time that it failed: it says 500"
    n_lacking = house.store.head().number - taken
    assert fast == ("siem", 0, last, n_lacking, 0)
    assert slow[1] > 0 and slow[2:] == (f"records come faster than it takes them; {last}", n_lacking, 0)
    assert house.sinks.states() == [("siem", 0, "", 0, 0)]


def test_of_a_batch_that_was_taken_in_part_the_rest_is_sent_again(house_of: Make) -> None:
    house = house_of()
    house.note(9)
    house.collector.answers = [lambda question: Delivered(4, why="the connection ended")]

    async def script() -> None:
        while house.cursor().number < 4:
            await asyncio.sleep(0.001)
        house.clock += 100.0

    house.play(script, until=lambda: house.cursor().number == 10)
    assert house.collector.numbers == list(range(1, 11))


def test_a_daemon_that_is_killed_between_the_answer_and_the_cursor_sends_again_and_leaves_nothing_out(house_of: Make) -> None:
    """THREATS L-15."""
    house = house_of()
    house.note(9)

    class Killed(Exception):
        pass

    class Dies:
        def keep_cursor(self, cursor: Cursor) -> None:
            raise Killed

        def close(self) -> None:
            pass

    async def in_thread(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Killed:
            await asyncio.Event().wait()  # from here on, nothing is done any more

    object.__setattr__(house.sinks._office, "cursors", Dies())
    object.__setattr__(house.sinks._office, "in_thread", in_thread)
    house.play(until=lambda: len(house.collector.got) == 10)
    first = list(house.collector.numbers)
    assert first == list(range(1, 11))
    assert house.cursor().number == 0
    house.again()
    house.play()
    assert house.collector.numbers == list(range(1, 11))


def test_a_cursor_that_cannot_be_stored_stops_nothing_and_is_told(house_of: Make) -> None:
    """THREATS L-15."""
    house = house_of()

    class Full:
        def keep_cursor(self, cursor: Cursor) -> None:
            raise StoreError("jitd.db: database or disk is full")

        def close(self) -> None:
            pass

    object.__setattr__(house.sinks._office, "cursors", Full())
    house.note(200)
    house.play()
    assert house.collector.numbers == list(range(1, 202))
    assert "its place cannot be stored: jitd.db: database or disk is full" in house.sinks.states()[0][2]
    house.again()
    house.play()
    assert house.collector.numbers == list(range(1, 202)), "again, and nothing is missing"
    assert house.cursor().number == 201


def test_a_cursor_that_was_set_back_sends_records_twice_and_changes_none(house_of: Make) -> None:
    """THREATS L-15."""
    house = house_of()
    house.note(20)
    house.play()
    before = {event.number: event.text for event in house.collector.got}
    with closing(sqlite3.connect(house.path)) as db, db:
        db.execute("UPDATE sinks SET number = 3, checkpoint = 0")
    house.again()
    house.play()
    assert house.collector.numbers == list(range(4, 22))
    assert all(before[event.number] == event.text for event in house.collector.got)


def test_a_cursor_that_is_ahead_of_the_record_is_told_and_what_follows_is_sent(house_of: Make) -> None:
    """THREATS L-15."""
    house = house_of()
    house.note(4)
    house.play()
    with closing(sqlite3.connect(house.path)) as db, db:
        db.execute("UPDATE sinks SET number = 1000")
    house.again()
    house.note(2)
    house.play()
    assert house.events()[-1] == "sink.ahead"
    assert house.collector.names[-1] == "sink.ahead"


def test_a_record_that_a_sink_refuses_for_ever_is_recorded_and_passed(house_of: Make) -> None:
    house = house_of()
    house.note(5)
    house.collector.refuses = lambda event: event.number == 3
    house.play(until=lambda: "sink.refused" in house.collector.names)
    assert house.collector.numbers == [1, 2, 4, 5, 6, 7]
    detail = json.loads(house.collector.got[-1].text)["detail"]
    assert detail == {"sink": "siem", "first": 3, "last": 3, "n": 1}
    assert house.sinks.states()[0][4] == 1
    assert house.cursor().number >= 6


def without_long_ones(question: Deliver) -> Delivered | None:
    """A server, or what stands before it, that answers a long body with an error that names nothing."""
    if sum(len(event.text) for event in question.events) > 40_000:
        return Delivered(0, why="the server says 500: Internal Server Error")
    return None


def passing_time(house: House) -> Callable[[], Awaitable[None]]:
    async def script() -> None:
        while house.cursor().number < 8:
            house.clock += 100.0
            await asyncio.sleep(0.001)

    return script


def test_a_record_that_a_server_refuses_without_naming_it_holds_no_sink_up(house_of: Make) -> None:
    """THREATS L-16: its words are a person's, and the server, or what stands before it, takes everything else."""
    house = house_of(to=WEB)
    house.note(3)
    house.note(words="x" * 28_000)
    house.note(3)
    refused = house.store.head().number - 3
    house.collector.always = without_long_ones
    house.play(passing_time(house))
    assert sorted(set(house.collector.numbers)) == list(range(1, house.store.head().number + 1))
    lines = [forms.read(event.text) for event in house.collector.got if event.number == refused]
    assert {type(line) for line in lines} == {forms.Record}, "its digest is there, so the chain can be checked"
    assert all("detail" not in line.told and line.told["event"] == "policy.loaded" for line in lines)
    assert len(lines) == PROOFS
    notes = [json.loads(body) for _, body, _ in house.store.records()]
    assert [note["detail"] for note in notes if note["event"] == "sink.refused"] == [
        {"sink": "siem", "first": refused, "last": refused, "n": 1}
    ]


@pytest.mark.parametrize("fails", ["always", "for a while"])
def test_while_a_server_fails_no_record_is_given_up(house_of: Make, fails: str) -> None:
    """THREATS L-16."""
    house = house_of(to=WEB)
    house.note(5)
    n_asked = 0

    def down(question: Deliver) -> Delivered | None:
        nonlocal n_asked
        n_asked += 1
        return Delivered(0, why="the server says 503") if fails == "always" or n_asked < 40 else None

    house.collector.always = down

    async def script() -> None:
        while n_asked < 60 and house.cursor().number < 6:
            house.clock += 100.0
            await asyncio.sleep(0.001)

    house.play(script, until=lambda: True)
    assert "sink.refused" not in house.events()
    if fails == "always":
        assert house.collector.got == [] and house.cursor().number == 0
    else:
        assert [type(forms.read(event.text)) for event in house.collector.got[-5:]] == [forms.Record] * 5


def test_a_server_that_fails_now_and_then_gets_the_whole_record(house_of: Make) -> None:
    """THREATS L-16: what it takes in brief, it may take whole the next time."""
    house = house_of(to=WEB)
    house.note(words="x" * 28_000)
    house.note(6)
    n_long = 0

    def flaky(question: Deliver) -> Delivered | None:
        nonlocal n_long
        if (answer := without_long_ones(question)) is not None:
            n_long += 1
            return answer if n_long < 6 else None
        return None

    house.collector.always = flaky
    house.play(passing_time(house))
    assert "sink.refused" not in house.events()
    assert any(len(event.text) > 28_000 for event in house.collector.got)


def test_the_refusal_of_a_note_about_a_refusal_is_not_noted(house_of: Make) -> None:
    """THREATS L-16."""
    house = house_of()
    house.note(5)
    house.collector.refuses = lambda event: True

    async def script() -> None:
        while house.cursor().number < house.store.head().number or house.store.head().number < 7:
            house.clock += 1.0
            await asyncio.sleep(0.001)

    house.play(script)
    house.clock += 10.0
    assert house.events().count("sink.refused") == 1
    assert house.collector.got == []


def test_two_sinks_that_refuse_everything_do_not_fill_the_record(tmp_path: Path) -> None:
    house = House(tmp_path, SinkSettings("a", FILE, from_start=True), SinkSettings("b", SERVER, from_start=True))
    house.collector.refuses = lambda event: True
    house.note(300)

    async def script() -> None:
        while not house.collector.batches or any(lag.n_records for lag in house.sinks.lag().values()):
            house.clock += 1.0
            await asyncio.sleep(0.001)
            assert house.store.head().number < 400

    house.play(script)
    house.end()
    assert house.collector.got == []


def test_the_refusal_of_a_checkpoint_makes_no_record_that_needs_another_checkpoint(house_of: Make) -> None:
    """THREATS L-16."""
    house = house_of()
    house.note(2)
    house.sign(2)
    house.collector.refuses = lambda event: event.name == "checkpoint"
    house.play()
    assert "sink.refused" not in house.events()
    assert house.sinks.states()[0][4] == 1


def test_checkpoints_are_sent_in_their_place(house_of: Make) -> None:
    house = house_of()
    house.note(5)
    house.sign(2)
    house.sign(5)
    house.play()
    assert [(e.number, e.name == "checkpoint") for e in house.collector.got] == [
        (1, False), (2, False), (2, True), (3, False), (4, False), (5, False), (5, True), (6, False),
    ]  # fmt: skip
    made = forms.read(house.collector.got[2].text)
    assert isinstance(made, Checkpoint)
    assert made.number == 2


def test_a_checkpoint_that_is_signed_after_its_record_was_sent_follows(house_of: Make) -> None:
    house = house_of()
    house.note(5)

    async def script() -> None:
        while len(house.collector.got) < 6:
            await asyncio.sleep(0.001)
        house.sign(6)

    house.play(script, until=lambda: house.cursor().checkpoint == 6)
    house.again()
    house.play()
    assert house.collector.got == [], "and is not sent again"


def test_after_a_lost_connection_to_a_receiver_that_confirms_nothing_the_last_records_are_sent_again(house_of: Make) -> None:
    """THREATS L-20."""
    house = house_of(to=SERVER)
    house.note(400)
    house.play()
    sent = len(house.collector.got)
    house.collector.got.clear()
    house.collector.answers = [lambda question: Delivered(0, is_new=True)]
    house.note()
    house.play()
    assert sent == 401
    assert house.collector.numbers == list(range(1, 403)), "nothing has settled"


def test_a_record_settles_if_its_connection_stands_a_minute_later(house_of: Make) -> None:
    house = house_of(to=SERVER)
    house.note(400)
    house.play()
    assert house.cursor().number == 0

    async def script() -> None:
        house.clock += AGAIN_FOR
        house.note()

    house.play(script)
    assert house.collector.numbers[-1] == 402
    assert house.cursor().number == 0, "the daemon was started again, and does not know what the last one sent"


def test_what_a_proxy_with_nobody_behind_it_takes_never_settles(house_of: Make) -> None:
    """THREATS L-20: it takes each batch, and ends the connection some seconds later."""
    house = house_of(to=SERVER)
    house.note(300)
    n_asked = 0

    async def takes(body: bytes, n_events: int, deadline_ms: int) -> Delivered | Failed:
        nonlocal n_asked
        n_asked += 1
        house.clock += 10
        return Delivered(0, is_new=True) if n_asked % 4 == 1 else Delivered(n_events)

    behind, house.collector.deliver = house.collector.deliver, takes  # type: ignore[method-assign]

    async def script() -> None:
        for _ in range(40):
            house.note()
            await asyncio.sleep(0.01)
        while not house.sinks.states()[0][1]:
            house.note()
            await asyncio.sleep(0.01)
        assert "each connection to it is lost soon" in house.sinks.states()[0][2]
        assert house.cursor().number == 0
        answers = house.collector.answers
        answers.append(lambda question: Delivered(0, is_new=True))
        house.collector.deliver = behind  # type: ignore[method-assign]
        house.clock += 60
        house.note()

    house.play(script, until=lambda: house.store.head().number in house.collector.numbers)
    assert sorted(set(house.collector.numbers)) == list(range(1, house.store.head().number + 1))


def test_a_connection_that_is_lost_each_time_is_a_failure(house_of: Make) -> None:
    house = house_of(to=SERVER)
    house.note()
    house.collector.answers = [lambda question: Delivered(0, is_new=True)] * 1000
    house.play(until=lambda: house.sinks.states()[0][1] > 0)
    assert "each connection" in house.sinks.states()[0][2]


def test_a_narrowed_sink_gets_its_classes_and_each_line_says_which(house_of: Make) -> None:
    house = house_of(classes=frozenset({"denied", "lock"}))
    house.note(3)
    house.deny("AAAA-AAAA")
    house.lifecycle.handle(place(locked()))
    house.note(3)
    house.play()
    assert house.collector.names == ["request.screened", "lock.placed"]
    assert [json.loads(event.text)["classes"] for event in house.collector.got] == [["denied"], ["lock"]]


def test_denials_of_one_person_are_counted_up_to_the_moment_of_each(house_of: Make) -> None:
    house = house_of(denials=(Denials(3, 600),))
    for n, (who, minutes) in enumerate([("alice", 0), ("bob", 1), ("alice", 1), ("alice", 9), ("alice", 25), ("bob", 26)]):
        house.after = minutes * 60.0
        house.deny(f"AAAA-AAA{n}", who)
    house.play()
    assert [json.loads(event.text)["id"] for event in house.collector.got] == ["AAAA-AAA3"]


def test_what_gives_root_is_a_class(house_of: Make) -> None:
    house = house_of(classes=frozenset({"gives-root"}))
    house.deny("AAAA-AAA1", what=command("vim", findings=(Finding(Grade.GIVES, "vim starts a shell"),)))
    house.deny("AAAA-AAA2", what=command("ls", findings=(Finding(Grade.HARMLESS, "ls"),)))
    house.deny("AAAA-AAA3")
    house.play()
    assert {json.loads(event.text)["id"] for event in house.collector.got} == {"AAAA-AAA1"}


def test_what_destroys_or_stops_is_a_class(house_of: Make) -> None:
    house = house_of(classes=frozenset({"damage"}))
    for n, damage in enumerate(Damage):
        house.deny(f"AAAA-AAA{n}", what=command("x", findings=(Finding(Grade.CHANGES, "it", damage=damage),)))
    house.play()
    lines = [json.loads(event.text) for event in house.collector.got]
    assert {line["id"] for line in lines} == {"AAAA-AAA1", "AAAA-AAA2"}
    assert [line["about"]["damage"] for line in lines if line["event"] == "request.submitted"] == ["stops", "destroys"]


@pytest.mark.parametrize("who", ["root", f"{BY_PAM}carol", "carol@EXAMPLE.TEST"])
def test_whoever_acts_without_a_ticket_is_of_a_class(house_of: Make, who: str) -> None:
    """THREATS L-16. Not only who asks without one, but also who approves, or locks, or lifts a lock."""
    house = house_of(classes=frozenset({"bypass"}))
    placed = {"event": "lock.placed", "id": "L-1", "actor": who, "at": START.isoformat(), "detail": {}}
    noted = {"event": "policy.loaded", "actor": "root", "at": START.isoformat(), "detail": {}}
    house.store.commit((), [canonical(placed), canonical(noted)])
    house.play()
    assert house.collector.names == ([] if who.endswith("TEST") else ["lock.placed"])


def test_the_place_of_a_narrowed_sink_goes_on_over_what_it_does_not_get(house_of: Make) -> None:
    house = house_of(classes=frozenset({"lock"}))
    house.store.commit((), [canonical({"event": "policy.loaded", "at": START.isoformat()})] * 2000)
    house.clock = 1000.0
    house.play()
    house.lifecycle.handle(place(locked()))
    house.clock = 2000.0
    house.again()
    house.play()
    assert house.collector.names == ["lock.placed"]


def test_a_record_that_is_too_long_for_the_sink_is_told_in_brief_and_proves_the_chain(house_of: Make) -> None:
    house = house_of(to=Syslog("unix", path="/dev/log", longest=2048))
    house.note(words="x" * 800)
    house.play(until=lambda: len(house.collector.got) >= 2)
    brief = forms.read(house.collector.got[0].text)
    assert isinstance(brief, forms.Record)
    assert (brief.sealed, len(brief.digest)) == (b"", 32)
    assert json.loads(house.collector.got[0].text)["detail"]["words"] == "x" * 800


def test_of_a_record_that_is_far_too_long_only_the_long_value_goes_and_nothing_is_refused(house_of: Make) -> None:
    house = house_of()
    house.note(words="x" * 100_000, other="short")
    house.note()
    house.play(until=lambda: len(house.collector.got) >= 3)
    assert isinstance(forms.read(house.collector.got[0].text), forms.Record)
    told = json.loads(house.collector.got[0].text)
    assert told["event"] == "policy.loaded"
    assert told["detail"] == {"rules": 1, "words": fitting.too_long("x" * 100_000), "other": "short"}
    assert "sink.refused" not in house.collector.names


@pytest.mark.parametrize("form", ["jitd", "ocsf"])
def test_of_a_command_that_is_too_long_for_syslog_its_long_word_goes(house_of: Make, form: str) -> None:
    """THREATS L-31. Event, requester, rule and host arrive, as do the words that are short."""
    house = house_of(to=Syslog("unix", path="/dev/log"), form=form)
    house.deny("AAAA-AAAA", what=command("/usr/bin/echo", "x" * 9000, "end"))
    house.play()
    assert {event.name for event in house.collector.got} >= {"request.submitted"}
    for event in house.collector.got:
        assert len(event.text) <= 8096 - LONGEST_HEADER
        line = forms.find(event.text)
        assert isinstance(line, forms.Record) and line.told["event"] == event.name
    (asked,) = [event.text for event in house.collector.got if event.name == "request.submitted"]
    told = forms.find(asked)
    assert isinstance(told, forms.Record) and told.about is not None and told.about["requester"] == "alice@EXAMPLE.TEST"
    assert told.told["detail"]["argv"] == ["/usr/bin/echo", fitting.too_long("x" * 9000), "end"]


def test_a_record_that_cannot_be_read_is_told_as_its_digest_and_stops_nothing(house_of: Make) -> None:
    house = house_of()
    house.store.commit((), (canonical({"event": 5}), b"[]"))
    house.note()
    house.play()
    assert house.collector.names == ["unreadable", "unreadable", "policy.loaded", "sink.added"]


def test_a_sink_in_the_form_of_ocsf_gets_events_that_prove_the_chain(house_of: Make) -> None:
    house = house_of(form="ocsf")
    house.deny("AAAA-AAAA", command=command(argv=(b"/usr/bin/rm", "a\n\x7f\x1b[1m\u202e".encode(), b"\xff")))
    house.note(1, more="x" * 20_000)
    house.play()
    records = {number: body for number, body, _ in house.store.records()}
    assert sorted(set(house.collector.numbers)) == sorted(records)
    for event in house.collector.got:
        assert faults(json.loads(event.text)) == []
        line = forms.find(event.text)
        assert isinstance(line, forms.Record) and line.sealed == records[event.number]


def test_a_control_character_never_stands_in_a_line(house_of: Make) -> None:
    house = house_of()
    house.note(words="a\x7f\x1b[31m\n\u2028b")
    house.play()
    (event, _) = house.collector.got
    assert event.text.isprintable()
    assert json.loads(event.text)["detail"]["words"] == "a\x7f\x1b[31m\n\u2028b"


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_a_sink_that_is_not_shown_commands_gets_none(house_of: Make, shows: str) -> None:
    """THREATS L-16."""
    house = house_of(shows=shows)
    house.deny("AAAA-AAAA", what=command("/usr/sbin/dropdb", "customers"))
    house.play()
    for event in house.collector.got:
        assert "dropdb" not in event.text
        assert "customers" not in event.text


def test_the_record_is_read_in_a_thread_and_in_small_pages(house_of: Make) -> None:
    house = house_of()
    threads: set[int] = set()
    plain = house.in_thread

    async def in_thread(work: Callable[[], Any]) -> Any:
        def noted() -> Any:
            threads.add(threading.get_ident())
            return work()

        return await plain(noted)

    object.__setattr__(house.sinks._office, "in_thread", in_thread)
    house.note(300)
    house.play()
    assert threading.get_ident() not in threads
    assert len(house.collector.got) == 301


def test_the_denials_of_a_window_are_counted_in_the_store(tmp_path: Path) -> None:
    house = House(tmp_path)
    for n in range(5):
        house.after = n * 60.0
        house.deny(f"AAAA-AAA{n}")
    at = START + timedelta(minutes=3)
    assert house.store.n_denied("alice", START + timedelta(minutes=1), at) == 3
    assert house.store.n_denied("bob", START, at) == 0
    house.end()


def test_a_receiver_that_is_reached_again_is_in_no_trouble_although_there_is_nothing_to_send(
    house_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PROBED_EVERY", 0.01)
    monkeypatch.setattr(feeds, "LONGEST_PAUSE", 0.001)
    house = house_of(to=SERVER)
    is_down = True
    house.collector.always = lambda question: Failed("connection refused") if is_down and not question.events else None

    async def script() -> None:
        nonlocal is_down
        while house.sinks.states()[0][2] != "connection refused":
            await asyncio.sleep(0.001)
        for _ in range(20):  # it stays in trouble as long as it is not reached
            await asyncio.sleep(0.005)
            house.clock += 1.0
            assert house.sinks.states()[0][1] > 0
        is_down = False

    house.play(script, until=lambda: house.sinks.states()[0][1] == 0)


def test_a_record_that_can_be_read_again_ends_the_trouble(house_of: Make) -> None:
    house = house_of()
    plain, failing = house.in_thread, 3

    async def in_thread(work: Callable[[], Any]) -> Any:
        nonlocal failing
        failing -= 1
        troubles.add(house.sinks.states()[0][2])
        if failing >= 0:
            raise StoreError("jitd.db: disk I/O error")
        return await plain(work)

    house.sinks._pace._in_thread = in_thread
    troubles: set[str] = set()

    def until() -> bool:
        house.clock += 1.0
        return failing < 0 and house.cursor().number == house.store.head().number and house.sinks.states()[0][1] == 0

    house.play(until=until)
    assert "jitd.db: disk I/O error" in troubles


def test_after_an_hour_without_a_network_everything_follows_in_order_and_nothing_is_kept_in_memory(house_of: Make) -> None:
    house = house_of()
    is_cut = True
    house.collector.always = lambda question: Failed("no route to host") if is_cut else None
    bodies = [canonical({"event": "policy.loaded", "at": START.isoformat(), "detail": {"rules": n}}) for n in range(20_000)]

    async def script() -> None:
        nonlocal is_cut
        while house.sinks.states()[0][2] != "no route to host":
            await asyncio.sleep(0.001)
        house.store.commit((), bodies)
        house.sinks.look(house.store.head())
        assert house.sinks.lag()["siem"].n_records == 20_001
        is_cut = False
        house.clock += 3600.0

    house.play(script, until=lambda: house.cursor().number == 20_001, within=3 * PATIENCE)
    assert house.collector.numbers == list(range(1, 20_002))
    assert house.sinks.lag()["siem"].n_records == 0
    assert len(house.sinks._lines._kept) <= MOST_KEPT


def test_between_two_pages_nothing_holds_up_the_write_ahead_log(house_of: Make) -> None:
    house = house_of()
    house.note(5)
    house.play()
    with closing(sqlite3.connect(house.path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert house.path.with_name("jitd.db-wal").stat().st_size == 0
    house.note()
    house.again()
    house.play()
    assert house.collector.numbers == [7]


def test_a_sink_that_is_shown_commands_gets_the_values_and_each_fits_its_commitment(house_of: Make) -> None:
    house = house_of()
    house.deny("AAAA-AAAA", what=command("/usr/sbin/dropdb", "customers"))
    house.play()
    line = json.loads(house.collector.got[0].text)
    assert line["detail"]["argv"] == ["/usr/sbin/dropdb", "customers"]
    assert "customers" not in line["sealed"]
    assert {"argv", "reason", "cwd"} <= {value["field"] for value in line["values"]}
    for value in line["values"]:
        content = json.dumps(value["value"], sort_keys=True, separators=(",", ":")).encode()
        made = commitment(value["field"], bytes.fromhex(value["salt"]), content).hex()
        assert made == value["committed"]
        assert made in line["sealed"]


def test_a_sink_that_begins_late_gets_forgotten_values_as_forgotten_and_the_chain_whole(house_of: Make) -> None:
    house = house_of()
    house.deny("AAAA-AAAA", what=command("/usr/sbin/dropdb", "customers"))
    note = {"event": "value.forgotten", "at": START.isoformat(), "detail": {"owners": ["AAAA-AAAA"], "n": 3}}
    house.store.commit((), (canonical(note),), forgotten=("AAAA-AAAA",))
    house.play()
    line = forms.read(house.collector.got[0].text)
    assert isinstance(line, forms.Record)
    assert "customers" not in house.collector.got[0].text
    assert line.told["detail"]["reason"] == FORGOTTEN
    assert line.seal == sealed_after(GENESIS, line.sealed).digest


def test_a_line_that_was_made_before_its_value_was_forgotten_is_sent_to_no_other_sink(tmp_path: Path) -> None:
    fast, slow = SinkSettings("fast", FILE, shows="command", from_start=True), SinkSettings("slow", SERVER, from_start=True)
    house = House(tmp_path, fast, replace(slow, shows="command"))
    is_down = True
    house.collector.always = lambda question: Failed("down") if is_down and question.sink == "slow" else None
    house.deny("AAAA-AAAA", what=command("/usr/sbin/dropdb", "customers"))

    async def script() -> None:
        nonlocal is_down
        while house.cursor("fast").number < house.store.head().number:
            await asyncio.sleep(0.001)
        note = {"event": "value.forgotten", "at": START.isoformat(), "detail": {"owners": ["AAAA-AAAA"], "n": 3}}
        house.store.commit((), (canonical(note),), forgotten=("AAAA-AAAA",))
        house.sinks.look(house.store.head())
        while house.cursor("fast").number < house.store.head().number:
            await asyncio.sleep(0.001)
        house.collector.got.clear()
        is_down = False
        house.clock += 100.0

    house.play(script, until=lambda: house.sinks.lag()["slow"].n_records == 0)
    house.end()
    assert house.collector.names[0] == "request.submitted"
    assert "customers" not in house.collector.got[0].text
