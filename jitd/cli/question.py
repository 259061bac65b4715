# SPDX-License-Identifier: Apache-2.0
"""Asks the user of ``jitd`` questions on a terminal. The user answers a question with a single key, with a line of text, or with
yes.

Law: input that arrived before the question was on the screen is discarded, no matter if it was typed or pasted. If a single key
is expected, pasted text or several keys at once are never an answer. The end of input never means yes.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

QUIET_FOR = 0.1
"""Seconds without input after which all earlier input is there, and a key is a single key."""
AWAKE_EVERY = 0.25  # seconds of one wait for input: if Ctrl-C arrives just before it, Python handles it only afterwards
MOST_PIECES = 50
"""Before a question, jitd tries to discard all earlier input. This is the maximum number of attempts. If a person types without
a pause, jitd prints the question after the last attempt, but accepts no line as the answer to this question.
"""
MOST_TYPED = 4096  # bytes of a typed line. All of it is read, because otherwise the shell would get the rest

LEAVE, AGAIN = "\x04", ""
"""Results of ``Keyboard.wait`` that are not keys. LEAVE means that the input has ended. AGAIN means that the process was stopped
or that the terminal has another size: the caller must show the question again, because the screen has changed.
"""
NEXT, BACK, DOWN, UP = "next", "back", "down", "up"  # keys that scroll: by a screen and by a line, forwards and back
MOVES = {
    **dict.fromkeys((b" ", b"\x1b[6~"), NEXT),
    **dict.fromkeys((b"b", b"\x1b[5~"), BACK),
    **dict.fromkeys((b"\x1b[B", b"\x1bOB"), DOWN),
    **dict.fromkeys((b"\x1b[A", b"\x1bOA"), UP),
}
"""What a terminal sends for the keys that scroll: space and b, Page Down and Page Up, and the arrows (ECMA-48, xterm)."""

_MARKS_PASTES, _MARKS_NO_PASTES = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"  # around pasted text, with bracketed paste (xterm)
_LOCAL, _CONTROLS = 3, 6  # indexes in what tcgetattr returns: the local modes, and the control characters (termios(3))


def can_ask() -> bool:
    """True if standard input and standard output are terminals, so that a person can type and read."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def is_answered_yes(question: str) -> bool:
    """Print ``question``, and return True if the whole word ``yes`` is typed. Raises KeyboardInterrupt on Ctrl-C."""
    return answered(question) == "yes"


def answered(question: str) -> str | None:
    """Print ``question`` and wait for a line. Return the line without its end. Return an empty text if the person has typed no
    whole line. Return None if the line was pasted, or if other input followed at once. Raises KeyboardInterrupt on Ctrl-C.
    """
    with _pastes_marked():  # then a pasted line contains the mark
        typed = _line(question)
        follows = bool(select.select([sys.stdin.fileno()], [], [], QUIET_FOR)[0])
        if follows:  # this is a paste without marks, because nobody types so fast after an answer
            _throw_away(sys.stdin.fileno())
    if not typed.endswith(b"\n"):
        return ""
    return None if follows or b"\x1b" in typed else typed[:-1].decode("utf-8", "surrogateescape")


def sentence(question: str) -> str:
    """Print ``question``, and return the line that is typed or pasted, without its end, or "" if there is none. Invalid bytes are
    surrogates. Raises KeyboardInterrupt on Ctrl-C.
    """
    typed = _line(question)
    return typed.decode("utf-8", "surrogateescape").strip() if typed.endswith(b"\n") else ""


def _line(question: str) -> bytes:
    """Print ``question``, and return the line typed after it, or what of it was typed if the input ends; nothing if earlier input
    did not stop before. After a stop of the process, ask again, without what was typed.
    """
    keyboard = sys.stdin.fileno()
    _show_what_was_written()
    with _stops_noticed() as stops:
        is_quiet = _ask(keyboard, question)
        typed = b""
        while not typed.endswith(b"\n") and len(typed) < MOST_TYPED:
            if stops:
                stops.clear()
                print()
                typed = b""
                is_quiet = _ask(keyboard, question)
            if not select.select([keyboard], [], [], AWAKE_EVERY)[0]:
                continue
            piece = os.read(keyboard, MOST_TYPED)
            if stops:
                continue
            if not piece:
                print()
                break
            typed += piece
    return typed if is_quiet else b""


def _ask(keyboard: int, question: str) -> bool:
    """Discard all earlier input, and print ``question``. Return False if earlier input may still be arriving."""
    is_quiet = _throw_away(keyboard)
    sys.stdout.write(question)
    sys.stdout.flush()
    return is_quiet


def _show_what_was_written() -> None:
    sys.stdout.flush()
    termios.tcdrain(sys.stdout.fileno())


def _throw_away(keyboard: int) -> bool:
    """Discard input, also the rest of a paste, until a pause of QUIET_FOR. Return False if MOST_PIECES attempts find none."""
    for _ in range(MOST_PIECES):
        termios.tcflush(keyboard, termios.TCIFLUSH)
        if not select.select([keyboard], [], [], QUIET_FOR)[0]:
            return True
    termios.tcflush(keyboard, termios.TCIFLUSH)
    return False


@contextmanager
def _pastes_marked() -> Iterator[None]:
    """Switch on bracketed paste, unless TERM is ``dumb`` or missing, and off again, even if a signal ends the process."""
    can_be_told = os.environ.get("TERM", "dumb") != "dumb"
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    if can_be_told:
        sys.stdout.write(_MARKS_PASTES)
    try:
        yield
    finally:
        if can_be_told:
            sys.stdout.write(_MARKS_NO_PASTES)
            sys.stdout.flush()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _stops_noticed() -> Iterator[list[int]]:
    """Yield a list. An element is added to the list each time the process continues after a stop."""
    stops: list[int] = []
    before = signal.signal(signal.SIGCONT, lambda number, frame: stops.append(number))
    try:
        yield stops
    finally:
        signal.signal(signal.SIGCONT, before)


class Keyboard:
    """The keyboard of the terminal, whose keys come one by one. In a ``with`` block, each key is delivered at once, typed keys
    are not shown, and pasted text is marked. Ctrl-C and Ctrl-Z still send their signals to the process. The earlier settings of
    the terminal are restored at the end, even if a signal ends the process. They are also restored while the process is stopped.
    """

    def __init__(self) -> None:
        self._keyboard = sys.stdin.fileno()
        self._found = termios.tcgetattr(self._keyboard)
        self._before: dict[int, Any] = {}
        self._marked = _pastes_marked()
        self._was_stopped = False
        self._resized_at: float | None = None
        self._is_pasting = False
        self._tail = b""

    def __enter__(self) -> Keyboard:
        _show_what_was_written()
        self._marked.__enter__()
        for number, handler in (
            (signal.SIGTSTP, self._stop),
            (signal.SIGCONT, self._go_on),
            (signal.SIGWINCH, self._resize),
        ):
            self._before[number] = signal.signal(number, handler)
        self._set()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._marked.__exit__(kind, fault, trace)

    def wait(self, keys: str, moves: bool = False) -> str:
        """Wait until the person types one of ``keys`` as a single key. Upper case and lower case letters are accepted. Return the
        key as a lower case letter. If ``moves`` is True, also accept the keys that scroll, and return NEXT, BACK, DOWN or UP. A
        key that scrolls may be held down, but it is accepted only after the screen has stood for QUIET_FOR seconds.

        Call this method when the question has been printed. Return LEAVE at the end of input. Return AGAIN if the question must
        be shown again. Raises KeyboardInterrupt on Ctrl-C.
        """
        _show_what_was_written()
        shown_at = quiet_since = time.monotonic()
        is_open = False  # until there was a pause, what comes was typed before the question was on the screen
        while True:
            is_typed = bool(select.select([self._keyboard], [], [], AWAKE_EVERY if is_open else QUIET_FOR)[0])
            now = time.monotonic()
            if self._was_stopped or (self._resized_at is not None and now - self._resized_at >= QUIET_FOR):
                return AGAIN
            if not is_typed:
                is_open = is_open or now - quiet_since >= QUIET_FOR
                continue
            typed, is_pasted = self._read()
            if not typed:
                return LEAVE
            if typed.startswith(b"\x1b") and len(typed) < len(b"\x1b[A"):  # the rest of a key is still arriving
                typed, is_pasted = self._with_more(typed, is_pasted)
            if moves and not is_pasted and (move := _move(typed)):
                if now - shown_at >= QUIET_FOR:
                    return move
            elif is_open:
                typed, is_pasted = self._with_more(typed, is_pasted)
                if typed == b"\x04":
                    return LEAVE
                pressed = typed.decode("latin-1").lower()
                if len(typed) == 1 and pressed in keys and not is_pasted:
                    return pressed
            is_open, quiet_since = False, time.monotonic()

    def _with_more(self, typed: bytes, is_pasted: bool) -> tuple[bytes, bool]:
        """Return ``typed`` with the input that follows within QUIET_FOR seconds."""
        if not select.select([self._keyboard], [], [], QUIET_FOR)[0]:
            return typed, is_pasted
        more, is_more_pasted = self._read()
        return typed + more, is_pasted or is_more_pasted

    def _read(self) -> tuple[bytes, bool]:
        """Also return True if a part was pasted. A paste lasts until its mark at the end, no matter how slowly it arrives."""
        typed = os.read(self._keyboard, MOST_TYPED)
        recent = self._tail + typed
        begins, ends = recent.rfind(_PASTE_BEGINS), recent.rfind(_PASTE_ENDS)
        is_pasted = self._is_pasting or max(begins, ends) >= 0
        if begins != ends:
            self._is_pasting = begins > ends
        rest = recent if begins == ends else recent[max(begins, ends) + len(_PASTE_BEGINS) :]
        self._tail = rest[-len(_PASTE_BEGINS) + 1 :]  # it may be the beginning of a mark
        return typed, is_pasted

    def _set(self) -> None:
        modes = termios.tcgetattr(self._keyboard)
        modes[_LOCAL] &= ~(termios.ECHO | termios.ICANON)
        modes[_CONTROLS][termios.VMIN], modes[_CONTROLS][termios.VTIME] = 1, 0
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, modes)

    def _restore(self) -> None:
        """Restore the terminal's settings. Discard unread input: it was typed for this program, and not for the shell."""
        termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._found)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)
        # also set if the kernel does not stop the process, because nobody could continue it
        self._go_on(number, frame)

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        self._was_stopped = True

    def _resize(self, number: int, frame: FrameType | None) -> None:
        self._resized_at = time.monotonic()


def _move(typed: bytes) -> str:
    """Return what the key does, if ``typed`` is one that scrolls, once or several times, and otherwise an empty text."""
    for sent, move in MOVES.items():
        if typed == sent * (len(typed) // len(sent)):
            return move
    return ""


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
