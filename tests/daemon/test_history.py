# SPDX-License-Identifier: Apache-2.0
"""What a person did lately, counted by the database: of that person, in that time, by indexes, and also of older databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from jitd.core.decision import Deny, Why
from jitd.core.law import DAEMON, MONITOR
from jitd.core.run import Ended, Ending, Outcome, Started
from jitd.core.subject import Subject
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import History, history
from jitd.store.sqlite import SqliteStore
from tests.scene import START, asked, free, moment, person, screened, submit

ALICE, BOB = person("alice"), person("bob")
HOUR = timedelta(hours=1)
DENIED = Deny(Why.RULE, "rule freeze denies it", "freeze")


class House:
    """A store and its one door, at a time that tests set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.after = 0.0
        self.store = SqliteStore(path)
        self.lifecycle = Lifecycle(self.store, lambda: moment(self.after), lambda: "policy-1")
        self._n_asked = 0

    def ask(self, who: Subject = ALICE, *, after: float = 0.0, is_denied: bool = False, is_begun: bool = True) -> str:
        """Have ``who`` ask ``after`` seconds into the scene. What is not denied runs at once, if ``is_begun``."""
        self.after = after
        self._n_asked += 1
        made = replace(asked(f"AAAA-{self._n_asked:04}", who), submitted_at=START + timedelta(seconds=after))
        self.lifecycle.handle(submit(made), screened(made, DENIED if is_denied else free()))
        if not is_denied and is_begun:
            self.lifecycle.handle(Started(made.id, MONITOR, 77))
        return made.id

    def of(self, who: Subject = ALICE, *, since: float = 0.0, beside: str = "") -> History:
        return self.store.history(who.person, START + timedelta(seconds=since), beside=beside)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "jitd.db")
    yield made
    made.store.close()


def test_each_person_has_their_own_history(house: House) -> None:
    assert house.of() == History(0, 0, 0)
    house.ask()
    house.ask(is_denied=True)
    house.ask(BOB)
    assert (house.of(), house.of(BOB), house.of(person("eve"))) == (History(2, 1, 1), History(1, 0, 1), History(0, 0, 0))


def test_all_accounts_of_a_person_count_together(house: House) -> None:
    house.ask()
    house.ask(replace(ALICE, principal="alice/admin@X", user="alice-adm", uid=1099))
    assert house.of() == History(2, 0, 2)


def test_what_was_done_before_does_not_count(house: House) -> None:
    house.ask(after=0)
    house.ask(after=100, is_denied=True)
    house.ask(after=200)
    assert house.of(since=100) == History(2, 1, 1)
    assert house.of(since=101) == History(1, 0, 1)
    assert house.of(since=201) == History(0, 0, 0)


def test_a_request_does_not_count_itself(house: House) -> None:
    house.ask()
    last = house.ask(is_denied=True)
    assert house.of(beside=last) == History(1, 0, 1)
    assert house.of(BOB, beside=last) == History(0, 0, 0), "it is not bob's"
    assert house.of(since=1, beside=last) == History(0, 0, 0), "it did not count anyway"


def test_a_run_counts_from_when_it_was_started_and_not_if_it_never_was(house: House) -> None:
    waiting = house.ask(is_begun=False)
    assert house.of() == History(1, 0, 0)
    house.after = 900.0
    house.lifecycle.handle(Started(waiting, MONITOR, 77))
    assert house.of(since=900) == History(0, 0, 1), "the grant is older than the run"
    failed = house.ask(after=1000, is_begun=False)
    house.lifecycle.handle(Ended(failed, DAEMON, Outcome(Ending.NOT_STARTED, 126, "no such file")))
    assert house.of(since=1000) == History(1, 0, 0)
    house.lifecycle.handle(Ended(waiting, MONITOR, Outcome(Ending.EXITED, 0)))
    assert house.of(since=900).ran == 1, "it has ended and has run all the same"


def test_the_counts_are_made_by_indexes_alone(house: House) -> None:
    """No table is scanned: this host may have asked a million times."""
    for statement, given in ((history._ASKED, ("alice", "x")), (history._RAN, ("alice", "x", "x"))):
        plan = [row[3] for row in house.store._db.execute(f"EXPLAIN QUERY PLAN {statement}", given)]
        assert plan and all(step.startswith("SEARCH ") for step in plan), plan
        assert not any("SCAN" in step for step in plan)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("requests", "person = 'bob'"), ("requests", "asked_at = '2030'"), ("requests", "is_denied = 1"),
        ("grants", "person = 'bob'"), ("grants", "ends_at = ''"), ("runs", "started_at = ''"),
    ],
)  # fmt: skip
def test_a_column_that_was_changed_by_hand_is_found(house: House, table: str, change: str) -> None:
    id = house.ask()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute(f"DROP TRIGGER {table}_move")
        db.execute(f"UPDATE {table} SET {change}")
    assert [misfiled for _, misfiled in house.store.misfiled()] == [id]
