# SPDX-License-Identifier: Apache-2.0
"""docs/scene.svg and docs/board.svg: text and nothing that acts, small, and about what the README tells. Whether they are still
what is printed, a lab says (tests/system/test_scene.py).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from tests.law.tree import TREE

PICTURES = [TREE / "docs/scene.svg", TREE / "docs/board.svg"]
README = (TREE / "README.md").read_text("utf-8")
MOST_BYTES = 30 * 1024
SVG = "{http://www.w3.org/2000/svg}"
PARTS = {f"{SVG}{name}" for name in ("svg", "title", "g", "rect", "text", "tspan")}
ATTRIBUTES = {
    "viewBox", "width", "height", "role", "x", "y", "rx", "fill", "stroke", "font-family", "font-size", "font-weight",
    "textLength", "{http://www.w3.org/XML/1998/namespace}space",
}  # fmt: skip
"""None that leads elsewhere, and none that acts."""


def elements(picture: Path) -> list[xml.Element]:
    return list(xml.fromstring(picture.read_text("utf-8")).iter())


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_it_is_small(picture: Path) -> None:
    assert picture.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_it_is_text_and_boxes_and_leads_nowhere(picture: Path) -> None:
    assert {element.tag for element in elements(picture)} <= PARTS
    assert {name for element in elements(picture) for name in element.attrib} <= ATTRIBUTES
    assert not re.search(r"url\(|<!DOCTYPE|<!ENTITY|<\?", picture.read_text("utf-8"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_every_line_is_within_its_box(picture: Path) -> None:
    found = elements(picture)
    width = float(found[0].attrib["width"])
    lines = [element for element in found if "textLength" in element.attrib]
    assert len(lines) > 10
    assert all(float(line.attrib["x"]) + float(line.attrib["textLength"]) < width for line in lines)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_the_readme_shows_it_and_says_what_it_shows(picture: Path) -> None:
    assert re.search(rf"!\[[^\]]{{20,}}\]\(docs/{picture.name}\)", README)


def test_what_the_readme_shows_of_an_edit_is_typed_in_the_cookbook() -> None:
    shown = re.findall(
        r"^      (\S.*)$", README.partition("**The diff is the request.**")[2].partition("\n- **")[0], re.MULTILINE
    )
    assert len(shown) == 4
    assert set(shown) <= set((TREE / "docs/cookbook.md").read_text("utf-8").splitlines())


def test_what_is_typed_in_the_readmes_scene_is_typed_in_the_picture() -> None:
    typed = re.findall(r"^    (?:(?:alice|bob)\$|#) (.+)$", README.partition("\n## ")[0], re.MULTILINE)
    assert len(typed) > 2
    lines = ["".join(element.itertext()) for element in elements(PICTURES[0]) if element.tag == f"{SVG}text"]
    shown = re.sub(r"\b[0-9a-z]{8}(?= --comment)", "ID", "\n".join(lines))
    assert [line for line in typed if re.sub(r"\b[0-9a-z]{8}(?= --comment)", "ID", line) not in shown] == []
