# SPDX-License-Identifier: Apache-2.0
"""The one question that approves: asked on a terminal, after everything was shown.

Law: what was typed before the question is thrown away unread, and only the whole word ``yes`` on a line of its own is a yes.
"""

from __future__ import annotations

import os
import select
import sys
import termios

QUIET_FOR = 0.1
"""Seconds of silence after which nothing more of what was typed, or pasted, ahead is to come."""
AWAKE_EVERY = 0.25
"""Seconds: Python sees a Ctrl-C between two calls, and one that comes right before a wait only after it."""
MOST_PIECES = 50
"""How often input typed ahead is thrown away. Somebody who types on without a pause is asked after that all the same."""
MOST_TYPED = 4096
"""The longest line that a terminal gives: nothing of it is left for the shell to read."""


def can_ask() -> bool:
    """True if a person reads our standard output and types at our standard input."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def is_answered_yes(question: str) -> bool:
    """Ask, and wait for a line. End of file does not count as yes. Raises KeyboardInterrupt on Ctrl-C."""
    keyboard = sys.stdin.fileno()
    sys.stdout.flush()
    termios.tcdrain(sys.stdout.fileno())
    _throw_away(keyboard)
    sys.stdout.write(question)
    sys.stdout.flush()
    typed = b""
    while not typed.endswith(b"\n") and len(typed) < MOST_TYPED:
        while not select.select([keyboard], [], [], AWAKE_EVERY)[0]:
            pass
        piece = os.read(keyboard, MOST_TYPED)
        if not piece:
            print()
            break
        typed += piece
    return typed == b"yes\n"


def _throw_away(keyboard: int) -> None:
    """All that is typed already: also what is still on its way through the line, as a paste is."""
    for _ in range(MOST_PIECES):
        termios.tcflush(keyboard, termios.TCIFLUSH)
        if not select.select([keyboard], [], [], QUIET_FOR)[0]:
            break
    termios.tcflush(keyboard, termios.TCIFLUSH)
