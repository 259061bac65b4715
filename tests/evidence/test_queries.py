# SPDX-License-Identifier: Apache-2.0
"""Queries over the whole database: they show one moment, change nothing, and end in time."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from jitd.core.policy import Policy
from jitd.lifecycle.integrity import Noted, examine
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Store, StoreError
from jitd.store.opening import read_store
from jitd.store.sqlite import SqliteStore
from jitd_evidence.report import uses
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.figure import Scope
from jitd_evidence.report.lived import LIVED
from jitd_evidence.report.making import line, make
from jitd_evidence.report.page import page
from jitd_evidence.report.sections import SECTIONS
from tests.evidence.year import Year
from tests.scene import START, asked, free, moment, permit, person, screened, submit
from tests.stored import put

POLICY = Policy((), "permit", "digest")
LATER = START + timedelta(days=1)
MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT printf('%0100d', i) AS word FROM n"
)
FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(scope="module")
def year(quiet_year: Year) -> Year:
    return quiet_year


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[SqliteStore, Path]]:
    with closing(SqliteStore(tmp_path / "jitd.db")) as store:
        put(store, asked("AAAA-0001", rule="dba"), asked("AAAA-0002", person("bob"), rule="web"))
        yield store, tmp_path / "jitd.db"


def opened_files() -> Iterator[str]:
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            yield os.readlink(f"/proc/self/fd/{descriptor}")


def ask(store: Store, sql: str) -> list[tuple[object, ...]]:
    return list(store.ask(sql, {}, until=monotonic() + 60))


def test_all_queries_of_a_reader_show_one_moment_whatever_is_written_meanwhile(database):
    """THREATS L-23."""
    store, path = database
    with closing(read_store(path)) as reader:
        assert ask(reader, "SELECT count(*) FROM requests") == [(2,)]
        put(store, asked("AAAA-0003"))
        assert ask(reader, "SELECT count(*) FROM requests") == [(2,)]
        reader.rest()
        reader.renew()
        assert ask(reader, "SELECT count(*) FROM requests") == [(3,)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE requests SET rule = 'x', version = 9",
        "INSERT INTO chain VALUES (99, x'00', x'00')",
        "DROP TABLE told",
        "CREATE TABLE mine (a)",
        "PRAGMA user_version = 1",
    ],
)
def test_a_query_changes_nothing_in_the_database(database, change):
    """THREATS L-23."""
    store, path = database
    before = list(store.documents())
    with closing(read_store(path)) as reader, pytest.raises(StoreError, match="readonly"):
        ask(reader, change)
    with closing(SqliteStore(path)) as again:
        assert list(again.documents()) == before


def test_temporary_tables_last_as_long_as_the_moment(database):
    _, path = database
    with closing(read_store(path)) as reader:
        ask(reader, "CREATE TEMPORARY TABLE mine AS SELECT id FROM requests")
        assert len(ask(reader, "SELECT * FROM mine")) == 2
        reader.rest()
        reader.renew()
        with pytest.raises(StoreError, match="no such table"):
            ask(reader, "SELECT * FROM mine")


def test_temporary_tables_are_in_no_file_since_the_daemon_may_write_none(database):
    _, path = database
    with closing(read_store(path)) as reader:
        ask(reader, f"CREATE TEMPORARY TABLE mine AS {MANY}")
        assert ask(reader, f"SELECT count(*) FROM (SELECT DISTINCT word FROM ({MANY}) ORDER BY word DESC)") == [(100_000,)]
        assert not [at for at in opened_files() if "etilqs" in at]


def test_a_query_that_goes_on_and_on_is_given_up_and_the_next_one_is_answered(database):
    _, path = database
    with closing(read_store(path)) as reader:
        with pytest.raises(StoreError, match="took too long"):
            reader.ask(FOR_EVER, {}, until=monotonic() + 0.1)
        assert ask(reader, "SELECT count(*) FROM requests") == [(2,)]


def test_the_store_that_writes_answers_no_queries(database):
    store, _ = database
    with pytest.raises(TypeError):
        ask(store, "SELECT 1")


def scope(store: Store, **changes: object) -> Scope:
    return scope_of(store, POLICY, LATER, START, LATER, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked_of", "found"),
    [
        ({}, ["AAAA-0001", "AAAA-0002"]),
        ({"rule": "dba"}, ["AAAA-0001"]),
        ({"who": frozenset({"bob@EXAMPLE.TEST"})}, ["AAAA-0002"]),
        ({"who": frozenset({"bob@EXAMPLE.TEST"}), "rule": "dba"}, []),
        ({"who": frozenset()}, []),
        ({"who": frozenset({'bob@EXAMPLE.TEST"]', "' OR 1", "%", "*"})}, []),
    ],
)
def test_a_report_is_about_the_requests_that_were_asked_for(database, asked_of, found):
    """THREATS L-23."""
    _, path = database
    with closing(read_store(path)) as reader:
        assert [id for (id,) in scope(reader, **asked_of).ask("SELECT id FROM asked", {})] == found


def test_a_report_counts_requests_by_rule(database):
    _, path = database
    with closing(read_store(path)) as reader:
        (figure,) = (one for one in LIVED.figures if one.name == "requests-by-rule")
        assert list(figure.rows(scope(reader))) == [("dba", 1, 0, 0, 0, 0, 1), ("web", 1, 0, 0, 0, 0, 1)]


DAMAGED = {
    "request": ("requests", "document"),
    "grant": ("grants", "document"),
    "run": ("runs", "document"),
    "holding": ("holdings", "document"),
    "owed review": ("owed_reviews", "document"),
    "lock": ("locks", "document"),
    "record": ("chain", "body"),
}
HOW = {"not JSON": "CAST('[' || CAST({0} AS TEXT) AS BLOB)", "cut": "substr({0}, 1, 40)", "empty": "x''"}


def write_into(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            assert db.execute(statement).rowcount == 1


@pytest.fixture(autouse=True)
def slow_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """This host may be busy: what is not compared for want of time is no figure."""
    monkeypatch.setattr(uses, "WITHIN", 600.0)


def figures_of(year: Year, path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(read_store(path)) as store:
        made = scope_of(store, year.policy, year.until, year.since, year.until)
        return {figure.name: list(figure.rows(made)) for section in SECTIONS for figure in section.figures}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_report_has_all_but_the_object_that_is_damaged_and_says_so(year: Year, tmp_path: Path, kind: str, how: str) -> None:
    """THREATS O-02: also of an object that has ended, which nobody sets aside."""
    table, content = DAMAGED[kind]
    if kind == "record":
        which = "number = (SELECT number FROM chain_about WHERE event = 'request.reviewed' ORDER BY number DESC LIMIT 1)"
    else:
        which = f"rowid = (SELECT min(rowid) FROM {table} WHERE is_open = 0)"
    damaged, without = tmp_path / "damaged.db", tmp_path / "without.db"
    for path, change in (
        (damaged, f"UPDATE {table} SET {content} = {HOW[how].format(content)} WHERE {which}"),
        (without, f"DELETE FROM {table} WHERE {which}"),
    ):
        shutil.copy(year.database, path)
        write_into(path, change)
    made, wanted = figures_of(year, damaged), figures_of(year, without)
    assert (made.pop("damaged"), wanted.pop("damaged")) == ([(kind, 1)], [])
    summary = [(line, counts.replace('"damaged":1', '"damaged":0')) for line, counts in made.pop("summary")]
    assert summary == wanted.pop("summary")
    assert made == wanted


def test_a_thing_that_is_still_given_for_a_request_that_is_damaged_is_not_left_out_without_a_word(
    year: Year, tmp_path: Path
) -> None:
    """THREATS O-02: whenever it was asked for."""
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    held = "SELECT json_extract(CAST(document AS TEXT), '$.request') FROM holdings WHERE is_open = 1 ORDER BY rowid LIMIT 1"
    write_into(path, f"UPDATE requests SET document = x'' WHERE id = ({held})")
    with closing(read_store(path)) as store:
        made = scope_of(store, year.policy, year.until, year.until - timedelta(minutes=1), year.until)
        (damaged,) = (figure for figure in LIVED.figures if figure.name == "damaged")
        assert list(damaged.rows(made)) == [("request", 1)]


@pytest.mark.parametrize(("member", "another"), [('"argv":', '"argw":'), ('"path":', '"path":1,"oath":'), ('"groups":', '"gr":')])
def test_a_member_of_a_document_that_has_another_name_ends_no_report(
    year: Year, tmp_path: Path, member: str, another: str
) -> None:
    """THREATS O-02: one damaged bit is enough for this."""
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER requests_move")
        change = "UPDATE requests SET document = CAST(replace(CAST(document AS TEXT), ?, ?) AS BLOB) WHERE rule <> ''"
        assert db.execute(change, (member, another)).rowcount > 100
    made = figures_of(year, path)
    assert made["requests-by-rule"] == figures_of(year, year.database)["requests-by-rule"]
    words = " ".join(str(row[-1]) for row in made["never-varied"])
    assert ("jitd audit verify" in words) == (member != '"groups":')


def made_of(year: Year, path: Path) -> bytes:
    """The report of the year in ``path``, in both of its forms."""
    with closing(read_store(path)) as store:
        scope = scope_of(store, year.policy, year.until, year.since, year.until)
        report = make(scope, SECTIONS, host="h", by="b", head=store.head())
        return line(report) + page(report)


REVIEWED = "UPDATE requests SET document = CAST(json_set(CAST(document AS TEXT), ?, json(?)) AS BLOB) WHERE rowid = (SELECT"
ONE = " max(rowid) FROM requests WHERE is_open = 0 AND json_array_length(CAST(document AS TEXT), '$.reviews') > 0)"


@pytest.mark.parametrize("content", ['["x"]', '[5, "{}"]', "[null, [1]]", '{"by": "x"}', '"x"'])
def test_reviews_of_another_shape_end_no_report(year: Year, tmp_path: Path, content: str) -> None:
    """THREATS O-02: SQLite takes a text in an array for JSON. What else the report has stays as it is."""
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER requests_move")
        assert db.execute(f"{REVIEWED}{ONE}", ("$.reviews", content)).rowcount == 1
    assert made_of(year, path)
    made, before = figures_of(year, path), figures_of(year, year.database)
    assert made.pop("damaged") == [("request", 1)] and before.pop("damaged") == []
    assert made["requests-by-rule"] == before["requests-by-rule"] and made["reviewers"] != before["reviewers"]


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("$.reviews[0].by.groups", '"ops"'),
        ("$.reviews[0].by.groups", "5"),
        ("$.obligations.lasts_for", '"x"'),
    ],
)
def test_a_member_of_another_type_in_all_requests_ends_no_report(year: Year, tmp_path: Path, member: str, content: str) -> None:
    """THREATS O-02."""
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER requests_move")
        assert db.execute(f"{REVIEWED[: REVIEWED.index(' WHERE')]} WHERE is_open = 0", (member, content)).rowcount > 100
    assert made_of(year, path)


def test_a_name_of_which_one_bit_is_damaged_ends_no_report(year: Year, tmp_path: Path) -> None:
    """THREATS O-02: it is not UTF-8 any more, and stands in its row."""
    path, name = tmp_path / "jitd.db", b'"principal":"alice@'
    shutil.copy(year.database, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER requests_move")
        row, document = db.execute("SELECT rowid, document FROM requests WHERE instr(document, ?)", (name,)).fetchone()
        damaged = document.replace(b'"principal":"a', b'"principal":"\xe1')
        db.execute("UPDATE requests SET document = ? WHERE rowid = ?", (damaged, row))
    assert made_of(year, path)
    requesters = {row[0] for row in figures_of(year, path)["requests-by-requester"]}
    assert requesters - {row[0] for row in figures_of(year, year.database)["requests-by-requester"]} == {
        "\N{REPLACEMENT CHARACTER}lice@EXAMPLE.TEST"
    }


def test_what_polkit_gives_comes_after_what_others_give(year: Year, tmp_path: Path) -> None:
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    listed = [{"becomes": "root", "by": by, "who": "zoe", "where": "there"} for by in ("account", "polkit", "sudo")]
    document = {"privileges": listed, "unseen": ["a rule of polkit", "not looked for: much"]}
    with closing(SqliteStore(path)) as store:
        lifecycle = Lifecycle(store, lambda: moment(0), lambda: "policy")
        digest = store.keep_standing(json.dumps(document).encode())
        lifecycle.note("standing.recorded", "root", 0, {"sha256": digest, "kinds": {}})
    made = figures_of(year, path)
    assert [row[2] for row in made["becoming"]] == ["account", "sudo", "polkit"]
    assert [row[0] for row in made["unseen"]] == ["not looked for: much", "a rule of polkit"]


def test_a_list_of_standing_privileges_with_something_else_than_privileges_ends_no_report(year: Year, tmp_path: Path) -> None:
    """THREATS O-02."""
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    with closing(SqliteStore(path)) as store:
        lifecycle = Lifecycle(store, lambda: moment(0), lambda: "policy")
        digest = store.keep_standing(b'{"privileges":["x"],"unseen":[]}')
        lifecycle.note("standing.recorded", "root", 0, {"sha256": digest, "kinds": {}})
    assert made_of(year, path)
    made = figures_of(year, path)
    assert made["damaged"] == [("list of standing privileges", 1)] and made["becoming"] == [] and len(made["seen"]) == 1


def test_a_list_of_standing_privileges_that_is_damaged_is_left_out_and_counted(database) -> None:
    """THREATS O-02."""
    store, path = database
    store.keep_standing(b'{"privileges":[]')
    with closing(read_store(path)) as reader:
        made = scope(reader)
        rows = {figure.name: list(figure.rows(made)) for section in SECTIONS for figure in section.figures}
    assert rows["damaged"] == [("list of standing privileges", 1)]


def test_what_was_damaged_and_set_aside_stops_no_report(tmp_path: Path) -> None:
    """THREATS O-02: it has not to be JSON."""
    path = tmp_path / "jitd.db"
    with closing(SqliteStore(path)) as store:
        lifecycle = Lifecycle(store, lambda: moment(0), lambda: "policy")
        for id in ("AAAA-0001", "AAAA-0002"):
            made = asked(id)
            lifecycle.handle(submit(made), screened(made, free()))
        waiting = asked("AAAA-0003")
        lifecycle.handle(submit(waiting), screened(waiting, permit()))
        assert [len(list(read())) for read in (store.runs, store.grants, store.requests)] == [2, 2, 1]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for life, id in (("run", "AAAA-0001"), ("grant", "AAAA-0001"), ("request", "AAAA-0003")):
            db.execute(f"DROP TRIGGER {life}s_move")
            db.execute(f"UPDATE {life}s SET document = CAST('[' || CAST(document AS TEXT) AS BLOB) WHERE id = ?", (id,))
    with closing(SqliteStore(path)) as store:
        damaged = examine(store, Noted(tmp_path / "head"))
        assert len(damaged) == 3
        for one in damaged:
            Lifecycle(store, lambda: moment(0), lambda: "policy").set_aside(one)
    with closing(read_store(path)) as store:
        scope = scope_of(store, POLICY, LATER, START, LATER)
        for section in SECTIONS:
            for figure in section.figures:
                list(figure.rows(scope))
        assert ask(store, "SELECT id FROM asked ORDER BY id") == [("AAAA-0001",), ("AAAA-0002",)]
        assert sorted(ask(store, "SELECT * FROM damaged")) == [
            ("grant", "AAAA-0001"),
            ("request", "AAAA-0003"),
            ("run", "AAAA-0001"),
        ]
