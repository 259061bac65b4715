# SPDX-License-Identifier: Apache-2.0
"""The table of sabotages, and the tests of each attack.

Law: nothing is run here, and nothing is written. What a table may say is in docs/sabotage.md.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from contrib.docs.threats import threats

TREE = Path(__file__).parents[2]
HERE = "contrib/sabotage"
BOOTED = "tests/booted/"
WITH_DB1 = "tests/db1/"


@dataclass(frozen=True)
class Sabotage:
    """One protection from one attack, and the patch that takes it out."""

    row: str
    """The attack's id in docs/threats.md."""
    takes: str
    file: str
    old: str
    new: str
    booted: bool = False
    """It shows only where systemd is process 1."""
    db1: bool = False
    """It shows only where the lab has its second host."""
    errors: bool = False
    """That a test cannot be set up, or does not end well, is what it is noticed by."""
    tests: tuple[str, ...] = ()
    """Those of the attack's tests that are to notice it; all of them, if none is named."""
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
        """The tests to be run under it, of those that are named for each attack."""
        elsewhere = tuple(where for where, is_there in ((BOOTED, self.booted), (WITH_DB1, self.db1)) if not is_there)
        return [test for test in self.tests or named[self.row] if not test.startswith(elsewhere)]

    def lab(self) -> tuple[str, ...]:
        """The options of the lab that it is played in."""
        return ("--systemd",) * self.booted + ("--db1",) * self.db1


def sabotages(letters: str = "") -> list[Sabotage]:
    """Those of the tables of ``letters``, or of all tables there are. Raises TypeError on a word that means nothing."""
    files = sorted((TREE / HERE).glob("*.toml"))
    rows = [row for file in files if not letters or file.stem in letters for row in read(file)]
    return [Sabotage(**row | {name: tuple(row.get(name, ())) for name in ("tests", "also")}) for row in rows]


def read(file: Path) -> list[dict]:
    """The entries of one file, as they are."""
    return tomllib.loads(file.read_text("utf-8")).get("sabotage", [])


def named_tests() -> dict[str, tuple[str, ...]]:
    """Attack of docs/threats.md → the tests that prove it stopped; only what is called proved has any."""
    return {threat.id: tuple(threat.tests) for threat in threats()}
