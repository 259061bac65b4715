# SPDX-License-Identifier: Apache-2.0
"""What a command writes to its terminal, taken apart as a terminal does it (ECMA-48, and what xterm makes of it).

Law: pure. However the bytes are split, the tokens say the same. Nothing is kept of a control string, and no sequence longer than
MOST_PARAMETERS; one that never ends hides nothing beyond MOST_STRING.
"""

from __future__ import annotations

import codecs
import re
from enum import Enum, auto
from typing import NamedTuple

MOST_PARAMETERS = 256
"""Characters of one control sequence that are looked at. A longer one is dropped."""
MOST_STRING = 64 * 1024
"""Characters after which a control string is taken for ended, and what follows is shown: a command cannot hide from here on."""


class Token(Enum):
    """What stands in the stream."""

    TEXT = auto()
    """Characters to be shown."""
    CONTROL = auto()
    """One C0 control character."""
    ESCAPE = auto()
    """``ESC``, intermediate characters, and a final one."""
    CONTROL_SEQUENCE = auto()
    """``ESC [``, parameters and intermediate characters, and a final one."""


class Word(NamedTuple):
    """A token: for TEXT and CONTROL the characters, for the others what stands before the final character, and that."""

    token: Token
    text: str
    final: str = ""


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    STRING = auto()


_WHOLE = re.compile("([^\x00-\x1f\x7f-\x9f]+)|\x1b\\[([ -?]{0,256})([@-~])")
"""Text, or a control sequence that has come whole: most of what there is."""
_STRING = re.compile("[^\x07\n\r\x18\x1a\x1b\x9c]+")
_OPENERS = frozenset("]PX^_k")
"""After ESC: OSC, DCS, SOS, PM, APC, and the title of a window of screen's."""
_MULTILINE = frozenset("P")
"""Of these, those in which a line break may stand: it ends any other, which then hides no second line."""


class Sequences:
    """Bytes in, words out. C1 controls are dropped, spelled as one byte or as two: no UTF-8 program needs them."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = _State.GROUND
        self._collected = ""
        self._opener = ""
        self._n_dropped = 0

    def feed(self, data: bytes) -> list[Word]:
        """The words that are complete now. Text may come in several."""
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
            self._begin_escape()  # the rest of a string's end, or something new
        elif char in "\x18\x1a\x9c" or (char == "\x07" and self._opener == "]"):
            self._state = _State.GROUND
        elif char in "\r\n" and self._opener not in _MULTILINE:
            self._state = _State.GROUND
            return place  # it is shown
        else:
            self._n_dropped += 1
            if self._n_dropped >= MOST_STRING:
                self._state = _State.GROUND
        return place + 1

    def _take_sequence(self, char: str, words: list[Word]) -> int:
        """One character of an escape or control sequence; how many of the text are used up by it."""
        if char == "\x1b":
            self._begin_escape()
        elif char in "\x18\x1a":
            self._state = _State.GROUND
        elif char < " ":
            words.append(Word(Token.CONTROL, char))  # it has its effect in the middle of a sequence
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
    """The same stream as text to be searched: no sequences, and a line break where the cursor goes elsewhere."""

    def __init__(self) -> None:
        self._sequences = Sequences()

    def feed(self, data: bytes) -> str:
        """What of ``data`` can be read."""
        out = []
        for word in self._sequences.feed(data):
            if word.token is Token.TEXT:
                out.append(word.text)
            elif word.text in ("\n", "\v", "\f") or (word.token is Token.CONTROL_SEQUENCE and word.final in "ABEFHdf"):
                out.append("\n")
        return "".join(out)
