# SPDX-License-Identifier: Apache-2.0
"""Rows as aligned columns.

Law: on a terminal no line is wider than the terminal; a list may cut what is too wide, and says by how much. Elsewhere it cuts
nothing. Widths are counted in cells of the terminal: an ideograph takes two.
"""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

WIDEST = 40
"""Cells up to which a column is aligned. What is longer is cut on a terminal; elsewhere it pushes the rest of its own line to the
right and no other."""
LEAST = 12
"""Cells to which a column may be narrowed, so that a mark of what was cut has room."""
LEAST_OF_LAST = 24
"""The same of the last column: the command, or the reason. It is cut in the middle."""
GAP = 2
"""Cells between two columns, and before the second line of a row."""


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


def cut_in_the_middle(text: str, width: int) -> str:
    """Shorten ``text`` as ``cut``, but keep its end too: what a command is about often stands last."""
    if cells(text) <= width:
        return text
    for kept in range(min(len(text) - 1, width), 1, -1):
        end = kept // 3
        shorter = f"{text[: kept - end]}…(+{len(text) - kept})…{text[len(text) - end :]}"
        if cells(shorter) <= width:
            return shorter
    return cut(text, width)


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


def wrapped(text: str, width: int) -> list[str]:
    """Split ``text`` as ``folded``, but after a space where there is one in the second half of a piece. The pieces joined
    together are exactly ``text``.
    """
    pieces: list[str] = []
    at = 0
    while at < len(text):
        piece = _most(text[at : at + width], width)
        space = piece.rfind(" ") + 1
        if at + len(piece) < len(text) and space > len(piece) // 2:
            piece = piece[:space]
        pieces.append(piece)
        at += len(piece)
    return pieces or [""]


def _most(text: str, width: int) -> str:
    """Return as much of the beginning of ``text`` as fits into ``width`` cells: at least one character."""
    end = len(text)
    while end > 1 and cells(text[:end]) > width:
        end -= 1
    return text[:end]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], screen: int | None) -> list[str]:
    """Lines: the head, then one a row. ``screen`` (cells) is the terminal's width, None where nothing may be cut.

    The columns stand in the order of their importance, but for the last one, which is the most important one beside the first.
    Where they do not fit beside each other, the head and each row take several lines, each as many.
    """
    if screen is not None:
        return _fitted(head, rows, screen)
    widths = [min(WIDEST, width) for width in _widths(head, rows)]
    return [_line(line, [*widths[:-1], 0]) for line in [head, *rows]]


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(cells(line[at]) for line in [head, *rows]) for at in range(len(head))]


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text + " " * max(0, width - cells(text)) for text, width in zip(texts, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def _fitted(head: Sequence[str], rows: Sequence[Sequence[str]], screen: int) -> list[str]:
    wanted = _widths(head, rows)
    last = len(head) - 1
    most = [min(width, WIDEST) for width in wanted[:-1]] + wanted[-1:]
    least = [most[0], *(min(width, LEAST) for width in most[1:-1]), min(most[-1], LEAST_OF_LAST)]
    bands = _bands(least, screen)
    widths = [0] * len(head)
    for number, band in enumerate(bands):
        room = screen - GAP * bool(number)
        for at, width in zip(band, _narrowed([most[at] for at in band], [least[at] for at in band], room), strict=True):
            widths[at] = width
    lines = []
    for row in [head, *rows]:
        texts = [cut(text, width) for text, width in zip(row[:-1], widths[:-1], strict=True)]
        texts.append(cut_in_the_middle(row[last], widths[last]))
        for number, band in enumerate(bands):
            line = _line([texts[at] for at in band], [widths[at] for at in band])
            lines.append(" " * GAP * bool(number) + line)
    return lines


def _bands(least: Sequence[int], screen: int) -> list[list[int]]:
    """Which columns stand on which line of a row. The last one stands on the first line, after as many others as have room, in
    their order; the rest stand on lines below.
    """
    last = len(least) - 1
    first: list[int] = []
    used = least[last]
    while len(first) < last and used + GAP + least[len(first)] <= screen:
        used += GAP + least[len(first)]
        first.append(len(first))
    if not first:  # a terminal that is narrower than two columns
        return [[at] for at in range(len(least))]
    bands, used = [[*first, last]], screen
    for at in range(len(first), last):
        if used + GAP + least[at] > screen:
            bands.append([])
            used = 0
        bands[-1].append(at)
        used += GAP + least[at]
    return bands


def _narrowed(most: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns beside each other in ``room`` cells: what is widest gives way first, down to its ``least``."""
    widths = [min(width, room) for width in most]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        wide = [at for at, width in enumerate(widths) if width > least[at]]
        if not wide:
            break  # a terminal that is narrower than one column
        widths[max(wide, key=lambda at: widths[at])] -= 1
    return widths
