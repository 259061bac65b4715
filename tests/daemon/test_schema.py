# SPDX-License-Identifier: Apache-2.0
"""THREATS O-03: which databases the store opens, what it does to an older one, and that it leaves all others as they are."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jitd.store import StoreError, sqlite
from jitd.store.opening import drop_copies
from jitd.store.sqlite import FIRST, SCHEMA, SqliteStore
from tests.scene import asked, person
from tests.stored import put

NEXT = SCHEMA + 1
OPENINGS = pytest.mark.parametrize("opened", [SqliteStore, SqliteStore.reading], ids=["writing", "reading"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jitd.db"


def numbered(path: Path, version: int) -> bytes:
    """Make a database in WAL mode, as jitd's are, that says it has the schema ``version``. Returns the file's bytes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE chain (number INTEGER NOT NULL PRIMARY KEY, body BLOB NOT NULL, digest BLOB NOT NULL)")
        db.execute(f"PRAGMA user_version = {version}")
    return path.read_bytes()


def schema_of(path: Path) -> tuple[int, list[tuple[str, str]]]:
    """Return the version that the database says, and the name and the statement of each part of it."""
    with closing(sqlite3.connect(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        return version, db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def step(monkeypatch: pytest.MonkeyPatch, directory: Path, script: str) -> None:
    """Install the jitd after this one, whose schema has one version more. ``script`` is its step."""
    directory.mkdir()
    for file in sqlite.STEPS.iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    (directory / f"{NEXT:04}.sql").write_text(script)
    monkeypatch.setattr(sqlite, "STEPS", directory)
    monkeypatch.setattr(sqlite, "SCHEMA", NEXT)


def test_there_is_one_file_for_each_version_from_the_first_one_on() -> None:
    assert sorted(file.name for file in sqlite.STEPS.iterdir()) == [f"{version:04}.sql" for version in range(FIRST, SCHEMA + 1)]


@OPENINGS
@pytest.mark.parametrize("version", [-1, *range(1, FIRST)])
def test_a_database_of_before_the_first_release_is_refused_and_left_as_it_is(path, version, opened) -> None:
    """THREATS O-03: no release has made it."""
    before = numbered(path, version)
    with pytest.raises(StoreError, match=rf"before 0\.1\.0 made this database \(schema {version}\).* Restoring a backup of jitd"):
        opened(path)
    assert path.read_bytes() == before


def test_a_database_that_is_refused_keeps_its_mode_its_form_and_its_log(path: Path) -> None:
    """THREATS O-03: it is evidence."""
    numbered(path, FIRST - 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    path.chmod(0o640)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="made this database"):
        SqliteStore(path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (before, 0o640)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@OPENINGS
def test_a_database_of_a_newer_jitd_is_refused_and_left_as_it_is(path, opened) -> None:
    before = numbered(path, NEXT)
    with pytest.raises(StoreError, match=f"schema {NEXT} is newer than this jitd knows"):
        opened(path)
    assert path.read_bytes() == before


def test_the_next_jitd_takes_the_database_one_step_on_and_this_one_then_refuses_it(path, tmp_path, monkeypatch) -> None:
    """THREATS O-03. What was stored stays, and a new database gets the same schema."""
    waiting = asked("AAAA-0001", person("alice"))
    with closing(SqliteStore(path)) as store:
        put(store, waiting, records=[b'{"event":"request.submitted"}'])
        head = store.head()
    with monkeypatch.context() as newer:
        step(newer, tmp_path / "steps", "CREATE TABLE next (a TEXT NOT NULL);\nINSERT INTO next SELECT id FROM requests;\n")
        with closing(SqliteStore(path)) as store:
            assert list(store.requests()) == [waiting] and store.head() == head
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT a FROM next").fetchall() == [("AAAA-0001",)]
        with closing(SqliteStore(path)) as store:  # the step is not made again
            assert list(store.requests()) == [waiting]
        with closing(SqliteStore(tmp_path / "new.db")):
            pass
    assert schema_of(path) == schema_of(tmp_path / "new.db") and schema_of(path)[0] == NEXT
    before = path.read_bytes()
    with pytest.raises(StoreError, match="install the newer jitd again"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_the_database_is_copied_before_a_step_and_the_version_before_takes_the_copy(path, tmp_path, monkeypatch) -> None:
    """THREATS O-03."""
    waiting, copies = asked("AAAA-0001", person("alice")), list[Path]()
    with closing(SqliteStore(path, copied=copies.append)) as store:
        put(store, waiting, records=[b'{"event":"request.submitted"}'])
        head = store.head()
    assert copies == [], "nothing was there"
    with monkeypatch.context() as newer:
        step(newer, tmp_path / "steps", "DROP TABLE chain;\n")
        with pytest.raises(StoreError), closing(SqliteStore(path, copied=copies.append)):
            pass
    (made,) = copies
    assert made == path.with_name(f"jitd.db.schema-{SCHEMA}") and made.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="Going back to an earlier version"):
        SqliteStore(path)
    made.replace(path)
    with closing(SqliteStore(path, copied=copies.append)) as store:
        assert list(store.requests()) == [waiting] and store.head() == head
    assert copies == [made]


def test_without_a_copy_no_step_is_made(path, tmp_path, monkeypatch) -> None:
    """THREATS O-03: as on a full disk, here in a place that is taken."""
    with closing(SqliteStore(path)) as store:
        put(store, asked("AAAA-0001", person("alice")))
    before = schema_of(path)
    (path.with_name(f"jitd.db.schema-{SCHEMA}") / "taken").mkdir(parents=True)
    with monkeypatch.context() as newer:
        step(newer, tmp_path / "steps", "CREATE TABLE next (a TEXT NOT NULL);\n")
        with pytest.raises(StoreError, match="no copy could be made before its schema changes.*MiB free"):
            SqliteStore(path)
    assert schema_of(path) == before and not path.with_name("jitd.db.copying").exists()


def test_a_copy_goes_after_30_days_and_nothing_else_does(path: Path) -> None:
    """It has what [record] keep forgets."""
    now, kept = datetime.now(UTC), ("jitd.db", "jitd.db.schema-15", "jitd.db-wal")
    for name, days in (*((name, 29) for name in kept), ("jitd.db.schema-16", 31)):
        path.with_name(name).touch()
        at = (now - timedelta(days=days)).timestamp()
        os.utime(path.with_name(name), (at, at))
    drop_copies(path.parent, now)
    assert {file.name for file in path.parent.iterdir()} == {*kept}


def test_a_step_that_fails_leaves_the_database_to_the_version_before(path, tmp_path, monkeypatch) -> None:
    """THREATS O-03. The error holds the frames in which it came about, and these hold the store, which keeps no lock."""
    waiting = asked("AAAA-0001", person("alice"))
    with closing(SqliteStore(path)) as store:
        put(store, waiting)
    before = schema_of(path)
    with monkeypatch.context() as newer:
        step(newer, tmp_path / "steps", "CREATE TABLE next (a TEXT NOT NULL);\nINSERT INTO nowhere VALUES (1);\n")
        with pytest.raises(StoreError, match="no such table: nowhere") as held:
            SqliteStore(path)
    assert schema_of(path) == before
    with closing(SqliteStore(path)) as store:
        assert list(store.requests()) == [waiting]
        put(store, asked("AAAA-0002", person("alice")))
    assert "nowhere" in str(held.value)


def test_a_table_that_was_made_anew_without_its_key_has_no_id_twice(path: Path) -> None:
    """THREATS O-03: one of the two would be compared with the record, and the other be found."""
    with closing(SqliteStore(path)) as store:
        put(store, asked("AAAA-0001"))
        assert list(store.faults()) == []
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("CREATE TABLE anew AS SELECT * FROM requests")
        db.execute("INSERT INTO anew SELECT * FROM requests")
        db.execute("DROP TABLE requests")
        db.execute("ALTER TABLE anew RENAME TO requests")
    with closing(SqliteStore.reading(path)) as store:
        assert "requests: two rows have the same id" in list(store.faults())
