# SPDX-License-Identifier: Apache-2.0
"""A page of labels and texts, and the members of a row that its lines are made of.

Law: nothing is shortened. On a terminal a long text is folded within its own column, so no text from a request begins in the
column of labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jitd.cli.answer import Row, printable
from jitd.cli.columns import cells, wrapped

LABEL = 15
"""The width of the column of labels, in cells."""
LEAST = 20
"""Cells to which the column of texts may be narrowed."""

Line = tuple[str, str]
"""A label and its text. A heading is a label without text; an empty line has neither. Every text has a label. So, on a
terminal, a line without a label always continues the text above it."""


def laid_out(page: Iterable[Line], screen: int | None) -> list[str]:
    """Return the lines of ``page`` as they are printed. ``screen`` is the terminal's width in cells; with None nothing is
    folded.
    """
    lines: list[str] = []
    for label, text in page:
        if not text:
            heading = printable(label)
            pieces = [heading] if screen is None or cells(heading) <= screen else wrapped(heading, max(LEAST, screen - LABEL))
            lines += [pieces[0], *(" " * LABEL + piece for piece in pieces[1:])]
            continue
        start = f"  {printable(label)}"
        start += " " * max(1, LABEL - cells(start))
        if screen is not None and cells(start) > screen - LEAST:  # a name that a file of the host gave: it has lines of its own
            lines += ["  " + piece for piece in wrapped(printable(label), screen - 2)]
            start = " " * LABEL
        text = printable(text)
        pieces = [text] if screen is None else wrapped(text, max(LEAST, screen - max(LABEL, cells(start))))
        lines.append(start + pieces[0])
        lines += [" " * LABEL + piece for piece in pieces[1:]]
    return lines


def members(row: Row, name: str) -> list[Any]:
    """Return the member ``name`` of ``row`` if it is a list; else an empty list."""
    value = row.get(name)
    return value if isinstance(value, list) else []


def counted(number: int, noun: str) -> str:
    """Return ``number`` with ``noun``: ``1 run``, ``2 runs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
