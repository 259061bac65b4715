# SPDX-License-Identifier: Apache-2.0
"""One row is damaged while the daemon runs: every verb serves everybody else at once, and what belonged to the row is ended.

Law: daemon, helpers and database are real. ``DAMAGED`` are the rows, which are alice's, and ``VERBS`` what somebody types beside
one of them. No word of this file is about the damaged row's own person, but a lock on her.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.givers.worlds import SudoersWorld
from tests.marks import by_day, full, once_each
from tests.system.conftest import OF_THE_LAB, Asking, House
from tests.waiting import wait_for

RULES = """
[[permit]]
name = "at once"
who = ["user:alice"]
gives = ["sudoers:logs"]
grant = { lasts = "10m", uses = 2 }
"""
LARGE = "x" * 17_000
"""A word with which no object stays in the daemon's memory (``store.kept``): it is read from the database each time."""
GARBAGE = {
    "not JSON": "CAST('[' || CAST(document AS TEXT) AS BLOB)",
    "not UTF-8": "CAST(replace(CAST(document AS TEXT), '\"state\":\"', '\"state\":\"' || CAST(X'fffe' AS TEXT)) AS BLOB)",
    "nested": "CAST(replace(hex(zeroblob(20000)), '00', '[') AS BLOB)",
    "another id": 'CAST(replace(CAST(document AS TEXT), \'"id":"\', \'"id":"0\') AS BLOB)',
    "empty": "x''",
}
"""What stands in the place of the document."""
numbers = itertools.count()


@dataclass
class Beside:
    """What carol has, and what she still has afterwards. ``waiting`` waits for bob, and is made anew for each verb."""

    house: House
    lease: str
    run: Asking

    def waiting(self) -> str:
        asked = self.house.sudo("carol", "--no-wait", "id", str(next(numbers)))
        assert asked.returncode == 0, asked.stderr
        return asked.stdout.strip()

    def done(self, *words: str, who: str = "root", says: str = "", ends: tuple[int, ...] = (0,)) -> None:
        done = self.house.jitd(*words, who=who)
        assert done.returncode in ends and says in done.stdout + done.stderr, (words, done)

    def lock(self, whom: str) -> None:
        self.done("lock", "--user", whom, says=f"is on user {whom}")
        self.done("unlock", "--user", whom, says="is lifted")

    def uses(self) -> None:
        done = self.house.sudo("carol", "-n", "true")
        assert done.returncode == 0, done.stderr

    def revoke(self, *words: str) -> None:
        lease = leased(self.house, "eve", "date", str(next(numbers)))
        self.done("revoke", *(words or (lease,)), says="revoked")
        assert lease not in [one["id"] for one in self.house.rows("grants")]


def leased(house: House, who: str, *words: str) -> str:
    asked = house.sudo(who, "--no-wait", *words)
    assert asked.returncode == 0, asked.stderr
    house.approved(asked.stdout.strip())
    return asked.stdout.strip()


def running(house: House, who: str, *words: str) -> Asking:
    asked = house.ask(who, "sh", "-c", "exec sleep 600", *words)
    house.approved(asked.id)
    wait_for(lambda: [one for one in house.kept("runs") if one.id == asked.id and one.started_at], what=f"a run ({asked.err})")
    return asked


@pytest.fixture(scope="module")
def beside() -> Iterator[Beside]:
    world = SudoersWorld()
    world.prepare()
    house = House(OF_THE_LAB.replace('"group:dba"', '"group:dba", "user:carol", "user:eve"') + RULES, world.config).start()
    try:
        made = Beside(house, leased(house, "carol", "--uses=50", "--for=50m", "true"), running(house, "carol"))
        assert house.sudo("carol", f"--resume={made.lease}").returncode == 0
        yield made
    finally:
        house.close()
        world.clear()


# --- what is damaged: each returns the id of the row, and a function that is true once nothing of it is left -------------------


def request(house: House) -> tuple[str, Callable[[], bool]]:
    asked = house.ask("alice", "true", LARGE, str(next(numbers)))
    return asked.id, lambda: asked.process.poll() is not None and "was damaged in the database" in asked.err


def grant(house: House) -> tuple[str, Callable[[], bool]]:
    id = leased(house, "alice", "true", LARGE, str(next(numbers)))
    return id, lambda: house.sudo("alice", f"--resume={id}").returncode != 0


def grant_of_a_run(house: House) -> tuple[str, Callable[[], bool]]:
    asked = running(house, "alice", LARGE)
    return asked.id, lambda: asked.process.poll() is not None


def grant_of_a_thing(house: House) -> tuple[str, Callable[[], bool]]:
    return holding(house)


def holding(house: House) -> tuple[str, Callable[[], bool]]:
    asked = house.sudo("alice", "--get", "sudoers:logs", "--reason", LARGE[:100])
    assert asked.returncode == 0, asked.stderr
    return house.kept("holdings")[-1].id, lambda: not SudoersWorld().works("alice")


DAMAGED: dict[str, tuple[str, Callable[[House], tuple[str, Callable[[], bool]]]]] = {
    "a request that waits": ("request", request),
    "a grant": ("grant", grant),
    "the request of a grant": ("request", grant),
    "the grant of a run": ("grant", grant_of_a_run),
    "a run": ("run", grant_of_a_run),
    "a holding": ("holding", holding),
    "the grant of a thing": ("grant", grant_of_a_thing),
}
"""The life cycle whose row is damaged, and who makes it."""
VERBS: dict[str, Callable[[Beside], None]] = {
    "lock of another": lambda beside: beside.lock("eve"),
    "lock of whose it is": lambda beside: beside.lock("alice"),
    "revoke": lambda beside: beside.revoke(),
    "revoke --of": lambda beside: beside.revoke("--of", "eve"),
    "requests": lambda beside: beside.done("requests", says=beside.waiting()),
    "requests --all": lambda beside: beside.done("requests", "--all", says=beside.lease),
    "grants": lambda beside: beside.done("grants", says=beside.lease),
    "grants --all": lambda beside: beside.done("grants", "--all", says=beside.lease),
    "runs": lambda beside: beside.done("runs", says=beside.run.id),
    "runs --all": lambda beside: beside.done("runs", "--all", says=beside.run.id),
    "show": lambda beside: beside.done("show", beside.lease, says=beside.lease),
    "status": lambda beside: beside.done("status", says="to be decided", ends=(0, 1)),  # a busy host may not be well
    "metrics": lambda beside: beside.done("metrics", says="jitd_requests_open"),
    "audit show": lambda beside: beside.done("audit", "show", "--since", "1h", says=beside.lease),
    "approve": lambda beside: beside.done("approve", beside.waiting(), "--yes", who="bob"),
    "deny": lambda beside: beside.done("deny", beside.waiting(), "--reason", "no", who="bob"),
    "jitsudo": lambda beside: beside.uses(),
}


def damage(house: House, life: str, id: str) -> None:
    """Damage the row in the database of the daemon, which runs. Each time in another way."""
    how = list(GARBAGE)[next(numbers) % len(GARBAGE)]
    with closing(sqlite3.connect(house.database, isolation_level=None, timeout=30)) as db:
        db.execute(f"DROP TRIGGER IF EXISTS {life}s_move")
        (was,) = db.execute(f"SELECT document FROM {life}s WHERE id = ?", (id,)).fetchone()
        db.execute(f"UPDATE {life}s SET document = {GARBAGE[how]} WHERE id = ?", (id,))
        assert db.execute(f"SELECT document FROM {life}s WHERE id = ?", (id,)).fetchone() != (was,), how


OTHER_PAIRS = full("every day, each verb is typed beside one damaged row, and each row has two verbs or more")


@pytest.mark.parametrize(("row", "verb"), by_day(itertools.product(DAMAGED, VERBS), once_each(DAMAGED, VERBS), OTHER_PAIRS))
def test_a_row_that_is_damaged_while_the_daemon_runs_stops_no_verb_and_permits_nothing(
    beside: Beside, row: str, verb: str
) -> None:
    """THREATS O-02."""
    house, (life, made) = beside.house, DAMAGED[row]
    id, is_over = made(house)
    before = house.head().number
    damage(house, life, id.partition(".")[0] if life == "grant" else id)
    VERBS[verb](beside)
    listed = {life: [one["id"] for one in house.rows(f"{life}s")] for life in ("request", "grant", "run")}
    assert id not in listed.get(life, [])  # this reads the row, as not every verb does
    wait_for(is_over, what=f"the end of what the row permitted ({house.log()[-2000:]})")
    told = [one for one in house.records(after=before) if one["event"] in ("object.set_aside", "holding.taking")]
    assert told, "it is recorded"
    assert beside.run.process.poll() is None and beside.lease in [one["id"] for one in house.rows("grants")]


LIVES, LISTS = ["request", "grant", "run"], ["requests --all", "grants --all", "runs --all", "lock of another", "audit show"]
OTHER_LISTS = full("every day, the row of each life cycle is in its own list, and two other verbs are typed beside one")


@pytest.mark.parametrize(("life", "verb"), by_day(itertools.product(LIVES, LISTS), once_each(LIVES, LISTS), OTHER_LISTS))
def test_a_row_that_has_ended_and_is_damaged_hides_no_other_one(beside: Beside, life: str, verb: str) -> None:
    """THREATS O-02: it permits nothing, and stays as evidence."""
    house = beside.house
    id = leased(house, "alice", "true", LARGE, str(next(numbers)))
    assert house.sudo("alice", f"--resume={id}").returncode == 0
    wait_for(lambda: id not in [one.id for one in house.kept("runs")], what="the end of its run")
    before = house.head().number
    damage(house, life, id)
    VERBS[verb](beside)
    assert "object.set_aside" not in [one["event"] for one in house.records(after=before)]
