# SPDX-License-Identifier: Apache-2.0
"""The table of sabotages (docs/sabotage.md): each entry fits the tree as it is, and what is called proved has one.

Law: nothing is run here; whether the tests notice is what ``make sabotage`` shows.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

from contrib.docs.threats import threats
from contrib.sabotage.table import HERE, TREE, Sabotage, named_tests, read, sabotages

FIELDS = {field.name: field for field in dataclasses.fields(Sabotage)}
NEEDED = {name for name, field in FIELDS.items() if field.default is dataclasses.MISSING}


def test_an_entry_says_what_it_has_to_and_nothing_else() -> None:
    files = sorted((TREE / HERE).glob("*.toml"))
    assert files
    faults = []
    for file in files:
        for number, entry in enumerate(read(file), 1):
            if not set(entry) >= NEEDED or not set(entry) <= set(FIELDS) or entry["row"][0] != file.stem:
                faults.append(f"{file.name}: entry {number}")
    assert faults == []


def test_a_patch_fits_in_one_place_and_changes_it() -> None:
    faults = []
    for one in sabotages():
        try:
            for file, patched in one.patched().items():
                if patched == (TREE / file).read_text("utf-8"):
                    faults.append(f"{one.row} {one.takes}: it changes nothing in {file}")
        except ValueError as fault:
            faults.append(f"{one.row} {one.takes}: {fault}")
    assert faults == []


def test_what_a_patch_leaves_parses_and_uses_no_name_that_is_not_there(tmp_path: Path) -> None:
    """Else what goes red goes red for another reason. A fault of the syntax is told whatever is selected."""
    for number, one in enumerate(sabotages()):
        for file, patched in one.patched().items():
            if file.endswith(".py"):
                (tmp_path / f"{one.row}_{number}_{Path(file).name}").write_text(patched, "utf-8")
    words = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", "--select", "F821,F823", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_two_entries_of_an_attack_take_out_the_same() -> None:
    seen = [(one.row, one.takes) for one in sabotages()]
    assert len(seen) == len(set(seen))


def test_the_tests_of_an_entry_are_among_those_of_its_attack() -> None:
    named = named_tests()
    assert [f"{one.row} {test}" for one in sabotages() for test in one.tests if test not in named[one.row]] == []


def test_an_entry_has_a_test_to_run() -> None:
    named = named_tests()
    assert [f"{one.row} {one.takes}" for one in sabotages() if not one.run_by(named)] == []


def test_each_attack_that_is_called_proved_has_an_entry() -> None:
    proved = {threat.id for threat in threats() if threat.state == "proved"}
    assert sorted(proved - {one.row for one in sabotages()}) == []
