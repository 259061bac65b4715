# SPDX-License-Identifier: Apache-2.0
"""Reads docs/threats.md: the attacks, each with its state, what stops it, and the tests that prove it.

Law: nothing is skipped. A line that belongs to no part of an entry is an error, so no test is lost by a slip of the pen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/threats.md"
SECTION = re.compile(r"## ([A-Z]): \S.*")
ENTRY = re.compile(r"### ([A-Z]-\d\d): (\S.*)")
STATE = re.compile(r"State: (proved|open)")
TESTS = re.compile(r"Tests in `([^`]+)`:")
TEST = re.compile(r"- `(\w+)`")


@dataclass
class Threat:
    """One entry. ``section`` is the letter of the section that it stands in."""

    id: str
    section: str
    attack: str
    state: str = ""
    stopped_by: str = ""
    tests: list[str] = field(default_factory=list)
    """Each as ``tests/FILE::FUNCTION``, in the order of the page."""


def threats(page: str | None = None) -> list[Threat]:
    """The entries of ``page``, in order; of docs/threats.md if none is given. Raises ValueError with what does not fit."""
    text = PAGE.read_text("utf-8") if page is None else page
    start = re.search(r"^## ", text, re.MULTILINE)
    found: list[Threat] = []
    section, file = "", ""
    for part in re.split(r"\n{2,}", text[start.start() :].strip()) if start else ():
        entry = found[-1] if found else None
        if heading := SECTION.fullmatch(part):
            section = heading[1]
        elif heading := ENTRY.fullmatch(part):
            found.append(Threat(heading[1], section, heading[2]))
        elif entry and not entry.state and (state := STATE.fullmatch(part)):
            entry.state = state[1]
        elif entry and entry.stopped_by and (tests := TESTS.fullmatch(part)):
            file = tests[1]
            continue
        elif entry and file and all(TEST.fullmatch(line) for line in part.splitlines()):
            entry.tests += [f"{file}::{test}" for test in TEST.findall(part)]
        elif entry and entry.state and not entry.tests and not file and not part.startswith(("#", "-", "|")):
            entry.stopped_by = f"{entry.stopped_by} {' '.join(part.split())}".strip()
        else:
            raise ValueError(f"docs/threats.md: this does not belong to an entry: {part}")
        file = ""
    if file:
        raise ValueError(f"docs/threats.md: no test follows: {file}")
    return found
