# SPDX-License-Identifier: Apache-2.0
"""docs/threats.md: each attack has its entry, what is called proved names the tests that prove it, and they say so themselves."""

from __future__ import annotations

import ast
import re

import pytest

from contrib.docs.threats import PAGE, Threat, threats
from tests.law.tree import TREE

FIRST = (
    "K-01 K-02 K-03 K-04 K-05 K-06 K-08 K-12 K-14 S-03 S-05 S-06 S-07 S-10 S-11 R-01 R-02 R-03 R-04 R-05 R-08 R-09 R-10"
    " R-11 A-01 A-03 A-05 A-06 X-05 X-06 X-11 X-12 O-04"
)
"""What has to be proved before anything is built on it."""
CLAIM = re.compile(r"\bTHREATS ((?:[A-Z]-[0-9]{2})(?:(?:, | and )[A-Z]-[0-9]{2})*)")
"""How the docstring of a test says which attacks it proves stopped."""


ENTRIES: dict[str, Threat] = {threat.id: threat for threat in threats()}
NAMED = {id: threat.tests for id, threat in ENTRIES.items()}
"""Attack → the tests that its entry names."""


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
    """The attacks that a test says it proves stopped."""
    return {id for claim in CLAIM.finditer(docstring) for id in re.findall(r"[A-Z]-[0-9]{2}", claim[1])}


def test_the_entries_of_a_section_are_numbered_from_one_without_a_gap() -> None:
    read = threats()
    for section in {threat.section for threat in read}:
        ids = [threat.id for threat in read if threat.section == section]
        assert ids == [f"{section}-{number:02}" for number in range(1, len(ids) + 1)]


def test_an_entry_stands_in_the_section_of_its_letter() -> None:
    assert [id for id, threat in ENTRIES.items() if threat.section != id[0]] == []


def test_an_entry_says_what_the_attack_is_its_state_and_what_stops_it() -> None:
    assert [id for id, threat in ENTRIES.items() if not (threat.attack and threat.state and threat.stopped_by)] == []


def test_proved_is_what_names_a_test_and_nothing_else() -> None:
    assert [id for id, threat in ENTRIES.items() if threat.state != ("proved" if threat.tests else "open")] == []


def test_the_tests_that_an_entry_names_exist_and_each_once() -> None:
    assert [f"{id}: {test}" for id, tests in NAMED.items() for test in tests if test not in TESTS] == []
    assert [id for id, tests in NAMED.items() if len(set(tests)) != len(tests)] == []


def test_the_modules_that_an_entry_names_exist() -> None:
    named = [(id, place) for id, threat in ENTRIES.items() for place in re.findall(r"`([^` ]+/[^` ]*)`", threat.stopped_by)]
    places = [
        (id, place) for id, place in named if place.startswith(("jitd/", "jitpam/", "extensions/", "contrib/", "tests/", "docs/"))
    ]
    assert places
    assert [f"{id}: {place}" for id, place in places if not (TREE / place).exists()] == []


def test_a_test_that_an_entry_names_says_that_it_proves_the_attack_stopped() -> None:
    held = [(id, test) for id, tests in NAMED.items() for test in tests]
    assert held
    assert [f"{id}: {test}" for id, test in held if id not in claimed_by(TESTS.get(test, ""))] == []


def test_a_test_that_says_it_proves_an_attack_stopped_is_named_by_the_entry() -> None:
    claims = [(id, test) for test, said in TESTS.items() for id in claimed_by(said)]
    assert claims
    assert [f"{id}: {test}" for id, test in claims if test not in NAMED.get(id, [])] == []


def test_these_laws_read_a_claim_as_it_is_written() -> None:
    assert claimed_by("THREATS K-01, S-10 and R-02: in one breath") == {"K-01", "S-10", "R-02"}
    assert claimed_by("Part of K-07, which is open; R-01.") == set()


EXAMPLE = """Sentences before the first section.

## K: Kerberos

### K-01: a token

State: proved

Two lines
that stop it.

Tests in `tests/a.py`:

- `test_a`
- `test_b`

Tests in `tests/b.py`:

- `test_a`
"""


def test_an_entry_is_read_as_it_is_written() -> None:
    tests = ["tests/a.py::test_a", "tests/a.py::test_b", "tests/b.py::test_a"]
    assert threats(EXAMPLE) == [Threat("K-01", "K", "a token", "proved", "Two lines that stop it.", tests)]


@pytest.mark.parametrize(
    ("written", "slip"),
    [
        ("### K-01: a token", "### K-1: a token"),
        ("### K-01: a token", "#### K-01: a token"),
        ("State: proved", "State: perhaps"),
        ("State: proved", "state: proved"),
        ("Two lines\nthat stop it.\n\n", ""),
        ("Tests in `tests/a.py`:", "Test in tests/a.py:"),
        ("Tests in `tests/b.py`:\n\n- `test_a`\n", "Tests in `tests/b.py`:\n"),
        ("- `test_b`", "- test_b"),
        ("- `test_b`", "* `test_b`"),
        ("- `test_a`\n- `test_b`", "- `test_a`\n\n- `test_b`"),
    ],
)
def test_a_slip_in_an_entry_is_an_error_and_loses_no_test(written: str, slip: str) -> None:
    assert written in EXAMPLE
    with pytest.raises(ValueError, match=r"docs/threats\.md"):
        threats(EXAMPLE.replace(written, slip, 1))


def test_the_page_of_attacks_shows_the_form_that_is_read() -> None:
    shown = "\n".join(line[4:] for line in PAGE.read_text("utf-8").partition("\n## ")[0].splitlines() if line[:4] in ("    ", ""))
    (example,) = threats(f"## K: Kerberos\n\n{shown.strip()}\n")
    assert (example.id, example.attack, example.tests) == ("K-02", ENTRIES["K-02"].attack, NAMED["K-02"])


def test_what_everything_stands_on_is_proved() -> None:
    assert [id for id in FIRST.split() if ENTRIES[id].state != "proved"] == []
