# SPDX-License-Identifier: Apache-2.0
"""docs/threats.md: every attack has its row, what is called proved names the tests that prove it, and they say so themselves."""

from __future__ import annotations

import ast
import re

from tests.law.tree import TREE

COUNTS = {"K": 19, "S": 16, "R": 16, "A": 15, "X": 21, "P": 15, "G": 4, "L": 6, "O": 9}
"""Letter → how many attacks it has: 121 together."""
IDS = [f"{letter}-{number:02}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
FIRST = (
    "K-01 K-02 K-03 K-04 K-05 K-06 K-08 K-12 K-14 S-03 S-05 S-06 S-07 S-10 S-11 R-01 R-02 R-03 R-04 R-05 R-08 R-09 R-10"
    " R-11 A-01 A-03 A-05 A-06 X-05 X-06 X-11 X-12 O-04"
)
"""What has to be proved before anything is built on it."""
CLAIM = re.compile(r"\bTHREATS ((?:[A-Z]-[0-9]{2})(?:(?:, | and )[A-Z]-[0-9]{2})*)")
"""How the docstring of a test says which rows it proves."""


def rows() -> list[list[str]]:
    """The cells of each row of the table."""
    page = (TREE / "docs/threats.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if re.match(r"\| [A-Z]-\d\d ", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


ROWS = {row[0]: row for row in rows()}


ROWS = {row[0]: row for row in rows()}
NAMED = {id: re.findall(r"`([^`]+)`", row[4]) if len(row) > 4 else [] for id, row in ROWS.items()}
"""Row → the tests that it names."""


def docstrings() -> dict[str, str]:
    """Test (``tests/FILE::FUNCTION``) → what it says of itself."""
    found = {}
    for file in sorted((TREE / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[f"{file.relative_to(TREE)}::{node.name}"] = " ".join((ast.get_docstring(node) or "").split())
    return found


TESTS = docstrings()


def claimed_by(docstring: str) -> set[str]:
    """The rows that a test says it proves."""
    return {id for claim in CLAIM.finditer(docstring) for id in re.findall(r"[A-Z]-[0-9]{2}", claim[1])}


def test_every_attack_has_one_row_in_order() -> None:
    assert len(IDS) == 121
    assert [row[0] for row in rows()] == IDS


def test_a_row_says_what_the_attack_is_and_what_stops_it() -> None:
    assert [id for id, (_, attack, _, where, *_) in ROWS.items() if not attack or not where] == []


def test_proved_is_what_names_a_test_and_nothing_else() -> None:
    assert [id for id, row in ROWS.items() if row[2] != ("proved" if NAMED[id] else "open")] == []


def test_the_tests_that_a_row_names_exist_and_each_once() -> None:
    assert [f"{id}: {test}" for id, tests in NAMED.items() for test in tests if test not in TESTS] == []
    assert [id for id, tests in NAMED.items() if len(set(tests)) != len(tests)] == []


def test_the_modules_that_a_row_names_exist() -> None:
    places = [(id, place) for id, row in ROWS.items() for place in re.findall(r"`((?:jitd|jitpam)/[^`]*)`", row[3])]
    assert [f"{id}: {place}" for id, place in places if not (TREE / place).exists()] == []


def test_a_test_that_a_row_names_says_that_it_proves_the_row() -> None:
    held = [(id, test) for id, tests in NAMED.items() for test in tests]
    assert held
    assert [f"{id}: {test}" for id, test in held if id not in claimed_by(TESTS.get(test, ""))] == []


def test_a_test_that_says_it_proves_a_row_is_named_by_it() -> None:
    claims = [(id, test) for test, said in TESTS.items() for id in claimed_by(said)]
    assert claims
    assert [f"{id}: {test}" for id, test in claims if test not in NAMED.get(id, [])] == []


def test_these_laws_read_a_claim_as_it_is_written() -> None:
    assert claimed_by("THREATS K-01, S-10 and R-02: in one breath") == {"K-01", "S-10", "R-02"}
    assert claimed_by("Part of K-07, which is open; R-01.") == set()


def test_what_everything_stands_on_is_proved() -> None:
    assert [id for id in FIRST.split() if ROWS[id][2] != "proved"] == []
