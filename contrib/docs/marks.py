#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""marks.py full|timed: print the tests that have this mark of tests/marks.py, or rows that have it, each with the reason.

Law: the marks are read where they are written, and no test is imported.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
EXAMPLES = ("tests/marks.py", "tests/law/test_marks.py")
"""They have marks that are of no test."""


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
    """Each test file, with its text."""
    for file in sorted((TREE / "tests").rglob("*.py")):
        if (name := str(file.relative_to(TREE))) not in EXAMPLES:
            yield name, file.read_text("utf-8")


def marks() -> list[Mark]:
    return [mark for file, text in files() for mark in marks_in(file, text)]


def told(found: Iterable[Mark], name: str) -> list[str]:
    """A line for each test that has the mark ``name``."""
    return [f"{mark.file}::{test}: {mark.reason}" for mark in found if mark.name == name for test in sorted(mark.tests)]


def main(words: list[str]) -> int:
    """The exit status: 0, or 2 if no mark is called so."""
    if words not in (["full"], ["timed"]):
        print(__doc__.partition("\n")[0], file=sys.stderr)
        return 2
    print("\n".join(told(marks(), words[0])))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
