# SPDX-License-Identifier: Apache-2.0
"""The board without a terminal: what is selected, what is read, when a question closes, and that every line fits."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from jitd.cli.lists import LAID_OUT
from jitd.cli.question import QUIET_FOR
from jitd_board import picture as module
from jitd_board.picture import LEAST_COLUMNS, LEAST_LINES, picture
from jitd_board.questions import Denial, Ending, Locking, OwedReview, Review, Word
from jitd_board.state import Heard, Reading, State
from jitd_board.views import VIEWS, request_lines
from jitpam.wire.rows import LISTED, Request
from jitpam.wire.shown import cells, reshown
from tests.board.test_board import GRANT, LOCK, RUN
from tests.client.script import HOSTILE
from tests.client.test_walk import ONE, THREE, TWO, a_row
from tests.marks import full
from tests.unshown import without_styles


def read(lists: dict[str, Any]) -> dict[str, Any]:
    """``lists``, as the link reads them."""
    return {what: rows if isinstance(rows, str) else [LISTED[what].read(row) for row in rows] for what, rows in lists.items()}


def heard(state: State, *rows: dict[str, Any], **lists: Any) -> None:
    found = {view.what: () for view in VIEWS} | {"requests": rows} | lists
    state.hear(Heard("bob@EXAMPLE.TEST", "db1", True, read(found)))


def test_the_selection_stays_with_its_row_and_falls_to_the_neighbour_only_when_that_goes() -> None:
    state = State()
    heard(state, a_row(TWO), a_row(THREE))
    state.move(1)
    heard(state, a_row(ONE), a_row(TWO), a_row(THREE))
    assert state.row is not None and state.row.id == THREE
    heard(state, a_row(ONE), a_row(TWO))
    assert state.row is not None and state.row.id == TWO
    heard(state)
    assert state.row is None
    state.move(1)
    assert state.row is None


@pytest.mark.parametrize("kind", [Review, Word, OwedReview, Denial])
def test_who_may_have_to_touch_a_key_reads_it_where_the_agent_cannot_tell_them(kind: type[Review]) -> None:
    row = a_row(ONE)
    assert "blinks" not in kind(Request.read(row)).busy
    assert ("blinks" in kind(Request.read({**row, "keys": ["SHA256:x"]})).busy) == (kind is not Denial)


def test_a_question_is_not_opened_about_a_row_that_has_changed_meanwhile() -> None:
    """THREATS A-08."""
    state = State()
    heard(state, a_row(ONE))
    heard(state, a_row(ONE, "rm"))
    row, other = Request.read(a_row(ONE)), Request.read(a_row(ONE, "rm"))
    state.ask(Review(row), "requests", row)
    assert state.asked is None and "look again" in state.said
    state.miss("jitd closed the connection")
    state.ask(Review(row), "requests", other)
    assert state.asked is None, "nobody would tell of a change"


def test_what_a_run_uses_is_no_change_of_it() -> None:
    state = State()
    heard(state, runs=[RUN])
    state.switch(3)
    state.ask(Ending(Request.read(RUN), verb="stop", ends=ONE), "runs", state.row)
    heard(state, runs=[{**RUN, "cpu_ms": 2000, "memory": 1}])
    assert state.asked is not None
    heard(state, runs=[{**RUN, "state": "stopping"}])
    assert state.asked is None


@pytest.mark.parametrize(
    ("what", "at", "row", "use", "end"),
    [
        ("grants", 2, GRANT, {"left": 1, "runs": [TWO], "holdings": []}, {"state": "revoked"}),
        ("runs", 3, RUN, {"n_processes": 7, "watchers": 1, "cpu_ms": 5}, {"fingerprint": "00"}),
        ("locks", 4, LOCK, {"hits": 5}, {"state": "lifted"}),
    ],
)
def test_who_is_to_be_stopped_keeps_no_question_closed(
    what: str, at: int, row: dict[str, Any], use: dict[str, Any], end: dict[str, Any]
) -> None:
    """THREATS A-08: ``while :; do jitsudo true; done`` changes a lease each time."""
    state = State()
    heard(state, **{what: [row]})
    state.switch(at)
    question, read_row = Ending(Request.read(row), verb="stop", ends=row["id"]), LISTED[what].read(row)
    state.ask(question, what, state.row)
    heard(state, **{what: [{**row, **use}]})
    assert state.asked is not None
    state.close("")
    state.ask(question, what, read_row)
    assert state.asked is not None, "a use while jitd was asked for the row"
    heard(state, **{what: [{**row, **use, **end}]})
    assert state.asked is None
    heard(state, **{what: [row]})
    state.ask(question, what, read_row)
    heard(state)
    assert state.asked is None


def test_uses_of_a_lease_close_no_question_about_more_of_it_and_other_changes_do() -> None:
    """THREATS A-08."""
    state = State()
    lease = {"id": TWO, "state": "active", "uses": 9, "left": 8, "ends_at": "2099-01-01T00:00:00Z"}
    row = {**a_row(ONE), "extends": lease}
    heard(state, row)
    state.ask(Review(Request.read(row)), "requests", Request.read(row))
    heard(state, {**row, "extends": {**lease, "left": 7}})
    assert state.asked is not None
    heard(state, {**row, "extends": {**lease, "left": 7, "ends_at": "2098-01-01T00:00:00Z"}})
    assert state.asked is None


def test_lines_are_read_once_they_stood_on_the_terminal_and_none_is_passed_over() -> None:
    reading = Reading(lambda width: [(str(n), None) for n in range(30)])
    assert without_styles(reading.shown(80, 10)) == [str(n) for n in range(10)] and reading.is_unread
    reading.painted(1)
    reading.top = 10**6
    assert reading.shown(80, 10)[-1] == ("29", None) and reading.is_unread, "the middle was not there"
    reading.painted(2)
    reading.top = 10
    assert reading.shown(80, 10)[0] == ("10", None)
    reading.painted(3)
    assert not reading.is_unread
    reading.shown(60, 10)
    assert reading.is_unread, "other lines"


@pytest.mark.parametrize("is_painted", [True, False])
def test_a_page_that_is_gone_at_once_was_not_read(is_painted: bool) -> None:
    """THREATS A-10: a burst of PgDn is no reading, and a page that was drawn over before it was painted is none."""
    reading, now = Reading(lambda width: [(str(n), None) for n in range(30)]), 1.0
    for top in (0, 10, 20):
        reading.top = top
        reading.shown(80, 10)
        if is_painted or top == 20:
            reading.painted(now)
        now += QUIET_FOR / 2
    assert reading.is_unread
    for top in (10, 0):  # and back, slowly
        now += 2 * QUIET_FOR
        reading.top = top
        reading.shown(80, 10)
        reading.painted(now)
    assert not reading.is_unread, "the last page was left slowly, and so was the middle one"


def test_a_line_that_scrolls_by_slowly_was_read_though_no_page_stood() -> None:
    reading = Reading(lambda width: [(str(n), None) for n in range(30)])
    for top in range(21):
        reading.top = top
        reading.shown(80, 10)
        reading.painted(top * QUIET_FOR / 3)
    reading.painted(100)
    assert reading.is_unread, "the first lines were gone too soon"
    reading.top = 0
    reading.shown(80, 10)
    assert not reading.is_unread


SIZES = list(itertools.product((LEAST_COLUMNS, 60, 80, 200), (LEAST_LINES, 24, 60)))
OF_EVERY_DAY = ((LEAST_COLUMNS, LEAST_LINES), (60, 24), (80, 24), (200, 60))


@pytest.mark.parametrize(
    ("width", "height"),
    [
        size
        if size in OF_EVERY_DAY
        else pytest.param(*size, marks=full("every day, the test uses each width and each height, but not each pair of them"))
        for size in SIZES
    ],
)
def test_every_line_is_printable_and_fits_whatever_the_rows_say(width: int, height: int) -> None:
    """THREATS L-06."""
    wild = a_row(TWO, b"sh" + HOSTILE, "\u4e2d\u6587" * 100, "[red]", "x" * 3000)
    for at in range(len(VIEWS)):
        for number in (0, 1, 100):
            state = State(said="said " + "\x1b[31m" * 40, at=at)
            heard(state, *[{**wild, "id": f"AAAA-{n:04}"} for n in range(number)], grants=[GRANT], runs=[RUN], locks=[LOCK])
            must_fit(state, width, height)
            state.trouble = "jitd \x1b[2J" * 30
            must_fit(state, width, height)
    state = State()
    heard(state, wild)
    state.ask(Review(Request.read(wild)), "requests", Request.read(wild))
    assert state.asked is not None
    for typed in ("", "y" * 2000, "\x1b[31m"):
        state.asked.typed = typed
        must_fit(state, width, height)
    state.asked = None
    state.read(TWO, lambda cells: Review(Request.read(wild)).lines(cells))
    must_fit(state, width, height)


def must_fit(state: State, width: int, height: int) -> None:
    lines = [line for line, _ in picture(state, width, height)]
    assert len(lines) == height
    assert all(cells(line) <= width and line == reshown(line) for line in lines)


@pytest.mark.parametrize("size", [(1, 1), (39, 24), (80, 11), (0, 0)])
def test_a_screen_that_is_too_small_says_so_and_nothing_else(size: tuple[int, int]) -> None:
    state = State()
    heard(state, a_row(ONE))
    text = "".join(line for line, _ in picture(state, *size))
    assert ONE not in text and len(picture(state, *size)) == size[1]


def test_a_lock_is_on_whom_was_typed_and_on_nobody_else() -> None:
    first: Any = Locking()
    assert first.follows("", 80, is_unread=False) is None
    second = first.follows("eve", 80, is_unread=False)
    assert second.follows("soon", 80, is_unread=False) is second, "no duration"
    assert "eve" in second.asked(80, is_unread=False)
    assert second.follows("-", 80, is_unread=False).lasts_for is None
    third = second.follows("1h", 80, is_unread=False)
    assert third.lasts_for == 3600 and third.whom == "eve" and third.follows("", 80, is_unread=False) is None


@pytest.mark.parametrize("width", [120, 121, 163, 200])
def test_no_row_of_the_list_cuts_the_page_beside_it(width: int) -> None:
    """THREATS R-04: letters that some terminals draw wide, in a row of somebody's, move the page that stands beside it."""
    state = State()
    rows = [a_row(ONE, "/srv/" + "data/" * 200), *(a_row(f"{TWO[:-2]}{number:02}", "αλφαβητογ" * 9) for number in range(20))]
    heard(state, *rows)
    state.ask(Review(Request.read(rows[0])), "requests", state.row, is_beside=True)
    lines = [line for line, _ in picture(state, width, 40)]
    assert state.asked is not None and state.row is not None and state.row.id == ONE
    beside = [line.partition(" | ")[2] for line in lines[2:]]
    assert beside[: len(state.asked.reading.lines)] == [line for line, _ in state.asked.reading.lines]
    assert [line for line in lines if cells(line) > width] == []


def test_a_request_that_was_never_graded_is_marked_as_the_worst() -> None:
    """One that waited while jitd was upgraded."""
    graded = {**a_row(ONE), "grade": "harmless"}
    rows = [graded, {**graded, "grade": None}, {**graded, "grade": "of-a-later-version"}]
    assert [" !! " in line for line in request_lines(list(map(Request.read, rows)), 80)[1:]] == [False, True, True]


# --- many hosts --------------------------------------------------------------------------------------------------------


DB1, WEB2 = "db1.example.test", "web2.example.test"


def of_many() -> State:
    return State(labels={DB1: "db1", WEB2: "web2"})


def says(state: State, host: str, *rows: dict[str, Any], **lists: Any) -> None:
    found = {view.what: () for view in VIEWS} | {"requests": [{**row, "host": host} for row in rows]} | lists
    state.hear(Heard("bob@EXAMPLE.TEST", host, False, read(found)))


def test_a_request_with_the_id_of_one_on_another_host_is_another_request() -> None:
    """THREATS A-08."""
    state = of_many()
    says(state, DB1, a_row(ONE))
    chosen = state.row
    assert isinstance(chosen, Request)
    state.ask(Review(chosen), "requests", chosen)
    says(state, WEB2, {**a_row(ONE, "rm"), "submitted_at": "2000-01-01T00:00:00Z"})
    assert len(state.rows) == 2 and state.asked is not None
    assert state.row == chosen, "the selection stays on its host"
    says(state, WEB2)
    assert state.asked is not None, "what ended was on another host"
    says(state, WEB2, a_row(ONE))
    says(state, DB1)
    assert state.asked is None and [row.host for row in state.rows] == [WEB2]


def test_of_a_host_that_cannot_be_reached_no_row_is_shown_and_it_is_named() -> None:
    state = of_many()
    says(state, DB1, a_row(ONE))
    says(state, WEB2, a_row(TWO))
    row = Request.read(a_row(ONE) | {"host": DB1})
    state.ask(Review(row), "requests", row)
    state.miss("the carrier ended", WEB2)
    assert state.asked is not None and [row.host for row in state.rows] == [DB1]
    assert f"NOT LIVE: {WEB2}: the carrier ended" in [
        line for line, _ in picture(State(**{**vars(state), "asked": None}), 80, 24)
    ]
    state.miss("no ticket", DB1)
    assert state.asked is None and state.rows == [] and f"{DB1} can no longer be reached" in state.said
    must_fit(state, 80, 24)
    says(state, WEB2, a_row(TWO))
    assert [row.host for row in state.rows] == [WEB2] and state.troubles == {DB1: "no ticket"}


def test_a_list_that_one_of_two_hosts_refuses_is_never_shown_as_if_it_had_nothing() -> None:
    state = of_many()
    says(state, DB1, locks="only operators see locks")
    says(state, WEB2, locks=[{**LOCK, "host": WEB2}])
    state.switch(4)
    shown = "\n".join(line for line, _ in picture(state, 80, 24))
    assert f"{DB1}: only operators see locks" in shown and THREE in shown
    says(state, WEB2, locks="only operators see locks")
    shown = "\n".join(line for line, _ in picture(state, 80, 24))
    assert f"{DB1} and 1 more: only operators see locks" in shown and "nobody is locked" not in shown


def test_nobody_is_locked_on_one_of_many_hosts_by_a_single_key() -> None:
    state = of_many()
    state.hear(Heard("bob@EXAMPLE.TEST", DB1, True, {view.what: () for view in VIEWS}))
    state.switch(4)
    assert set(state.keys) == {"u"}


@pytest.mark.parametrize("what", ["requests", "grants"])
@pytest.mark.parametrize("at", [0, 2500, 4999])
def test_a_host_that_lists_very_many_rows_does_not_stop_the_screen(what: str, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS F-21. It may also say that its own are older than the row that is selected."""
    rows = [
        {"id": f"{number // 1000}A00-0{number % 1000:03}", "host": "db1", "submitted_at": f"{number:06}"}
        for number in range(5000)
    ]
    state, laid_out, n_keys = State(), [], 0
    heard(state, **{what: rows})
    state.switch([view.what for view in VIEWS].index(what))
    state.selection[what] = ("db1", rows[at]["id"])

    def key(row: Any) -> tuple[str, str]:
        nonlocal n_keys
        n_keys += 1
        return row.host, row.id

    for name in ("request_lines", "lines_of"):
        made = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, made=made: laid_out.append(len(args[what == "grants"])) or made(*args))
    monkeypatch.setattr("jitd_board.views.key", key)
    lines = [line for line, _ in picture(state, 100, 30)]
    assert max(laid_out) <= 2 * LAID_OUT and n_keys <= 3 * len(rows)
    assert [line for line in lines if line.startswith(f"> {rows[at]['id']} ")]
    shown = [line[2:11] for line in lines if line[2:11] in {row["id"] for row in rows}]
    first = [row["id"] for row in rows].index(shown[0])
    assert shown == [row["id"] for row in rows[first : first + len(shown)]] and len(shown) > 15
    assert f"  {first + 1} to {first + len(shown)} of 5000" in lines
