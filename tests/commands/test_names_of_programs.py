# SPDX-License-Identifier: Apache-2.0
"""A program is in the table only if some line shows what jitd says of it: a name that nobody has tried is a guess."""

from __future__ import annotations

import re
from pathlib import Path

from jitd_commands.programs import TABLE
from tests.commands.graded import corpus


def tried() -> set[str]:
    """Return the words of all lines of the corpus and of the tests. A word of a text for a shell stands there with ``:`` before
    it, too: it may be a builtin.
    """
    _, lines = corpus()
    texts = [line.text for line in lines] + [file.read_text("utf-8") for file in Path(__file__).parent.glob("*.py")]
    words = {word for text in texts for word in re.findall(r"[\w.:+@\[-]+", text)}
    return words | {f":{word}" for line in lines if "-c" in line.words for word in re.findall(r"[\w.:\[-]+", line.words[-1])}


def test_each_name_has_a_line() -> None:
    assert sorted(TABLE.keys() - tried()) == []
