# SPDX-License-Identifier: Apache-2.0
"""The looks that need no whole host: files, locks, the record."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitd.core import chain
from jitd.core.effects import Moment
from jitd.core.holding import Account, Holding
from jitd.settings.config import Config
from jitd.store.sqlite import SqliteStore
from jitd_inspection.checking import directory
from jitd_inspection.doctor import files, host, person, runs, state
from jitd_inspection.doctor.people import own_user
from jitd_outsiders.channels import Notify
from jitd_outsiders.settings import OutsiderSection
from tests.stored import put
from tests.terminals.seats import Records, seat


def recorded(path: Path, n: int, policy: str = "aa") -> Path:
    """A database with ``n`` records, closed as a daemon closes it."""
    store = SqliteStore(path)
    records = [
        chain.note(
            "daemon.started",
            "root",
            0,
            Moment(datetime(2026, 1, 1, tzinfo=UTC), float(number), "b"),
            policy,
            {},
            random=bytes(16),
        )
        for number in range(n)
    ]
    store.commit((), records)
    store.close()
    return path


def altered(path: Path, number: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE chain SET body = replace(body, 'root', 'boot') WHERE number = ?", (number,))
        database.commit()


def test_a_short_record_is_proved_whole(tmp_path: Path) -> None:
    found = state.prove(recorded(tmp_path / "db", 3), is_alone=True)
    assert (found.n, found.n_proved, found.is_broken, found.cannot_read) == (3, 3, "", "")


def test_of_a_long_record_the_end_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MOST_PROVED", 10)
    path = recorded(tmp_path / "db", 30)
    assert state.prove(path, is_alone=True) == state.Record(30, 10)
    altered(path, 20)
    assert state.prove(path, is_alone=True) == state.Record(30, 10), "what is before the end is for audit verify"
    altered(path, 21)
    assert "record 21 is not what was sealed" in state.prove(path, is_alone=True).is_broken


def test_a_record_that_was_altered_is_broken(tmp_path: Path) -> None:
    path = recorded(tmp_path / "db", 3)
    altered(path, 2)
    assert "record 2" in state.prove(path, is_alone=True).is_broken


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"x" * 5000), lambda path: path.write_bytes(b""), Path.mkdir])
def test_what_is_no_database_cannot_be_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "db")
    assert state.prove(tmp_path / "db", is_alone=True).cannot_read


@pytest.mark.parametrize(("version", "told"), [(9, "Keep it as evidence"), (99, "install the newer jitd again")])
def test_a_database_of_another_version_is_said_to_be_one(tmp_path: Path, version: int, told: str) -> None:
    """No backup is put in its place."""
    path = recorded(tmp_path / "db", 3)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    found = state.prove(path, is_alone=True)
    assert found.is_other and told in found.cannot_read
    (finding,) = state.record(str(path), found)
    assert told in finding.sentence and "last backup" not in finding.mend


def test_where_there_is_no_database_none_is_made(tmp_path: Path) -> None:
    assert state.prove(tmp_path / "db", is_alone=True).is_missing
    assert os.listdir(tmp_path) == []


def test_reading_where_no_daemon_runs_leaves_nothing_beside_the_database(tmp_path: Path) -> None:
    path = recorded(tmp_path / "db", 3)
    state.prove(path, is_alone=True)
    state.live_runs(path, is_alone=True)
    assert os.listdir(tmp_path) == ["db"]


def test_what_somebody_still_has_is_read_where_no_daemon_runs(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    group, ticket = (
        Holding(f"A.{n}", "A", "A", thing, "alice@R", start, True, start, account=Account("alice", 1001))
        for n, thing in enumerate(["sudoers:wheel", "service-ticket:postgres/db1"])
    )
    store = SqliteStore(tmp_path / "db")
    put(store, group, ticket)
    store.close()
    assert state.given_still(tmp_path / "db") == [group]
    assert os.listdir(tmp_path) == ["db"]
    assert state.given_still(tmp_path / "missing") == []


def test_what_a_daemon_has_not_yet_moved_into_the_database_is_read_too(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db")
    store.commit((), [chain.note("daemon.started", "root", 0, Moment(datetime.now(UTC), 1.0, "b"), "aa", {}, random=bytes(16))])
    assert (tmp_path / "db-wal").stat().st_size
    assert state.prove(tmp_path / "db", is_alone=True) == state.Record(1, 1), "as after a crash"
    store.close()


def test_the_policy_in_force_is_the_one_of_the_newest_record(tmp_path: Path) -> None:
    assert state.policy_in_force(recorded(tmp_path / "db", 2, "cafe")) == "cafe"
    assert state.policy_in_force(recorded(tmp_path / "none", 0)) is None
    assert state.policy_in_force(tmp_path / "missing") is None


def test_who_holds_a_lock_is_told_without_taking_it(tmp_path: Path) -> None:
    free, held = tmp_path / "free", tmp_path / "held"
    free.touch()
    with held.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert host.holders([free, held, tmp_path / "missing"]) == {held: os.getpid()}
    assert host.holders([free, held]) == {}


def test_a_lock_on_another_file_with_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    others.touch()
    with ours.open("w"):
        assert host._has_open(str(os.getpid()), ours)
        assert not host._has_open(str(os.getpid()), others)
        assert not host._has_open("999999999", ours)


def test_nobody_runs_on_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert host.find_daemon(tmp_path / "missing").pid == 0


def test_a_file_is_seen_as_it_is(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch(mode=0o640)
    file.chmod(0o640)
    link.symlink_to(file)
    assert (files.see(file).mode & 0o7777, files.see(file).uid) == (0o640, os.getuid())
    assert files.see(link).mode & 0o170000 == 0o120000
    assert files.see(tmp_path / "missing").is_missing
    assert files.see(file / "below").why_not == "Not a directory"
    assert [seen.path for seen in files.see_above(file)] == [*map(str, reversed(file.parents))]
    assert files.read(file) == (b"", "")
    assert files.read(tmp_path)[1] == "Is a directory"


def test_a_fifo_in_place_of_a_keytab_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keytab")
    assert files.read(tmp_path / "keytab") == (b"", "")


def test_groups_and_accounts_are_told_apart_from_those_that_are_not_there() -> None:
    listed = directory.everybody()
    assert listed is not None and listed["root"] == (0, 0)
    assert directory.members(["root", "no-such-group"], {"root": (0, 0)}) == {"root": ("root",), "no-such-group": None}
    assert directory.uids(["root", "no-such-user", "x"], {"x": (7, 7)}) == {"root": 0, "no-such-user": None, "x": 7}


@pytest.mark.parametrize(
    ("release", "is_since"), [("5.14.0", True), ("6.1.0-30-amd64", True), ("5.10.0-8", False), ("4.19", False), ("odd", False)]
)
def test_the_kernel_that_has_cgroup_kill_is_known_by_its_number(release: str, is_since: bool) -> None:
    assert runs._is_since_5_14(release) is is_since


def test_a_terminal_that_takes_no_messages_takes_them_after_the_command(tmp_path: Path) -> None:
    """Debian's consoles are so from the beginning, and where mesg(1) is missing, nothing else tells it."""
    told = Config(frozenset(), "db1", sections=(OutsiderSection(Notify(default=("terminals",))),))
    mine, records = seat(own_user(), 0o600), Records(tmp_path)
    try:
        records.login(own_user(), mine.line, os.getpid())
        asked = [
            list(person.examine_terminals(host.Host(config, tmp_path), records.sessions, records.utmp))
            for config in (Config(frozenset(), "db1"), told)
        ]
        assert asked[0] == [] and [one.level for one in asked[1]] == ["weak"]
        subprocess.run(asked[1][0].command, shell=True, check=True)
        assert os.fstat(mine.slave).st_mode & 0o777 == 0o620
        after = list(person.examine_terminals(host.Host(told, tmp_path), records.sessions, records.utmp))
        assert [one.sentence for one in after] == ["jitd can tell you of requests on 1 terminal"]
    finally:
        mine.close()
