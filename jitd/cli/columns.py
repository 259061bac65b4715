# SPDX-License-Identifier: Apache-2.0
"""Prints rows as aligned columns.

Law: on a terminal, no line is wider than the terminal. A text that is too wide is shortened, and the number of removed
characters is shown in it. If the output does not go to a terminal, no text is shortened. Widths are counted in cells of the
terminal (``cells``). A character that some terminals draw in two cells counts as two where a line must fit. Columns are aligned
by the cells that most terminals need.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from jitpam.wire.shown import cells, usual_cells

WIDEST = 40
"""Maximum number of cells for an aligned column. On a terminal, a longer text is shortened. In other output, a longer text is
not shortened. It moves the rest of its own line to the right. The other lines stay aligned.
"""
LEAST = 12  # cells of a column that is made narrower: room for `…(+N)`, the number of characters that were removed
LEAST_OF_LAST = 24  # cells of the last column, with the command or the reason. Its texts are shortened in the middle
IDS = ("ID", "RUNS")  # the heads of columns of ids
MARKS = (" (mine)", " (locked)")  # ends that are kept when a text is shortened: people look for them
GAP = 2  # cells between two columns, and at the beginning of a row's second line


def padded(text: str, width: int) -> str:
    """Return ``text`` with the spaces that make it ``width`` cells wide on most terminals."""
    return text + " " * (width - usual_cells(text))


def cut(text: str, width: int) -> str:
    """Shorten ``text`` until it needs at most ``width`` cells. The text ``…(+N)`` replaces the N characters that were removed.
    If ``text`` ends with one of MARKS, and ``width`` is at least ``_least_of(text)``, this end is kept.
    """
    if cells(text) <= width:
        return text
    if width >= _least_of(text) > LEAST:
        mark = text[text.rindex(" (") :]
        return cut(text.removesuffix(mark), width - len(mark)) + mark
    kept = min(len(text), width)
    while kept and cells(_cut(text, kept)) > width:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    """Return ``kept`` characters of ``text``. If this is within the words of a person, their quotes are closed."""
    end = '"' if text[:kept].count('"') % 2 else ""
    return f"{text[:kept]}{end}…(+{len(text) - kept})"


def cut_in_the_middle(text: str, width: int) -> str:
    """Shorten ``text`` like ``cut``, but keep its end as well, because the last word of a command is often important."""
    if cells(text) <= width:
        return text
    for kept in range(min(len(text) - 1, width), 1, -1):
        end = kept // 3
        shorter = f"{text[: kept - end]}…(+{len(text) - kept})…{text[len(text) - end :]}"
        if cells(shorter) <= width:
            return shorter
    return cut(text, width)


def cut_between(ids: str, width: int) -> str:
    """Shorten ``ids``, which are separated by spaces, until they need at most ``width`` cells. An id is kept whole, because
    people copy it; the text ``…(+N)`` replaces N ids. On a terminal that is narrower than the first id, the id is cut.
    """
    words = ids.split(" ")
    for kept in range(len(words), 0, -1):
        text = " ".join([*words[:kept], *([f"…(+{len(words) - kept})"] if kept < len(words) else [])])
        if cells(text) <= width:
            return text
    return cut(ids, width)


def _least_of_ids(ids: str) -> int:
    """Return the number of cells that ``ids`` need with one id alone."""
    first, *more = ids.split(" ")
    return cells(first) + (cells(f" …(+{len(more)})") if more else 0)


def folded(text: str, width: int) -> list[str]:
    """Split ``text`` into pieces of at most ``width`` cells each. Joined together, the pieces are exactly ``text``."""
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


def wrapped(text: str, width: int, *, whole_words: bool = False) -> list[str]:
    """Split ``text`` like ``folded``, but after a space in the second half of a piece, or with ``whole_words`` anywhere. Further
    spaces begin the next piece, where they are seen. Joined, the pieces are ``text``.
    """
    pieces: list[str] = []
    at = 0
    while at < len(text):
        piece = _most(text[at : at + width], width)
        end = len(piece[: piece.rfind(" ") + 1].rstrip(" "))  # the end of a word, or 0
        if at + len(piece) < len(text) and end > (0 if whole_words else len(piece) // 2 - 1):
            piece = piece[: end + 1]
        pieces.append(piece)
        at += len(piece)
    return pieces or [""]


def _most(text: str, width: int) -> str:
    """Return the longest beginning of ``text`` that needs at most ``width`` cells. Return at least one character."""
    end = len(text)
    while end > 1 and cells(text[:end]) > width:
        end -= 1
    return text[:end]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], screen: int | None) -> list[str]:
    """Return the lines of the head, followed by the lines of each row. ``screen`` is the width of the terminal in cells. If
    ``screen`` is None, no text is shortened.

    The most important column must come first, and each further column must be less important than the column before it. The last
    column is an exception: it is treated as the second most important. If the columns do not fit on one line, the head and each
    row are divided into several lines. The head and all rows then have the same number of lines.
    """
    if screen is not None:
        return _fitted(head, rows, screen)
    widths = [min(WIDEST, width) for width in _widths(head, rows)]
    return [_line(line, [*widths[:-1], 0], inf) for line in [head, *rows]]


def _least_of(text: str) -> int:
    """Return LEAST, and the length of the mark of MARKS with which ``text`` ends, if it ends with one."""
    return LEAST + max((len(mark) for mark in MARKS if text.endswith(mark)), default=0)


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(cells(line[at]) for line in [head, *rows]) for at in range(len(head))]


def _line(texts: Sequence[str], widths: Sequence[int], room: float) -> str:
    """Return the aligned columns. If a terminal that draws more characters wide has no room for them, they are not aligned."""
    line = (" " * GAP).join(map(padded, texts, widths)).rstrip()
    if cells(line) <= room:
        return line
    widest = (text + " " * (width - cells(text)) for text, width in zip(texts, widths, strict=True))
    return (" " * GAP).join(widest).rstrip()


def _fitted(head: Sequence[str], rows: Sequence[Sequence[str]], screen: int) -> list[str]:
    wanted = _widths(head, rows)
    last = len(head) - 1
    most = [min(width, WIDEST) for width in wanted[:-1]] + wanted[-1:]
    of_ids = [name in IDS for name in head]
    narrowest = [_least_of_ids if are_ids else _least_of for are_ids in of_ids]
    marked = [max(narrowest[at](row[at]) for row in rows) if rows else LEAST for at in range(last)]
    least = [most[0], *(min(width, marked[at]) for at, width in enumerate(most[:-1]) if at), min(most[-1], LEAST_OF_LAST)]
    bands = _bands(least, screen)
    widths = [0] * len(head)
    for number, band in enumerate(bands):
        room = screen - GAP * bool(number)
        for at, width in zip(band, _narrowed([most[at] for at in band], [least[at] for at in band], room), strict=True):
            widths[at] = width
    lines = []
    for row in [head, *rows]:
        texts = [
            cut_between(text, width) if are_ids else cut(text, width)
            for text, width, are_ids in zip(row[:-1], widths[:-1], of_ids[:-1], strict=True)
        ]
        texts.append(cut_in_the_middle(row[last], widths[last]))
        for number, band in enumerate(bands):
            line = _line([texts[at] for at in band], [widths[at] for at in band], screen - GAP * bool(number))
            lines.append(" " * GAP * bool(number) + line)
    return lines


def _bands(least: Sequence[int], screen: int) -> list[list[int]]:
    """A row may need several lines. For each of these lines, return a list with the numbers of its columns. The last column is
    at the end of the first line. Before it are as many other columns as fit. The remaining columns are on the lines below.
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
    """Return the widths on a line with ``room`` cells. The widest column is made narrower first, and none below ``least``."""
    widths = [min(width, room) for width in most]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        wide = [at for at, width in enumerate(widths) if width > least[at]]
        if not wide:
            break  # a terminal that is narrower than one column
        widths[max(wide, key=lambda at: widths[at])] -= 1
    return widths
