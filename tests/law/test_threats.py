# SPDX-License-Identifier: Apache-2.0
"""docs/threats.md: each attack has its entry, and what is called proved is what a test says it proves."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest

from contrib.docs.threats import CLAIM, PAGE, Threat, claimed_by, claims, entries, threats
from tests.law.tree import TREE

FIRST = (
    "K-01 K-02 K-03 K-04 K-05 K-06 K-08 K-12 K-14 S-03 S-05 S-06 S-07 S-10 S-11 R-01 R-02 R-03 R-04 R-05 R-08 R-09 R-10"
    " R-11 A-01 A-03 A-05 A-06 X-05 X-06 X-11 X-12 O-04"
)
"""What has to be proved before anything is built on it."""

ENTRIES: dict[str, Threat] = {threat.id: threat for threat in threats()}


def test_the_entries_of_a_section_are_numbered_from_one_without_a_gap() -> None:
    for section in {threat.section for threat in ENTRIES.values()}:
        ids = [id for id, threat in ENTRIES.items() if threat.section == section]
        assert ids == [f"{section}-{number:02}" for number in range(1, len(ids) + 1)]


def test_an_entry_stands_in_the_section_of_its_letter() -> None:
    assert [id for id, threat in ENTRIES.items() if threat.section != id[0]] == []


def test_an_entry_says_what_the_attack_is_its_state_and_what_stops_it() -> None:
    assert [id for id, threat in ENTRIES.items() if not (threat.attack and threat.state and threat.stopped_by)] == []


def test_proved_is_what_a_test_names_and_nothing_else() -> None:
    assert [id for id, threat in ENTRIES.items() if threat.state != ("proved" if threat.tests else "open")] == []


def test_a_test_names_no_attack_that_has_no_entry() -> None:
    assert {id: tests for id, tests in claims().items() if id not in ENTRIES} == {}


def test_every_claim_of_a_test_is_read() -> None:
    """claims() looks for the form of a docstring, which takes a twentieth of the time: Python reads them here."""
    parsed, unread = set(), []
    for file in sorted((TREE / "tests").rglob("*.py")):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "THREATS" in text else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                said, test = ast.get_docstring(node) or "", f"{file.relative_to(TREE)}::{node.name}"
                parsed |= {(id, test) for id in claimed_by(said)}
                unread += [test] * (said.count("THREATS") != len(CLAIM.findall(" ".join(said.split()))))
    assert parsed == {(id, test) for id, tests in claims().items() for test in tests}
    assert unread == [], "each says THREATS, and then no id"


def test_the_modules_that_an_entry_names_exist() -> None:
    named = [(id, place) for id, threat in ENTRIES.items() for place in re.findall(r"`([^` ]+/[^` ]*)`", threat.stopped_by)]
    places = [
        (id, place) for id, place in named if place.startswith(("jitd/", "jitpam/", "extensions/", "contrib/", "tests/", "docs/"))
    ]
    assert places
    assert [f"{id}: {place}" for id, place in places if not (TREE / place).exists()] == []


def test_these_laws_read_a_claim_as_it_is_written() -> None:
    assert claimed_by("THREATS K-01, S-10 and R-02: in one breath") == ["K-01", "S-10", "R-02"]
    assert claimed_by("Part of K-07, which is open; R-01.") == []


EXAMPLE = """Sentences before the first section.

## K: Kerberos

### K-01: a token

State: proved

Two lines
that stop it.

Two more.
"""


def test_an_entry_is_read_as_it_is_written() -> None:
    assert entries(EXAMPLE) == [Threat("K-01", "K", "a token", "proved", "Two lines that stop it. Two more.")]


@pytest.mark.parametrize(
    ("written", "slip"),
    [
        ("### K-01: a token", "### K-1: a token"),
        ("### K-01: a token", "#### K-01: a token"),
        ("State: proved", "State: perhaps"),
        ("State: proved", "state: proved"),
        ("State: proved", "- proved"),
        ("Two more.", "- `test_a`"),
    ],
)
def test_a_slip_in_an_entry_is_an_error(written: str, slip: str) -> None:
    assert written in EXAMPLE
    with pytest.raises(ValueError, match=r"docs/threats\.md"):
        entries(EXAMPLE.replace(written, slip, 1))


def test_the_page_of_attacks_shows_the_form_that_is_read() -> None:
    shown = "\n".join(line[4:] for line in PAGE.read_text("utf-8").partition("\n## ")[0].splitlines() if line[:4] in ("    ", ""))
    (example,) = entries(f"## K: Kerberos\n\n{shown[shown.index('### ') :].strip()}\n")
    assert (example.id, example.attack) == ("K-02", ENTRIES["K-02"].attack)


def test_an_entry_is_printed_with_its_tests() -> None:
    done = subprocess.run([TREE / "contrib/docs/threats.py", "R-05"], capture_output=True, text=True, check=True)
    assert re.findall(r"^### (.*): .*$|^- (.*)$", done.stdout, re.M) == [
        ("R-05", ""),
        *(("", test) for test in ENTRIES["R-05"].tests),
    ]


def test_what_everything_stands_on_is_proved() -> None:
    assert [id for id in FIRST.split() if ENTRIES[id].state != "proved"] == []
