# SPDX-License-Identifier: Apache-2.0
"""Parses what a command writes to its terminal, as a terminal does it (ECMA-48, and xterm's control sequences).

Law: pure. However the bytes are split into pieces, the tokens mean the same. Control strings are dropped, and so are sequences
longer than MOST_PARAMETERS. A control string that never ends hides no more than MOST_STRING characters.
"""

from __future__ import annotations

import codecs
import re
from enum import Enum, auto
from typing import NamedTuple

MOST_PARAMETERS = 256
"""Characters of one control sequence, at most. A longer one is dropped."""
MOST_STRING = 64 * 1024
"""Most characters of a control string that are dropped. If there are more, they are shown, so that a command cannot hide text."""


class Token(Enum):
    """The kinds of tokens in the stream."""

    TEXT = auto()
    """Characters to be shown."""
    CONTROL = auto()
    """One C0 control character."""
    ESCAPE = auto()
    """``ESC``, intermediate characters, and a final character."""
    CONTROL_SEQUENCE = auto()
    """``ESC [``, parameters and intermediate characters, and a final character."""


class Word(NamedTuple):
    """A token with its characters. For ESCAPE and CONTROL_SEQUENCE, ``text`` is what stands before the character ``final``."""

    token: Token
    text: str
    final: str = ""


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    STRING = auto()


_WHOLE = re.compile("([^\x00-\x1f\x7f-\x9f]+)|\x1b\\[([ -?]{0,256})([@-~])")
"""Text, or a complete control sequence: most output consists of these."""
_STRING = re.compile("[^\x07\n\r\x18\x1a\x1b\x9c]+")
_OPENERS = frozenset("]PX^_k")
"""The characters that, after ESC, open a control string: OSC, DCS, SOS, PM, APC, and screen(1)'s window title."""
_MULTILINE = frozenset("P")
"""Openers of control strings that may contain line breaks. A line break ends any other, so that it hides no second line."""


class Sequences:
    """Takes bytes, and gives words. C1 controls are dropped, whether of one byte or two: a UTF-8 program does not need them."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = _State.GROUND
        self._collected = ""
        self._opener = ""
        self._n_dropped = 0

    def feed(self, data: bytes) -> list[Word]:
        """Take ``data``, and return the words that are complete now. One text may come in several words."""
        text = self._decoder.decode(data)
        words: list[Word] = []
        place = 0
        while place < len(text):
            if self._state is _State.GROUND:
                place = self._take_text(text, place, words)
            elif self._state is _State.STRING:
                place = self._skip_string(text, place)
            else:
                place += self._take_sequence(text[place], words)
        return words

    def _take_text(self, text: str, place: int, words: list[Word]) -> int:
        found = _WHOLE.match(text, place)
        if found:
            plain, parameters, final = found.groups()
            words.append(Word(Token.TEXT, plain) if plain else Word(Token.CONTROL_SEQUENCE, parameters, final))
            return found.end()
        char = text[place]
        if char == "\x1b":
            self._begin_escape()
        elif char < " ":
            words.append(Word(Token.CONTROL, char))
        return place + 1

    def _begin_escape(self) -> None:
        self._state = _State.ESCAPE
        self._collected = ""

    def _skip_string(self, text: str, place: int) -> int:
        found = _STRING.match(text, place, place + MOST_STRING - self._n_dropped)
        if found:
            self._n_dropped += len(found[0])
            if self._n_dropped >= MOST_STRING:
                self._state = _State.GROUND
            return found.end()
        char = text[place]
        if char == "\x1b":
            self._begin_escape()  # ESC begins the end of the string, or a new sequence
        elif char in "\x18\x1a\x9c" or (char == "\x07" and self._opener == "]"):
            self._state = _State.GROUND
        elif char in "\r\n" and self._opener not in _MULTILINE:
            self._state = _State.GROUND
            return place  # the line break itself is shown
        else:
            self._n_dropped += 1
            if self._n_dropped >= MOST_STRING:
                self._state = _State.GROUND
        return place + 1

    def _take_sequence(self, char: str, words: list[Word]) -> int:
        """Take one character of an escape or control sequence. Return 1, or 0 if the character does not belong to it."""
        if char == "\x1b":
            self._begin_escape()
        elif char in "\x18\x1a":
            self._state = _State.GROUND
        elif char < " ":
            words.append(Word(Token.CONTROL, char))  # a terminal obeys it even in the middle of a sequence
        elif char >= "\x80":
            self._state = _State.GROUND
            return 0
        elif char == "\x7f":
            pass
        elif self._state is _State.ESCAPE:
            self._take_escape(char, words)
        elif char < "@":
            self._collected += char if len(self._collected) <= MOST_PARAMETERS else ""
        else:
            self._state = _State.GROUND
            if len(self._collected) <= MOST_PARAMETERS:
                words.append(Word(Token.CONTROL_SEQUENCE, self._collected, char))
        return 1

    def _take_escape(self, char: str, words: list[Word]) -> None:
        if char < "0":
            self._collected += char if len(self._collected) <= MOST_PARAMETERS else ""
        elif char == "[" and not self._collected:
            self._state = _State.SEQUENCE
        elif char in _OPENERS and not self._collected:
            self._state = _State.STRING
            self._opener = char
            self._n_dropped = 0
        else:
            self._state = _State.GROUND
            if len(self._collected) <= MOST_PARAMETERS:
                words.append(Word(Token.ESCAPE, self._collected, char))


class Text:
    """The same stream as text for a search: without sequences, and with a line break where the cursor moves elsewhere."""

    def __init__(self) -> None:
        self._sequences = Sequences()

    def feed(self, data: bytes) -> str:
        """Take ``data``, and return the text in it."""
        out = []
        for word in self._sequences.feed(data):
            if word.token is Token.TEXT:
                out.append(word.text)
            elif word.text in ("\n", "\v", "\f") or (word.token is Token.CONTROL_SEQUENCE and word.final in "ABEFHdf"):
                out.append("\n")
        return "".join(out)
