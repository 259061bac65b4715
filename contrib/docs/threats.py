#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""threats.py [ATTACK ...]: print attacks of docs/threats.md, each with the tests that prove that it is stopped.

An ATTACK is an id (R-05) or the letter of a section (R). A test proves what its docstring names: ``THREATS R-05``, or
``THREATS R-05, S-10 and K-01``.
Law: nothing is skipped. A line that belongs to no part of an entry is an error, so no attack is lost by a slip of the pen.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).parents[2]
PAGE = TREE / "docs/threats.md"
SECTION = re.compile(r"## ([A-Z]): \S.*")
ENTRY = re.compile(r"### ([A-Z]-\d\d): (\S.*)")
STATE = re.compile(r"State: (proved|open)")
TOLD = re.compile(r'^( *)(?:async )?def (test_\w+)\((?:.*|\n(?:\1 .*\n)+\1\).*):(?:  #.*)?\n\1    r?"""((?s:.*?))"""', re.M)
"""A test with a docstring, in the form of ``ruff format``. To parse the files takes two seconds (a law does, and compares)."""
CLAIM = re.compile(r"\bTHREATS ([A-Z]-\d\d(?:(?:, | and )[A-Z]-\d\d)*)")


@dataclass
class Threat:
    """One entry. ``section`` is the letter of the section that it stands in."""

    id: str
    section: str
    attack: str
    state: str = ""
    stopped_by: str = ""
    tests: list[str] = field(default_factory=list)
    """Each as ``tests/FILE::FUNCTION``, in the order of the files, and in each file as they stand there."""


def threats() -> list[Threat]:
    """The entries of docs/threats.md, in order, each with its tests. Raises ValueError with what does not fit."""
    found, tests = entries(PAGE.read_text("utf-8")), claims()
    for entry in found:
        entry.tests = tests.get(entry.id, [])
    return found


def entries(page: str) -> list[Threat]:
    """The entries of ``page``, in order, as it alone has them. Raises ValueError with what does not fit."""
    start = re.search(r"^## ", page, re.MULTILINE)
    found: list[Threat] = []
    section = ""
    for part in re.split(r"\n{2,}", page[start.start() :].strip()) if start else ():
        entry = found[-1] if found else None
        if heading := SECTION.fullmatch(part):
            section = heading[1]
        elif heading := ENTRY.fullmatch(part):
            found.append(Threat(heading[1], section, heading[2]))
        elif entry and not entry.state and (state := STATE.fullmatch(part)):
            entry.state = state[1]
        elif entry and entry.state and not part.startswith(("#", "-", "|")):
            entry.stopped_by = f"{entry.stopped_by} {' '.join(part.split())}".strip()
        else:
            raise ValueError(f"docs/threats.md: this does not belong to an entry: {part}")
    return found


def claims() -> dict[str, list[str]]:
    """Attack → the tests whose docstrings say that they prove it stopped; also of attacks that the page does not have."""
    found = defaultdict(list)
    for file in sorted((TREE / "tests").rglob("*.py")):
        text = file.read_text("utf-8")
        for test in TOLD.finditer(text) if "THREATS " in text else ():
            for attack in claimed_by(test[3]):
                found[attack].append(f"{file.relative_to(TREE)}::{test[2]}")
    return dict(found)


def claimed_by(docstring: str) -> list[str]:
    """The attacks that a docstring names, each once."""
    said = CLAIM.findall(" ".join(docstring.split()))
    return list(dict.fromkeys(id for claim in said for id in re.findall(r"[A-Z]-\d\d", claim)))


def main(words: list[str]) -> int:
    """The exit status: 0, or 2 if nothing is called so."""
    found = threats()
    if unknown := [word for word in words if not any(word in (entry.id, entry.section) for entry in found)]:
        print(f"threats: there is none called {' '.join(unknown)}", file=sys.stderr)
        return 2
    for entry in found:
        if not words or entry.id in words or entry.section in words:
            print(f"### {entry.id}: {entry.attack}\n\nState: {entry.state}\n\n{textwrap.fill(entry.stopped_by, 120)}\n")
            print("".join(f"- {test}\n" for test in entry.tests))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
