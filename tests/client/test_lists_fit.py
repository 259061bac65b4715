# SPDX-License-Identifier: Apache-2.0
"""Lists on a terminal: what stands first, what is needed, times, colour, and no line that is wider than the terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.cli import colour, columns, lists
from jitd.cli.glass import owed_sentences
from jitd.cli.instants import ago, left, until
from jitd.cli.naming import awaits_me
from jitd.cli.needs import asks, in_short
from jitpam.wire.rows import Grant, Lock, OwedReview, Request, Run
from tests.client.script import HOSTILE, Row, Script, jitd, lines_of, row_for, waiting

EACH = (lists.WAITING, lists.REQUESTS, lists.GRANTS, lists.RUNS, lists.LOCKS)


def in_(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ordinary(**changes: Any) -> Row:
    return row_for(waiting("systemctl", "restart", "postgresql"), **{"expires_at": in_(minutes=12, seconds=30), **changes})


@pytest.mark.parametrize("screen", [60, 80, 120])
def test_what_matters_most_stands_on_the_first_line(screen: int) -> None:
    lines = lines_of(lists.WAITING, [ordinary(reason="replica lag")], screen)
    assert lines[0].startswith("ID") and lines[0].endswith("COMMAND") and "REQUESTER" in lines[0] and "AS" in lines[0]
    first = lines[len(lines) // 2]
    assert first.startswith("K7QM-2XVD") and "alice" in first and "root" in first and "systemctl" in first
    assert ("in 12 min" in first) is (screen >= 80), "then how long it waits"


def test_a_long_command_keeps_its_beginning_and_its_end() -> None:
    line = lines_of(lists.WAITING, [row_for(waiting("psql", "-c", "x" * 500, "production"))], 80)[2]
    found = re.search(r"psql -c x+…\(\+(\d+)\)…(\w+)$", line)
    assert found and "production".endswith(found[2]) and len(found[2]) >= 4 and int(found[1]) > 450


@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "of another type"])
@pytest.mark.parametrize("name", ["state", "may_review", "awaits_me", "doubt", "argv", "gives"])
def test_what_a_row_does_not_say_is_no_less_in_a_list(name: str, is_there: bool) -> None:
    """It waits for the viewer, and nobody reads an account for a command that is in doubt."""
    row = {one: value for one, value in ordinary().items() if one != name}
    read = Request.read(row | {name: 7.5} if is_there else row)
    assert awaits_me(read) and awaits_me(Request.read(ordinary()))
    assert (lists.REQUESTS["AS"](read) == "in doubt") is (name in ("doubt", "argv", "gives"))


@given(st.text(max_size=300), st.integers(12, 200))
def test_what_is_cut_in_the_middle_says_by_how_much(text: str, width: int) -> None:
    shorter = columns.cut_in_the_middle(text, width)
    assert columns.cells(shorter) <= width
    if shorter != text:
        start, _, rest = shorter.partition("…(+")
        hidden, _, end = rest.rpartition(")")
        assert text.startswith(start) and text.endswith(end.removeprefix("…"))
        assert len(start) + int(hidden.split(")")[0]) + len(end.removeprefix("…")) == len(text) or "…(+" in text


def test_a_grant_for_later_says_when_it_begins_and_others_have_no_column_for_it() -> None:
    row = {"id": "K7QM-2XVD", "state": "active", "ends_at": in_(hours=5), "begins_at": None, "argv": ["true"], "path": "true"}
    assert "BEGINS" not in lines_of(lists.GRANTS, [row, {**row, "begins_at": in_(hours=-1)}], 120)[0]
    lines = lines_of(lists.GRANTS, [row, {**row, "begins_at": in_(hours=3, seconds=30)}], 120)
    assert "BEGINS" in lines[0] and "in 3 h" in "".join(lines[2:])
    ended = {**row, "state": "revoked", "begins_at": in_(hours=3)}
    assert "BEGINS" not in lines_of(lists.GRANTS, [ended], 120)[0]


def test_what_is_usual_in_every_row_takes_no_column() -> None:
    lines = lines_of(lists.WAITING, [ordinary(reason=None), ordinary(reason=None)], 120)
    assert "SERVICE" not in lines[0] and "REASON" not in lines[0] and "HOST" in lines[0]
    lines = lines_of(lists.WAITING, [ordinary(reason=None), ordinary(service="sudo", reason="x")], 200)
    assert "SERVICE" in lines[0] and "REASON" in lines[0]
    assert "SERVICE" in lines_of(lists.WAITING, [ordinary()], None)[0], "for programs each column is there"


ONE, MANY = ["K7QM-2XVD.12"], [f"K7QM-2XVD.{number}" for number in range(1, 9)]


@pytest.mark.parametrize("runs", [ONE, ["K7QM-2XVD", "1HFK-MSKD"], MANY], ids=["one", "two", "many"])
@pytest.mark.parametrize("screen", [24, 40, 60, 80, 100, 132])
def test_an_id_is_never_shortened(runs: list[str], screen: int) -> None:
    """People copy it."""
    row: Row = {
        "id": "K7QM-2XVD",
        "state": "active",
        "ends_at": in_(hours=5),
        "begins_at": None,
        "runs": runs,
        "rule": "postgres-on-db1",
        "left": 3,
        "uses": 9,
        "requester": "alice@EXAMPLE.TEST",
        "run_as": "postgres",
        "argv": ["psql", "-c", "x" * 90],
    }
    text = "\n".join(lines_of(lists.LIVE_GRANTS, [row], screen))
    found = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}\S*", text)
    assert found[0] == "K7QM-2XVD" and found[1:] == runs[: len(found) - 1] and len(found) > 1
    left_out = re.findall(r" …\(\+(\d+)\)", text)
    assert len(runs) == len(found) - 1 or str(len(runs) - len(found) + 1) in left_out


@pytest.mark.parametrize("whose", [{"may_give": True}, {"mine": True, "reviewers": "group:ops"}], ids=["given", "mine"])
@pytest.mark.parametrize(("argv", "screen", "is_told"), [
    (["psql"], 76, False), (["psql"], 90, True), (["psql", "x" * 90], 80, False), (["psql", "x" * 90], 132, True),
])  # fmt: skip
def test_of_a_command_to_review_enough_is_told_or_nothing(whose: Row, argv: list[str], screen: int, is_told: bool) -> None:
    row: Row = {"id": "K7QM-2XVD", "state": "owed", "requester": "eve@EXAMPLE.TEST", "realm": "EXAMPLE.TEST"}
    (sentence,) = owed_sentences([OwedReview.read(row | whose | {"argv": argv})], screen)
    assert columns.cells(f"jitd: {sentence}") <= screen and "K7QM-2XVD" in sentence
    assert ("psql" in sentence) is is_told and ("…" in sentence) is (is_told and len(argv) > 1)
    assert ("(" in sentence) is (is_told or "may_give" in whose)


HOSTILE_TEXT = HOSTILE.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("value", [HOSTILE_TEXT, "x" * 500, "漢" * 300, " ", "", "a b " * 90])
@pytest.mark.parametrize("screen", [60, 72, 80, 132, 200])
def test_no_line_is_wider_than_the_terminal(value: str, screen: int) -> None:
    """Whatever the rows hold."""
    names = (
        "id",
        "state",
        "requester",
        "host",
        "service",
        "run_as",
        "reason",
        "rule",
        "owes",
        "pid",
        "whom",
        "name",
        "placed_by",
    )
    row: Row = {**dict.fromkeys(names, value), "argv": [value], "runs": [value], "outcome": {"ending": value, "because": value}}
    for each in EACH:
        for line in lines_of(each, [row, ordinary()], screen):
            assert columns.cells(line) <= screen and line.isprintable()


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=200)), min_size=1, max_size=4), st.integers(60, 200))
def test_no_line_is_wider_whatever_is_asked_for(asked: list[tuple[str, str]], screen: int) -> None:
    rows = [ordinary(requester=who, argv=[what], reason=what) for who, what in asked]
    lines = lines_of(lists.WAITING, rows, screen)
    assert all(columns.cells(line) <= screen for line in lines)
    assert len(lines) % (len(rows) + 1) == 0


# --- who it is -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        ("carol@EXAMPLE.TEST", "carol"),
        ("carol@ELSEWHERE.TEST", "carol@ELSEWHERE.TEST"),
        ("root", "root"),
        ("root@EXAMPLE.TEST", "root@EXAMPLE.TEST"),
        ("pam:carol@EXAMPLE.TEST", "pam:carol@EXAMPLE.TEST"),
    ],
)
def test_only_the_realm_of_the_reader_is_left_out_of_who_locks_and_who_watches(principal: str, said: str) -> None:
    """THREATS R-25."""
    row = {"realm": "EXAMPLE.TEST", "state": "running", "observed": True, "watchers": [principal]}
    row |= {"placed_by": principal, "ended_by": principal}
    lock, run = Lock.read(row), Run.read(row)
    assert (lists.LOCKS["BY"](lock), lists.LOCKS["ENDED BY"](lock)) == (said, said)
    assert lists.RUNS["STATE"](run) == f"running, watched by {said}"
    whole = row | {"realm": ""}
    assert lists.LOCKS["BY"](Lock.read(whole)) == principal and principal in lists.RUNS["STATE"](Run.read(whole))


# --- what is needed ------------------------------------------------------------------------------------------------------


def approval(need: int, *whom: str, **more: Any) -> Row:
    return {"need": need, "from": list(whom), "also": "", "demand": "", "after": 0, **more}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"owed": 1, "approvals": [approval(1, "group:ops")]}, "1 ops"),
        ({"owed": 3, "approvals": [approval(1, "group:ops"), approval(2, "group:dba", "user:bob")]}, "1 ops and 2 dba|bob"),
        ({"owed": 2, "approvals": [approval(1, "group:ops"), approval(2, "group:dba")]}, "2 of ops, dba"),
        ({"owed": 1, "approvals": [approval(2, "group:ops"), approval(1, "group:ops")]}, "1 of ops"),
        ({"owed": 0, "approvals": [approval(1, "group:ops")]}, "-"),
        ({"owed": 1, "owes": "1 ops or 1 managers", "approvals": []}, "1 ops or 1 managers"),
        ({"owed": 1, "approvals": []}, "1"),
        ({}, "-"),
    ],
)
def test_whose_approval_is_missing_is_told_in_a_few_words(row: Row, told: str) -> None:
    assert in_short(Request.read(row)) == told


@pytest.mark.parametrize("words", [("requests",), ("requests", "--all"), ("show", "K7QM-2XVD")])
def test_a_request_needs_approvals_and_only_reviews_are_owed(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(Script(ordinary()), *words) == 0
    said = capsys.readouterr().out.lower()
    assert "needs" in said and "owe" not in said


def test_ways_that_may_be_taken_in_place_of_one_are_told_with_when_they_open() -> None:
    other = approval(1, "group:managers", after=300)
    row = {"approvals": [approval(1, "group:ops"), approval(2, "group:dba", instead=[other], also="oncall:dba")]}
    assert asks(Request.read(row)) == (
        "1 of ops, and either 2 of dba who are also in oncall:dba or, after 5 minutes, 1 of managers"
    )
    assert asks(Request.read({"approvals": row["approvals"][1:]})).startswith(
        "2 of dba who are also in oncall:dba or, after 5 min"
    )
    assert asks(Request.read({"approvals": [row["approvals"][0]] * 2})) == "1 of ops and 1 of ops"


# --- times and colour ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "text"),
    [(12, "12 s"), (0, "0 s"), (130, "2 min"), (3 * 3600 + 9, "3 h"), (86400 + 5, "1 day"), (9 * 86400, "9 days")],
)
def test_a_time_is_told_by_its_distance_in_one_unit(span: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    monkeypatch.setattr("time.time", lambda: at.timestamp())
    assert ago((at - timedelta(seconds=span)).strftime("%Y-%m-%dT%H:%M:%SZ")) == f"{text} ago"
    later = (at + timedelta(seconds=span)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert until(later) == (f"in {text}" if span else "now") and left(later) == text
    assert ago("never") == until(None) == "-"


def painted(rows: list[Row]) -> list[str]:
    return lists.in_colour(lines_of(lists.WAITING, rows, 80), list(map(Request.read, rows)))


def test_colour_marks_the_head_what_ends_soon_and_what_is_mine() -> None:
    rows = [ordinary(), ordinary(expires_at=in_(seconds=60)), ordinary(mine=True), ordinary(expires_at=in_(), state="expired")]
    lines = painted(rows)
    each = len(lines) // (len(rows) + 1)
    marks = [re.match(r"\x1b\[([\d;]+)m", line) for line in lines[::each]]
    assert [mark and mark[1] for mark in marks] == ["1", None, "1;31", "2", None]
    assert all(line.count("\x1b") in (0, 2) and (not line.count("\x1b") or line.endswith("\x1b[0m")) for line in lines)


def test_what_follows_from_a_request_is_late_by_its_own_end() -> None:
    over = {"state": "active", "expires_at": in_(hours=-3)}
    assert lists.style(Grant.read(over | {"ends_at": in_(hours=5)})) is None
    assert lists.style(Grant.read(over | {"ends_at": in_(seconds=60)})) == "late"
    assert lists.style(Run.read(over | {"state": "running"})) is None
    assert lists.style(OwedReview.read(over | {"state": "owed", "due_at": in_(hours=5)})) is None


@pytest.mark.parametrize("screen", [60, 61, 80, 200])
@pytest.mark.parametrize("columns_of", [lists.WAITING, lists.REQUESTS, lists.GRANTS, lists.RUNS], ids=["w", "r", "g", "run"])
def test_that_it_is_mine_is_never_cut_off(screen: int, columns_of: lists.Columns[Any]) -> None:
    rows = [
        ordinary(requester=f"{'long' * 12}@EXAMPLE.TEST", mine=True, lock="L", rule="r" * 50, reason="x" * 99, state="awaiting"),
        ordinary(requester=f"{'other' * 9}@EXAMPLE.TEST (not mine)"),
    ]
    lines = lines_of(columns_of, rows, screen)
    each = len(lines) // 3
    assert " (mine)" in "".join(lines[each : 2 * each]) and " (mine)" not in "".join(lines[2 * each :])
    assert max(map(columns.cells, lines)) <= screen
    if columns_of is lists.REQUESTS:
        assert "(locked)" in "".join(lines[each : 2 * each])


def test_a_mark_is_kept_and_the_count_is_of_what_is_gone() -> None:
    assert columns.cut("alexandria@EXAMPLE.TEST (mine)", 20) == "alexan…(+17) (mine)"
    assert columns.cut("alexandria@EXAMPLE.TEST (mine)", 10) == "ale…(+27)"
    assert columns.cut("alice (mine)", 12) == "alice (mine)"


def test_colour_is_all_that_it_adds() -> None:
    rows = [ordinary(requester=HOSTILE_TEXT, reason=HOSTILE_TEXT, mine=True)]
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in painted(rows)]
    assert plain == lines_of(lists.WAITING, rows, 80) and all(line.isprintable() for line in plain)


@pytest.mark.parametrize(
    ("is_terminal", "term", "no_colour", "wanted"),
    [
        (True, "xterm", None, True),
        (True, "xterm", "", True),
        (True, "xterm", "1", False),
        (True, "xterm", "0", False),
        (True, "dumb", None, False),
        (True, None, None, False),
        (False, "xterm", None, False),
    ],
)
def test_colour_is_wanted_on_a_terminal_by_nobody_who_says_no(
    is_terminal: bool, term: str | None, no_colour: str | None, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TERM", term), ("NO_COLOR", no_colour)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    assert colour.is_wanted() is wanted


def test_json_keeps_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    row = ordinary()
    assert jitd(Script(row), "requests", "--json") == 0
    out = capsys.readouterr().out
    assert all(f'"{name}"' in out for name in row)
