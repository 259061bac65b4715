# SPDX-License-Identifier: Apache-2.0
"""The manual pages, and on which of them each verb of ``jitd`` is.

Law: a verb is on the page in whose synopsis it stands. Nothing else says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.law.tree import TREE

PAGES = {file.name: file.read_text("utf-8") for file in sorted((TREE / "docs/man").iterdir())}


def part(page: str, heading: str) -> str:
    """What stands below a heading, such as ``.Sh EXIT STATUS`` or ``.Ss Events``, up to the next one that is not below it."""
    begin, found, rest = page.partition(f"\n{heading}\n")
    assert found, f"no page has this heading: {heading}"
    return re.split(r"^\.Sh " if heading.startswith(".Sh") else r"^\.S[hs] ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _synopses() -> Iterator[tuple[str, str, str]]:
    """A verb, the name of a page that has it in its synopsis, and the lines there that belong to the verb."""
    for name, page in PAGES.items():
        if name.endswith(".7"):
            continue
        for lines in re.split(r"^\.Nm(?: jitd)?\n", part(page, ".Sh SYNOPSIS"), flags=re.MULTILINE):
            if verb := re.match(r"\.Cm ([\w -]+)\n", lines):
                yield verb[1], name, lines.partition("\n")[2]


SYNOPSES = list(_synopses())
LINES = {verb: lines for verb, _, lines in SYNOPSES}
PAGE = {verb: name for verb, name, _ in SYNOPSES}
"""Maps each verb, such as ``audit show``, to the name of its page."""


def page_of(verb: str) -> str:
    """The text of the page that has ``verb``."""
    return PAGES[PAGE[verb]]
