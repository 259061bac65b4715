# SPDX-License-Identifier: Apache-2.0
"""Parses the output of a command in the same way as a terminal (ECMA-48, and xterm's control sequences).

Law: the result does not depend on how the bytes are split into pieces. Control strings are dropped. Sequences that are longer
than MOST_PARAMETERS are dropped. A control string without an end hides at most MOST_STRING characters.
"""

from __future__ import annotations

import codecs
import re
from enum import Enum, auto
from typing import NamedTuple

MOST_PARAMETERS = 256  # characters of one control sequence. A longer sequence is dropped.
MOST_STRING = 64 * 1024  # characters of a control string that are dropped. More are shown: no command hides text


class Token(Enum):
    """The kinds of tokens in the stream."""

    TEXT = auto()  # characters that are shown
    CONTROL = auto()  # one C0 control character
    ESCAPE = auto()  # `ESC`, intermediate characters, and a final character
    CONTROL_SEQUENCE = auto()  # `ESC [`, parameters and intermediate characters, and a final character


class Word(NamedTuple):
    """A token with its characters. For ESCAPE and CONTROL_SEQUENCE, ``text`` contains the characters before ``final``."""

    token: Token
    text: str
    final: str = ""


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    STRING = auto()


_WHOLE = re.compile("([^\x00-\x1f\x7f-\x9f]+)|\x1b\\[([ -?]{0,256})([@-~])")
"""Matches text, or a complete control sequence. Most output consists only of text and complete control sequences."""
_STRING = re.compile("[^\x07\n\r\x18\x1a\x1b\x9c]+")
_OPENERS = frozenset("]PX^_k")  # open a control string after ESC: OSC, DCS, SOS, PM, APC, and screen(1)'s window title
_MULTILINE = frozenset("P")  # may have line breaks. All others end at one, so they cannot hide the next line


class Sequences:
    """Converts bytes to words. C1 controls (U+0080 to U+009F) are dropped, because a UTF-8 program does not need them."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = _State.GROUND
        self._collected = ""
        self._opener = ""
        self._n_dropped = 0

    def feed(self, data: bytes) -> list[Word]:
        """Parse ``data``, and return the words that are complete now. One text may be split into several words."""
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
        """Return 1 if ``char`` belongs to the escape or control sequence, and otherwise 0."""
        if char == "\x1b":
            self._begin_escape()
        elif char in "\x18\x1a":
            self._state = _State.GROUND
        elif char < " ":
            words.append(Word(Token.CONTROL, char))  # a terminal obeys a control even inside a sequence
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
    """Converts the output of a command to text in which a person can search. The text contains no sequences. Where the cursor
    moves to another place, the text contains a line break.
    """

    def __init__(self) -> None:
        self._sequences = Sequences()

    def feed(self, data: bytes) -> str:
        """Parse ``data``, and return its text."""
        out = []
        for word in self._sequences.feed(data):
            if word.token is Token.TEXT:
                out.append(word.text)
            elif word.text in ("\n", "\v", "\f") or (word.token is Token.CONTROL_SEQUENCE and word.final in "ABEFHdf"):
                out.append("\n")
        return "".join(out)
