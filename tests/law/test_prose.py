# SPDX-License-Identifier: Apache-2.0
"""How documents and the product are written: lines that fit a screen, and few of the turns that make a reader read twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.law.tree import TREE

WIDEST = 120
MARKDOWN = sorted(
    str(file.relative_to(TREE))
    for file in chain(TREE.glob("*.md"), *((TREE / room).rglob("*.md") for room in ("docs", "changelog.d", "extensions")))
)
PAGES = sorted(str(file.relative_to(TREE)) for file in (TREE / "docs/man").iterdir())
PRODUCT = sorted(str(file.relative_to(TREE)) for room in ("jitd", "jitpam", "extensions") for file in (TREE / room).rglob("*.py"))

TURNS = {
    "is no X, for: is not an X": re.compile(r"(?<!\bthere )\b(?:is|are) no\b(?! (?:longer|later)\b)", re.IGNORECASE),
    "whoever, for: anybody who": re.compile(r"\bwhoever\b", re.IGNORECASE),
    "of root's, of theirs, for: root's, their": re.compile(r"(?<!one )(?<!all )\bof (?:root's|theirs)\b", re.IGNORECASE),
    "CONTRACT, which is not in the tree": re.compile(r"\bCONTRACT\b"),
}
MOST = 10
"""How often one of them may stand in all documents together, and in all of the product: a quotation, or where the other way is
worse."""


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of Markdown that are not in a block of code: what a screen shows is as wide as it is."""
    is_fenced = is_block = False
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        is_fence = line.lstrip().startswith("```")
        is_fenced ^= is_fence
        is_block = line.startswith("    ") and (is_block or not before)
        if not is_fence and not is_fenced and not is_block:
            yield number, line
        before = line if not is_block else ""


def wide_lines(text: str) -> list[int]:
    """The numbers of those that are too wide."""
    return [number for number, line in prose(text) if len(line) > WIDEST]


def test_no_line_of_markdown_is_wider_than_a_screen() -> None:
    assert len(MARKDOWN) > 50, "documents were read"
    wide = {name: lines for name in MARKDOWN if (lines := wide_lines((TREE / name).read_text("utf-8")))}
    assert wide == {}


def turns(turn: str, text: str) -> list[str]:
    """Each place of ``text`` that has the turn, with what stands around it. A line that ends, in a comment too, is a space."""
    text = re.sub(r"\s+(?:#:?\s+)?", " ", text)
    return [text[max(0, match.start() - 30) : match.end() + 30] for match in TURNS[turn].finditer(text)]


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("files", [sorted({*MARKDOWN, *PAGES}), PRODUCT], ids=["documents", "product"])
def test_few_turns_make_a_reader_read_twice(files: list[str], turn: str) -> None:
    assert len(files) > 50, "files were read"
    found = [f"{name}: {place}" for name in files for place in turns(turn, (TREE / name).read_text("utf-8"))]
    assert len(found) <= MOST, "\n".join(found)


WIDE = "x" * (WIDEST + 1)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (WIDE, [1]),
        (f"| {WIDE} |", [1]),
        (f"# a\n\n    {WIDE}\n    {WIDE}\n\n    {WIDE}\n\n{WIDE}", [8]),
        (f"- a\n    {WIDE}", [2]),
        (f"```toml\n{WIDE}\n```\n{WIDE}", [4]),
        ("ß" * WIDEST, []),
    ],
)
def test_that_law_knows_a_screen_from_a_sentence(text: str, numbers: list[int]) -> None:
    assert wide_lines(text) == numbers


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("A link is no file.", True),
        ("Whoever asks", True),
        ("a file of root's", True),
        ("    # A link is\n    # no file.", True),
        ("CONTRACT section 5", True),
        ("There is no such command; it is no longer there.", False),
        ("anybody who asks", False),
    ],
)
def test_that_law_sees_what_it_counts(text: str, is_one: bool) -> None:
    assert any(turns(turn, text) for turn in TURNS) == is_one


_CUT = re.compile(r"(?<![.:;!?,)\n])\n\.(?:Bl|It|El|Pp|Sh|Ss|Bd|Ed)\b|\b(?:Only|see|with|by|from|than)\n(?=[A-Za-z])|\bis\nis\b")
_LITERAL = re.compile(r"^\.Bd.*?^\.Ed$", re.DOTALL | re.MULTILINE)


def cut_sentences(page: str) -> list[str]:
    """The ends of sentences in a manual page, from which a macro's line was lost."""
    lines = "\n".join(
        "," if line.startswith(".") and not re.match(r"\.(Bl|It|El|Pp|Sh|Ss|Bd|Ed)\b", line) else line
        for line in _LITERAL.sub("", page).splitlines()
    )
    headings = re.sub(r"^\.(?:Bl|It|El|Pp|Sh|Ss|Bd|Ed)\b.*(?=\n\.)", lambda found: found[0] + ".", lines, flags=re.MULTILINE)
    return [headings[max(0, found.start() - 60) : found.end()] for found in _CUT.finditer(headings)]


def test_no_sentence_of_a_manual_page_is_cut_off() -> None:
    assert (
        cut_sentences("the grant with\n.Bl -tag\n")
        and cut_sentences("Only\nuses it.\n")
        and not cut_sentences("It is so.\n.El\n")
    )
    pages = sorted((TREE / "docs/man").iterdir())
    assert len(pages) >= 5 and {page.name: cut for page in pages if (cut := cut_sentences(page.read_text("utf-8")))} == {}
