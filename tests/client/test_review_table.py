# SPDX-License-Identifier: Apache-2.0
"""Several requests that are alike: which of them come in one table, what the table shows, and what an answer to it approves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from jitd.cli import alike as module
from jitd.cli.alike import APART, SHOWN
from jitd.cli.colour import Painted
from jitpam.wire.rows import Request
from jitpam.wire.shown import cells
from tests.client.desk import KEYS, WHY, Desk, Typist
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.table import each_row
from tests.unshown import without_styles

IDS = ("AAAA-1111", "BBBB-2222", "CCCC-3333")


def of(id: str, *argv: str | bytes, **changes: Any) -> Row:
    return row_for(waiting(*(argv or ("systemctl", "restart", "cron")), id=id), **changes)


def alike(rows: Sequence[Row]) -> list[Row]:
    return [one.came for one in module.alike(list(map(Request.read, rows)))]


def table(rows: Sequence[Row], width: int) -> list[Painted]:
    return module.table(list(map(Request.read, rows)), width)


def rows() -> list[Row]:
    return [of(id, "systemctl", "restart", unit) for id, unit in zip(IDS, ("cron", "ssh", "postgresql"), strict=True)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.rows = rows()
    return made


# --- which are alike ------------------------------------------------------------------------------------------------------


def test_requests_that_differ_in_their_arguments_and_reasons_are_alike() -> None:
    found = rows()
    found[1]["reason"] = "another"
    assert alike(found) == found
    assert alike(found[:1]) == [] and alike([]) == []


def test_what_a_receipt_binds_of_each_and_the_page_of_the_first_shows_is_in_the_table_if_it_differs() -> None:
    """THREATS A-30. The ticket of the second one is of the day before."""
    found = rows()
    for row, day, age in zip(found, (5, 4, 5), (42, 86442, 42), strict=True):
        row |= {"ticket_ends_at": f"2026-01-0{day}T19:00:00Z", "expires_at": f"2036-01-0{day}T09:00:00Z"}
        row["authentication"] = {"at": f"2026-01-0{day}T09:00:00Z", "age": age, "flags": ["pre-authent"]}
    assert alike(found) == found
    for keys in ([], ["SHA256:x"]):
        told = [line for line in without_styles(table([row | {"keys": keys} for row in found], 200)) if "-" in line.split()[0]]
        assert [" · ticket 1 day old · ticket ends 2026-01-04" in line for line in told[:3]] == [False, bool(keys), False]
        assert [" · ticket 42 s old · ticket ends 2026-01-05" in line for line in told[:3]] == [bool(keys), False, bool(keys)]
        same = [
            row | {"keys": keys} | {name: found[0][name] for name in ("ticket_ends_at", "expires_at", "authentication")}
            for row in found
        ]
        assert not any(" · " in line for line in without_styles(table(same, 200))[:4])


def test_requests_that_were_made_one_after_another_on_other_terminals_are_alike() -> None:
    found = rows()
    for age, row in enumerate(found, 40):
        row["authentication"] = {"at": f"2026-03-02T09:00:{age}Z", "age": age, "flags": ["initial"], "indicators": []}
        row["claims"] = {"tty": f"pts/{age}", "login_session": age, "parents": [f"bash {age}"]}
    assert alike(found) == found
    found[1]["authentication"]["flags"] = []
    assert alike(found) == [found[0], found[2]], "how the ticket was got still counts"


@each_row("name", sorted(of(IDS[0]).keys()))
def test_whatever_differs_is_in_the_table_or_makes_a_request_come_alone(name: str) -> None:
    """THREATS R-23: for each member of a row."""
    one, other = of(IDS[0]), of(IDS[1])
    other[name] = (
        [{"grade": "reads", "what": "it is other"}]
        if name == "findings"
        else [*one["argv"][:-1], "other"]
        if name == "argv"
        else "other"
    )
    found = alike([one, other])
    if name in APART:
        assert found == [one, other]
    elif name in SHOWN:
        assert "other" in "\n".join(without_styles(table(found, 80)))
    else:
        assert found == []


@pytest.mark.parametrize(
    "argv", [("systemctl", "restart", "ssh", "cron"), ("systemctl", "restart"), ("systemctl", "--root=/x", "ssh")]
)
def test_one_of_another_shape_comes_alone(argv: tuple[str, ...]) -> None:
    """THREATS R-23: among forty others, an option or an argument more would be overlooked."""
    first, second, third = rows()
    odd = of(second["id"], *argv) | {name: first[name] for name in ("grade", "findings")}
    assert alike([first, odd, third]) == [first, third] and alike([odd, first, third]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"grade": "gives"}, {"grade": "gives", "run_as_uid": 26}, {"grade": None}, {"breaks_glass": True},
        {"doubt": "an option"}, {"lacks": "wants a card"},
        {"narrowed": True}, {"gives": ["service-ticket:x"]}, {"argv": None},
    ],
)  # fmt: skip
def test_what_one_key_does_not_approve_comes_alone(changes: Row) -> None:
    """THREATS R-23: also if all of them are so."""
    assert alike([row | changes for row in rows()]) == []
    first, *others = rows()
    assert alike([first, others[0] | changes, others[1]]) == [first, others[1]]
    assert alike([first | changes, *others]) == [], "the oldest comes first, and by itself"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_shows_each_request_whole(width: int) -> None:
    """THREATS R-23: nothing is shortened, and no text of a request begins where an id stands."""
    long = "x" * 500 + " ; rm -rf /"
    found = [of(IDS[0], "psql", "-c", long), of(IDS[1], "psql", "-c", HOSTILE), of(IDS[2], "psql", "-c", f"\n  {IDS[0]}  true")]
    lines = without_styles(table(alike(found), width))
    assert all(cells(line) <= width for line in lines)
    ids = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert [id for id in ids if id in IDS] == list(IDS)
    start = next(at for at, line in enumerate(lines) if IDS[0] in line)
    end = next(at for at, line in enumerate(lines) if IDS[1] in line)
    assert "".join(line[15:] for line in lines[start:end]).replace(" ", "") == f"psql-c'{long}'".replace(" ", "")


def test_a_reason_ends_where_its_quotes_do() -> None:
    """THREATS R-25: behind the words of the requester, in the table as on the page, stands nothing but jitd's."""
    found = rows()
    found[0] |= {"reason": 'x" · reads nothing', "findings": [{"grade": "changes", "what": "it stops cron"}]}
    text = "\n".join(without_styles(table(alike(found), 200)))
    assert 'restart cron · "x\\x22 · reads nothing" · changes it stops cron' in text


# --- what an answer does --------------------------------------------------------------------------------------------------


def test_one_key_approves_all_each_with_its_own_fingerprint(desk: Desk, sit: Callable[..., Typist]) -> None:
    prints = [row["fingerprint"] for row in desk.rows]
    me = sit("approve", "--comment", "go ahead")
    seen = me.until(KEYS)
    assert all(text in seen for text in (*IDS, "restart cron", "restart ssh", "restart postgresql", "approve all 3"))
    me.press(b"a")
    me.until("nothing more waits")
    assert me.status() == 0
    assert desk.sent == [("approve", id, print_, "go ahead") for id, print_ in zip(IDS, prints, strict=True)]


def test_a_table_says_before_how_many_touches_of_a_key_it_takes(desk: Desk, sit: Callable[..., Typist]) -> None:
    desk.rows = [row | {"signed": "touch"} for row in desk.rows]
    me = sit("approve")
    assert "approve all 3 (3 touches)" in me.until(KEYS)
    me.press(b"q")
    assert me.status() == 0 and desk.sent == []


def test_one_that_changed_or_vanished_meanwhile_is_told_and_not_approved(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS R-23: each is answered with its own fingerprint."""
    me = sit("approve")
    me.until(KEYS)
    first, _, last = desk.rows
    desk.rows = [first, last]
    me.press(b"a")
    seen = me.until("nothing more waits")
    assert f"request {IDS[1]} was withdrawn: its client went away" in seen
    assert f"request {IDS[0]} is approved" in seen and f"request {IDS[2]} is approved" in seen
    assert me.status() == 0 and [one[1] for one in desk.sent] == [IDS[0], IDS[2]]


def test_what_was_not_done_is_shown_by_itself(desk: Desk, sit: Callable[..., Typist]) -> None:
    desk.refuses("not_done", "too many reviews: wait a minute")
    me = sit("approve")
    me.until(KEYS)
    me.press(b"a")
    assert me.until(KEYS).count("wait a minute") == 3
    assert "1 of 3: " in me.seen.decode() and desk.sent == []
    assert me.leaves() == 0


def test_they_are_looked_at_one_by_one(desk: Desk, sit: Callable[..., Typist]) -> None:
    me = sit("approve")
    me.until(KEYS)
    me.press(b"o")
    assert IDS[0] in me.until("v view all")
    me.until(KEYS)
    me.press(b"a")
    assert IDS[1] in me.until("v view all")
    assert [one[1] for one in desk.sent] == [IDS[0]]
    me.until(KEYS)
    assert me.leaves() == 0


def test_all_are_denied_with_words_or_not_at_all(desk: Desk, sit: Callable[..., Typist]) -> None:
    me = sit("approve")
    me.until(KEYS)
    me.press(b"d")
    me.until(WHY)
    me.type(b"\n")
    me.until(KEYS)
    assert desk.sent == []
    me.press(b"d")
    me.until(WHY)
    me.type(b"not now\n")
    me.until("nothing more waits")
    assert me.status() == 0 and [(one[0], one[3]) for one in desk.sent] == [("deny", "not now")] * 3


def test_a_table_that_does_not_fit_is_read_to_its_end_before_it_is_approved(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS R-23."""
    me = sit("approve", size=(12, 80))
    assert "approve all" not in me.until(KEYS)
    me.press(b"a")
    assert me.is_quiet() and desk.sent == []
    me.read_until("a approve all 3")
    me.until(KEYS)
    me.press(b"a")
    me.until("nothing more waits")
    assert me.status() == 0 and len(desk.sent) == 3


def test_another_request_between_them_is_shown_by_itself(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS R-23."""
    first, second, third = rows()
    desk.rows = [first, second | {"grade": "gives"}, third]
    me = sit("approve")
    seen = me.until(KEYS)
    assert "2 requests" in seen and IDS[1] not in seen
    me.press(b"a")
    assert f"{IDS[1]}, " in me.until(KEYS)
    assert [one[1] for one in desk.sent] == [IDS[0], IDS[2]]
    assert me.leaves() == 0
