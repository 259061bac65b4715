# SPDX-License-Identifier: Apache-2.0
"""docs/threats.md: every attack has its row, and what is called proved names the test that proves it."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from tests.law.tree import TREE

COUNTS = {"K": 19, "S": 14, "R": 14, "A": 11, "X": 16, "P": 13, "G": 4, "L": 6, "O": 8}
"""Letter → how many attacks it has: 105 together."""
IDS = [f"{letter}-{number:02}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
FIRST = (
    "K-01 K-02 K-03 K-04 K-05 K-06 K-08 K-12 K-14 S-03 S-05 S-06 S-07 S-10 S-11 R-01 R-02 R-03 R-04 R-05 R-08 R-09 R-10"
    " R-11 A-01 A-03 A-05 A-06 X-05 X-06 X-11 X-12 O-04"
)
"""What has to be proved before anything is built on it."""


def rows() -> list[list[str]]:
    """The cells of each row of the table."""
    page = (TREE / "docs/threats.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if re.match(r"\| [A-Z]-\d\d ", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


ROWS = {row[0]: row for row in rows()}


@functools.cache
def functions(file: str) -> frozenset[str]:
    """The functions that a test file defines."""
    syntax = ast.parse((TREE / file).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(syntax) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_attack_has_one_row_in_order() -> None:
    assert len(IDS) == 105
    assert [row[0] for row in rows()] == IDS


@pytest.mark.parametrize("id", IDS)
def test_a_row_says_what_stops_it_and_names_tests_that_exist(id: str) -> None:
    _, attack, status, where, proof = ROWS[id]
    assert attack and where
    named = re.findall(r"`([^`]+)`", proof)
    assert status == "proved" if named else status == "open", "proved is what names a test, and nothing else"
    for test in named:
        file, _, function = test.partition("::")
        assert function.startswith("test_") and function in functions(file), test


@pytest.mark.parametrize("id", IDS)
def test_the_modules_that_a_row_names_exist(id: str) -> None:
    for place in re.findall(r"`((?:jitd|jitpam)/[^`]*)`", ROWS[id][3]):
        assert (TREE / place).exists(), place


@pytest.mark.parametrize("id", FIRST.split())
def test_what_everything_stands_on_is_proved(id: str) -> None:
    assert ROWS[id][2] == "proved"
