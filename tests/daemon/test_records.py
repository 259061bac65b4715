# SPDX-License-Identifier: Apache-2.0
"""The record as operators read it: what they look for is found, by whatever index, and also after somebody has spoilt an index;
new records come as they are committed; an export proves itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit.forms import Checkpoint, Digest, Record
from jitd.audit.forms import read as read_line
from jitd.core.chain import Seal
from jitd.core.decision import Deny, Why
from jitd.core.law import MONITOR
from jitd.core.lock import Whom
from jitd.core.run import Ended, Ending, Outcome, Started
from jitd.core.sought import Sought, is_event
from jitd.core.subject import LOCAL, Subject
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings.config import Approvals
from jitd.store import StoreError, index
from jitd.store.sqlite import SqliteStore
from jitd.verbs import feed, records
from jitd.verbs.access import Access
from jitd.verbs.records import PIECE
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from jitpam.wire.messages import Audit, Export
from tests.daemon import many_records
from tests.daemon.records import lines_in, read, records_of
from tests.marks import full, timed
from tests.scene import START, asked, free, locked, moment, permit, person, place, screened, submit

ALICE, BOB, DAVE = person("alice"), person("bob"), person("dave")
TYPED = replace(person("alice"), principal=LOCAL + "alice", ticket_ends_at=None)
DENIED = Deny(Why.RULE, "rule freeze denies it", "freeze")
DAY = 86400
PATIENCE = 60.0


class House:
    """A store and its one door, at a time that tests set, and the verbs of operators. dave is one."""

    def __init__(self, path: Path) -> None:
        self.path = path / "jitd.db"
        self.after = 0.0
        self.store = SqliteStore(self.path)
        config: Any = SimpleNamespace(approvals=Approvals(), operators=("user:dave",), auditors=("user:bob",))
        self.workers = Workers()
        self.records = records_of(Access(config, self.store), self.store, lambda: SqliteStore.reading(self.path), self.workers)
        self.lifecycle = Lifecycle(self.store, lambda: moment(self.after), lambda: "policy-1", self.records.feed.look)
        self.records._lifecycle = self.lifecycle
        self._n_asked = 0

    def ask(self, who: Subject = ALICE, *, after: float | None = None, rule: str = "p", is_denied: bool = False) -> str:
        """Have ``who`` ask ``after`` seconds into the scene. What is not denied runs, and ends."""
        self.after = self.after if after is None else after
        self._n_asked += 1
        made = replace(asked(f"AAAA-{self._n_asked:04}", who), submitted_at=START + timedelta(seconds=self.after))
        self.lifecycle.handle(submit(made), screened(made, DENIED if is_denied else replace(free(), rule=rule)))
        if not is_denied:
            self.lifecycle.handle(Started(made.id, MONITOR, 77))
            self.lifecycle.handle(Ended(made.id, MONITOR, Outcome(Ending.EXITED, 0, "")))
        return made.id

    def note(self, name: str, who: Subject = DAVE, **detail: Any) -> None:
        self.lifecycle.note(name, who.principal, who.uid, detail)

    def numbers(self, **fields: Any) -> list[int]:
        return [one["number"] for one in asyncio.run(read(self.records, DAVE, **fields))]

    def by_hand(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as db:
            db.execute(statement)
            db.commit()

    def all(self) -> list[dict[str, Any]]:
        return [{"number": number, **json.loads(body)} for number, body, _ in self.store.records()]

    def compared(self) -> bool:
        with closing(SqliteStore.reading(self.path)) as store:
            return not list(store.misindexed())

    def rows(self) -> list[str]:
        return sorted(map(repr, self.store._indexed()))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.workers.close()
    made.store.close()


def at(seconds: float) -> str:
    return f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def scene(house: House) -> House:
    """Three days. On each, alice and bob ask, under two rules; on the second, dave locks carol, and a recording is watched."""
    for day in range(3):
        house.ask(ALICE, after=day * DAY, rule="p")
        house.ask(BOB, after=day * DAY + 60, rule="q")
        house.ask(TYPED, after=day * DAY + 120, rule="q")
        if day == 1:
            house.lifecycle.handle(place(locked(Whom.USER, "carol", id="10CK-0001")))
            house.note("recording.watched", run="AAAA-0001", live=False)
    return house


def about(house: House, *ids: str) -> list[int]:
    found = [one for one in house.all() if {one.get("id"), one["detail"].get("run")} & set(ids)]
    return [one["number"] for one in found]


def test_what_is_not_narrowed_is_all_of_it_in_its_order(scene: House) -> None:
    assert scene.numbers() == [one["number"] for one in scene.all()] == list(range(1, scene.store.head().number + 1))


def test_the_records_of_a_person_are_what_they_did_and_what_was_done_for_their_requests(scene: House) -> None:
    """THREATS L-19."""
    theirs = about(scene, "AAAA-0001", "AAAA-0004", "AAAA-0007")
    assert len(theirs) > 15 and scene.numbers(who="alice@EXAMPLE.TEST") == theirs
    assert scene.numbers(who="dave@EXAMPLE.TEST") == [one["number"] for one in scene.all() if one["actor"] == DAVE.principal], (
        "who locks, and who watches"
    )
    assert scene.numbers(who="local:alice") == about(scene, "AAAA-0003", "AAAA-0006", "AAAA-0009")


def test_an_account_stands_for_all_principals_that_map_to_it(scene: House) -> None:
    both = about(scene, *(f"AAAA-{n:04}" for n in (1, 3, 4, 6, 7, 9)))
    assert scene.numbers(who="alice") == both
    assert scene.numbers(who="mallory") == scene.numbers(who="alice@ELSEWHERE.TEST") == []


def test_a_day_is_from_its_first_second_to_the_one_before_the_next(scene: House) -> None:
    day = [one["number"] for one in scene.all() if one["at"].startswith("2026-03-03T")]
    assert scene.numbers(since=at(DAY), until=at(2 * DAY)) == day
    assert scene.numbers(since=at(DAY), until=at(2 * DAY), who="bob@EXAMPLE.TEST") == about(scene, "AAAA-0005")
    assert scene.numbers(since=at(4 * DAY)) == scene.numbers(until=at(0)) == []


@pytest.mark.parametrize(
    ("event", "finds"),
    [
        ("request.", lambda event: event.startswith("request.")),
        ("request.submitted", lambda event: event == "request.submitted"),
        ("*.ended", lambda event: event in ("run.ended", "grant.ended", "holding.ended")),
        ("r?n.*", lambda event: event.startswith("run.")),
        ("*", lambda event: True),
        ("[r]un.*", lambda event: False),
        ("REQUEST.*", lambda event: False),
        ("%", lambda event: False),
        ("", lambda event: False),
    ],
)
def test_events_are_found_by_name_beginning_and_pattern(scene: House, event: str, finds: Any) -> None:
    assert scene.numbers(event=event) == [one["number"] for one in scene.all() if finds(one["event"])]


def test_a_rule_has_all_records_of_its_requests_also_those_before_it_was_known(scene: House) -> None:
    ids = [f"AAAA-{n:04}" for n in (2, 3, 5, 6, 8, 9)]
    found = scene.numbers(rule="q")
    assert found == about(scene, *ids)
    assert scene.all()[found[0] - 1]["event"] == "request.submitted"
    assert scene.numbers(rule="q", who="local:alice", since=at(DAY), until=at(2 * DAY), event="run.") == [
        one["number"] for one in scene.all() if one.get("id") == "AAAA-0006" and one["event"].startswith("run.")
    ]


def test_an_id_has_what_is_about_it_and_what_names_it(scene: House) -> None:
    found = scene.numbers(id="aaaa0001")
    assert found == about(scene, "AAAA-0001")
    assert scene.all()[found[-1] - 1]["event"] == "recording.watched"
    assert scene.numbers(id="10CK-0001") == about(scene, "10CK-0001")
    assert scene.numbers(id="AAAA-0001.7") == []


@pytest.mark.parametrize("fields", [{"since": "yesterday"}, {"until": "2026-03-02"}, {"id": "x"}, {"id": "AAAA-00011"}])
def test_what_makes_no_sense_is_refused(scene: House, fields: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        scene.numbers(**fields)
    assert refused.value.code == "usage"


# --- indexes -------------------------------------------------------------------------------------------------------------


WHO = st.sampled_from([None, "alice", "bob@EXAMPLE.TEST", "dave"])
TIMES = st.none() | st.integers(-10, 4 * DAY)


@given(
    sought=st.builds(
        dict,
        who=WHO,
        rule=st.sampled_from([None, None, "p", "q", "freeze"]),
        event=st.sampled_from([None, None, "request.", "*.ended", "run.started", "x*"]),
        id=st.sampled_from([None, None, None, "AAAA-0002", "AAAA-0003"]),
        since=TIMES,
        until=TIMES,
    ),
    clock=st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=6),
    at_once=st.sampled_from([1, 3, 500]),
    window=st.sampled_from([2, 5, 200_000]),
)
def test_an_index_finds_what_reading_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, sought: dict[str, Any], clock: list[int], at_once: int, window: int
) -> None:
    """Whatever the clock does: somebody may set it back, and forward. In steps of any size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "AT_ONCE", at_once)
        patch.setattr(index, "WINDOW", window)
        house = House(tmp_path_factory.mktemp("house"))
        for n, when in enumerate(clock):
            house.ask((ALICE, BOB, TYPED)[n % 3], after=when, rule="pq"[n % 2], is_denied=n % 4 == 3)
        fields = {**sought, **{name: None if sought[name] is None else at(sought[name]) for name in ("since", "until")}}
        wanted = house.records._sought(Audit(**fields))
        read = (records.Found("h", house.store, *one) for one in house.store.records())
        assert house.numbers(**fields) == [one.number for one in read if one.is_sought(wanted)]
        assert house.compared()
        house.workers.close()
        house.store.close()


@full(
    "a million records take minutes to write; every day, another test of the file checks that a search reads what it finds, and"
    " little else"
)
@timed("ADR 0108: a day of one person among a million records is found in 0.1 s")
def test_a_day_of_one_person_among_a_million_records_is_shown_at_once(tmp_path: Path) -> None:
    many_records.build(tmp_path / "jitd.db", 1_000_000, n_people=20)
    house = House(tmp_path)
    took = []
    for day in range(100, 400, 20):
        began = time.perf_counter()
        found = house.numbers(who="alice", since=at(day * DAY), until=at((day + 1) * DAY))
        took.append(time.perf_counter() - began)
        assert len(found) > 50
    assert sorted(took)[len(took) // 2] < 0.1, took


def test_a_search_reads_the_records_that_it_finds_and_few_others(scene: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    record = SqliteStore.record
    monkeypatch.setattr(SqliteStore, "record", lambda store, number: looked.append(number) or record(store, number))
    for fields in ({"who": "bob"}, {"id": "AAAA-0001"}, {"since": at(2 * DAY)}, {"event": "run.ended"}, {"rule": "q"}):
        looked.clear()
        assert scene.numbers(**fields) == looked, fields


SPOILT = {
    "an actor is invented": "UPDATE chain_about SET actor = 'bob@EXAMPLE.TEST' WHERE number = 1",
    "a requester is missing": "UPDATE chain_about SET requester = '' WHERE number = 3",
    "a requester is another": "UPDATE chain_about SET requester = 'bob@EXAMPLE.TEST' WHERE number = 3",
    "a request is missing": "UPDATE chain_about SET life = '' WHERE number = 2",
    "a request is invented": "INSERT INTO chain_names VALUES ('AAAA-0009', 1)",
    "a time is another": "UPDATE chain_about SET at = at + 90000 WHERE number = 4",
    "an event is another": "UPDATE chain_about SET event = 'run.ended' WHERE number = 1",
    "a record is in no index": "DELETE FROM chain_about WHERE number = 5",
    "a record is found that is not there": "INSERT INTO chain_names VALUES ('AAAA-0009', 10001)",
}


@pytest.mark.parametrize("change", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_index_is_found_and_shows_nothing_that_is_not_sought(scene: House, change: str) -> None:
    """THREATS L-19. A row that is missing can hide a record from a search. An export reads the records themselves."""
    whole = scene.numbers(who="alice@EXAMPLE.TEST"), scene.numbers(id="AAAA-0001"), scene.numbers(event="run.ended")
    assert scene.compared()
    scene.by_hand(change)
    with closing(SqliteStore.reading(scene.path)) as store:
        assert list(store.misindexed()) == [int(re.findall(r"(?:number = |, )(\d+)", change)[0])]
    spoilt = scene.numbers(who="alice@EXAMPLE.TEST"), scene.numbers(id="AAAA-0001"), scene.numbers(event="run.ended")
    assert all(set(found) <= set(true) for found, true in zip(spoilt, whole, strict=True))
    exported, _ = lines_of(scene, who="alice@EXAMPLE.TEST")
    assert [one.number for one in exported if isinstance(one, Record)] == whole[0]


def test_a_commit_that_fails_leaves_no_row_and_no_memory(house: House) -> None:
    house.ask(ALICE)
    house.lifecycle.handle(submit(asked("BBBB-0002", BOB)), screened(asked("BBBB-0002", BOB), permit()))
    head, rows = house.store.head(), house.rows()
    fails = f"BEFORE INSERT ON chain WHEN new.number = {head.number + 2} BEGIN SELECT RAISE(ABORT, 'full'); END"
    house.by_hand(f"CREATE TRIGGER full {fails}")
    made = asked("CCCC-0003", BOB)
    for _ in range(2):
        with pytest.raises(StoreError):
            house.lifecycle.handle(submit(made), screened(made, permit()))
        assert (house.store.head(), house.rows()) == (head, rows)
    house.by_hand("DROP TRIGGER full")
    house.ask(BOB)
    assert house.compared()


# --- following -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def following(house: House, **fields: Any) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """The lines that a follower gets, as they come."""
    rest = ""
    got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def again() -> Subject:
        return DAVE

    async def follow() -> None:
        nonlocal rest
        async for row in house.records.follow(DAVE, Audit(follow=True, **fields), again):
            *whole, rest = (rest + row["text"]).split("\n")
            for line in whole:
                got.put_nowait(json.loads(line))

    keeping = asyncio.get_running_loop().create_task(house.records.feed.keep())
    task = asyncio.get_running_loop().create_task(follow())
    try:
        yield got
    finally:
        for one in (task, keeping):
            one.cancel()
        await asyncio.wait((task, keeping))
        if not task.cancelled() and (fault := task.exception()) is not None:
            raise fault


async def next_of(got: asyncio.Queue[dict[str, Any]], n: int) -> list[int]:
    async with asyncio.timeout(PATIENCE):
        return [(await got.get())["number"] for _ in range(n)]


def test_who_follows_gets_what_there_is_and_then_each_new_record_once(scene: House) -> None:
    async def play() -> None:
        n = scene.store.head().number
        async with following(scene) as got:
            assert await next_of(got, n) == list(range(1, n + 1))
            for _ in range(3):
                before = scene.store.head().number
                scene.ask(ALICE)
                after = scene.store.head().number
                assert await next_of(got, after - before) == list(range(before + 1, after + 1))
            assert got.empty()

    asyncio.run(play())


def test_who_follows_one_person_gets_only_theirs(scene: House) -> None:
    async def play() -> None:
        head = scene.store.head().number
        async with following(scene, who="bob", after=head) as got:
            scene.ask(ALICE)
            id = scene.ask(BOB)
            theirs = [one["number"] for one in scene.all() if one.get("id") == id]
            assert await next_of(got, len(theirs)) == theirs
            assert got.empty()

    asyncio.run(play())


def test_who_is_slower_than_what_is_kept_reads_it_from_the_store(scene: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST", 4)

    async def play() -> None:
        head = scene.store.head().number
        rows = scene.records.follow(DAVE, Audit(follow=True, after=head), again=None)  # type: ignore[arg-type]
        keeping = asyncio.get_running_loop().create_task(scene.records.feed.keep())
        asking = asyncio.get_running_loop().create_task(anext(rows))
        await asyncio.sleep(0)
        scene.ask(ALICE)
        got = [await asking]
        for _ in range(5):
            scene.ask(BOB)
        while scene.records.feed._last < scene.store.head().number:
            await asyncio.sleep(0.01)
        assert len(scene.records.feed._kept) <= 4, "what nobody takes is not kept for them"
        async with asyncio.timeout(PATIENCE):
            while f'"number":{scene.store.head().number},' not in "".join(row["text"] for row in got):
                got.append(await anext(rows))
        got.append({"text": (await anext(rows))["text"] if not got[-1]["text"].endswith("\n") else ""})
        assert [line["number"] for line in lines_in(got)] == list(range(head + 1, scene.store.head().number + 1))
        await rows.aclose()
        keeping.cancel()
        assert not scene.records.feed._kept

    asyncio.run(play())


def test_without_followers_nothing_is_read_and_a_commit_only_looks_whether_there_are_any(scene: House) -> None:
    async def play() -> None:
        scene.records.feed.look(Seal(1, bytes(32)))
        assert not scene.records.feed._committed.is_set() and not scene.records.feed._kept

    asyncio.run(play())


def test_a_record_that_was_set_back_is_told_to_who_followed_it(scene: House) -> None:
    """THREATS L-19."""

    async def play() -> None:
        rows = scene.records.follow(DAVE, Audit(follow=True, after=scene.store.head().number + 1), again=None)  # type: ignore[arg-type]
        async with asyncio.timeout(PATIENCE):
            await anext(rows)

    with pytest.raises(Refusal, match="was set back") as refused:
        asyncio.run(play())
    assert refused.value.code == "not_done"


def test_who_may_no_longer_read_the_record_is_told_no_more_of_it(scene: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "ASKED_AGAIN_EVERY", 0.01)

    async def play() -> None:
        async def again() -> Subject:
            return ALICE  # whom the settings name nowhere

        rows = scene.records.follow(DAVE, Audit(follow=True, after=scene.store.head().number), again)
        async with asyncio.timeout(PATIENCE):
            await anext(rows)

    with pytest.raises(Refusal) as refused:
        asyncio.run(play())
    assert refused.value.code == "forbidden"


def test_who_reads_slowly_reads_no_further_than_their_right(scene: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that has become too old for operators, or has ended, reads no further page."""
    monkeypatch.setattr(records, "ASKED_AGAIN_EVERY", 0.0)
    pages = iter([("{}\n", 1, False, 0.0), ("{}\n", 2, True, 0.0)])
    monkeypatch.setattr(scene.records, "_page", lambda *given: next(pages))

    still = iter([DAVE])

    async def again() -> Subject:
        for who in still:
            return who
        raise Refusal("unauthenticated", "your ticket has expired: kinit")

    async def play() -> None:
        rows = scene.records.show(DAVE, Audit(), again)
        with pytest.raises(Refusal, match="expired"):
            async for _ in rows:
                pass

    asyncio.run(play())
    assert len(list(pages)) == 1, "no page was read after the right had ended"


@pytest.mark.parametrize("verb", ["show", "follow", "export"])
def test_the_record_is_for_operators_and_auditors_and_a_refusal_records_nothing(scene: House, verb: str) -> None:
    head = scene.store.head()

    async def play() -> None:
        rows = {
            "show": lambda: scene.records.show(ALICE, Audit(), again=None),  # type: ignore[arg-type]
            "follow": lambda: scene.records.follow(ALICE, Audit(follow=True), again=None),  # type: ignore[arg-type]
            "export": lambda: scene.records.export(ALICE, Export(since=None, until=None, who=None, rule=None)),
        }[verb]()
        await anext(rows)

    with pytest.raises(Refusal) as refused:
        asyncio.run(play())
    assert refused.value.code == "forbidden" and scene.store.head() == head


# --- exports -------------------------------------------------------------------------------------------------------------


def lines_of(house: House, **fields: str) -> tuple[list[Any], str]:
    """The lines of an export, and the text as a file has it."""
    asked = Export(**{"since": None, "until": None, "who": None, "rule": None} | fields)

    async def play() -> str:
        return "".join([row["text"] async for row in house.records.export(DAVE, asked)])

    text = asyncio.run(play())
    return [read_line(line) for line in text.splitlines()], text


def proven(house: House, lines: list[Any]) -> tuple[int, int]:
    """Walk from the first checkpoint (or the beginning) to the last line. Returns the first and the last number."""
    stored = {number: (body, seal) for number, body, seal in house.store.records()}
    is_signed = isinstance(lines[0], Checkpoint)
    at = begins = lines[0].number if is_signed else 0
    for line in lines[is_signed:]:
        at += not isinstance(line, Checkpoint)
        assert line.number == at
        body, seal = stored[at]
        match line:
            case Digest():
                assert line.digest == hashlib.sha256(body).digest()
            case Record():
                assert line.seal == seal and (line.sealed or body, line.digest or b"") in (
                    (body, b""),
                    (body, hashlib.sha256(body).digest()),
                )
            case Checkpoint():
                assert line.seal == seal
    return begins, at


def sign(house: House, number: int) -> None:
    _, seal = house.store.record(number) or (b"", b"")
    armored = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
    house.store.keep_checkpoint(Checkpoint("db1.example.test", number, seal, START, armored))


@pytest.fixture
def signed(scene: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(records, "SIGNED_WITHIN", 0.01)
    for number in range(7, scene.store.head().number, 7):
        sign(scene, number)
    return scene


def test_an_export_has_what_is_sought_and_digests_of_what_lies_between(signed: House) -> None:
    """THREATS L-19."""
    lines, _ = lines_of(signed, who="bob@EXAMPLE.TEST", since=at(DAY), until=at(2 * DAY))
    wanted = about(signed, "AAAA-0005")
    assert [line.number for line in lines if isinstance(line, Record)] == wanted
    begins, ends = proven(signed, lines)
    assert begins < wanted[0] and ends >= wanted[-1] and begins % 7 == 0 == ends % 7
    assert isinstance(lines[0], Checkpoint) and isinstance(lines[-1], Checkpoint)
    assert begins < wanted[0] - 1 and ends > wanted[-1]
    assert [line.number for line in lines if isinstance(line, Digest)] == [
        n for n in range(begins + 1, ends + 1) if n not in wanted
    ]


def test_an_export_of_everything_begins_with_the_first_record(signed: House) -> None:
    head = signed.store.head().number
    lines, _ = lines_of(signed)
    assert [line.number for line in lines if isinstance(line, Record)] == list(range(1, head + 1))
    assert proven(signed, lines) == (0, head), "what is not signed yet is there, too"


def test_an_export_is_recorded_before_it_begins_and_is_not_in_itself(signed: House) -> None:
    """THREATS L-19."""
    head = signed.store.head().number
    lines, _ = lines_of(signed, who="bob", since=at(0))
    (last,) = [one for one in signed.all() if one["number"] > head]
    assert (last["event"], last["actor"]) == ("record.exported", DAVE.principal)
    found = [line.number for line in lines if isinstance(line, Record)]
    assert last["detail"] == {
        "since": at(0), "until": None, "who": "bob", "rule": None, "n": len(found), "first": found[0], "last": found[-1]
    }  # fmt: skip
    assert lines_of(signed, who="mallory") == ([], "")
    assert signed.all()[-1]["detail"]["n"] == 0


def test_an_export_says_no_more_than_its_reader_may_see(signed: House) -> None:
    """THREATS L-19: neither the words nor their salts."""
    request = asked("BBBB-0001", ALICE)
    narrow = replace(free(visible_to=("group:privacy",)), rule="n")
    signed.lifecycle.handle(submit(request), screened(request, narrow))
    for lines, text in (lines_of(signed, rule="n"), lines_of(signed, rule="n", who="alice")):
        (submitted,) = [line for line in lines if isinstance(line, Record) and line.told["event"] == "request.submitted"]
        assert submitted.told["detail"]["reason"] == "‹hidden›" and '"why"' not in text.replace('"why":', "")
        assert {value.field for value in submitted.values} <= {
            "cwd",
            "digest",
            "streams",
        }  # which all may see who see the request
        proven(signed, lines)


def test_a_record_larger_than_a_row_is_shown_and_exported_whole(signed: House) -> None:
    signed.note("record.large", words="x" * (5 * PIECE))
    (line,) = asyncio.run(read(signed.records, DAVE, event="record.large"))
    assert line["detail"]["words"] == "x" * (5 * PIECE)
    lines, _ = lines_of(signed)
    assert any(isinstance(one, Record) and one.told["event"] == "record.large" for one in lines)


DAMAGE = {
    "is not JSON": "'[' || CAST(body AS TEXT)",
    "is no object": "'[]'",
    "is no text": "x'00ff80'",
    "is not ASCII": """'{"event":"request.screened","id":"AAAA-0001","detail":{"rule":"ü"}}'""",
}
"""What a body becomes, in SQL."""


@pytest.mark.parametrize("how", DAMAGE)
def test_of_a_damaged_record_the_digest_is_told_and_all_others_as_before(signed: House, how: str) -> None:
    """THREATS L-19."""
    before = asyncio.run(read(signed.records, BOB))
    number = next(one["number"] for one in before if one["event"] == "request.screened")
    signed.by_hand("DROP TRIGGER chain_stays")
    signed.by_hand(f"UPDATE chain SET body = CAST({DAMAGE[how]} AS BLOB) WHERE number = {number}")
    told = asyncio.run(read(signed.records, BOB))
    body, _ = signed.store.record(number) or (b"", b"")
    digest = Digest("db1.example.test", number, hashlib.sha256(body).digest())
    assert [one for one in told if one["number"] == number] == [json.loads(digest.line())]
    assert [one for one in told if one["number"] != number] == [one for one in before if one["number"] != number]
    lines, _ = lines_of(signed)
    assert [line for line in lines if line.number == number and not isinstance(line, Checkpoint)] == [digest]
    assert [line.number for line in lines if isinstance(line, Record)] == [n for n in range(1, len(before) + 1) if n != number]


def test_who_is_sought_by_event_is_told_of_it_in_any_spelling_of_a_pattern() -> None:
    assert is_event("request.submitted", "request.") and not is_event("requests", "request.")
    assert Sought(event="a*a*a*a*a*a*b").takes({"event": "a" * 5000}, (), ()) is False
