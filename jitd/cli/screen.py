# SPDX-License-Identifier: Apache-2.0
"""The watcher's terminal: keys as they are typed, bytes as they come, and its settings put back afterwards.

Law: however it ends, the terminal is put back; what is not ours to show never comes here, since all of it went through a Filter.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from types import TracebackType
from typing import Any, NoReturn

LOCAL, CONTROLS = 3, 6
"""Places in what tcgetattr(3) gives."""


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


class Screen:
    """Standard input and output, where they are terminals. ``keys`` is the descriptor that keys come from, -1 for none."""

    def __init__(self) -> None:
        self.keys = -1
        self._found: list[Any] | None = None

    @property
    def is_terminal(self) -> bool:
        """True if what is written is seen as it is written."""
        return sys.stdout.isatty()

    def __enter__(self) -> Screen:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        if self.is_terminal and sys.stdin.isatty() and os.tcgetpgrp(0) == os.getpgrp():
            self._found = termios.tcgetattr(0)
            modes = termios.tcgetattr(0)
            modes[LOCAL] &= ~(
                termios.ECHO | termios.ICANON
            )  # Ctrl-C stays a signal: it ends us, and then the terminal is put back
            modes[CONTROLS][termios.VMIN], modes[CONTROLS][termios.VTIME] = 1, 0
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
            self.keys = 0
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        if self._found is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self._found)
            self._found = None

    def write(self, data: bytes) -> None:
        """All of it, now."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(1, rest) :]

    def typed(self, within: float | None) -> bytes:
        """What was typed within so many seconds (None: whenever it is); empty if nothing was, or nothing ever will be."""
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
