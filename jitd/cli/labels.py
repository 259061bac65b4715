# SPDX-License-Identifier: Apache-2.0
"""Formats a page that consists of labels and texts.

Law: nothing is shortened. On a terminal, a long text continues on the next line, in the column of texts. Therefore text from a
request never begins in the column of labels.
"""

from __future__ import annotations

from collections.abc import Iterable

from jitd.cli.answer import printable
from jitd.cli.colour import Painted
from jitd.cli.columns import wrapped
from jitpam.wire.shown import cells

LABEL = 15  # width of the column of labels, in cells
LEAST = 20  # minimum width of the column of texts, in cells
_LOUD = ("DANGER", "DESTROYS", "STOPS", "NOT KNOWN", "GLASS", "LOGIN", "DOUBT", "NO PROOF", "GONE", "MAY RUN")
STYLES = dict.fromkeys(_LOUD, "danger")

Labelled = tuple[str, str]
"""A label and its text. Alone, a label is a heading, and a text goes on from the line above. Neither: an empty line."""


def laid_out(page: Iterable[Labelled], screen: int | None, *, column: int = LABEL, indent: int = 2) -> list[Painted]:
    """Return ``page`` as lines that can be printed. ``screen`` is the width of the terminal in cells. If ``screen`` is None, no
    line is folded. Labels begin after ``indent`` cells, and the column of texts begins after ``column`` cells.
    """
    before = " " * column
    lines: list[Painted] = []
    for label, text in page:
        if not text:
            heading = printable(label)
            pieces = [heading] if screen is None or cells(heading) <= screen else wrapped(heading, max(LEAST, screen - column))
            lines += [(pieces[0], None), *((before + piece, None) for piece in pieces[1:])]
            continue
        start = f"{' ' * indent}{printable(label)}"
        start += " " * max(1, column - cells(start))
        style = STYLES.get(label)
        # this label is a long name from a file of the host, so it gets its own lines
        if screen is not None and cells(start) > screen - LEAST:
            lines += [("  " + piece, None) for piece in wrapped(printable(label), screen - 2)]
            start = before
        text = printable(text)
        pieces = [text] if screen is None else wrapped(text, max(LEAST, screen - max(column, cells(start))))
        lines.append((start + pieces[0], style))
        lines += [(before + piece, style) for piece in pieces[1:]]
    return lines


def counted(number: int, noun: str) -> str:
    """Return ``number`` with ``noun``: ``1 run``, ``2 runs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
