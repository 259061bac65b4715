# SPDX-License-Identifier: Apache-2.0
"""ARCHITECTURE.md: what it names is there, its rooms are those of the imports, and its examples join."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from jitd.beside.deeds import Given, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.chain import Seal
from jitd.core.gatekeeping import Answer, Asking, Refuses
from jitd.core.holding import Holding
from jitd.deciding.gatekeepers import Gatekeepers
from jitd.extension_points import Adviser, Doer, Reading
from jitd.lifecycle.givers import Giver, Givers
from jitd.lifecycle.readers import Reader, Readers
from tests.law.test_documents_changes import place_of
from tests.law.tree import EXTENSIONS, MODULES, TREE, imports

PAGES = {name: (TREE / name).read_text("utf-8") for name in ("ARCHITECTURE.md", "docs/lives.md")}
TEXT = re.sub(r"^```.*?^```$", "", PAGES["ARCHITECTURE.md"], flags=re.DOTALL | re.MULTILINE)
WALKS = TEXT.partition("## Five walks\n")[2].partition("\n## ")[0]
SEAL = Seal(7, bytes(32))


def quoted(text: str) -> list[str]:
    """What stands in backticks in ``text``."""
    return [word.replace("\n", " ") for word in re.findall(r"`([^`]+)`", text)]


def headings(text: str) -> set[str]:
    """The headings of ``text``, as they are written."""
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def anchor(heading: str) -> str:
    """The anchor by which a link names ``heading``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def missing_paths(text: str) -> list[str]:
    """The paths of ``text`` that lead nowhere. One that begins with a slash is of a host that runs jitd."""
    paths = [word for word in quoted(text) if not word.startswith("/") and " " not in word and "NAME" not in word]
    return [word for word in paths if (place := place_of(word)) is not None and not place.exists()]


def defined_in(file: Path) -> set[str]:
    """The functions, classes and constants of ``file``."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


def used_in(file: Path) -> set[str]:
    """The names that the code of ``file`` uses: what its docstrings say does not count."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    imported = {part for node in nodes if isinstance(node, ast.alias) for part in node.name.split(".")}
    return imported | {n.id for n in nodes if isinstance(n, ast.Name)} | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def missing_names(step: str) -> list[str]:
    """The names of ``step``, such as ``_do`` and ``Noted.write``, that none of its files has. One that stands behind a file is
    defined there.
    """
    words = quoted(step)
    files = [place for word in words if (place := place_of(word)) is not None and place.is_file() and place.suffix == ".py"]
    known = {name for file in files for name in defined_in(file) | used_in(file)}
    names = {part for word in words if re.fullmatch(r"[\w.]+", word) and place_of(word) is None for part in word.split(".")}
    behind = re.findall(r"`([\w/]+\.py)`,\s`(\w+)`", step)
    return sorted(names - known | {name for path, name in behind if name not in defined_in(place_of(path) or TREE / path)})


def missing_links(text: str, place: Path) -> list[str]:
    """The links of ``text``, which is in the directory ``place``, that lead to no file, or to no heading of it."""
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("https:")]
    return [
        f"{name}#{part}"
        for name, _, part in links
        if not (place / name).exists() or (part and part not in map(anchor, headings((place / name).read_text("utf-8"))))
    ]


def test_every_path_leads_somewhere() -> None:
    assert len([word for word in quoted(TEXT) if place_of(word) is not None]) > 60, "they were read"
    assert missing_paths(TEXT) == []


def test_every_name_of_a_walk_stands_in_a_file_of_its_step() -> None:
    steps = [step for walk in re.split(r"^### ", WALKS, flags=re.MULTILINE)[1:] for step in re.split(r"\n\d+\. ", walk)[1:]]
    assert len(re.findall(r"^### ", WALKS, re.MULTILINE)) == 5 and len(steps) > 30
    assert {step[:40]: names for step in steps if (names := missing_names(step))} == {}


def test_every_link_leads_somewhere() -> None:
    assert {name: found for name, text in PAGES.items() if (found := missing_links(text, (TREE / name).parent))} == {}
    found = [
        f"{page.parent.name}: {heading}"
        for page in EXTENSIONS.glob("*/README.md")
        for heading in re.findall(r'`ARCHITECTURE\.md`,\s"([^"]+)"', page.read_text("utf-8"))
        if heading not in headings(PAGES["ARCHITECTURE.md"])
    ]
    assert found == []


def test_those_laws_see_what_they_forbid() -> None:
    assert missing_paths("`core/nothing.py`, `core/run.py` and `/run/jitd/head`") == ["core/nothing.py"]
    assert missing_names("`core/run.py`, `start` and `StartRun.nobody`; `core/grant.py`, `StopOrdered`") == [
        "StopOrdered",
        "nobody",
    ]
    assert missing_links("[a](README.md) [b](NOTHING.md) [c](README.md#nowhere) [d](README.md#read-on)", TREE) == [
        "NOTHING.md#",
        "README.md#nowhere",
    ]


# --- the rooms ---------------------------------------------------------------------------------------------------------


def floors() -> Mapping[str, int]:
    """Maps each room to the number of its line."""
    drawn = PAGES["ARCHITECTURE.md"].partition("```rooms\n")[2].partition("```")[0]
    return {room: number for number, line in enumerate(drawn.splitlines()) for room in line.split()}


def room_of(module: str) -> str:
    """The room of the kernel that ``module`` is in; empty if it is in none."""
    first, *rest = module.split(".")
    if module.startswith("jitpam.wire"):
        return "wire"
    return rest[0] if first == "jitd" and rest and (rest[0] == "daemon" or (TREE / "jitd" / rest[0]).is_dir()) else ""


def test_every_room_is_drawn() -> None:
    assert floors().keys() == {room for module in MODULES if (room := room_of(module.name))}


def test_a_room_imports_only_rooms_below_it() -> None:
    floor = floors()
    arrows = {(one, room_of(name)) for module in MODULES if (one := room_of(module.name)) for name in imports(module)}
    wrong = {(one, other) for one, other in arrows if other and one != other and floor[one] >= floor[other]}
    assert wrong == {("store", "audit"), ("audit", "store")}


# --- where extensions join ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, type]:
    """The classes of the examples, by their names."""
    names: dict[str, object] = {
        one.__name__: one
        for one in (Adviser, Doer, Failed, Gatekeepers, Given, Giver, Holding, Reader, Reading, Refused, Refuses, Seal, Taken)
    } | {"Answer": Answer, "Asking": Asking}
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGES["ARCHITECTURE.md"], re.DOTALL | re.MULTILINE))
    exec(compile(code, "ARCHITECTURE.md", "exec"), names)
    return {name: one for name, one in names.items() if isinstance(one, type) and one.__module__ == "builtins"}


def test_the_examples_are_an_adviser_a_doer_and_a_reader(examples: Mapping[str, type]) -> None:
    adviser, doer, reading = (examples[name]() for name in ("OwnAdviser", "OwnDoer", "OwnReading"))
    assert isinstance(adviser, Adviser) and isinstance(doer, Doer) and isinstance(reading, Reading)
    asking: Asking = None  # type: ignore[assignment]
    assert isinstance(asyncio.run(adviser.gatekeepers.ask("freeze", asking)), Refuses)
    givers = Givers(doer.givers)
    assert givers.fault("badge:visitor") == "" and givers.fault("key:visitor") != ""
    readers = Readers()
    for name, one in reading.readers.items():
        readers.add(name, one)
    readers.look(SEAL)
    assert [vars(one)["head"] for one in reading.readers.values()] == [SEAL.number]
