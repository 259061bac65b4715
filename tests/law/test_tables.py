# SPDX-License-Identifier: Apache-2.0
"""A test that is a table hides no row that fails (tests/table.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.table import each_row


def told(test: Callable[..., None], **fixtures: object) -> str:
    """What a failure says."""
    with pytest.raises(pytest.fail.Exception) as failed:
        test(**fixtures)
    return str(failed.value)


@each_row("sum, of", [(3, (1, 2)), (5, (2, 2)), (4, (3, 1)), (7, (2, 4))])
def added(sum: int, of: tuple[int, int]) -> None:
    assert of[0] + of[1] == sum


def test_every_row_that_fails_is_listed_with_its_difference() -> None:
    said = told(added)
    assert said.startswith("2 of 4 rows fail ")
    assert [line for line in said.splitlines() if line.startswith(("5, ", "7, ", "E   "))] == [
        "5, (2, 2)",
        "E   assert (2 + 2) == 5",
        "7, (2, 4)",
        "E   assert (2 + 4) == 7",
    ]


def test_what_is_raised_is_a_row_that_fails() -> None:
    @each_row("text", ["1", "x", "2"])
    def not_raised(text: str) -> None:
        with pytest.raises(ValueError):
            int(text)

    @each_row("key", ["a", "b"])
    def raised(key: str) -> None:
        assert {"a": 1}[key] == 1

    assert "2 of 3 rows fail" in told(not_raised) and "DID NOT RAISE" in told(not_raised)
    assert "1 of 2 rows fail" in told(raised) and "KeyError: 'b'" in told(raised)


def test_two_tables_are_all_pairs_and_what_is_no_column_is_a_fixture() -> None:
    seen = []

    @each_row("a", [1, 2])
    @each_row("b", "xy")
    def test(a: int, b: str, house: str) -> None:
        seen.append((a, b, house))

    test(house="h")
    assert seen == [(1, "x", "h"), (1, "y", "h"), (2, "x", "h"), (2, "y", "h")]


@pytest.mark.parametrize(("columns", "rows"), [("a", []), ("a, b", [(1, 2), (1,)]), ("c", [1])])
def test_a_table_without_a_row_or_with_columns_that_the_test_does_not_take_is_none(columns: str, rows: list[object]) -> None:
    def test(a: int, b: int) -> None:
        return

    with pytest.raises(ValueError):
        each_row(columns, rows)(test)
