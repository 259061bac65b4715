# SPDX-License-Identifier: Apache-2.0
"""CONTRIBUTING.md, "Where sixteen changes go": the files that it names are there, and the names that it names are in them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.law.tree import TREE

PAGE = (TREE / "CONTRIBUTING.md").read_text("utf-8").partition("## Where sixteen changes go\n")[2].partition("\n## ")[0]
ROWS = re.split(r"^\d+\. ", PAGE, flags=re.MULTILINE)[1:]
NOT_IN_FILES = {"to"}
"""A method too short to look for."""


def place_of(word: str) -> Path | None:
    """The file or directory that ``word`` names, below jitd/, an extension or the top; None if it is not a path. It need not be
    there.
    """
    if "/" not in word and not word.endswith(".py"):
        return None
    places = (TREE / "jitd", *(TREE / "extensions").iterdir(), TREE)
    return next((place / word for place in places if (place / word).exists()), TREE / word)


def test_there_are_sixteen() -> None:
    assert len(ROWS) == 16


def test_every_path_leads_somewhere() -> None:
    places = {word: place_of(word) for word in re.findall(r"`([^`]+)`", PAGE)}
    paths = {word: place for word, place in places.items() if place is not None}
    assert len(paths) > 30, "they were read"
    assert sorted(word for word, place in paths.items() if not place.exists()) == []


def test_every_name_stands_in_a_file_of_its_row() -> None:
    missing = []
    for row in ROWS:
        words = re.findall(r"`([^`]+)`", row)
        files = [place for word in words if (place := place_of(word)) is not None and place.is_file()]
        text = "\n".join(file.read_text("utf-8") for file in files)
        names = {word for word in words if word.isidentifier()} - NOT_IN_FILES
        missing += [f"{row.partition('.')[0]}: {name}" for name in sorted(names) if not re.search(rf"\b{name}\b", text)]
    assert missing == []
