# SPDX-License-Identifier: Apache-2.0
"""A TOML document with the line of each of its keys, and with the faults that were found in the document.
Law: a document that cannot be read is reported as a fault with a line and a sentence. An unreadable document is never treated as
an empty document.
"""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Trail = tuple[str | int, ...]
"""A place in a document: keys of tables and indexes of arrays, as in ``("permit", 0, "approvals", 1, "need")``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a file. Lines and columns count from 1, or are 0. ``rule`` is empty if it is in none."""

    file: str
    line: int
    rule: str
    sentence: str
    column: int = 0

    @property
    def place(self) -> str:
        """The file, and the line if it is known: what people may read who may not read the file."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        where = ":".join((self.file, *(str(number) for number in (self.line, self.column) if number)))
        return f"{where}: rule {self.rule}: {self.sentence}" if self.rule else f"{where}: {self.sentence}"


class ConfigError(Exception):
    """The content of the files is not valid. ``faults`` contains at least one fault. All faults are sorted by file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: ``values``, the line of each place, and where strings without escapes begin."""

    file: str
    values: Mapping[str, object]
    lines: Mapping[Trail, int]
    texts: Mapping[Trail, tuple[int, int]]

    def line_of(self, place: Trail) -> int:
        """Return the line of ``place``, or of the nearest table or array around it, or 0 if there is none."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def place_in(self, place: Trail, line: int, column: int) -> tuple[int, int]:
        """Return line and column in the file of a character at ``line`` and ``column`` of the string at ``place``. With escapes,
        only the string's line is known, and the column is 0.
        """
        if place not in self.texts:
            return self.line_of(place), 0
        first, begins = self.texts[place]
        return (first, begins + column - 1) if line == 1 else (first + line - 1, column)


def read_document(file: str, content: bytes) -> Document:
    """Parse ``content``. Raises ConfigError with one fault, because the parser stops at the first fault."""
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError((Fault(file, line, "", "is not UTF-8"),)) from None
    try:
        values = tomllib.loads(text)
        scanner = _Scanner(text)
        scanner.scan()
    except RecursionError:
        raise ConfigError((Fault(file, 0, "", "is nested too deeply"),)) from None
    except ValueError as error:  # from tomllib, or from int() if a number has thousands of digits
        message, line = str(error), 0
        if match := re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message, re.DOTALL):
            message, line = match[1], int(match[2])
        elif message.endswith(" (at end of document)"):
            message, line = message.removesuffix(" (at end of document)"), text.count("\n") + 1
        raise ConfigError((Fault(file, line, "", f"is not TOML: {message[:1].lower()}{message[1:]}"),)) from None
    return Document(file, values, scanner.lines, scanner.texts)


class _Scanner:
    """Finds the line of each key and array element in a text that tomllib has accepted. The text is not checked again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.newlines = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[Trail, int] = {}
        self.texts: dict[Trail, tuple[int, int]] = {}
        self.sizes: dict[Trail, int] = {}  # how many [[headers]] of each array of tables were found so far

    def scan(self) -> None:
        table: Trail = ()
        while self.skip():
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def skip(self) -> bool:
        """Skip blanks, newlines, comments and commas. Return False at the end of the text."""
        while match := re.compile(r"[ \t\n,]+|#[^\n]*").match(self.text, self.at):
            self.at = match.end()
        return self.at < len(self.text)

    def line(self) -> int:
        return bisect.bisect_left(self.newlines, self.at) + 1

    def header(self) -> Trail:
        line = self.line()
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self.keys()
        self.at += 2 if is_array else 1
        place: Trail = ()
        for depth, key in enumerate(keys):
            place += (key,)
            self.lines.setdefault(place, line)
            if is_array and depth == len(keys) - 1:
                self.sizes[place] = self.sizes.get(place, 0) + 1
            if place in self.sizes:
                place += (self.sizes[place] - 1,)
                self.lines.setdefault(place, line)
        return place

    def keys(self) -> list[str]:
        """Read a key with its dots. Stop at the character after the key."""
        found = []
        while True:
            self.skip()
            start = self.at
            if self.text[start] in "\"'":
                self.string()
                found.append(tomllib.loads(f"key = {self.text[start : self.at]}")["key"])
            else:
                match = re.compile(r"[A-Za-z0-9_-]+").match(self.text, start)
                assert match is not None, "tomllib has accepted this key"
                self.at = match.end()
                found.append(match[0])
            self.skip()
            if self.text[self.at] != ".":
                return found
            self.at += 1

    def pair(self, table: Trail) -> None:
        line = self.line()
        for key in self.keys():
            table += (key,)
            self.lines.setdefault(table, line)
        self.at += 1  # =
        self.skip()
        self.value(table)

    def value(self, place: Trail) -> None:
        match self.text[self.at]:
            case "[":
                self.at += 1
                index = 0
                while self.skip() and self.text[self.at] != "]":
                    self.lines[place + (index,)] = self.line()
                    self.value(place + (index,))
                    index += 1
                self.at += 1
            case "{":
                self.at += 1
                while self.skip() and self.text[self.at] != "}":
                    self.pair(place)
                self.at += 1
            case '"' | "'":
                start = self.at
                self.string()
                self.note_text(place, start)
            case _:
                bare = re.compile(r"[^,\]}#\n]*").match(self.text, self.at)
                assert bare is not None, "it may be empty"
                self.at = bare.end()

    def note_text(self, place: Trail, start: int) -> None:
        """Note where a string without escapes, from ``start`` to ``self.at``, has its first character."""
        spelled = self.text[start : self.at]
        if spelled[0] == '"' and "\\" in spelled:
            return
        is_long = spelled.startswith(spelled[0] * 3) and len(spelled) >= 6
        start += 3 if is_long else 1
        if is_long and self.text[start] == "\n":
            start += 1  # this newline is not a part of the value
        n_before = bisect.bisect_left(self.newlines, start)
        begins = self.newlines[n_before - 1] + 1 if n_before else 0
        self.texts[place] = (n_before + 1, start - begins + 1)

    def string(self) -> None:
        quote = self.text[self.at]
        long = quote * 3
        escape = r"\\.|" if quote == '"' else ""
        if self.text.startswith(long, self.at):
            # The string may end with up to two quotes of its own before the three quotes that close it.
            body = rf"{long}(?:{escape}(?!{long}).)*{long}{quote}{{0,2}}"
        else:
            body = rf"{quote}(?:{escape}[^{quote}\n])*{quote}"
        match = re.compile(body, re.DOTALL).match(self.text, self.at)
        assert match is not None, "tomllib has accepted this string"
        self.at = match.end()
