# SPDX-License-Identifier: Apache-2.0
"""Objects that are damaged in the database when a daemon starts: they permit nothing more, what they gave is taken back, and
nobody else is stopped.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.audit.findings import Wrong
from jitd.audit.telling import EVERYTHING, SIGHTS, WITHOUT_CONTENTS
from jitd.core.claims import Point
from jitd.core.decision import Approval, BreakGlass, Terms
from jitd.core.grant import Expired, GrantState
from jitd.core.holding import HoldingState
from jitd.core.law import CLOCK, MONITOR
from jitd.core.lock import Lock
from jitd.core.made_account import Made, account_of_holding
from jitd.core.request import Verdict
from jitd.core.run import Ended, Ending, Outcome, Process, RunState, Started
from jitd.lifecycle.integrity import Damaged, Noted, examine
from jitd.lifecycle.perform import SET_ASIDE_AGAIN
from jitd.store import Conflict, Damage, StoreError, Unreadable
from jitd.store.kept import Kept
from jitd.store.made_accounts import made_in
from jitd.verbs.locks import Locks
from jitd.verbs.observers import Observers
from jitd.verbs.owed_reviews import OwedReviews
from jitd.verbs.records import Found
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews
from jitd_sinks.sinks.reading import Lines
from jitpam.wire import messages
from tests.daemon.asking import NO_RECEIPTS
from tests.daemon.giving import ALICE, BOB, ID, Client, House
from tests.scene import THING, asked, free, locked, permit, person, place, review, screened, submit, withdraw
from tests.verified import findings_in

OTHER = "AAAA-0001"
CHANGES = {
    "changed": "CAST(replace(CAST(document AS TEXT), 'alice', 'alicf') AS BLOB)",
    "not JSON": "CAST('[' || CAST(document AS TEXT) AS BLOB)",
    "no object": "CAST(replace(CAST(document AS TEXT), '\"id\"', '\"ie\"') AS BLOB)",
    "empty": "x''",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def damage(house: House, life: str, how: str, id: str = ID, *, and_holding: bool = False) -> tuple[Damaged, ...]:
    """The daemon ends, the object is damaged, and another daemon has begun. Return what it has found."""
    house.store.close()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        for each in (life, *(["holding"] if and_holding else [])):
            db.execute(f"DROP TRIGGER {each}s_move")
            done = db.execute(f"UPDATE {each}s SET document = {CHANGES[how]} WHERE id = ?", (id,))
            assert done.rowcount == 1
    house.restart()
    damaged = examine(house.store, Noted(house.path.with_name("head")))
    for one in damaged:
        house.lifecycle.set_aside(one)
    return damaged


@pytest.mark.parametrize("how", CHANGES)
def test_a_damaged_request_permits_nothing_and_the_next_one_is_served(house: House, how: str) -> None:
    """THREATS O-02."""
    for id in (ID, OTHER):
        made = asked(id)
        house.lifecycle.handle(submit(made), screened(made, permit()))
    assert [(one.life, one.id) for one in damage(house, "request", how)] == [("request", ID)]
    asyncio.run(house.recovery.recover())
    assert house.store.request(ID) is None and [one.id for one in house.store.requests()] == [OTHER]
    assert house.store.n_open() == 1
    assert examine(house.store, Noted(house.path.with_name("head"))) == ()
    (finding,) = findings_in(house.path)
    assert finding.wrong is Wrong.STORE_DIFFERS and f"request {ID} is not as record" in str(finding)


@pytest.mark.parametrize("how", CHANGES)
def test_the_thing_of_a_damaged_holding_is_taken_back(house: House, how: str) -> None:
    """THREATS O-02: what has to be taken back stands in its first record."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        assert house.giver.there == {ID}
        (damaged,) = damage(house, "holding", how)
        assert damaged.rebuilt is not None
        await house.recovery.recover()
        await house.pass_time(0)

    asyncio.run(scene())
    assert house.giver.there == set(), "it is owed until it is taken back"
    ended = house.recorded(ID)
    assert ended is not None and ended.state is HoldingState.ENDED
    assert findings_in(house.path) == [], "the record tells all that jitd knows of it"


@pytest.mark.parametrize("how", CHANGES)
def test_what_a_damaged_grant_gave_is_taken_back(house: House, how: str) -> None:
    """THREATS O-02."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        assert house.giver.there == {ID}
        assert [one.life for one in damage(house, "grant", how)] == ["grant"]
        await house.recovery.recover()
        await house.pass_time(0)

    asyncio.run(scene())
    assert house.store.grant(ID) is None and house.giver.there == set() and list(house.store.grants()) == []
    assert list(house.store.holdings()) == [], "that it was taken back is recorded"


def spoil(house: House, life: str, id: str = ID, change: str = f"document = {CHANGES['not JSON']}") -> None:
    """The daemon runs, and the next time that it reads the object from the disk, the object is damaged."""
    house.loop = asyncio.get_running_loop()
    spoil_at_rest(house, life, id, change)


def spoil_at_rest(house: House, life: str, id: str = ID, change: str = f"document = {CHANGES['not JSON']}") -> None:
    """As ``spoil``, but without an event loop, so nothing is set aside."""
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute(f"DROP TRIGGER {life}s_move")
        db.execute(f"UPDATE {life}s SET {change} WHERE id = ?", (id,))
    house.store._kept = Kept()


@pytest.mark.parametrize("ends", ["at its end", "when it is revoked", "later, if the disk was full then"])
def test_what_a_grant_gave_that_is_damaged_while_the_daemon_runs_is_taken_back(house: House, ends: str) -> None:
    """THREATS O-02: without a restart."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        spoil(house, "grant")
        if ends != "when it is revoked":
            if ends != "at its end":
                house.lifecycle.set_aside(Damaged("grant", ID, "it cannot be read"))  # and what follows could not be recorded
            await house.pass_time(3000)
            assert house.giver.there == {ID}, "no sooner"
            await house.pass_time(3700)
            await house.pass_time(3701)
        else:
            said = await house.endings.revoke(ALICE, ID, "")
            assert said.startswith(f"grant {ID} is damaged in the database, and permits nothing any more; {THING} is taken back")

    asyncio.run(scene())
    assert house.giver.there == set() and list(house.store.holdings()) == [] and list(house.store.grants()) == []
    assert house.told() == ["giving", "given", "taking", "ended"]
    assert b"object.set_aside" in b"".join(body for _, body, _ in house.store.records())


@pytest.mark.parametrize(
    ("member", "another"), [(f'"id":"{ID}"', f'"id":"{OTHER}"'), ('"version":', '"version":1')], ids=["id", "version"]
)
def test_a_row_that_says_it_is_another_is_set_aside_and_its_person_is_locked(house: House, member: str, another: str) -> None:
    """THREATS O-02: no change of it could be stored, and so no lock of its person."""

    async def scene() -> None:
        made = asked(ID)
        house.lifecycle.handle(submit(made), screened(made, permit()))
        house.loop = asyncio.get_running_loop()
        with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
            db.execute("DROP TRIGGER requests_move")
            changed = db.execute(
                "UPDATE requests SET document = CAST(replace(CAST(document AS TEXT), ?1, ?2) AS BLOB)"
                " WHERE instr(CAST(document AS TEXT), ?1)",
                (member, another),
            )
            assert changed.rowcount == 1
        house.store._kept = Kept()
        house.lifecycle.handle(place(locked()))
        await house.settle()

    asyncio.run(scene())
    assert [one.name for one in house.store.locks()] == ["alice"] and list(house.store.requests()) == []
    assert house.store.damage_of("request", ID) == Damage("it was set aside", is_open=False)


def test_a_request_that_is_damaged_as_soon_as_it_is_made_is_refused_in_words(house: House) -> None:
    verbs: Any = SimpleNamespace(_store=house.store, _perform=SimpleNamespace(submitted=lambda event, decision: None))
    with pytest.raises(Refusal, match="BBBB-0002 was damaged in the database, and permits nothing: ask again"):
        Requests._begin(verbs, asked("BBBB-0002"), permit(), None, lambda id: None)


@pytest.mark.parametrize("life", ["run", "request", "grant"])
@pytest.mark.parametrize("uses", [None, 3], ids=["its own grant", "a lease"])
def test_a_client_whose_run_is_damaged_as_soon_as_it_is_made_is_told_so(house: House, life: str, uses: int | None) -> None:
    """THREATS O-02: nothing is started, and the client does not wait for ever."""
    forgotten: list[str] = []
    house.perform._executor = SimpleNamespace(  # type: ignore[assignment]
        forget=forgotten.append, stop=lambda id, because: None
    )
    first, id = asked(ID, uses=uses), ID if uses is None else OTHER
    client = Client(house)

    async def scene() -> None:
        if uses is not None:
            house.perform.submitted(submit(first), free())
            await house.settle()
        house.waiters.attend(id, client.waiting)
        client.waiting.begin(id)
        decision = free() if uses is None else replace(free(), lease=ID)
        house.perform.submitted(submit(asked(id, command=first.command)), decision)
        damaged = id if life == "request" else ID
        spoil(house, life, damaged)
        await house.settle()
        because = f"{life} {damaged} was damaged in the database, and permits nothing: ask again"
        assert client.heard[-1] == messages.Refused(code="failed", text=because)
        assert client.said.count("refused") == 1 and forgotten[-1] == ID

    asyncio.run(scene())
    assert list(house.store.runs()) == [] and [one.living for one in house.store.grants()] in ([], [()])


def test_who_has_reviewed_a_request_that_is_damaged_at_once_is_told_so(house: House) -> None:
    made = asked(ID)
    house.lifecycle.handle(submit(made), screened(made, permit()))
    house.lifecycle.handle(review(house.store.request(ID), BOB))
    spoil_at_rest(house, "request")
    nothing: Any = None
    reviews = Reviews(house.access, nothing, house.perform, house.store, nothing)
    with pytest.raises(Refusal, match=rf"^request {ID} was damaged in the database, and permits nothing: its requester has to"):
        reviews._said(BOB, ID, Verdict.APPROVE)


def test_who_waits_to_watch_a_run_of_a_request_that_is_damaged_is_told_so(house: House) -> None:
    made = asked(ID)
    house.lifecycle.handle(submit(made), screened(made, permit()))
    spoil_at_rest(house, "request")
    nothing: Any = None
    observers = Observers(house.access, nothing, nothing, nothing, house.store, nothing, nothing)
    for reads in (lambda: observers._run_of(ID, ID), lambda: observers._refuse_ended(ID)):
        with pytest.raises(Refusal, match=rf"^request {ID} was damaged in the database, and permits nothing"):
            reads()


def test_if_the_disk_is_full_a_damaged_row_is_set_aside_later(house: House) -> None:
    """THREATS O-02."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        spoil(house, "grant")
        house.store.n_fail = 1
        assert list(house.store.grants()) == [] == list(house.store.grants())
        await house.settle()
        assert house.giver.there == {ID}
        await house.pass_time(SET_ASIDE_AGAIN - 1)
        assert house.giver.there == {ID}, "no sooner"
        await house.pass_time(SET_ASIDE_AGAIN + 1)

    asyncio.run(scene())
    assert house.giver.there == set() and house.store.damage_of("grant", ID) == Damage("it was set aside", is_open=False)
    assert house.perform.deadlines._heap == [one for one in house.perform.deadlines._heap if "damaged" not in one[1]]


@pytest.mark.parametrize("column", ["document = 5", "document = '{}'", "version = 7", "version = 1"])
@pytest.mark.parametrize("life", ["grant", "holding"])
def test_what_was_given_is_taken_back_whichever_column_is_damaged(house: House, life: str, column: str) -> None:
    """THREATS O-02."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        spoil(house, life, change=column)
        assert list(house.store.holdings() if life == "holding" else house.store.grants()) == []
        await house.settle()

    asyncio.run(scene())
    assert house.giver.there == set() and list(house.store.holdings()) == []


def test_a_grant_is_not_revoked_before_the_thing_of_a_damaged_holding_is_taken_back(house: House) -> None:
    """THREATS O-02: nobody is told that a thing is taken back which is not."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        house.giver.answers = [house.giver.HANGS]
        spoil(house, "holding")
        answer = asyncio.ensure_future(house.endings.revoke(ALICE, ID, ""))
        await house.settle()
        assert not answer.done() and house.giver.there == {ID}
        house.giver.hanging[0].set_result(house.giver.DOES)
        assert (await answer).startswith(f"grant {ID} is revoked; {THING} is taken back")

    asyncio.run(scene())
    assert house.giver.there == set()


def test_who_ends_a_damaged_run_hears_of_its_end(house: House) -> None:
    """THREATS O-02: its monitor tells it, and nothing else of the run is known any more."""
    made = asked(ID)
    house.lifecycle.handle(submit(made), screened(made, free()))
    house.lifecycle.handle(Started(ID, MONITOR, 4711))
    did: list[str] = []
    house.perform._executor = SimpleNamespace(  # type: ignore[assignment]
        stop=lambda id, because: did.append("stop"), forget=lambda id: did.append("forget")
    )

    async def scene() -> None:
        spoil(house, "run")
        (gone,) = house.endings.until_gone([ID])
        await house.settle()
        assert did == ["stop"] and not gone.done()
        house.perform.run_has_ended(ID, Outcome(Ending.EXITED, 0), None, None)
        assert gone.done()

    asyncio.run(scene())
    assert did == ["stop", "forget"]


def logged_in(house: House) -> None:
    """A login of alice's, which may go on after the time of its grant."""
    made = asked(ID, service="sshd", point=Point("session", None, None, Process(4711, 123456)))
    house.lifecycle.handle(submit(made), screened(made, free(terms=Terms(session="keep"))))
    house.lifecycle.handle(Started(ID, MONITOR, 4711))
    house.lifecycle.handle(Expired(ID, CLOCK))
    assert house.grant().living == (ID,) and house.grant().is_live


@pytest.mark.parametrize("when", ["while the daemon runs", "after a restart", "after a reboot"])
def test_a_grant_that_waits_for_its_last_run_ends_although_the_run_is_damaged(house: House, when: str) -> None:
    """THREATS O-02: nobody else knows that the run has ended."""
    logged_in(house)
    executor: Any = SimpleNamespace(stop=lambda id, because: None, forget=lambda id: None)
    gone: list[asyncio.Future[None]] = []

    async def find(runs: list[str]) -> None:
        for run in runs:
            house.perform.run_has_ended(run, Outcome(Ending.LOST, 0, "its monitor was killed"), None, None)

    async def scene() -> None:
        house.perform._executor = executor
        if when == "while the daemon runs":
            spoil(house, "run")
            assert list(house.store.runs()) == []
            await house.settle()
            assert house.grant().is_live, "no sooner"
            gone.extend(house.endings.until_gone(house.grant().living))
            house.perform.run_has_ended(ID, Outcome(Ending.EXITED, 0), None, None)
            house.perform.run_has_ended(ID, Outcome(Ending.EXITED, 0), None, None)
            assert [one.done() for one in gone] == [True], "who revokes it waits until then"
            return
        damage(house, "run", "not JSON")
        if when == "after a reboot":
            house.restart("boot-2")
        house.perform._executor, house.recovery._executor = executor, SimpleNamespace(find=find)  # type: ignore[assignment]
        await house.recovery.recover()

    asyncio.run(scene())
    assert list(house.store.grants()) == [] and house.grant().state is GrantState.SPENT and house.grant().living == ()
    assert house.store.n_running("alice") == 0
    assert {finding.wrong for finding in findings_in(house.path)} == {Wrong.STORE_DIFFERS}, "the damage, and nothing else"


SEVERAL = ("service-ticket:first", "service-ticket:second", "service-ticket:third")


@pytest.mark.parametrize("which", ["", ".2", ".3"])
@pytest.mark.parametrize("when", ["while it is given", "when all are held", "before a crash"])
def test_all_things_of_a_use_are_taken_back_if_one_holding_is_damaged(house: House, which: str, when: str) -> None:
    """THREATS O-02: either all of them are given, or none. The client is told, and the grant, which is sound, is not revoked."""

    async def scene() -> None:
        if when == "while it is given":
            house.giver.answers = [house.giver.DOES] * ("", ".2", ".3").index(which) + [house.giver.HANGS]
        client = house.begin(things=SEVERAL, stays=True)
        await house.settle()
        spoil(house, "holding", f"{ID}{which}")
        if when == "before a crash":
            (damaged,) = examine(house.store, Noted(house.path.with_name("head")))
            house.lifecycle.set_aside(damaged)
            house.restart()
            await house.recovery.recover()
            await house.pass_time(0)
            return
        assert len(list(house.store.holdings())) == 2
        for hanging in house.giver.hanging:
            hanging.set_result(house.giver.DOES)
        await house.settle()
        assert client.said[-1] == ("refused" if when == "while it is given" else "taken")

    asyncio.run(scene())
    assert house.giver.there == set() and list(house.store.holdings()) == []
    assert b"grant.revoked" not in b"".join(body for _, body, _ in house.store.records())


def test_a_lock_that_becomes_unreadable_is_not_passed_over(house: House) -> None:
    """THREATS O-02: nobody knows whom it bars."""
    house.lifecycle.handle(place(locked()))
    house.restart()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER locks_move")
        db.execute(f"UPDATE locks SET document = {CHANGES['not JSON']}")
    made, before = asked(OTHER), house.store.head()
    for reads in (lambda: house.lifecycle.handle(submit(made), screened(made, free())), lambda: house.store.page(Lock, 0)):
        with pytest.raises(Unreadable):
            reads()
    assert house.store.request(OTHER) is None and house.store.head() == before


def test_who_lifts_a_lock_that_is_damaged_is_not_told_that_there_is_none(house: House) -> None:
    house.lifecycle.handle(place(locked(id="K7QM-2XVE")))
    (lock,) = house.store.locks()  # and this store remembers the list
    spoil_at_rest(house, "lock", lock.id)
    nothing: Any = None
    locks = Locks(house.access, house.endings, house.perform, house.store, nothing, house.waiters, nothing, nothing, NO_RECEIPTS)
    before = house.store.head()
    with pytest.raises(Refusal, match=rf"^lock {lock.id} was damaged in the database, so nobody knows whom it bars: restore"):
        locks.unlock(person("dave"), lock.id, "")
    with pytest.raises(Refusal, match="^there is no lock"):
        locks.unlock(person("dave"), "AAAA-AAAA", "")
    assert house.store.head() == before


def test_who_gives_an_owed_review_that_is_damaged_is_not_told_that_none_is_owed(house: House) -> None:
    made = asked(ID)
    glass = BreakGlass("rule-1", (Approval(1, ("group:ops",)),), 3600, 1)
    house.lifecycle.handle(submit(made), screened(made, free(break_glass=glass)))
    spoil_at_rest(house, "owed_review")
    nothing: Any = None
    reviews = OwedReviews(house.access, nothing, house.perform, house.store, nothing)
    found = house.store.request(ID)
    assert found is not None
    with pytest.raises(Refusal, match=rf"^the review owed for request {ID} was damaged in the database, so nobody knows whom"):
        reviews._owed_for(found)


@pytest.mark.parametrize("life", ["grant", "holding"])
def test_whose_a_made_account_is_is_known_or_nobody_is_let_in(house: House, life: str) -> None:
    """THREATS O-02: it is not taken for the account of somebody else, who might approve what its person asks for."""

    async def scene() -> None:
        house.begin(stays=True, what="account:contractor")
        await house.settle()
        account = account_of_holding(ID)
        assert made_in(house.store, account) == Made("alice", ALICE.principal, is_held=True)
        spoil(house, life)
        if life == "grant":
            assert made_in(house.store, account) == Made("alice", ALICE.principal, is_held=True)
            return
        with pytest.raises(StoreError, match="damaged"):
            made_in(house.store, account)
        await house.settle()
        found = made_in(house.store, account)
        assert found is not None and found.holder == "alice", "it was made anew from its record"

    asyncio.run(scene())


@pytest.mark.parametrize("life", ["request", "grant"])
def test_what_a_client_does_not_keep_is_taken_back_although_its_request_is_damaged(house: House, life: str) -> None:
    """THREATS O-02: without a restart."""

    async def scene() -> None:
        client = house.begin()
        await house.settle()
        assert house.giver.there == {ID}
        spoil(house, life)
        client.go()
        await house.settle()

    asyncio.run(scene())
    assert house.giver.there == set() and list(house.store.holdings()) == []


@pytest.mark.parametrize("how", CHANGES)
def test_a_grant_is_set_aside_before_the_end_of_what_it_gave_is_recorded(house: House, how: str) -> None:
    """THREATS O-02: the end of a made account concerns all grants, also the damaged one."""

    async def scene() -> None:
        house.begin(stays=True, what="account:contractor")
        await house.settle()
        assert damage(house, "grant", how, and_holding=True)[-1].life == "holding"
        await house.recovery.recover()

    asyncio.run(scene())
    assert [one.state for one in house.store.holdings()] == [HoldingState.TAKING] and list(house.store.grants()) == []


def test_a_run_of_a_damaged_grant_is_told_to_end(house: House) -> None:
    """THREATS O-02."""
    made = asked(ID)
    house.lifecycle.handle(submit(made), screened(made, free()))
    assert [one.state for one in house.store.runs()] == [RunState.STARTING]
    damage(house, "grant", "not JSON")
    searched: list[str] = []

    async def find(runs: list[str]) -> None:
        searched.extend(runs)

    stopped: list[str] = []
    house.perform._executor = SimpleNamespace(stop=lambda id, because: stopped.append(id))  # type: ignore[assignment]
    house.recovery._executor = SimpleNamespace(find=find)  # type: ignore[assignment]
    asyncio.run(house.recovery.recover())
    assert stopped == searched == [ID]
    assert [one.state for one in house.store.runs()] == [RunState.STOPPING]
    house.lifecycle.handle(Ended(ID, MONITOR, Outcome(Ending.EXITED, 0)))
    assert list(house.store.runs()) == [], "how it ended is recorded"


@pytest.mark.parametrize("how", CHANGES)
def test_a_grant_whose_request_was_damaged_after_it_had_ended_is_set_aside(house: House, how: str) -> None:
    """THREATS O-02: the request of each lease has ended, and the lease rests on it."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        assert house.giver.there == {ID}
        assert [(one.life, one.because.partition(" ")[0]) for one in damage(house, "request", how)] == [("grant", "its")]
        await house.recovery.recover()
        await house.pass_time(0)

    asyncio.run(scene())
    assert [*house.store.grants(), *house.store.holdings()] == [] and house.giver.there == set()


@pytest.mark.parametrize("how", ["not JSON", "no object", "empty"])
def test_a_run_goes_on_to_its_end_when_its_grant_was_damaged_after_it_had_ended(house: House, how: str) -> None:
    """THREATS O-02."""
    made = asked(ID)
    house.lifecycle.handle(submit(made), screened(made, free()))
    house.lifecycle.handle(Started(ID, MONITOR, 4711))
    house.lifecycle.handle(Expired(ID, CLOCK))
    assert damage(house, "grant", how) == ()
    stopped: list[str] = []

    async def find(runs: list[str]) -> None:
        pass

    house.perform._executor = SimpleNamespace(stop=lambda id, because: stopped.append(id))  # type: ignore[assignment]
    house.recovery._executor = SimpleNamespace(find=find)  # type: ignore[assignment]
    asyncio.run(house.recovery.recover())
    house.lifecycle.handle(Ended(ID, MONITOR, Outcome(Ending.EXITED, 0)))
    assert list(house.store.runs()) == []


def test_the_grant_of_a_request_that_was_set_aside_is_revoked(house: House) -> None:
    """THREATS O-02."""

    async def scene() -> None:
        house.begin(stays=True)
        await house.settle()
        house.store.close()
        with closing(sqlite3.connect(house.path, isolation_level=None)) as db:  # as if it was open while its grant was there
            db.execute("DROP TRIGGER requests_move")
            db.execute("UPDATE requests SET is_open = -1")
        house.restart()
        await house.recovery.recover()
        await house.pass_time(0)

    asyncio.run(scene())
    assert list(house.store.grants()) == [] and house.giver.there == set()


def test_a_lock_cannot_be_hidden_by_setting_it_aside(house: House) -> None:
    """THREATS O-02: it bars somebody."""
    house.lifecycle.handle(place(locked()))
    (lock,) = house.store.locks()
    with pytest.raises(Conflict, match="cannot be set aside"):
        house.lifecycle.set_aside(Damaged("lock", lock.id, "it is not what was recorded"))
    assert [one.id for one in house.store.locks()] == [lock.id]
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("UPDATE locks SET is_open = -1, version = version + 1")
    assert [finding.wrong for finding in findings_in(house.path)] == [Wrong.STORE_DIFFERS]


def test_the_records_of_a_damaged_request_that_has_ended_are_read_and_say_little(house: House) -> None:
    """THREATS O-02: a sink, an export and a pack go on. Nobody knows who may see the contents of the request."""
    made = asked(ID)
    house.lifecycle.handle(submit(made), screened(made, permit()))
    house.lifecycle.handle(withdraw(made))
    assert damage(house, "request", "empty") == ()
    records = [(number, body, seal) for number, body, seal in house.store.records() if ID.encode() in body]
    assert len(records) == 3
    lines = Lines("host", lambda: house.store)
    for number, body, seal in records:
        found = Found("host", house.store, number, body, seal)
        assert found.asked == (None,) and found.sight(lambda asked: EVERYTHING) == WITHOUT_CONTENTS
        assert lines._about(house.store, found.content, "command") == (None, SIGHTS["id"])
