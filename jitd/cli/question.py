# SPDX-License-Identifier: Apache-2.0
"""The questions that ``jitd`` asks on a terminal: a single key, a line, or a yes.

Law: what was typed or pasted before a question stands on the screen is discarded unread. Nothing that is pasted, and no key among
others, answers for a single key. The end of input is never a yes.
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
"""Seconds without input after which all that was typed or pasted before the question is taken to have arrived. A key counts as
single if no other input follows it for so long."""
AWAKE_EVERY = 0.25
"""Seconds that one wait for input takes at most. Python handles a Ctrl-C between two calls. If Ctrl-C comes right before a wait,
Python handles it only after that wait."""
MOST_PIECES = 50
"""How often input that was typed before the question is discarded. If somebody types without a pause, the question is asked after
so many times all the same, but no line answers it."""
MOST_TYPED = 4096
"""Bytes of the longest line that a terminal gives. The whole line is read, so nothing of it is left for the shell to read."""

WORD = frozenset({b"yes\n"})
"""The line that means yes where the whole word is asked for."""
LETTER = frozenset({b"y\n", b"Y\n", b"yes\n", b"Yes\n", b"YES\n"})
"""The lines that mean yes where a letter is enough."""
LEAVE, AGAIN = "\x04", ""
"""What ``key`` returns in place of a key: nobody types there any more; or the process was stopped, and the screen has since shown
other things.
"""

_MARKS_PASTES, _MARKS_NO_PASTES = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
"""Bracketed paste, as terminals have it since xterm: a terminal that knows it puts these two marks around what is pasted."""
_LOCAL, _CONTROLS = 3, 6
"""Indexes into the list that tcgetattr gives: the local modes and the control characters (termios(3))."""


def can_ask() -> bool:
    """True if a person reads our standard output and types at our standard input."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def is_answered_yes(question: str) -> bool:
    """Print ``question`` and wait for a line. True if the line is the whole word ``yes``. Raises KeyboardInterrupt on Ctrl-C."""
    return is_answered(question, WORD)


def is_answered(question: str, answers: frozenset[bytes]) -> bool:
    """Print ``question`` and wait for a line. True if the line was typed by itself, and is one of ``answers``. Raises
    KeyboardInterrupt on Ctrl-C.
    """
    with _pastes_marked():  # the mark is a part of the line then, so no pasted line is an answer
        typed = _line(question)
        follows = bool(select.select([sys.stdin.fileno()], [], [], QUIET_FOR)[0])
        if follows:  # a paste that the terminal has not marked: nobody types on so fast after an answer
            _throw_away(sys.stdin.fileno())
    return typed in answers and not follows


def sentence(question: str) -> str:
    """Print ``question`` and wait for a line, which may be pasted. Return it without its end; empty if nothing was typed. Bytes
    that are not text are kept as surrogates. Raises KeyboardInterrupt on Ctrl-C.
    """
    typed = _line(question)
    return typed.decode("utf-8", "surrogateescape").strip() if typed.endswith(b"\n") else ""


def key(question: str, keys: str) -> str:
    """Print ``question`` and wait until one of ``keys`` is typed by itself, in either case. Return it, in lower case; LEAVE at
    the end of input; AGAIN if the process was stopped meanwhile. Raises KeyboardInterrupt on Ctrl-C.
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
    """Print ``question`` and return the line that is typed then; without its end if the input ends within it; empty if input has
    come without a pause. If the process is stopped meanwhile, discard what was typed and ask again.
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
    """Print ``question``. Returns False if input has come all the time before it, and so may still come."""
    is_quiet = _throw_away(keyboard)
    sys.stdout.write(question)
    sys.stdout.flush()
    return is_quiet


def _show_what_was_written() -> None:
    sys.stdout.flush()
    termios.tcdrain(sys.stdout.fileno())


def _throw_away(keyboard: int) -> bool:
    """Discard all input that was typed already, also input that is still arriving, such as the rest of a paste. Returns True if
    there was a pause at last.
    """
    for _ in range(MOST_PIECES):
        termios.tcflush(keyboard, termios.TCIFLUSH)
        if not select.select([keyboard], [], [], QUIET_FOR)[0]:
            return True
    termios.tcflush(keyboard, termios.TCIFLUSH)
    return False


def _discard(keyboard: int, typed: bytes) -> None:
    """Discard several keys at once, of which ``typed`` is the beginning; a marked paste up to its end, however slowly it
    comes.
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
    """Have the terminal mark what is pasted, if it is a terminal that can be told something. It marks no more at the end, also if
    a signal ends the process.
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
    """Yield a list that grows each time that the process goes on after it was stopped."""
    stops: list[int] = []
    before = signal.signal(signal.SIGCONT, lambda number, frame: stops.append(number))
    try:
        yield stops
    finally:
        signal.signal(signal.SIGCONT, before)


class _SingleKeys:
    """The terminal gives each key at once, and shows none. Its settings are restored at the end, when a signal ends the process,
    and while the process is stopped. Ctrl-C and Ctrl-Z still send their signals.
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
        """Restore the settings. What was typed and not read is discarded: it was not meant for the shell."""
        termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._found)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)
        self.was_stopped = True  # also where the kernel does not stop it, as there is nobody to continue it

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        self.was_stopped = True


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
