# SPDX-License-Identifier: Apache-2.0
"""The objects that the store keeps: what was committed last, equal to what the database says, and not without limits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.command import RunAs
from jitd.core.law import Actor, Role
from jitd.core.request import Request
from jitd.core.run import Ended, Ending, Outcome
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Conflict, kept
from jitd.store.kept import Kept, Unread
from jitd.store.sqlite import SqliteStore
from tests.scene import asked, command, free, moment, screened, submit
from tests.stored import put


class House:
    """A store and its one door."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path)
        self.lifecycle = Lifecycle(self.store, moment, lambda: "policy-1")

    def ask(self, id: str = "AAAA-0001", **changes: Any) -> Request:
        made = asked(id, **changes)
        self.lifecycle.handle(submit(made), screened(made, free()))
        return made


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "jitd.db")
    yield made
    made.store.close()


def test_what_is_kept_is_what_the_database_says(house: House) -> None:
    made = house.ask()
    stored = SqliteStore.reading(house.path)
    for read in ("request", "grant", "run"):
        found = getattr(house.store, read)(made.id)
        assert found == getattr(stored, read)(made.id) is not None
        assert found is getattr(house.store, read)(made.id)
    stored.close()


def test_who_acts_as_whom_by_a_live_run_is_what_the_database_says(house: House) -> None:
    """Root is nobody's account. It is kept over commits, and read anew after one that failed."""
    as_bob = command("id", run_as=RunAs("bob", 1002, "bob", 1002))

    def check(*ids: str) -> None:
        with closing(SqliteStore.reading(house.path)) as stored:
            assert dict(house.store.acting()) == dict(stored.acting())
        assert sorted(house.store.acting()) == sorted(ids)
        assert house.store.has_live_runs() == any(run.is_live for run in house.store.runs())

    check()
    house.ask("AAAA-0001")
    check()
    house.ask("AAAA-0002", what=as_bob)
    check("AAAA-0002")
    assert house.store.acting()["AAAA-0002"] == (asked().requester, as_bob.run_as)
    house.ask("AAAA-0003", what=as_bob)
    check("AAAA-0002", "AAAA-0003")
    made = house.store.request("AAAA-0002")
    assert made is not None
    with pytest.raises(Conflict):
        put(house.store, replace(made, version=9), expected=7)
    check("AAAA-0002", "AAAA-0003")
    house.lifecycle.handle(Ended("AAAA-0002", Actor(Role.MONITOR, "monitor", 0), Outcome(Ending.EXITED, 0)))
    check("AAAA-0003")


def test_after_a_commit_that_failed_the_database_is_read_again(house: House) -> None:
    made = house.store.request(house.ask().id)
    assert made is not None
    with closing(sqlite3.connect(house.path)) as db:
        db.executescript("DROP TRIGGER requests_move; UPDATE requests SET document = replace(document, 'approved', 'expired')")
    assert house.store.request(made.id) == made
    with pytest.raises(Conflict):
        put(house.store, replace(made, version=9), expected=7)
    found = house.store.request(made.id)
    assert found is not None and str(found.state) == "expired"


def test_an_object_that_was_not_kept_is_read_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = house.ask()
    monkeypatch.setattr(house.store, "_kept", Kept())
    found = house.store.request(made.id)
    assert found is not None and found is house.store.request(made.id)
    assert house.store.request("AAAA-0002") is None


def test_no_more_than_so_many_objects_are_kept_and_the_newest_are(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 3)
    first, second = house.ask("AAAA-0001"), house.ask("AAAA-0002")
    held = house.store._kept
    assert len(held._objects) == 3
    assert held.get(Request, first.id) is Unread.UNREAD
    assert isinstance(held.get(Request, second.id), Request)


def test_a_large_object_is_not_kept_and_neither_is_its_earlier_version() -> None:
    made, held = asked(), Kept()
    held.put(Request, made.id, made, 1)
    assert held.get(Request, made.id) is made
    held.put(Request, made.id, replace(made, version=2), kept.MOST_BYTES + 1)
    assert held.get(Request, made.id) is Unread.UNREAD


def test_an_id_that_had_no_object_has_one_after_the_commit(house: House) -> None:
    assert house.store.request("AAAA-0001") is None is house.store.grant("AAAA-0001")
    made = house.ask("AAAA-0001")
    assert house.store.request(made.id) is not None and house.store.grant(made.id) is not None


def test_a_grant_that_exists_already_is_not_issued_with_a_new_request(house: House) -> None:
    """Whether a new request's grant is new is for the database to say, and not for what is kept."""
    with closing(sqlite3.connect(house.path)) as db:
        house.ask("AAAA-0001")
        db.executescript("DROP TRIGGER grants_move; UPDATE grants SET id = 'AAAA-0002'")
    before = house.store.head()
    with pytest.raises(Conflict, match="exists already"):
        house.ask("AAAA-0002")
    assert house.store.head() == before and house.store.request("AAAA-0002") is None
