# SPDX-License-Identifier: Apache-2.0
"""How a demonstration shows people's terminals to its reader: what is new on each, between explanations.

Law: what is shown was printed on a person's terminal, or typed there; where lines are left out, a line says so.
"""

from __future__ import annotations

import itertools
import re
import sys
import textwrap
import time
from collections.abc import Sequence

from terminals import NotAsTold, Terminal

COLUMNS = 80
IS_SCREEN = sys.stdout.isatty()
READING = 1.2 if IS_SCREEN else 0.0
"""A pause in seconds after each explanation, where a person reads along."""
LEFT_OUT = "  …"
PASSING = "jitsudo: waiting "
"""A line that is written again and again."""
COLOURS = {"red": 31, "green": 32, "brown": 33, "blue": 34, "magenta": 35, "cyan": 36}


def say(line: str = "") -> None:
    print(line.rstrip(), flush=True)


def explain(text: str, *, goes_on: bool = False) -> None:
    if not goes_on:
        say()
    for line in textwrap.wrap(text, COLUMNS - 2):
        say(f"# {line}")
    time.sleep(READING)


def expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise NotAsTold(what)


class Shown:
    """A person's terminal, of which what is new is shown, now and then."""

    def __init__(self, person: str, *, machine: str = "", inside: Sequence[str] = ()) -> None:
        self.terminal = Terminal(person, machine=machine, inside=inside)
        self._shown = self.terminal.at
        self._last = ""

    def show(self, last: str = "", then: str = "") -> None:
        """The lines since the last time, down to the prompt; with ``last``, to the first one that matches, and with ``then`` also
        those from the next one that matches this. A line that a program writes again and again in its place is shown once,
        however its numbers change.
        """
        lines = self.terminal.lines
        end = len(lines) - self.terminal.is_at_prompt()
        begin = self._shown
        if begin < end and _without_numbers(lines[begin]) == _without_numbers(self._last):
            begin += 1
        self._shown, self._last = (end, "") if end < len(lines) else (end - 1, lines[-1])
        last_of = {_without_numbers(lines[number]): number for number in range(begin, end)}
        numbers = [n for n in range(begin, end) if lines[n] and (PASSING not in lines[n] or n in last_of.values())]
        until = next((at for at, number in enumerate(numbers, 1) if last and re.search(last, lines[number])), len(numbers))
        rest = numbers[until:]
        found = next((at for at, number in enumerate(rest) if then and re.search(then, lines[number])), len(rest))
        for number in numbers[:until]:
            say(self._drawn(number))
        if rest[:found]:
            say(LEFT_OUT)
        for number in rest[found:]:
            say(self._drawn(number))

    def skip(self) -> None:
        """What stands there by now is not shown."""
        self._shown, self._last = len(self.terminal.lines) - self.terminal.is_at_prompt(), ""

    def _drawn(self, number: int) -> str:
        row, typed = self.terminal.row(number), self.terminal.typed.get(number, "")
        text = "".join(letter.data for letter in row).rstrip()
        if not IS_SCREEN:
            return text
        bold_from = text.rfind(typed) if typed else COLUMNS
        looks = [(letter.bold or at >= bold_from, COLOURS.get(letter.fg, 0)) for at, letter in enumerate(row[: len(text)])]
        drawn = ""
        for (is_bold, colour), letters in itertools.groupby(zip(looks, text, strict=True), lambda one: one[0]):
            codes = ";".join(str(code) for code in (is_bold and 1, colour) if code)
            drawn += f"\033[{codes}m" + "".join(letter for _, letter in letters) + "\033[m"
        return drawn

    def runs(self, command: str, *, status: int = 0, last: str = "", then: str = "") -> str:
        """Type a command, wait for its end, and show it. What it printed."""
        self.skip()
        at = self.terminal.at
        self.terminal.type(command)
        self.terminal.wait_for_prompt()
        said = "\n".join(self.terminal.lines[at + 1 : -1])
        self.show(last, then)
        self.expect_end(status)
        return said

    def expect_end(self, status: int) -> None:
        """Of the last command."""
        ended = self.terminal.status()
        self.skip()
        expect(ended == status, f"{self.terminal.person}'s command ended with {ended}, not {status}")

    def asks(self, line: str, last: str = "", told: str = "told on their terminals") -> str:
        """Type a line of jitsudo, and show who was told, and that it waits. The request's id."""
        self.skip()
        self.terminal.type(line)
        request = self.terminal.wait_for(r"request ([0-9A-Z]{4}-[0-9A-Z]{4})")[1]
        self.terminal.wait_for(told)
        self.terminal.wait_for("waiting ")
        self.show(last)
        return request

    def is_told(self, request: str) -> None:
        """Wait for the notice, and press Enter, as one does, for a prompt."""
        self.skip()
        self._shown = self.terminal.wait_for_line("Message from jitd")
        self.terminal.wait_for(f"jitd deny {request}")
        self.terminal.type("")
        self.terminal.wait_for_prompt()

    def opens(self, request: str, last: str = "") -> None:
        """The page of the request, to its keys."""
        self.skip()
        self.terminal.type(f"jitd approve {request}")
        self.terminal.wait_for("a approve · d deny")
        self.show(last)

    def approves(self, request: str) -> None:
        """Be told, read the page, and press a. Nothing of it is shown."""
        self.is_told(request)
        self.terminal.type(f"jitd approve {request}")
        self.terminal.wait_for("a approve · d deny")
        self.terminal.press("a")
        self.expect_end(0)


def _without_numbers(line: str) -> str:
    return re.sub(r"\d+", "0", line)
