# SPDX-License-Identifier: Apache-2.0
"""Long lists (THREATS S-16): read in pages, by an index, in a worker, and told one row at a time.

Law: threads, statements and passes of the event loop are counted; nothing is told by how long it took.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.grant import Grant
from jitd.core.naming import Naming
from jitd.core.party import Party
from jitd.core.request import Request, RequestState, Review, Verdict, issued
from jitd.core.run import Run, RunState
from jitd.core.subject import Subject
from jitd.deciding.seats import UNKNOWN, Seats
from jitd.lifecycle.waiters import Waiters
from jitd.server.telling import Telling, Turns
from jitd.settings.config import Approvals
from jitd.store import LAST, documents
from jitd.store.sqlite import PAGE, PAGE_BYTES, SqliteStore
from jitd.verbs import lists
from jitd.verbs.access import Access
from jitd.verbs.endings import Endings
from jitd.verbs.lists import Lists, Part
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from tests.daemon.records import read, records_of
from tests.scene import START, asked, command, moment, permit, person
from tests.stored import put

N = 3 * PAGE + 5
"""Requests of each kind: some pages of them."""
LEASE = "AAAA-0000"


def an_id(number: int) -> str:
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "BBBB-" + "".join(digits[number // 32**place % 32] for place in (3, 2, 1, 0))


def a_grant(request: Request) -> Grant:
    decided = replace(request, obligations=permit().obligations, rule="rule-1")
    return issued(decided, moment()).grant


def a_run(number: int) -> Run:
    return Run(f"{LEASE}.{number}", LEASE, an_id(number), START, state=RunState.ENDED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with many requests, most of which have ended, and a lease under which each of them ran."""
    store = SqliteStore(tmp_path / "jitd.db")
    ended = [replace(asked(an_id(n)), state=RequestState.WITHDRAWN, lease=LEASE) for n in range(N)]
    open_ = [replace(asked(f"CCCC-000{n}"), state=RequestState.PENDING) for n in range(3)]
    grant = a_grant(asked(LEASE))
    everything = [*ended, asked(LEASE), *open_, grant, *(a_run(n) for n in range(N))]
    put(store, *everything, records=[b"{}" for _ in range(N)])
    store.close()
    return tmp_path / "jitd.db"


# --- the store -----------------------------------------------------------------------------------------------------------


def all_pages(store: SqliteStore, life: type[Any], *, ended: bool) -> Iterator[list[Any]]:
    after = 0
    while found := store.page(life, after, ended=ended):
        after = found[-1][0]
        yield [one for _, one in found]


def test_pages_hold_all_there_is_in_order_and_few_each(path: Path) -> None:
    """THREATS S-16."""
    store = SqliteStore.reading(path)
    for life in (Request, Grant, Run):
        for ended in (True, False):
            pages = list(all_pages(store, life, ended=ended))
            whole = getattr(store, {Request: "requests", Grant: "grants", Run: "runs"}[life])(ended=ended)
            assert [one for page in pages for one in page] == list(whole)
            assert all(len(page) <= PAGE for page in pages)
    assert len(list(all_pages(store, Request, ended=True))) == 4
    assert [one.id for one in store.last_runs(LEASE, 2)] == [f"{LEASE}.{N - 2}", f"{LEASE}.{N - 1}"]


def test_a_page_of_large_ones_is_short(tmp_path: Path) -> None:
    """THREATS S-16: what is held of a list at a time is bounded in bytes."""
    store = SqliteStore(tmp_path / "jitd.db")
    large = [asked(an_id(n), what=command("echo", "x" * PAGE_BYTES)) for n in range(4)]
    put(store, *large)
    assert [len(page) for page in all_pages(store, Request, ended=True)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "question",
    [
        lambda store: store.page(Request, 5),
        lambda store: store.page(Request, 5, ended=True),
        lambda store: store.page(Request, LAST, is_down=True),
        lambda store: store.page(Request, LAST, ended=True, is_down=True),
        lambda store: store.place_of(Run, "A"),
        lambda store: store.page(Grant, 0),
        lambda store: store.page(Run, 5, ended=True),
        lambda store: store.last_runs(LEASE, 10),
        lambda store: list(store.runs(grant=LEASE)),
        lambda store: list(store.requests(uid=1001)),
        lambda store: list(store.grants(uid=1001)),
        lambda store: list(store.leases(1001, b"w")),
        lambda store: list(store.requesters()),
        lambda store: list(store.holders()),
        lambda store: store.n_open(),
        lambda store: store.n_open("alice"),
        lambda store: store.n_unused("alice"),
        lambda store: store.n_running("alice"),
        lambda store: store.live(),
        lambda store: store.head(),
        lambda store: store.request(LEASE),
    ],
)
def test_nothing_that_is_asked_looks_at_all_that_has_ended(path: Path, question: Any) -> None:
    """THREATS S-16: the database's own plan of each statement has an index, and of what is open one that holds nothing else."""
    store = SqliteStore.reading(path)
    said: list[str] = []
    store._db.set_trace_callback(said.append)
    question(store)
    store._db.set_trace_callback(None)
    for statement in said:
        for _, _, _, plan in store._db.execute(f"EXPLAIN QUERY PLAN {statement}"):
            assert not plan.startswith("SCAN") or plan.endswith(("_open", "_unused")), statement
            if "is_open = 1" in statement and "rowid = " not in statement:
                assert "_open" in plan or "TEMP B-TREE" in plan or plan.endswith("(id=?)"), statement


@pytest.mark.parametrize("is_down", [False, True])
def test_a_page_of_open_ones_is_found_in_the_index_alone(path: Path, is_down: bool) -> None:
    """THREATS S-16: to sort whole rows, SQLite read all open ones from the table for each page: a list of 10,000 was read 157
    times.
    """
    store = SqliteStore.reading(path)
    said: list[str] = []
    store._db.set_trace_callback(said.append)
    store.page(Request, LAST if is_down else 0, is_down=is_down)
    store._db.set_trace_callback(None)
    (sorts,) = [one for one in said if "ORDER BY" in one]
    program = [row[1:4] for row in store._db.execute(f"EXPLAIN {sorts}")]
    roots = dict(store._db.execute("SELECT name, rootpage FROM sqlite_schema"))
    opened = {cursor: root for code, cursor, root in program if code == "OpenRead"}
    assert roots["requests_open"] in opened.values()
    assert roots["requests"] not in {opened.get(cursor) for code, cursor, _ in program if code == "Column"}


def large(user: str, number: int, **changes: Any) -> Request:
    """A request of theirs that is longer than a page, and that bob has approved."""
    words = command("echo", "x" * (2 * PAGE_BYTES))
    approved = (Review(person("bob"), Verdict.APPROVE, "", START),)
    return replace(asked(an_id(number), who=person(user), what=words), reviews=approved, **changes)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A database in which eve has large requests and grants, and alice a grant."""
    store = SqliteStore(tmp_path / "jitd.db")
    waiting = [large("eve", n, state=RequestState.PENDING) for n in range(3)]
    ended = [large(user, 3 + n, state=RequestState.APPROVED) for n, user in enumerate(("eve", "eve", "alice"))]
    everything = [*waiting, *ended, *map(a_grant, ended)]
    put(store, *everything)
    store.close()
    return tmp_path / "jitd.db"


def test_whose_the_open_ones_are_is_read_without_what_they_ask_for(crowded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-18: the people are those of the whole objects, in the same order, and no whole object is made."""
    store = SqliteStore.reading(crowded)
    waiting = [(one.id, (one.requester, *(given.by for given in one.reviews))) for one in store.requests()]
    holders = [(one.id, one.holder) for one in store.grants()]
    monkeypatch.setattr(documents, "read", lambda life, document, values: pytest.fail(f"a whole {life.__name__} is read"))
    assert list(store.requesters()) == waiting
    found = list(store.holders())
    assert [(id, people[0]) for _, id, people in found] == holders
    assert [people[1:] for _, _, people in found] == [(holder, person("bob")) for _, holder in holders]
    assert [place for place, _, _ in found] == sorted(place for place, _, _ in found)


def test_the_grants_of_one_person_are_found_at_once_however_large_those_of_others(
    crowded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS S-18: there was a page for each large grant of eve's, and each page waited for its turn in the lane of long reads.
    Twenty grants took a second, and hundreds ten.
    """

    async def part() -> None:
        of = listing(crowded, set())
        turns, whole = [], []
        run, read = of._workers.kept.run, documents.read
        monkeypatch.setattr(of._workers.kept, "run", lambda *args: turns.append(args) or run(*args))
        monkeypatch.setattr(documents, "read", lambda life, *rest: whole.append(life) or read(life, *rest))
        found, last = await of.grants_of(person("dave"), lambda holder: holder.user == "alice")
        assert (found, last) == ([an_id(5)], 3)
        assert (len(turns), whole) == (1, [Request]), "the request of hers, which says whether dave may end it"

    asyncio.run(part())


# --- where it is read ----------------------------------------------------------------------------------------------------


def listing(path: Path, threads: set[int], usage: Any = lambda run: None) -> Lists:
    """As the daemon has it, where bob and dave are operators."""

    def opened() -> SqliteStore:
        threads.add(threading.get_ident())
        return SqliteStore.reading(path)

    config: Any = SimpleNamespace(approvals=Approvals(), operators=("user:bob", "user:dave"), auditors=())
    store = SqliteStore(path)
    return Lists(Access(config, store), store, opened, Workers(), usage, moment)


async def count(rows: AsyncIterable[Any]) -> int:
    return len([row async for row in rows])


def test_what_may_be_long_is_read_in_a_worker(path: Path) -> None:
    """THREATS S-16, O-07: lists of each kind, all runs of a lease, the run of a request among them, and the record."""

    async def part() -> None:
        threads: set[int] = set()
        who, of = person("bob"), listing(path, threads)
        assert await count(of.requests(who, ended=True)) == N + 4
        assert await count(of.requests(who, ended=False)) == 4
        assert await count(of.grants(who, ended=True)) == 1
        assert await count(of.runs(who, ended=True)) == N
        assert len(await read(records_of(of._access, of._store, of._opened, of._workers), who)) == N
        row = await of.show(who, LEASE)
        assert len(row["runs"]) == N
        found, _ = await of.run_of(who, an_id(N - 1))
        assert found.id == f"{LEASE}.{N - 1}"
        assert await of.grants_of(who, lambda holder: holder.user == "alice") == ([LEASE], 1)
        assert (await of.grants_of(who, lambda holder: False))[0] == []
        assert await of.leases_of(person("alice")) == [] and await of.being_ended(who, lambda holder: True) == []
        assert await count(of.locks(who, ended=True)) == 0
        assert threads and threading.get_ident() not in threads

    asyncio.run(part())


async def a_page(of: Lists, limit: int, before: str | None = None, *, ended: bool = True) -> tuple[list[str], int]:
    """The ids of the requests on a page, and how many more there are."""
    *rows, last = [row async for row in of.requests(person("bob"), ended=ended, part=Part(before, limit))]
    return [row["id"] for row in rows], last["more"]


def test_page_after_page_has_each_row_once_whatever_comes_and_ends_meanwhile(path: Path) -> None:
    """A cursor is the id of a row, and no number of rows."""

    async def part() -> None:
        of, store = listing(path, set()), SqliteStore(path)
        whole = [row["id"] async for row in of.requests(person("bob"), ended=True)][::-1]
        found, more = await a_page(of, 7)
        n = 0
        while more:
            assert more == len(whole) - len(found)
            put(store, replace(asked(f"DDDD-{n:04}"), state=RequestState.PENDING))  # comes, and would move all others
            n += 1
            ids, more = await a_page(of, 7, found[-1])
            found += ids
        assert found == whole and n == -(-len(whole) // 7) - 1
        open_ = [id for id in (await a_page(of, 1000, ended=False))[0] if id.startswith("CCCC")]
        ids, _ = await a_page(of, n + 2, ended=False)
        assert ids[-2:] == open_[:2]
        last = store.request(ids[-1])
        assert last is not None
        ended = replace(last, state=RequestState.WITHDRAWN, version=last.version + 1)
        put(store, ended, expected=last.version)  # the cursor ends before it is used
        assert (await a_page(of, 9, ids[-1], ended=False))[0] == [open_[2], LEASE]
        store.close()

    asyncio.run(part())


def test_what_follows_a_page_is_counted_so_far_and_no_further(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-16: to count a row is to read it, and who asks for one row would have ten thousand read."""
    monkeypatch.setattr(lists, "MOST_COUNTED", PAGE)

    async def part() -> None:
        of, read = listing(path, set()), []
        opened = of._opened
        of._opened = lambda: read.append(1) or opened()
        assert await a_page(of, 1) == (["CCCC-0002"], PAGE)
        assert len(read) == 2, "the first page of the store has one row too few"

    asyncio.run(part())


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Seats(("bob", "dave"), is_whole=True), ["bob", "dave"]),
        (Seats((), is_whole=True), []),
        (Seats(("bob",), is_whole=False), None),
        (UNKNOWN, None),
    ],
)
def test_a_request_that_is_shown_names_who_could_approve_if_all_are_known(path: Path, found: Seats, told: Any) -> None:
    async def part() -> None:
        asked_for: list[str] = []

        async def seats(request: Request) -> Seats:
            asked_for.append(request.id)
            return found

        async def same(request: Request) -> Request:
            return request

        async def nobody(request: Request) -> tuple[Subject, ...]:
            return ()

        decider: Any = SimpleNamespace(seating=SimpleNamespace(seats=seats), judge_again=same, as_now=same, approvers_now=nobody)
        of, who = listing(path, set()), person("bob")
        of._decider = decider
        assert (await of.show(who, "CCCC-0000"))["asked_people"] == told
        assert (await of.show(who, an_id(0)))["asked_people"] is None and asked_for == ["CCCC-0000"], "it has ended"
        rows = [row async for row in of.requests(who, ended=False)]
        assert {row["asked_people"] for row in rows} == {None} and asked_for == ["CCCC-0000"], "a list looks nobody up"

    asyncio.run(part())


def test_what_somebody_is_granted_while_their_grants_are_looked_for_is_revoked_with_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-15: the one grant here came after the look. Its twin is somebody else's, and stays."""

    async def found(*given: Any) -> tuple[list[str], int]:
        return [], 0

    async def part() -> None:
        revoked: list[str] = []
        config: Any = SimpleNamespace(approvals=Approvals(), operators=("user:dave",), auditors=(), naming=Naming(), people={})
        perform: Any = SimpleNamespace(act=lambda event: revoked.append(event.id))
        store, lists = SqliteStore(path), listing(path, set())
        over = Endings(config, Access(config, store), lists, perform, store, Waiters())
        monkeypatch.setattr(lists, "grants_of", found)
        with pytest.raises(Refusal, match="bob has no live grant"):
            await over.revoke_all_of(person("dave"), "bob", "")
        said = await over.revoke_all_of(person("dave"), "alice", "")
        assert revoked == [LEASE] and said.startswith("1 grant of alice revoked"), said
        store.close()

    asyncio.run(part())


def test_the_loop_goes_on_while_a_list_is_read_of_which_nothing_may_be_seen(path: Path) -> None:
    """THREATS S-16: between two pages everybody else has a turn, whether there are rows or not."""

    async def part() -> None:
        of = listing(path, set())
        opened, passes, passes_by = of._opened, 0, []

        def noted() -> Any:
            """A page is begun."""
            passes_by.append(passes)
            return opened()

        async def others() -> None:
            nonlocal passes
            while True:
                passes += 1
                await asyncio.sleep(0)

        of._opened = noted
        beside = asyncio.ensure_future(others())
        assert await count(of.requests(person("eve"), ended=True)) == 0
        beside.cancel()
        assert len(passes_by) == N // PAGE + 2, "all pages, and a last one that is empty"
        assert len(set(passes_by)) == len(passes_by), "a turn between each two"

    asyncio.run(part())


# --- how it is told ------------------------------------------------------------------------------------------------------


def test_in_each_pass_of_the_loop_one_row_is_told_to_whomever() -> None:
    """THREATS S-16: fifty watch, of ten accounts, and each is told all of it."""

    async def part() -> None:
        turns = Turns()
        now, told_in = 0, []

        async def clock() -> None:
            nonlocal now
            while True:
                now += 1
                await asyncio.sleep(0)

        async def drained() -> None:
            await asyncio.sleep(0)

        channel: Any = SimpleNamespace(drained=drained)
        tellings = [
            Telling(turns, Party.of_account(n % 10), channel, lambda message, body: told_in.append(now)) for n in range(50)
        ]
        beside = asyncio.ensure_future(clock())
        await asyncio.gather(*(telling.rows({"n": n} for n in range(20)) for telling in tellings))
        beside.cancel()
        assert len(told_in) == 50 * 20
        assert max(told_in.count(one) for one in set(told_in)) <= 2, "one, and one more at the edge of a pass"

    asyncio.run(part())


def test_what_one_account_asks_for_at_once_is_begun_between_what_others_ask_for() -> None:
    """THREATS S-16: sixty of its connections stood before everybody else's, each with megabytes to be read. root never waits."""

    async def part() -> None:
        turns = Turns()
        begun: list[int] = []

        async def deed(uid: int) -> None:
            await turns.begin(Party.of_account(uid))
            begun.append(uid)

        await asyncio.gather(*(deed(uid) for uid in [1001] * 60 + [1002, 0, 1003, 1002]))
        assert begun.count(1001) == 60
        await asyncio.sleep(0)
        assert dict(turns._begun) == {}, "nobody waits"
        assert begun.index(0) < 3 and begun.index(1003) < 4 and max(n for n, uid in enumerate(begun) if uid == 1002) < 8

    asyncio.run(part())


def test_what_a_client_does_not_take_holds_up_its_own_account_alone() -> None:
    """THREATS S-15: large answers on their way to one account are bounded too; another's go out meanwhile."""

    async def part() -> None:
        turns = Turns()
        large = {"argv": "x" * (4 << 20)}
        sent: list[int] = []
        never = asyncio.Event()

        async def deaf() -> None:
            await never.wait()

        async def hearing() -> None:
            await asyncio.sleep(0)

        def telling(uid: int, drained: Any) -> Telling:
            channel: Any = SimpleNamespace(drained=drained, give_up=lambda fault: None)
            return Telling(turns, Party.of_account(uid), channel, lambda message, body: sent.append(uid))

        hers = [asyncio.ensure_future(telling(1001, deaf).row(large)) for _ in range(9)]
        await asyncio.gather(*(telling(1002, hearing).row(large) for _ in range(9)))
        assert sent.count(1001) == 3 and sent.count(1002) == 9
        for one in hers:
            one.cancel()
        await asyncio.gather(*hers, return_exceptions=True)
        assert turns.room.place(Party.of_account(1001)).take(16 << 20, lambda: None)

    asyncio.run(part())


def test_an_account_has_one_large_message_in_hand_and_rests_as_long_as_it_took() -> None:
    """THREATS S-18: the large environments of one person, in many connections, made everybody's answers wait for seconds."""

    async def part() -> None:
        turns, begun = Turns(), asyncio.Queue[int]()

        async def enter(uid: int) -> None:
            async with turns.large(Party.of_account(uid)):
                begun.put_nowait(uid)

        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            async with turns.large(Party.of_account(1001)):
                began_at = loop.time()
                for uid in (1001, 1001, 0, 1002):
                    group.create_task(enter(uid))
                assert {await begun.get(), await begun.get()} == {0, 1002}
                await asyncio.sleep(0.05)  # what it takes
                ended_at = loop.time()
            assert begun.empty()
            assert await begun.get() == 1001
            assert loop.time() - ended_at > (ended_at - began_at) * 0.9
            assert await begun.get() == 1001, "the second took no time"
            taken = group.create_task(enter(1001))
            await taken

    asyncio.run(part())
