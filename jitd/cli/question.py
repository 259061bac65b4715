# SPDX-License-Identifier: Apache-2.0
"""Asks the user of ``jitd`` questions on a terminal. The user answers a question with a single key, with a line of text, or with
yes.

Law: input that arrived before the question was on the screen is discarded unread, no matter if it was typed or pasted. If a
single key is expected, pasted text or several keys at once are never an answer. The end of input never means yes.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

QUIET_FOR = 0.1
"""If no input arrives for this number of seconds, jitd assumes that all earlier input has arrived. A key is treated as a single
key if no other input follows within QUIET_FOR seconds.
"""
AWAKE_EVERY = 0.25
"""Maximum time that one system call waits for input, in seconds. If Ctrl-C arrives just before a call, Python handles it only
after the end of the call. Therefore the calls must be short.
"""
MOST_PIECES = 50
"""Before a question, jitd tries to discard all earlier input. This is the maximum number of attempts. If a person types without
a pause, jitd prints the question after the last attempt, but accepts no line as the answer to this question.
"""
MOST_TYPED = 4096
"""Maximum length of a line that is typed on a terminal, in bytes. jitd reads the whole line. Otherwise the shell would later
read the rest of the line.
"""

WORD = frozenset({b"yes\n"})
"""The only line that means yes if the whole word is required."""
LETTER = frozenset({b"y\n", b"Y\n", b"yes\n", b"Yes\n", b"YES\n"})
"""The lines that mean yes if the letter ``y`` is enough."""
LEAVE, AGAIN = "\x04", ""
"""Results of the function ``key`` that are not keys. LEAVE means that the input has ended. AGAIN means that the process was
stopped during the question: the caller must show the question again, because the screen may have changed.
"""

_MARKS_PASTES, _MARKS_NO_PASTES = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
"""The marks of bracketed paste, which was introduced by xterm. A terminal with bracketed paste sends a mark before pasted text,
and a mark after pasted text.
"""
_LOCAL, _CONTROLS = 3, 6
"""Two indexes in the list that tcgetattr returns. _LOCAL is the index of the local modes, and _CONTROLS is the index of the
control characters (termios(3)).
"""


def can_ask() -> bool:
    """True if standard input and standard output are terminals, so that a person can type and read."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def is_answered_yes(question: str) -> bool:
    """Print ``question`` and wait for a line. Return True if the person has typed the whole word ``yes``. Raises
    KeyboardInterrupt on Ctrl-C.
    """
    return is_answered(question, WORD)


def is_answered(question: str, answers: frozenset[bytes]) -> bool:
    """Print ``question`` and wait for a line. Return True if three conditions are met: the line is in ``answers``, it was typed
    and not pasted, and no other input followed at once. Raises KeyboardInterrupt on Ctrl-C.
    """
    with _pastes_marked():  # then a pasted line contains the mark, so it is not an answer
        typed = _line(question)
        follows = bool(select.select([sys.stdin.fileno()], [], [], QUIET_FOR)[0])
        if follows:  # this is a paste without marks, because nobody types so fast after an answer
            _throw_away(sys.stdin.fileno())
    return typed in answers and not follows


def sentence(question: str) -> str:
    """Print ``question`` and wait for a line, which may also be pasted. Return the line without the line end. Return an empty
    text if the person has typed no line. Bytes that are not valid text are returned as surrogates. Raises KeyboardInterrupt on
    Ctrl-C.
    """
    typed = _line(question)
    return typed.decode("utf-8", "surrogateescape").strip() if typed.endswith(b"\n") else ""


def key(question: str, keys: str) -> str:
    """Print ``question`` and wait until the person types one of ``keys`` as a single key. Upper case and lower case letters are
    accepted. Return the key as a lower case letter. Return LEAVE at the end of input. Return AGAIN if the process was stopped
    during the question. Raises KeyboardInterrupt on Ctrl-C.
    """
    keyboard = sys.stdin.fileno()
    _show_what_was_written()
    with _pastes_marked(), _SingleKeys(keyboard) as modes:
        _ask(keyboard, question)
        while True:
            is_typed = bool(select.select([keyboard], [], [], AWAKE_EVERY)[0])
            if modes.was_stopped:
                return AGAIN
            if not is_typed:
                continue
            typed = os.read(keyboard, MOST_TYPED)
            if typed in (b"", b"\x04"):
                print()
                return LEAVE
            if select.select([keyboard], [], [], QUIET_FOR)[0]:
                typed += os.read(keyboard, MOST_TYPED)
            if len(typed) > 1:
                _discard(keyboard, typed)
                continue
            pressed = typed.decode("latin-1").lower()
            if pressed in keys:
                print(pressed)
                return pressed


def _line(question: str) -> bytes:
    """Print ``question``, and return the line that the person types after it. If the input ends within the line, return the part
    that was typed. If the earlier input did not stop before the question was printed, return no bytes. If the process is stopped
    during the question, discard the typed text and ask again.
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
    """Discard all earlier input, and print ``question``. Return True if the earlier input stopped before the question was
    printed. Return False if earlier input may still be arriving.
    """
    is_quiet = _throw_away(keyboard)
    sys.stdout.write(question)
    sys.stdout.flush()
    return is_quiet


def _show_what_was_written() -> None:
    sys.stdout.flush()
    termios.tcdrain(sys.stdout.fileno())


def _throw_away(keyboard: int) -> bool:
    """Discard all earlier input until there is a pause of QUIET_FOR seconds. This also discards input that is still arriving,
    such as the rest of a paste. Return False if there was no pause after MOST_PIECES attempts.
    """
    for _ in range(MOST_PIECES):
        termios.tcflush(keyboard, termios.TCIFLUSH)
        if not select.select([keyboard], [], [], QUIET_FOR)[0]:
            return True
    termios.tcflush(keyboard, termios.TCIFLUSH)
    return False


def _discard(keyboard: int, typed: bytes) -> None:
    """Several keys have arrived at the same time. ``typed`` contains the first of these keys. Discard all of them. If they are a
    paste with marks, discard the whole paste, even if it arrives slowly.
    """
    _, mark, rest = typed.partition(_PASTE_BEGINS)
    while mark and _PASTE_ENDS not in rest:
        if not select.select([keyboard], [], [], AWAKE_EVERY)[0]:
            continue
        piece = os.read(keyboard, MOST_TYPED)
        if not piece:
            return
        rest = rest[-len(_PASTE_ENDS) :] + piece
    _throw_away(keyboard)


@contextmanager
def _pastes_marked() -> Iterator[None]:
    """Switch on bracketed paste, unless the variable TERM is ``dumb`` or missing. At the end of the ``with`` block, switch off
    bracketed paste, even if a signal ends the process.
    """
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


class _SingleKeys:
    """Switches the terminal into a mode for single keys. In this mode, each key is delivered at once, and typed keys are not
    shown. Ctrl-C and Ctrl-Z still send their signals to the process. The earlier settings of the terminal are restored at the
    end, even if a signal ends the process. They are also restored while the process is stopped.
    """

    def __init__(self, keyboard: int) -> None:
        self.was_stopped = False
        self._keyboard = keyboard
        self._found = termios.tcgetattr(keyboard)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _SingleKeys:
        for number, handler in ((signal.SIGTSTP, self._stop), (signal.SIGCONT, self._go_on)):
            self._before[number] = signal.signal(number, handler)
        self._set()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _set(self) -> None:
        modes = termios.tcgetattr(self._keyboard)
        modes[_LOCAL] &= ~(termios.ECHO | termios.ICANON)
        modes[_CONTROLS][termios.VMIN], modes[_CONTROLS][termios.VTIME] = 1, 0
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, modes)

    def _restore(self) -> None:
        """Restore the earlier settings of the terminal. Discard input that was not read: it was typed for this program, and the
        shell must not get it.
        """
        termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._found)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)
        # also set if the kernel does not stop the process, because nobody could continue it
        self.was_stopped = True

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        self.was_stopped = True


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
