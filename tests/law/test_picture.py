# SPDX-License-Identifier: Apache-2.0
"""docs/scene.svg: text and nothing that acts, small, and about what the README tells. Whether it is still what is printed, a lab
says (tests/system/test_scene.py).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml

from tests.law.tree import TREE

PICTURE = TREE / "docs/scene.svg"
README = (TREE / "README.md").read_text("utf-8")
MOST_BYTES = 30 * 1024
SVG = "{http://www.w3.org/2000/svg}"
PARTS = {f"{SVG}{name}" for name in ("svg", "title", "g", "rect", "text", "tspan")}
ATTRIBUTES = {
    "viewBox", "width", "height", "role", "x", "y", "rx", "fill", "stroke", "font-family", "font-size", "font-weight",
    "textLength", "{http://www.w3.org/XML/1998/namespace}space",
}  # fmt: skip
"""None that leads elsewhere, and none that acts."""
ELEMENTS = list(xml.fromstring(PICTURE.read_text("utf-8")).iter())


def test_it_is_small() -> None:
    assert PICTURE.stat().st_size < MOST_BYTES


def test_it_is_text_and_boxes_and_leads_nowhere() -> None:
    assert {element.tag for element in ELEMENTS} == PARTS
    assert {name for element in ELEMENTS for name in element.attrib} <= ATTRIBUTES
    assert not re.search(r"url\(|<!DOCTYPE|<!ENTITY|<\?", PICTURE.read_text("utf-8"))


def test_every_line_is_within_its_box() -> None:
    width = float(ELEMENTS[0].attrib["width"])
    lines = [element for element in ELEMENTS if "textLength" in element.attrib]
    assert len(lines) > 20
    assert all(float(line.attrib["x"]) + float(line.attrib["textLength"]) < width for line in lines)


def test_the_readme_shows_it_and_says_what_it_shows() -> None:
    assert re.search(r"!\[[^\]]{20,}\]\(docs/scene\.svg\)", README)


def test_what_is_typed_in_the_readmes_scene_is_typed_in_the_picture() -> None:
    typed = re.findall(r"^    (?:(?:alice|bob)\$|#) (.+)$", README.partition("\n## ")[0], re.MULTILINE)
    assert len(typed) > 3
    lines = ["".join(element.itertext()) for element in ELEMENTS if element.tag == f"{SVG}text"]
    shown = re.sub(r"\b[0-9a-z]{8}(?= --comment)", "ID", "\n".join(lines))
    assert [line for line in typed if re.sub(r"\b[0-9a-z]{8}(?= --comment)", "ID", line) not in shown] == []
