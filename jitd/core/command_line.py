# SPDX-License-Identifier: Apache-2.0
"""Represents a command line as a list of arguments. If a text would be run by a shell, this module also finds the command lines
in the text. The module ``consequence`` uses all these command lines.

Law: pure. This module does not understand every shell text, because only the shell itself knows what such a text does. The
result is used only for warnings to people.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from jitd.core.frozen import dataclass

_PART = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>[^"]*)"|\\(?P<escaped>.)|(?P<end>[;&|()`\n])|(?P<space>[ \t\r])|(?P<other>.)""", re.DOTALL
)
LONGEST = 65536
"""Maximum number of characters of a shell text. A longer text is not read."""
_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_BEFORE = frozenset({"exec", "command", "builtin", "if", "then", "elif", "else", "while", "until", "do", "!", "time", "{"})


@dataclass(frozen=True, slots=True)
class Word:
    """One argument. The arguments in a rule's pattern may have wildcards. ``text`` is the part of the argument before the first
    wildcard. ``is_free`` is True if there is a wildcard, so the requester chooses the rest of the argument.
    """

    text: str
    is_free: bool

    @property
    def is_any(self) -> bool:
        """True if the requester chooses the whole argument."""
        return self.is_free and self.text in ("", "-", "--")

    @property
    def roams(self) -> bool:
        """True if the requester can use this argument for an option, or for a file in any directory."""
        return self.is_free and not re.search(r"/[^/]+/", self.text)


@dataclass(frozen=True, slots=True)
class Line:
    """A command line. ``words`` contains the arguments after the program's name. ``is_open`` is True if the requester may add
    further arguments.
    """

    words: tuple[Word, ...]
    is_open: bool

    @property
    def roams(self) -> bool:
        """True if the requester can choose an option, or a file in any directory."""
        return self.is_open or any(word.roams for word in self.words)

    @property
    def verb(self) -> str | None:
        """Return the first argument that is not an option. Return None if the requester chooses this argument. Return an empty
        text if there is no such argument.
        """
        for word in self.words:
            if word.is_free:
                return None
            if not word.text.startswith("-"):
                return word.text
        return None if self.is_open else ""

    def has(self, *beginnings: str) -> bool:
        """True if a fixed argument begins with one of ``beginnings``."""
        return any(word.text.startswith(beginnings) for word in self.words if not word.is_free)

    def operands(self, valued: frozenset[str], signs: str = "-") -> list[Word]:
        """Return the arguments that are neither an option nor the value of an option. ``valued`` contains the options whose value
        is the next argument. An option begins with one of the characters ``signs``.
        """
        found = []
        words = iter(self.words)
        for word in words:
            if word.is_free or not word.text.startswith(tuple(signs)):
                found.append(word)
            elif word.text in valued or (re.fullmatch("-[A-Za-z]{2,}", word.text) and f"-{word.text[-1]}" in valued):
                next(words, None)
        return found

    def started(self, names: Container[str]) -> Iterator[Called]:
        """Some programs, such as env(1), start another command. This command is a part of their arguments. Yield each possible
        command: it begins at an argument that names a program in ``names``.
        """
        for at, word in enumerate(self.words):
            if not word.is_free and _name(word.text) in names:
                yield Called(_name(word.text), Line(self.words[at + 1 :], self.is_open))

    def executed(self, names: Container[str]) -> Iterator[Called]:
        """find(1) has options such as ``-exec``, which are followed by a command. Yield each of these commands whose name is in
        ``names``. The command ends before the argument ``;`` or ``+``.
        """
        inner: list[Word] | None = None
        for word in (*self.words, Word(";", is_free=False)):
            if inner is None:
                inner = [] if word.text in _EXEC else None
            elif word.text not in (";", "+"):
                inner.append(word)
            else:
                if inner and not inner[0].is_free and _name(inner[0].text) in names:
                    yield Called(_name(inner[0].text), Line(tuple(inner[1:]), self.is_open))
                inner = None

    def code(self) -> Iterator[Called]:
        """The line may have a shell's option ``-c``. If a fixed text follows this option, yield the commands in the text."""
        words = iter(self.words)
        if any(re.fullmatch("-[A-Za-z]*c", word.text) for word in words):
            text = next((word for word in words if word.is_free or not word.text.startswith("-")), None)
            if text is not None and not text.is_free:
                for command in of_text(text.text):
                    arguments = tuple(Word(argument, is_free=False) for argument in command[1:])
                    yield Called(_name(command[0]), Line(arguments, is_open=False))


@dataclass(frozen=True, slots=True)
class Called:
    """A program that another program starts. ``name`` is the name of the program's file, without the directory. ``line``
    contains the program's arguments.
    """

    name: str
    line: Line


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def of_text(text: str) -> Iterator[tuple[str, ...]]:
    """``text`` is a text that a shell would run. Yield the words of each simple command in it. Words such as ``exec``, and
    assignments before the command, are left out. Yield nothing if the text is longer than LONGEST.
    """
    if len(text) > LONGEST:
        return
    for words in _split(text):
        at = 0
        while at < len(words) and (words[at] in _BEFORE or re.match(r"[A-Za-z_]\w*\+?=", words[at])):
            at += 1
        if at < len(words):
            yield words[at:]


def _split(text: str) -> Iterator[tuple[str, ...]]:
    """Split ``text`` into commands at the characters that end a command in a shell, such as ``;``. Yield the words of each
    command. Quotes are removed.
    """
    words: list[str] = []
    word: str | None = None
    for part in [*_PART.finditer(text), None]:
        kind = part.lastgroup if part else "end"
        if part and kind not in ("end", "space"):
            word = (word or "") + part[kind or 0]
            continue
        if word is not None:
            words.append(word)
        word = None
        if kind == "end" and words:
            yield tuple(words)
            words = []
