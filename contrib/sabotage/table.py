# SPDX-License-Identifier: Apache-2.0
"""The table of sabotages, and the tests that the rows of docs/threats.md name.

Law: nothing is run here, and nothing is written. What a table may say is in docs/sabotage.md.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
HERE = "contrib/sabotage"
BOOTED = "tests/booted/"


@dataclass(frozen=True)
class Sabotage:
    """One protection of one row, and the patch that takes it out."""

    row: str
    takes: str
    file: str
    old: str
    new: str
    booted: bool = False
    """It shows only where systemd is process 1."""
    errors: bool = False
    """That a test cannot be set up, or does not end well, is what it is noticed by."""
    tests: tuple[str, ...] = ()
    """Those of the row's tests that are to notice it; all of them, if none is named."""
    also: tuple[dict[str, str], ...] = ()
    """``file``, ``old`` and ``new`` of further places, where more than one layer stands in the way."""

    def patched(self) -> dict[str, str]:
        """File → its text without the protection. Raises ValueError if a place is not exactly one."""
        found: dict[str, str] = {}
        for place in ({"file": self.file, "old": self.old, "new": self.new}, *self.also):
            file, old = place["file"], place["old"]
            text = found.get(file) or (TREE / file).read_text("utf-8")
            if text.count(old) != 1:
                raise ValueError(f"{file}: not exactly one place: {old[:60]!r}")
            found[file] = text.replace(old, place["new"])
        return found

    def run_by(self, named: dict[str, tuple[str, ...]]) -> list[str]:
        """The tests to be run under it, of those that the rows name."""
        wanted = self.tests or named[self.row]
        return [test for test in wanted if self.booted or self.tests or not test.startswith(BOOTED)]


def sabotages(letters: str = "") -> list[Sabotage]:
    """Those of the tables of ``letters``, or of all tables there are. Raises TypeError on a word that means nothing."""
    files = sorted((TREE / HERE).glob("*.toml"))
    rows = [row for file in files if not letters or file.stem in letters for row in read(file)]
    return [Sabotage(**row | {name: tuple(row.get(name, ())) for name in ("tests", "also")}) for row in rows]


def read(file: Path) -> list[dict]:
    """The entries of one file, as they are."""
    return tomllib.loads(file.read_text("utf-8")).get("sabotage", [])


def threats() -> dict[str, list[str]]:
    """Row of docs/threats.md → its cells."""
    page = (TREE / "docs/threats.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if re.match(r"\| [A-Z]-\d\d ", line)]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: row for row in rows}


def named_tests() -> dict[str, tuple[str, ...]]:
    """Row of docs/threats.md → the tests that it names; only rows that are called proved name any."""
    return {id: tuple(re.findall(r"`([^`]+)`", row[4])) for id, row in threats().items() if len(row) > 4}
