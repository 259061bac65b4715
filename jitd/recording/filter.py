# SPDX-License-Identifier: Apache-2.0
"""Makes the output of a command harmless for a viewer's terminal. The command wrote the output for its own terminal, so the
output may contain any sequence (THREATS L-06, CVE-2023-28487).

Law: only text, and the control characters and sequences that are listed in this module, are passed on. All other sequences are
dropped. The sequences that are passed on set colours, move the cursor, erase, scroll, or switch to the other screen. The filter
drops sequences that make a terminal answer, store or print something, or that change its title or its size. It also drops
sequences that change how a terminal reads keys. A sequence is dropped as a whole, with one exception: if a sequence sets several
modes, only the modes that are not listed are dropped. ``restore`` cancels every effect that would remain after the recording.
"""

from __future__ import annotations

import re

from jitd.recording.sequences import Sequences, Token, Word

PASSING = frozenset("\b\t\n\v\f\r")
"""The C0 controls that are passed on: not ENQ, which makes a terminal answer, nor BEL, which draws nothing."""
DRAWING = frozenset("@ABCDEFGHIJKLMPSTXZ`abdefmrsu")
"""Final characters of the control sequences that are passed on. These sequences have no prefix and no intermediate characters.
With these sequences, a command moves the cursor, erases, inserts, scrolls and sets colours.
"""
MODES = {"4": False}
"""Maps the number of a mode to True if the mode is usually set in terminals, otherwise to False. Sequences with ``h`` and ``l``
are passed on only for these modes. The only mode here is insert.
"""
PRIVATE_MODES = {
    "5": False,
    "6": False,
    "7": True,
    "25": True,
    "47": False,
    "1047": False,
    "1048": False,
    "1049": False,
}
"""Maps the number of a private mode to its usual value, as MODES does for the other modes. The sequences of private modes
contain ``?``. The private modes here are reverse video, origin, wrapping, the cursor, and the other screen. Sequences for the
modes of keys, mouse, paste, focus, 132 columns and synchronized output are dropped. With synchronized output, the screen is not
drawn until the mode ends.
"""
OTHER_SCREEN = ("1049", "1047", "47")
CURSOR_STYLES = frozenset({"", "0", "1", "2", "3", "4", "5", "6"})
ESCAPES = frozenset("78DEM")
"""Final characters of simple escapes that are passed on: save, restore, index, next line, reverse index."""
_NUMBERS = re.compile(r"[0-9;]*", re.ASCII)
_COLOURS = re.compile(r"[0-9;:]*", re.ASCII)
_LARGE = re.compile(r"[0-9]{5,}", re.ASCII)
GRAPHICS = str.maketrans(
    "`abcdefghijklmnopqrstuvwxyz{|}~",
    "◆▒\u2409\u240c\u240d\u240a°±\u2424\u240b┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·",
)
"""A VT100's line drawing in Unicode, which viewers get: their terminals are never switched to it."""


class Filter:
    """Converts a command's output, in pieces of any size, to bytes for a viewer's terminal, which must understand UTF-8."""

    def __init__(self) -> None:
        self._sequences = Sequences()
        self._sets = ["B", "B"]  # the character sets of G0 and G1
        self._shift = 0  # 0 if G0 is in use, 1 if G1 is in use
        self._saved = (["B", "B"], 0)
        self._modes: dict[str, bool] = {}
        self._has_margins = False
        self._has_style = False
        self._is_touched = False

    def feed(self, data: bytes) -> bytes:
        """Return the part of ``data`` that may be written to the viewer's terminal."""
        text = "".join(map(self._passed, self._sequences.feed(data)))
        return text.encode("utf-8", "replace")

    def restore(self) -> bytes:
        """Return what restores the viewer's terminal to its state before, or nothing if only text was written."""
        if not self._is_touched:
            return b""
        self._is_touched = False
        return self._restored().encode("ascii")

    def _restored(self) -> str:
        out = [f"\x1b[?{mode}l" for mode in OTHER_SCREEN if self._modes.pop(f"?{mode}", False)]
        out.append("\x1b[m")
        for mode, is_set in self._modes.items():
            usual = PRIVATE_MODES[mode[1:]] if mode[0] == "?" else MODES[mode]
            if is_set != usual and mode != "?1048":
                out.append(f"\x1b[{mode}{'h' if usual else 'l'}")
        if self._has_margins:
            out.append("\x1b7\x1b[r\x1b8")
        if self._has_style:
            out.append("\x1b[0 q")
        self._modes.clear()
        self._has_margins = self._has_style = False
        return "".join(out)

    def _passed(self, word: Word) -> str:
        if word.token is Token.TEXT:
            return self._text(word.text)
        if word.token is Token.CONTROL:
            return self._control(word.text)
        made = self._escape if word.token is Token.ESCAPE else self._sequence
        out = made(word.text, word.final)
        self._is_touched = self._is_touched or bool(out)
        return out

    def _text(self, text: str) -> str:
        if self._sets[self._shift] == "0":
            return text.translate(GRAPHICS)
        return text

    def _control(self, char: str) -> str:
        if char in "\x0e\x0f":
            self._shift = 1 if char == "\x0e" else 0
        return char if char in PASSING else ""

    def _escape(self, intermediate: str, final: str) -> str:
        if intermediate in ("(", ")"):
            self._sets["()".index(intermediate)] = final
        if intermediate:
            return ""
        if final == "c":  # a full reset
            self._forget_sets()
            return self._restored() + "\x1b[H\x1b[2J"
        if final == "7":
            self._saved = (self._sets[:], self._shift)
        elif final == "8":
            self._sets, self._shift = self._saved[0][:], self._saved[1]
        return "\x1b" + final if final in ESCAPES else ""

    def _forget_sets(self) -> None:
        self._sets, self._shift = ["B", "B"], 0
        self._saved = (["B", "B"], 0)

    def _sequence(self, before: str, final: str) -> str:
        if final in "hl":
            return self._mode(before, final)
        if final == "p" and before == "!":  # a soft reset
            self._forget_sets()
            return self._restored_but_screen()
        if final == "q" and before[-1:] == " " and before[:-1] in CURSOR_STYLES:
            self._has_style = True
            return f"\x1b[{before}q"
        if final in "JK" and before in ("?", "?0", "?1", "?2"):
            return f"\x1b[{before}{final}"
        if final not in DRAWING or not (_COLOURS if final == "m" else _NUMBERS).fullmatch(before):
            return ""
        return self._drawing(before, final)

    def _drawing(self, before: str, final: str) -> str:
        if final in "JK" and before not in ("", "0", "1", "2"):  # 3 J erases the scrollback of the viewer's terminal
            return ""
        if final in "su" and before:  # with parameters, these sequences set margins or the keyboard's protocol
            return ""
        if final == "T" and ";" in before:  # mouse tracking
            return ""
        if final == "r":
            self._has_margins = True
        before = _LARGE.sub("9999", before)
        if final == "b" and len(before) > 3:
            before = "999"
        return f"\x1b[{before}{final}"

    def _mode(self, before: str, final: str) -> str:
        prefix = "?" if before[:1] == "?" else ""
        known = PRIVATE_MODES if prefix else MODES
        passing = [mode for mode in before[len(prefix) :].split(";") if mode in known]
        for mode in passing:
            self._modes[prefix + mode] = final == "h"
        return f"\x1b[{prefix}{';'.join(passing)}{final}" if passing else ""

    def _restored_but_screen(self) -> str:
        """Return sequences with the effect of a soft reset. The terminal stays on the screen that is in use."""
        in_use = {f"?{mode}": True for mode in OTHER_SCREEN if self._modes.pop(f"?{mode}", False)}
        out = self._restored()
        self._modes.update(in_use)
        return out
