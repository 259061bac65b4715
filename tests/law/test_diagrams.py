# SPDX-License-Identifier: Apache-2.0
"""The diagrams in docs/lives.md are what the tables say."""

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType

import pytest

from jitd.core import grant, holding, lock, owed_review, request, run
from tests.law.tree import TREE

DRAW = TREE / "contrib/docs/diagrams"


def test_the_diagrams_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, DRAW, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("life", "module"),
    [("request", request), ("grant", grant), ("run", run), ("holding", holding), ("lock", lock), ("owed_review", owed_review)],
)
def test_every_state_is_drawn_and_every_end_is_an_end(life: str, module: ModuleType) -> None:
    page = (TREE / "docs/lives.md").read_text("utf-8")
    drawing = page.partition(f"<!-- diagram: {life} -->")[2].partition(f"<!-- end: {life} -->")[0]
    drawn = set(re.findall(r"^    (\w+) --> (\S+)", drawing, re.MULTILINE))
    assert {begin for begin, _ in drawn} | {end for _, end in drawn} == {str(state) for state in module.LAW} | {"[*]"}
    assert {begin for begin, end in drawn if end == "[*]"} == {str(state) for state, events in module.LAW.items() if not events}
