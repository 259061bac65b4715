# SPDX-License-Identifier: Apache-2.0
"""The two marks of tests: what promises a time proves no attack stopped, and what is left out every day says why."""

from __future__ import annotations

from itertools import product

import pytest

from contrib.docs.marks import marks, marks_in, told
from contrib.docs.threats import threats
from tests.law.tree import TREE
from tests.marks import by_day, full, once_each

ALL = marks()


def test_every_mark_has_a_reason_where_it_is_written() -> None:
    assert [f"{mark.file}:{mark.line}" for mark in ALL if not mark.reason] == []


def test_every_mark_is_on_a_test_of_its_file() -> None:
    assert [f"{mark.file}:{mark.line}" for mark in ALL if not mark.tests] == []


def test_what_promises_a_time_is_found_by_those_who_play_it() -> None:
    """contrib/lanes/run reads the word in the file, and not in those of the laws: what it misses would be played nowhere."""
    hidden = [
        mark.file
        for mark in ALL
        if mark.name == "timed" and (mark.file.startswith("tests/law/") or "timed(" not in (TREE / mark.file).read_text("utf-8"))
    ]
    assert hidden == []


def test_what_promises_a_time_proves_no_attack() -> None:
    """It may fail where nothing is wrong but the host's mood; split it, and name the half that has no clock."""
    named = {test for threat in threats() for test in threat.tests}
    assert len(named) > 100, "they were read"
    timed = {f"{mark.file}::{test}" for mark in ALL if mark.name == "timed" for test in mark.tests}
    assert sorted(named & timed) == []


def test_what_is_left_out_every_day_is_printed_with_its_reason() -> None:
    assert len(told(ALL, "full")) > 100
    one = "tests/fleet/test_hostile_carrier.py::test_of_a_hundred_thousand_lies_none_permits"
    assert f"{one}: 100,000 lies take eight minutes; every day, 3,000 of them are told" in told(ALL, "full")


def test_of_a_grid_each_word_of_each_column_is_played_every_day_and_all_rows_by_night() -> None:
    one, other = "abcdefg", range(5)
    grid = list(product(one, other))
    rows = by_day(grid, once_each(one, other), full("for this test"))
    daily = [row for row in rows if row in grid]
    assert [{row[column] for row in daily} for column in (0, 1)] == [{*one}, {*other}] and len(daily) == 7
    assert [getattr(row, "values", row) for row in rows] == grid
    assert {mark.name for row in rows if row not in grid for mark in row.marks} == {"full"}
    with pytest.raises(AssertionError):
        by_day(grid, [("a", 9)], full("what is no row would be played never"))


def test_these_laws_see_a_mark_wherever_it_stands() -> None:
    seen = """
import pytest
from tests.marks import full, timed as promised

ROWS = ["a", pytest.param("b", marks=full("long"))]

@promised("within a second")
def test_one(): pass

@pytest.mark.parametrize("row", ROWS)
def test_two(row): pass

@pytest.mark.timed("by name")
class TestMany:
    def test_three(self): pass

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=[full(WHY)])])
def test_four(n): pass
"""
    found = {(mark.name, mark.reason, *sorted(mark.tests)) for mark in marks_in("x", seen)}
    assert found >= {
        ("full", "long", "test_two"),
        ("timed", "within a second", "test_one"),
        ("timed", "by name", "test_three"),
        ("full", None, "test_four"),
    }
    module = 'from tests.marks import timed\npytestmark = timed("all")\ndef test_one(): pass\ndef test_two(): pass\n'
    assert [sorted(mark.tests) for mark in marks_in("x", module)] == [["test_one", "test_two"]]
    assert list(marks_in("x", 'def full(x): pass\nfull("not ours")\n')) == []
