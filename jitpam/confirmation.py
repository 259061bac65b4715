# SPDX-License-Identifier: Apache-2.0
"""Asks a question on the person's terminal, and reads the line that they type as the answer.

Law: everything that was typed before the question is discarded. Standard input is the command's, and does not answer.
"""

from __future__ import annotations

import os
import termios

from jitpam.saying import laid_out
from jitpam.terminal import discard_typed

MOST_TYPED = 4096  # bytes of one line that a terminal delivers


class NoTerminal(Exception):
    """There is no terminal (``/dev/tty``)."""


def ask(question: str) -> bytes:
    """Write ``question``, one or more printable lines, to the terminal, and return the line that the person types after it. If
    the person ends the input (Ctrl-D), the line has no newline. Raises NoTerminal, OSError and termios.error.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise NoTerminal from None
    try:
        return _ask(terminal, question)
    finally:
        os.close(terminal)


def _ask(terminal: int, question: str) -> bytes:
    termios.tcdrain(terminal)
    discard_typed(terminal)
    os.write(terminal, laid_out(question, terminal, len("jitsudo: ")).encode("utf-8", "replace"))
    typed = b""
    while not typed.endswith(b"\n") and len(typed) < MOST_TYPED:
        piece = os.read(terminal, MOST_TYPED)
        if not piece:  # Ctrl-D
            os.write(terminal, b"\n")
            break
        typed += piece
    return typed
