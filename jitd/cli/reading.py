# SPDX-License-Identifier: Apache-2.0
"""Shows lines to a person. On a terminal, the keys that the person may press are below the lines. Lines that do not fit on the
terminal are shown screen by screen, and the keys work on each screen.

Law: if lines cannot be shown, an exception is raised. Lines are treated as read if each of them was on the terminal. No key skips
lines, and a screen stands for at least ``question.QUIET_FOR`` seconds before a key shows the next one. The lines stay on the
terminal after the answer, in their order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence

from jitd.cli.answer import printable
from jitd.cli.colour import Painted, coloured, is_wanted
from jitd.cli.columns import wrapped
from jitd.cli.question import AGAIN, BACK, DOWN, NEXT, UP, Keyboard
from jitd.cli.terminal_size import real_size
from jitpam.wire.shown import cells

Key = tuple[str, str]  # a letter, and what it does: `("a", "approve")`
BETWEEN = " · "
HOME, CLEAR, CLEAR_LINE = "\x1b[H", "\x1b[J", "\x1b[K"  # to the first line; clear the rest of the screen; of the line (ECMA-48)
STEPS = {NEXT: 1, BACK: -1, DOWN: 1, UP: -1}  # NEXT and BACK scroll by a screen but for one line


def put_all(lines: Iterable[Painted], end: str = "\n") -> None:
    """Print ``lines``, each with ``end`` after it, to a terminal or a program. Raises OSError."""
    is_coloured = is_wanted()
    for line, style in lines:
        print(coloured(printable(line), style if is_coloured else None), end=end)
    sys.stdout.flush()  # raises an error if the lines cannot be printed


def foot_of(keys: Sequence[Key], width: int) -> list[str]:
    """Return the lines that name ``keys``. A line has at most ``width`` cells if no single name is wider."""
    lines = [""]
    for letter, deed in keys:
        part = f"{letter} {deed}"
        joined = f"{lines[-1]}{printable(BETWEEN)}{part}" if lines[-1] else part
        if cells(joined) > width and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = joined
    return lines


class Reading:
    """Lines that a person reads on a terminal. ``made`` returns the lines for a given width of the terminal, in cells."""

    def __init__(self, made: Callable[[int], list[Painted]]) -> None:
        self._made = made
        self._lines: list[Painted] = []
        self._size = os.terminal_size((0, 0))
        self._can_draw = os.environ.get("TERM", "dumb") != "dumb"
        self._is_shown = False
        self._top = 0  # the number of the first line on the screen
        self._n_shown = 0  # lines that were on the screen. They are the first lines of the text.
        self._room = 0  # lines of the screen for the text
        self._n_foot = 0  # lines of the screen below the text

    @property
    def is_read(self) -> bool:
        """True if each line was on the screen. On a screen that has no room for a line above the keys, none was."""
        return 0 < len(self._lines) == self._n_shown and self._room + self._n_foot <= self._size.lines

    def key(self, keys: Callable[[bool], Sequence[Key]]) -> str:
        """Show the lines with keys below them, and wait until the person presses one of these keys. ``keys`` returns the keys.
        Its argument is ``is_read``, and it returns the most keys if this argument is True. If all lines are on the screen
        already, only the keys are shown.

        Return the letter of the key, or LEAVE at the end of input. Raises KeyboardInterrupt on Ctrl-C, and OSError if the lines
        cannot be printed.
        """
        while True:
            if real_size() != self._size:
                self._measure(keys)
            if not self._is_shown or self._is_long:
                self._print(self._top, self._top + self._room)
            with Keyboard() as keyboard:
                pressed = self._key(keyboard, keys)
            if pressed != AGAIN:
                break
            self._is_shown = False
            print()
        if self._can_draw and self._top + self._room < self._n_shown:
            self._draw(self._n_shown - self._room)  # what follows stands below the last line that was shown
        sys.stdout.flush()
        return pressed

    def is_read_through(self) -> bool:
        """Show the lines until each of them was on the screen. If they do not fit on the screen, the person presses a key at the
        end. Return False if the person leaves before that.
        """
        self._measure(lambda is_read: [("c", "continue")])
        if not self._is_long:
            self._print(0, len(self._lines))
            return True
        return self.key(lambda is_read: [("c", "continue")] if is_read else [("q", "quit")]) == "c"

    def show_again(self) -> None:
        """Let ``key`` show the lines from the beginning, because something else is on the screen now."""
        self._is_shown, self._top = False, 0

    @property
    def _is_long(self) -> bool:
        return self._room < len(self._lines)

    def _measure(self, keys: Callable[[bool], Sequence[Key]]) -> None:
        """Make the lines for the current size of the terminal. None of these lines was on the screen yet."""
        self._size = real_size()
        self._lines = self._made(self._size.columns)
        n_lines, n_keys = len(self._lines), len(foot_of(keys(True), self._size.columns))
        self._is_shown, self._top, self._n_shown = False, 0, 0
        self._room, self._n_foot = n_lines, n_keys
        if n_lines + n_keys > self._size.lines:
            self._n_foot += len(wrapped(self._place(n_lines, n_lines), self._size.columns))
            self._room = max(1, min(n_lines - 1, self._size.lines - self._n_foot))

    def _print(self, start: int, end: int) -> None:
        """Print the lines from number ``start`` to number ``end``, and note that they were shown."""
        put_all(self._lines[start:end])
        self._n_shown, self._is_shown = max(self._n_shown, end), True

    def _draw(self, top: int) -> None:
        """Fill the screen with lines that were on it before, from the line with the number ``top`` on."""
        sys.stdout.write(HOME)
        put_all(self._lines[top : top + self._room], end=f"{CLEAR_LINE}\n")
        sys.stdout.write(CLEAR)

    def _key(self, keyboard: Keyboard, keys: Callable[[bool], Sequence[Key]]) -> str:
        """Show the keys below the text, and scroll as the person wishes. Return the key that is pressed then, or AGAIN."""
        while True:
            letters = self._show_foot(keys(self.is_read))
            pressed = keyboard.wait(letters, moves=self._is_long)
            if pressed == AGAIN:  # nobody knows where the cursor is
                return AGAIN
            up = f"\x1b[{self._n_foot - 1}A" if self._n_foot > 1 else ""
            sys.stdout.write(f"\r{up}{CLEAR}" if self._can_draw else "\n")
            if pressed not in STEPS:
                return pressed
            self._move(pressed)

    def _show_foot(self, keys: Sequence[Key]) -> str:
        """Print the lines below the text. Return the letters of ``keys``."""
        lines = foot_of(keys, self._size.columns)
        if self._is_long:
            lines = [*wrapped(self._place(self._top, self._top + self._room), self._size.columns), *lines]
        lines = [*[""] * (self._n_foot - len(lines)), *lines]
        sys.stdout.write("\n".join(map(printable, lines)))
        return "".join(letter for letter, _ in keys)

    def _move(self, move: str) -> None:
        """Show other lines. Lines that were not shown before are printed below the others, so that the terminal keeps them."""
        by = STEPS[move] * (max(1, self._room - 1) if move in (NEXT, BACK) else 1)
        top = min(max(self._top + by, 0), len(self._lines) - self._room)
        if top + self._room > self._n_shown:
            if self._can_draw and self._top + self._room < self._n_shown:
                self._draw(self._n_shown - self._room)
            self._print(self._n_shown, top + self._room)
        elif self._can_draw:
            self._draw(top)
        else:
            return
        self._top = top

    def _place(self, top: int, end: int) -> str:
        """Return the line that says which lines are on the screen, and which key shows others."""
        n_lines = len(self._lines)
        back = ": b goes back" if self._can_draw else ""  # a dumb terminal shows no line twice
        return f"lines {top + 1}-{end} of {n_lines}{': space reads on' if end < n_lines else back}"
