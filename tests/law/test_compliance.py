# SPDX-License-Identifier: Apache-2.0
"""docs/compliance.md and docs/auditor.md name evidence: each section and figure of a report, each file of a pack and each command
that they name is there, under this name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from jitd.cli import cli
from jitd_evidence.report.sections import SECTIONS
from tests.law.test_documents import PROTOCOL, VERBS, section
from tests.law.tree import TREE

PAGE = (TREE / "docs/compliance.md").read_text("utf-8")
PAGES = {name: (TREE / f"docs/{name}.md").read_text("utf-8") for name in ("compliance", "auditor")}
REQUIRED = [
    *("SOC 2 CC6.1", "SOC 2 CC6.2", "SOC 2 CC6.3"),
    *("ISO/IEC 27001 A.5.15", "ISO/IEC 27001 A.5.18", "ISO/IEC 27001 A.8.2", "ISO/IEC 27001 A.8.15"),
    *("PCI DSS 7", "PCI DSS 8", "PCI DSS 10"),
    *(f"NIST 800-53 {number}" for number in ("AC-2", "AC-5", "AC-6", "AU-2", "AU-10", "AU-12")),
]
ROW = re.compile(r"^\| ((?:SOC|ISO/IEC|PCI|NIST) [^|]+?) \| ([^|]*)\| ([^|]+) \|$", re.MULTILINE)
PART = re.compile(r"^### (\S.*)\n\nEvidence:\n\n((?:- .*\n(?:  .*\n)*)+)\nNot given: (\S(?:.|\n(?!\n))*)\n", re.MULTILINE)
FIGURES = {one.name: {figure.name for figure in one.figures} for one in SECTIONS}
FILES = set(re.findall(r"^\| `([^`]+)` \|", section(PROTOCOL, "12. Packs"), re.MULTILINE))
"""The names of a pack's files, as PROTOCOL.md has them: in capitals what differs from pack to pack."""


def test_each_requirement_has_a_row_and_a_part_of_its_own_and_there_are_no_others() -> None:
    assert [row[0] for row in ROW.findall(PAGE)] == REQUIRED
    short = [number.rpartition(" ")[2] for number in REQUIRED]
    parts = [name.removeprefix("Requirement ") for name, _, _ in PART.findall(PAGE)]
    assert parts == short
    assert PAGE.count("\n### ") == len(REQUIRED), "a part that has another form"


def named(kind: str, page: str) -> Iterator[str]:
    yield from re.findall(rf"\b{kind}\s+`([^`]+)`", page)


@pytest.mark.parametrize("page", PAGES)
def test_each_section_and_figure_that_is_named_is_one_of_the_report(page: str) -> None:
    for name in named("report", PAGES[page]):
        part, _, figure = name.partition("/")
        assert part in FIGURES, name
        assert not figure or figure in FIGURES[part], name


def test_each_section_of_the_report_is_evidence_of_something() -> None:
    assert {name.partition("/")[0] for name in named("report", PAGE)} == set(FIGURES)


@pytest.mark.parametrize("page", PAGES)
def test_each_file_that_is_named_is_one_of_the_pack(page: str) -> None:
    for name in named("pack", PAGES[page]):
        assert name in FILES or (name.startswith("recordings/") and "recordings/…" in FILES), name


@pytest.mark.parametrize("page", PAGES)
def test_each_command_that_is_named_can_be_typed(page: str) -> None:
    commands = [*re.findall(r"`(jitd [^`]+)`", PAGES[page]), *re.findall(r"^\S+[#$] (jitd .*)$", PAGES[page], re.MULTILINE)]
    assert commands
    for command in commands:
        words = re.split(r"\s[|>]", command)[0].split()[1:]
        verb = next((found for n in (2, 1) if (found := " ".join(words[:n])) in VERBS), "")
        assert verb or words[0].startswith("-"), command
        options = (VERBS[verb] if verb else cli).params
        known = {name for option in options if isinstance(option, click.Option) for name in option.opts}
        for word in words[len(verb.split()) :]:
            assert not word.startswith("-") or word.partition("=")[0] in known, command
