# SPDX-License-Identifier: Apache-2.0
"""The screen of a terminal, as it looks after some output (ECMA-48, and xterm's control sequences).

Law: pure. What it takes of memory depends on its size alone, and each byte of output costs at most one pass over the screen. It
reads only what ``Filter`` passes on, so it knows no sequence that does more than draw.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from jitd.recording.filter import Filter
from jitd.recording.sequences import Sequences, Token, Word

MOST_ROWS, MOST_COLUMNS = 100, 250
"""A larger window is drawn in this size."""
MOST_MARKS = 2
"""Maximum number of combining characters in one cell."""
TAB = 8


class Style(NamedTuple):
    """How a cell is drawn. A colour is None, the number of one of the 256 colours of xterm, or ``#rrggbb``."""

    front: int | str | None = None
    back: int | str | None = None
    is_bold: bool = False
    is_dim: bool = False
    is_italic: bool = False
    is_underlined: bool = False
    is_reversed: bool = False
    is_hidden: bool = False
    is_struck: bool = False


class Cell(NamedTuple):
    """One place of the screen. The text of the second half of a wide character is empty."""

    text: str
    style: Style


PLAIN = Style()
BLANK = Cell(" ", PLAIN)
Rows = tuple[tuple[Cell, ...], ...]
_SWITCHES = {1: "is_bold", 2: "is_dim", 3: "is_italic", 4: "is_underlined", 7: "is_reversed", 8: "is_hidden", 9: "is_struck"}
_OFF = {
    22: ("is_bold", "is_dim"),
    23: ("is_italic",),
    24: ("is_underlined",),
    27: ("is_reversed",),
    28: ("is_hidden",),
    29: ("is_struck",),
}
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of characters that draw nothing, or that could change how their neighbours are drawn."""


class Screen:
    """A screen with ``n_rows`` and ``n_columns``, which begins empty."""

    def __init__(self, n_rows: int, n_columns: int) -> None:
        self._filter = Filter()
        self._sequences = Sequences()
        self._wraps, self._inserts, self._is_relative = True, False, False
        self._style = PLAIN
        self._n_rows, self._n_columns = _within(n_rows, MOST_ROWS), _within(n_columns, MOST_COLUMNS)
        self._lines = [self._empty() for _ in range(self._n_rows)]
        self._other: list[list[Cell]] | None = None  # the usual screen, while the other one is shown
        self._y = self._x = 0
        self._is_past = False  # the last column was written, and the next character wraps
        self._last = ""
        self._saved = (0, 0, PLAIN, False)
        self._top, self._bottom = 0, self._n_rows - 1

    @property
    def rows(self) -> Rows:
        return tuple(map(tuple, self._lines))

    def resize(self, n_rows: int, n_columns: int) -> None:
        """Give the screen another size. Lines are cut, or filled with blanks; what was below the screen is not remembered."""
        self._n_rows, self._n_columns = _within(n_rows, MOST_ROWS), _within(n_columns, MOST_COLUMNS)
        gone = max(0, self._y - self._n_rows + 1)
        self._lines = self._fitted(self._lines[gone:])
        self._other = None if self._other is None else self._fitted(self._other)
        self._y, self._x = min(self._y - gone, self._n_rows - 1), min(self._x, self._n_columns - 1)
        self._top, self._bottom, self._is_past = 0, self._n_rows - 1, False

    def _fitted(self, lines: list[list[Cell]]) -> list[list[Cell]]:
        fitted = [(line + [BLANK] * self._n_columns)[: self._n_columns] for line in lines[: self._n_rows]]
        return fitted + [self._empty() for _ in range(self._n_rows - len(fitted))]

    def feed(self, data: bytes) -> None:
        """Draw ``data``, which is output of the command."""
        for word in self._sequences.feed(self._filter.feed(data)):
            if word.token is Token.TEXT:
                for char in word.text:
                    self._write(char)
            elif word.token is Token.CONTROL:
                self._control(word.text)
            elif word.token is Token.ESCAPE:
                self._escape(word)
            else:
                self._sequence(word)

    # --- text --------------------------------------------------------------------------------------------------------

    def _write(self, char: str) -> None:
        if " " <= char <= "~":
            n = 1
        else:
            category = unicodedata.category(char)
            if category in ("Mn", "Me"):
                self._add_mark(char)
                return
            if category in _UNSEEN:
                if category == "Cf":
                    return
                char = "\ufffd"
            n = 2 if unicodedata.east_asian_width(char) in ("W", "F") and self._n_columns > 1 else 1
        if self._wraps and (self._is_past or self._x + n > self._n_columns):
            self._x = 0
            self._down()
        self._is_past = False
        self._x = min(self._x, self._n_columns - n)
        line, cells = self._lines[self._y], [Cell(char, self._style), *[Cell("", self._style)] * (n - 1)]
        if self._inserts:
            line[self._x : self._x] = cells
            del line[self._n_columns :]
        else:
            self._unpair(line, self._x)
            self._unpair(line, self._x + n)
            line[self._x : self._x + n] = cells
        self._x += n
        if self._x >= self._n_columns:
            self._x, self._is_past = self._n_columns - 1, True
        self._last = char

    def _add_mark(self, char: str) -> None:
        """A combining character belongs to the character before it."""
        line, x = self._lines[self._y], self._x if self._is_past else self._x - 1
        while x > 0 and not line[x].text:
            x -= 1
        if x >= 0 and line[x].text and len(line[x].text) <= MOST_MARKS:
            line[x] = line[x]._replace(text=line[x].text + char)

    @staticmethod
    def _unpair(line: list[Cell], x: int) -> None:
        """If a wide character stands over the border before ``x``, nothing of it stays."""
        if 0 < x < len(line) and not line[x].text:
            line[x - 1], line[x] = Cell(" ", line[x - 1].style), Cell(" ", line[x].style)

    # --- controls ----------------------------------------------------------------------------------------------------

    def _control(self, char: str) -> None:
        self._is_past = self._is_past and char not in "\b\r"
        if char == "\r":
            self._x = 0
        elif char == "\b":
            self._x = max(0, self._x - 1)
        elif char == "\t":
            self._x = min(self._n_columns - 1, (self._x // TAB + 1) * TAB)
        elif char in "\n\v\f":
            self._down()

    def _escape(self, word: Word) -> None:
        if word.text:
            return
        match word.final:
            case "7":
                self._save()
            case "8":
                self._restore()
            case "D":
                self._down()
            case "E":
                self._x = 0
                self._down()
            case "M":
                self._up()

    def _save(self) -> None:
        self._saved = (self._y, self._x, self._style, self._is_relative)

    def _restore(self) -> None:
        y, x, self._style, self._is_relative = self._saved
        self._y, self._x, self._is_past = min(y, self._n_rows - 1), min(x, self._n_columns - 1), False

    def _down(self) -> None:
        self._is_past = False
        if self._y == self._bottom:
            self._scroll(self._top, 1)
        elif self._y < self._n_rows - 1:
            self._y += 1

    def _up(self) -> None:
        self._is_past = False
        if self._y == self._top:
            self._scroll(self._top, -1)
        elif self._y > 0:
            self._y -= 1

    def _scroll(self, top: int, n: int) -> None:
        """Move the lines from ``top`` to the bottom margin up by ``n``, or down by ``-n``."""
        size = self._bottom - top + 1
        n = max(-size, min(n, size))
        new = [self._empty() for _ in range(abs(n))]
        lines = self._lines[top : self._bottom + 1]
        self._lines[top : self._bottom + 1] = lines[n:] + new if n > 0 else new + lines[: size + n]

    def _empty(self) -> list[Cell]:
        return [self._blank()] * self._n_columns

    def _blank(self) -> Cell:
        """What an erased place has: the colour of the background stays."""
        return BLANK if self._style.back is None else Cell(" ", PLAIN._replace(back=self._style.back))

    # --- control sequences -------------------------------------------------------------------------------------------

    def _sequence(self, word: Word) -> None:
        if word.text.startswith("?"):
            if word.final in "hl":
                for mode in word.text[1:].split(";"):
                    self._set_private(mode, is_on=word.final == "h")
            return
        if word.final == "m":
            self._colour(word.text)
            return
        if word.text.strip("0123456789;"):
            return
        numbers = [int(number or 0) for number in word.text[:64].split(";")]
        first = max(1, numbers[0])
        self._is_past = self._is_past and word.final in "hlrsS"
        line = self._lines[self._y]
        match word.final:
            case "A" | "F":
                self._y = max(self._top if self._y >= self._top else 0, self._y - first)
            case "B" | "E" | "e":
                self._y = min(self._bottom if self._y <= self._bottom else self._n_rows - 1, self._y + first)
            case "C" | "a":
                self._x = min(self._n_columns - 1, self._x + first)
            case "D":
                self._x = max(0, self._x - first)
            case "G" | "`":
                self._x = min(self._n_columns, first) - 1
            case "d":
                self._go(first, self._x + 1)
            case "H" | "f":
                self._go(first, max(1, numbers[1]) if len(numbers) > 1 else 1)
            case "I":
                self._x = min(self._n_columns - 1, (self._x // TAB + first) * TAB)
            case "Z":
                self._x = max(0, ((self._x - 1) // TAB - first + 1) * TAB)
            case "J":
                self._erase_screen(numbers[0])
            case "K":
                self._erase_line(line, numbers[0])
            case "X":
                n = min(first, self._n_columns - self._x)
                line[self._x : self._x + n] = [self._blank()] * n
            case "@":
                line[self._x : self._x] = [self._blank()] * min(first, self._n_columns)
                del line[self._n_columns :]
            case "P":
                del line[self._x : self._x + first]
                line += [self._blank()] * (self._n_columns - len(line))
            case "L" | "M" if self._top <= self._y <= self._bottom:
                self._scroll(self._y, -first if word.final == "L" else first)
                self._x = 0
            case "S" | "T":
                self._scroll(self._top, first if word.final == "S" else -first)
            case "b" if self._last:
                for _ in range(min(first, self._n_columns)):
                    self._write(self._last)
            case "r":
                self._set_margins(first, numbers[1] if len(numbers) > 1 and numbers[1] else self._n_rows)
            case "s":
                self._save()
            case "u":
                self._restore()
            case "h" | "l" if "4" in word.text.split(";"):
                self._inserts = word.final == "h"
        if word.final in "EF":
            self._x = 0

    def _go(self, y: int, x: int) -> None:
        top, bottom = (self._top, self._bottom) if self._is_relative else (0, self._n_rows - 1)
        self._y, self._x = min(bottom, top + y - 1), min(self._n_columns, x) - 1

    def _set_margins(self, top: int, bottom: int) -> None:
        bottom = min(bottom, self._n_rows)
        if top < bottom:
            self._top, self._bottom, self._is_past = top - 1, bottom - 1, False
            self._go(1, 1)

    def _erase_line(self, line: list[Cell], how: int) -> None:
        start, end = {0: (self._x, self._n_columns), 1: (0, self._x + 1)}.get(how, (0, self._n_columns))
        line[start:end] = [self._blank()] * (end - start)

    def _erase_screen(self, how: int) -> None:
        if how < 2:
            self._erase_line(self._lines[self._y], how)
        for y in {0: range(self._y + 1, self._n_rows), 1: range(self._y), 2: range(self._n_rows)}.get(how, ()):
            self._lines[y] = self._empty()

    def _set_private(self, mode: str, *, is_on: bool) -> None:
        match mode:
            case "6":
                self._is_relative = is_on
                self._go(1, 1)
            case "7":
                self._wraps = is_on
            case "47" | "1047" | "1049" if is_on and self._other is None:
                self._save()
                self._other, self._lines = self._lines, [self._empty() for _ in range(self._n_rows)]
            case "47" | "1047" | "1049" if not is_on and self._other is not None:
                self._lines, self._other = self._other, None
                self._restore()
            case "1048":
                self._save() if is_on else self._restore()

    def _colour(self, text: str) -> None:
        numbers = [int(number) if number.isdecimal() else 0 for number in text.replace(":", ";").split(";")[:32]]
        style, rest = self._style, iter(numbers)
        for number in rest:
            if number == 0:
                style = PLAIN
            elif number in _SWITCHES:
                style = style._replace(**{_SWITCHES[number]: True})
            elif number in _OFF:
                style = style._replace(**dict.fromkeys(_OFF[number], False))
            elif number in (38, 48):
                how = next(rest, 0)
                colour: int | str | None = None
                if how == 5:
                    colour = next(rest, 0) & 255
                elif how == 2:
                    colour = "#" + "".join(f"{next(rest, 0) & 255:02x}" for _ in range(3))
                style = style._replace(front=colour) if number == 38 else style._replace(back=colour)
            elif 30 <= number <= 37 or 90 <= number <= 97:
                style = style._replace(front=number - 30 if number < 90 else number - 82)
            elif 40 <= number <= 47 or 100 <= number <= 107:
                style = style._replace(back=number - 40 if number < 100 else number - 92)
            elif number == 39:
                style = style._replace(front=None)
            elif number == 49:
                style = style._replace(back=None)
        self._style = style


def _within(n: int, most: int) -> int:
    return max(1, min(n, most))
