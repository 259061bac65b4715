# SPDX-License-Identifier: Apache-2.0
"""What `make mutants` changes, and its list of changes that change nothing: each entry is there, and says why."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from contrib.scripts import load
from tests.law.tree import TREE

CHANGES = load("mutants/changes.py")


def told(text: str) -> set[str]:
    """All changes of ``text``, as the report has them."""
    return {f"{change.old} -> {change.new}" for change in CHANGES.changes(text)}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("x = a == b", {"a == b -> a != b"}),
        ("x = a < b", {"a < b -> a <= b"}),
        ("x = a in b", {"a in b -> a not in b"}),
        ("x = a and b", {"a and b -> a or b", "a and b -> a", "a and b -> b"}),
        ("x = not a", {"not a -> a"}),
        ("x = a + 1", {"a + 1 -> a - 1", "a + 1 -> a + 2", "a + 1 -> a + 0"}),
        ("x = True", {"x = True -> x = False"}),
        ("x = 'a b'", set()),
        ("x = 'ab'", {"x = 'ab' -> x = ''"}),
        ("x = b'a b'", {"x = b'a b' -> x = b''"}),
        ("x = a[b:c]", {"a[b:c] -> a[:c]", "a[b:c] -> a[b:]"}),
        ("if a:\n b()", {"if a: b() -> if not a: b()", "b() -> pass"}),
        ("x = [a for a in b if a]", {"[a for a in b if a] -> [a for a in b if not a]"}),
        ("raise X('ab')", {"raise X('ab') -> pass"}),
        ("def f(a: 'b' = 1):\n 'c'", {"a: 'b'=1 -> a: 'b'=2", "a: 'b'=1 -> a: 'b'=0"}),
        ("def f():\n return a", {"return a -> return None"}),
        ("async def f() -> b | None:\n return a", {"return a -> return None"}),
        ("a.b = c", {"a.b = c -> pass"}),
        ("if TYPE_CHECKING:\n x = 1", set()),
        ("__slots__ = ('a',)", set()),
        ("@a(True)\nclass B: pass", set()),
    ],
)
def test_what_is_changed_and_what_is_left_alone(text: str, changes: set[str]) -> None:
    assert told(text) == changes


def test_a_change_is_in_its_place_and_nowhere_else() -> None:
    text = "x = a == b\ny = a == b\n"
    first, second = CHANGES.changes(text)
    assert [CHANGES.ast.unparse(CHANGES.changed(text, change)) for change in (first, second)] == [
        "x = a != b\ny = a == b",
        "x = a == b\ny = a != b",
    ]


def test_every_equivalent_is_a_change_that_is_there_and_has_its_reason() -> None:
    entries = tomllib.loads((TREE / "contrib/mutants/equivalent.toml").read_text("utf-8"))["equivalent"]
    gone = []
    for module in {entry["module"] for entry in entries}:
        text = (TREE / module).read_text("utf-8")
        lines = text.splitlines()
        there = {(lines[change.line - 1].strip(), change.old, change.new) for change in CHANGES.changes(text)}
        listed = [entry for entry in entries if entry["module"] == module]
        gone += [entry for entry in listed if (entry["line"], entry["old"], entry["new"]) not in there]
    assert gone == []
    assert [entry for entry in entries if not entry["why"].endswith(".")] == []


def test_what_the_tests_import_is_there_before_them_in_the_order_in_which_they_import_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In another one ``_asyncio`` is loaded twice, and no task knows of its loop. The product and the tests are never there."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(TREE)
    runner = load("mutants/mutants")
    imported: list[str] = []
    names = ["tests", "tests.scene", "of_asyncio", "jitd.core.law", "_of_asyncio", "sys", "jitpam"]
    monkeypatch.setattr(runner, "before_each", lambda scratch: names)
    monkeypatch.setattr(runner.importlib, "import_module", imported.append)
    runner.warm(tmp_path)
    assert imported == ["of_asyncio", "_of_asyncio"]
