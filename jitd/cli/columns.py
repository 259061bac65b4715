# SPDX-License-Identifier: Apache-2.0
"""Rows as aligned columns. Law: on a terminal a text that is too wide may be cut, and the list says by how many characters. In a
file or a pipe nothing is cut.

Widths are counted in cells of the terminal. An ideograph takes two cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

WIDEST = 40
"""Greatest width of an aligned column, in cells. On a terminal a longer text is cut. In a file or a pipe a longer text moves
the rest of its own line to the right; other lines stay aligned."""
NARROWEST = 24
"""The least number of cells of the last column, even if the terminal is narrower."""


def cells(text: str) -> int:
    """Return the number of cells that ``text`` takes on a terminal. ``text`` is printable."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int) -> str:
    """Shorten ``text`` to at most ``width`` cells, with ``…(+N)`` for the N characters that are not shown."""
    if cells(text) <= width:
        return text
    kept = min(len(text), width)
    while kept and cells(text[:kept]) + len(f"…(+{len(text) - kept})") > width:
        kept -= 1
    return f"{text[:kept]}…(+{len(text) - kept})"


def folded(text: str, width: int) -> list[str]:
    """Split ``text`` into pieces of at most ``width`` cells each. The pieces joined together are exactly ``text``."""
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    pieces, piece, used = [], "", 0
    for char in text:
        size = cells(char)
        if used + size > width:
            pieces.append(piece)
            piece, used = "", 0
        piece += char
        used += size
    return [*pieces, piece]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], screen: int | None) -> list[str]:
    """Return the lines of a table: the head, then one line per row. ``screen`` is the terminal's width in cells; with None
    nothing is cut.
    """
    if screen is not None:
        rows = [[*(cut(text, WIDEST) for text in line[:-1]), line[-1]] for line in rows]
    widths = [min(WIDEST, max(cells(line[at]) for line in [head, *rows])) for at in range(len(head) - 1)]
    lines = []
    for line in [head, *rows]:
        start = "".join(text + " " * (max(0, width - cells(text)) + 2) for text, width in zip(line, widths, strict=False))
        last = line[-1] if screen is None else cut(line[-1], max(NARROWEST, screen - cells(start)))
        lines.append((start + last).rstrip())
    return lines
