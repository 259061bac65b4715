# SPDX-License-Identifier: Apache-2.0
"""The two marks of tests: what promises a time proves no attack stopped, and what is left out every day is listed.

Law: the marks are read where they are written; docs/testing.md lists each ``full``, and nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from contrib.docs.threats import threats
from tests.law.tree import TREE
from tests.marks import by_day, full, once_each

PAGE = TREE / "docs/testing.md"
MARKS = "tests/marks.py"


@dataclass(frozen=True)
class Mark:
    """One use of ``timed`` or ``full``: where, why, and the tests of that file that have it."""

    name: str
    file: str
    line: int
    reason: str | None
    tests: frozenset[str]


def marks_in(file: str, text: str) -> Iterator[Mark]:
    """The marks of the test file ``file``, which holds ``text``."""
    if not re.search(r"\b(timed|full)\b", text):
        return  # most hold neither word, and to parse all of them takes seconds
    syntax = ast.parse(text)
    nodes = tuple(ast.walk(syntax))
    names = {
        alias.asname or alias.name: alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "tests.marks"
        for alias in node.names
    }
    for node in nodes:
        if not isinstance(node, ast.Call) or _last_name(node.func) not in {"timed", "full", *names}:
            continue
        called = ast.unparse(node.func)
        name = names.get(called) or called.removeprefix("pytest.mark.").removeprefix("marks.")
        if name in ("timed", "full") and (called in names or called != name):
            first = node.args[0] if len(node.args) == 1 and not node.keywords else None
            reason = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
            yield Mark(name, file, node.lineno, reason, frozenset(_tests_with(syntax, node)))


def _last_name(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def _tests_with(syntax: ast.Module, mark: ast.Call) -> Iterator[str]:
    """The functions that ``mark`` is on: by their decorators, their class's, the module's, or a table they play."""
    for node in syntax.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not _is_in(mark, node):
            continue
        targets = {name.id for target in _targets(node) for name in ast.walk(target) if isinstance(name, ast.Name)}
        for function in _functions(syntax):
            used = {name.id for line in function.decorator_list for name in ast.walk(line) if isinstance(name, ast.Name)}
            if "pytestmark" in targets or targets & used:
                yield function.name
    for node in ast.walk(syntax):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and any(
            _is_in(mark, d) for d in node.decorator_list
        ):
            yield from (function.name for function in _functions(node))


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _is_in(mark: ast.Call, node: ast.AST) -> bool:
    return any(each is mark for each in ast.walk(node))


def _functions(syntax: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(syntax)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def files() -> Iterator[tuple[str, str]]:
    for file in sorted((TREE / "tests").rglob("*.py")):
        name = str(file.relative_to(TREE))
        if name not in (MARKS, str(Path(__file__).relative_to(TREE))):
            yield name, file.read_text("utf-8")


ALL = [mark for file, text in files() for mark in marks_in(file, text)]


def rows() -> list[tuple[str, str]]:
    """The list of docs/testing.md: the test, and why nothing is lost every day."""
    _, _, listed = PAGE.read_text("utf-8").partition("\n## What only `make test-full` runs\n")
    found, file = [], ""
    for part in re.split(r"\n{2,}|\n(?=- )", listed.partition("\n## ")[0].strip()):
        if heading := re.fullmatch(r"In `(tests/[^`]+)`:", part):
            file = heading[1]
        elif test := re.fullmatch(r"- `(\w+)`: (.+)", " ".join(part.split())):
            found.append((f"{file}::{test[1]}", test[2]))
    return found


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


def test_what_is_left_out_every_day_is_listed_with_its_reason_and_nothing_else_is() -> None:
    left_out = {(mark.file, mark.reason) for mark in ALL if mark.name == "full" and mark.reason}
    listed = {(test.partition("::")[0], why) for test, why in rows()}
    assert sorted(left_out - listed) == [], "not in docs/testing.md"
    assert sorted(listed - left_out) == [], "no test has this mark"


def test_the_tests_that_are_listed_have_that_mark() -> None:
    marked = {(f"{mark.file}::{test}", mark.reason) for mark in ALL if mark.name == "full" for test in mark.tests}
    assert [test for test, why in rows() if (test, why) not in marked] == []


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
