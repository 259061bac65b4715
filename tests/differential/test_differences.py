# SPDX-License-Identifier: Apache-2.0
"""The manual page names every difference that the tables know, and no other. Law: nothing differs silently."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from tests.differential.scenario import DIFFERENCES

PAGE = Path(__file__).parents[2] / "docs/man/jitsudo.1"
HERE = Path(__file__).parent


def test_the_differences_on_the_page_are_those_of_the_tables():
    section = PAGE.read_text("utf-8").partition(".Sh DIFFERENCES FROM SUDO\n")[2].partition("\n.Sh ")[0]
    assert sorted(re.findall(r"^\.It Sy (.+)$", section, re.MULTILINE)) == sorted(DIFFERENCES)


def test_every_difference_is_seen_in_some_row():
    tables = "".join(file.read_text("utf-8") for file in HERE.glob("test_same_*.py"))
    names = re.search(r"DIFFERENCES = \(([^)]*)\)", (HERE / "scenario.py").read_text("utf-8"))
    assert [name for name in re.findall(r"\w+", names[1]) if f"because={name}" not in tables] == []


def test_there_are_enough_scenarios():
    """Issue 3 asks for three hundred."""
    rows = [
        row for file in HERE.glob("test_same_*.py") for row in importlib.import_module(f"tests.differential.{file.stem}").ROWS
    ]
    assert len(rows) >= 300
    names = [row.name for row in rows]
    assert sorted(name for name in names if names.count(name) > 1) == []
