# SPDX-License-Identifier: Apache-2.0
"""The terminal for ``jitd watch`` and ``jitd replay``. This module reads single keys, writes bytes, and restores the settings of
the terminal at the end.

Law: the settings of the terminal are restored in every case, even if the verb fails. Without ``--raw``, this module writes only
bytes that a Filter has made harmless for the terminal.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
from types import TracebackType
from typing import Any, NoReturn

LOCAL, CONTROLS = 3, 6  # indexes in what tcgetattr returns: the local modes, and the control characters (termios(3))


UNSEEN = re.compile(rb"\x1b\[[0-9;?]*[@-~]|\x1b.|[\x00-\x1f]")  # takes no place: escape sequences and controls


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


class Screen:
    """Standard input and output. Keys are read from the descriptor ``keys``, which is -1 if none can be."""

    def __init__(self) -> None:
        self.keys = -1
        self._found: list[Any] | None = None
        self._is_within_line = False

    @property
    def is_terminal(self) -> bool:
        """True if standard output is a terminal."""
        return sys.stdout.isatty()

    def __enter__(self) -> Screen:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        if self.is_terminal and sys.stdin.isatty() and os.tcgetpgrp(0) == os.getpgrp():
            self._found = termios.tcgetattr(0)
            modes = termios.tcgetattr(0)
            modes[LOCAL] &= ~(
                termios.ECHO | termios.ICANON
            )  # Ctrl-C still sends a signal, which ends this program, and then the terminal's settings are restored
            modes[CONTROLS][termios.VMIN], modes[CONTROLS][termios.VTIME] = 1, 0
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
            self.keys = 0
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        if self._found is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self._found)
            self._found = None
        if self._is_within_line and self.is_terminal:
            self.write(b"\r\n")  # what comes next, such as the shell's prompt, begins its own line

    def write(self, data: bytes) -> None:
        """Write all bytes of ``data`` to standard output. Raises OSError."""
        _, end, line = data.rpartition(b"\n")
        self._is_within_line = bool(UNSEEN.sub(b"", line)) or (self._is_within_line and not end)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(1, rest) :]

    def typed(self, within: float | None) -> bytes:
        """Wait at most ``within`` seconds until a person types a key, and return the typed keys. If ``within`` is None, there is
        no time limit. Return no bytes if no key was typed, or if keys cannot be read.
        """
        if self.keys < 0:
            select.select((), (), (), within or 0.0)
            return b""
        ready, _, _ = select.select((self.keys,), (), (), within)
        if not ready:
            return b""
        data = os.read(self.keys, 1024)
        if not data:
            self.keys = -1
        return data
