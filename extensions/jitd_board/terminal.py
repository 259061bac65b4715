# SPDX-License-Identifier: Apache-2.0
"""The terminal of the board. This module finds out whether the terminal has accepted all output of the board.

Law: a text is treated as shown only after the terminal has accepted it. The library textual writes to the terminal in a thread
of its own. While the terminal accepts no output, texts wait in this thread. Such texts are not on the screen yet.
"""

from __future__ import annotations

from typing import Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

ASKED_AGAIN_AFTER = 0.02  # seconds until the board checks again whether the terminal has accepted all output


class Terminal(LinuxDriver):
    """The driver that textual uses to draw on the terminal."""

    def __init__(self, *of_textual: Any, **named: Any) -> None:
        super().__init__(*of_textual, **named)
        self._file: Any = Counted(self._file)
        self._n_given = 0

    def write(self, data: str) -> None:
        """Pass ``data`` to textual's thread, which writes it to the terminal."""
        self._n_given += 1
        super().write(data)

    def end_reading(self) -> None:
        """End each thread that reads the keyboard: textual may not, and without a terminal it would run forever."""
        self.exit_event.set()

    @property
    def has_all(self) -> bool:
        """True if the terminal has accepted all texts that were passed to ``write``."""
        return bool(self._file.n_taken >= self._n_given)


class Counted:
    """A file that counts the texts that were written to the terminal. Only textual's thread writes to this file."""

    def __init__(self, file: TextIO) -> None:
        self.n_taken = 0
        self._file = file
        self._n_written = 0

    def write(self, text: str) -> None:
        """Write ``text``. The text may stay in a buffer until the next call of ``flush``."""
        self._file.write(text)
        self._n_written += 1

    def flush(self) -> None:
        """Write the text in the buffer to the terminal. This call blocks while the terminal accepts no output."""
        self._file.flush()
        self.n_taken = self._n_written

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return True, because the board needs a terminal."""
        return self._file.isatty()
