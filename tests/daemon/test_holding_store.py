# SPDX-License-Identifier: Apache-2.0
"""Holdings in the database: written and read back, found, counted, never changed but through their life, proved by the record."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from jitd.core.grant import Revoked
from jitd.core.holding import Account, Ended, Ending, Given, Holding, HoldingState, Outcome
from jitd.core.law import DAEMON
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import StoreError, documents
from jitd.store.sqlite import SqliteStore
from tests.scene import THING, asked, free, moment, screened, submit, thing
from tests.stored import round_trip
from tests.verified import NotWhole, verify

ID = "K7QM-2XVD"
WHEN = st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
SENTENCES = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


class House:
    """A store and its one door."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path)
        self.lifecycle = Lifecycle(self.store, moment, lambda: "policy-1")

    def begin(self, id: str = ID) -> None:
        """alice's request, permitted at once while she waits: a holding begins."""
        made = asked(id, what=thing())
        self.lifecycle.handle(submit(made), screened(made, free()))

    def verify(self) -> None:
        verify(self.store)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "jitd.db")
    yield made
    made.store.close()


@given_by(
    state=st.sampled_from(HoldingState),
    stays=st.booleans(),
    times=st.tuples(WHEN, WHEN),
    ending=st.none() | st.builds(Outcome, st.sampled_from(Ending), SENTENCES),
    because=SENTENCES,
)
def test_a_holding_is_read_as_it_was_written(state: Any, stays: bool, times: Any, ending: Any, because: str) -> None:
    at = datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)
    made = Holding(
        f"{ID}.12", ID, ID, THING, "alice@X", at, stays, at, *times, ending, because, state, 4, account=Account("alice", 1001)
    )
    assert round_trip(made) == made


def test_what_is_open_is_found_and_what_has_ended_only_if_asked_for(house: House) -> None:
    house.begin()
    house.begin("B0B0-B0B0")
    house.lifecycle.handle(Ended(ID, DAEMON, Outcome(Ending.NOT_GIVEN, "no")))
    assert [one.id for one in house.store.holdings()] == ["B0B0-B0B0"]
    assert [one.id for one in house.store.holdings(grant=ID)] == []
    assert [one.id for one in house.store.holdings(grant=ID, ended=True)] == [ID]
    assert [one.id for one in house.store.holdings(ended=True)] == [ID, "B0B0-B0B0"]
    assert house.store.holding("A0A0-A0A0") is None
    house.verify()


def test_what_somebody_holds_counts_as_what_they_have_running(house: House) -> None:
    house.begin()
    assert house.store.n_running("alice") == 1
    with closing(SqliteStore(house.path)) as fresh:
        assert fresh.n_running("alice") == 1, "counted by the database too"
    house.lifecycle.handle(Ended(ID, DAEMON, Outcome(Ending.NOT_GIVEN, "no")))
    assert house.store.n_running("alice") == 0 and house.store.n_unused("alice") == 1


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM holdings",
        "UPDATE holdings SET version = version - 1",
        "UPDATE holdings SET document = '{}'",
        "UPDATE holdings SET id = 'X', version = 9",
        "UPDATE holdings SET grant_id = 'X', version = 9",
    ],
)
def test_no_statement_changes_a_holding_past_its_life(house: House, change: str) -> None:
    house.begin()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(change)
    house.verify()


def test_nothing_happens_to_what_has_ended(house: House) -> None:
    house.begin()
    house.lifecycle.handle(Ended(ID, DAEMON, Outcome(Ending.NOT_GIVEN, "no")))
    head = house.store.head()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute("UPDATE holdings SET version = 99")
    house.lifecycle.handle(Revoked(ID, DAEMON, "enough"))
    assert [json.loads(body)["event"] for _, body, _ in house.store.records(head.number)] == ["grant.revoked"]


FORGED = {
    "it was never given": lambda one: replace(one, given_at=None),
    "it has ended": lambda one: replace(one, state=HoldingState.ENDED, outcome=Outcome(Ending.TAKEN)),
    "it is somebody else's": lambda one: replace(one, to="eve@EXAMPLE.TEST"),
    "it ends later": lambda one: replace(one, until=datetime(2100, 1, 1, tzinfo=UTC)),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_what_was_changed_past_the_door_is_found_by_the_record(house: House, forgery: str) -> None:
    house.begin()
    house.lifecycle.handle(Given(ID, DAEMON))
    house.verify()
    held = house.store.holding(ID)
    assert held is not None
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER holdings_move")
        db.execute("UPDATE holdings SET document = ?", (documents.write(FORGED[forgery](held), house.store.values(ID)),))
    with pytest.raises(NotWhole, match="holding K7QM-2XVD"):
        house.verify()


def test_a_holding_that_is_gone_is_found_by_the_record(house: House) -> None:
    house.begin()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER holdings_stay")
        db.execute("DELETE FROM holdings")
    with pytest.raises(NotWhole, match="holding"):
        house.verify()


def test_a_store_that_fails_says_so_and_has_changed_nothing(house: House) -> None:
    house.begin()
    head = house.store.head()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        house.store._db.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(StoreError):
            house.lifecycle.handle(Given(ID, DAEMON))
        db.execute("ROLLBACK")
    held = house.store.holding(ID)
    assert house.store.head() == head and held is not None and held.state is HoldingState.GIVING
