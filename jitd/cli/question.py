# SPDX-License-Identifier: Apache-2.0
"""The question ``type yes`` of ``jitd approve``. It is asked on a terminal, after the whole request was shown.

Law: anything typed before the question appears is discarded unread. Only the whole word ``yes`` on a line of its own approves.
"""

from __future__ import annotations

import os
import select
import sys
import termios

QUIET_FOR = 0.1
"""Seconds without input after which all that was typed or pasted before the question is taken to have arrived."""
AWAKE_EVERY = 0.25
"""Seconds that one wait for input takes at most. Python handles a Ctrl-C between two calls. If Ctrl-C comes right before a wait,
Python handles it only after that wait."""
MOST_PIECES = 50
"""How often input that was typed before the question is discarded. If somebody types without a pause, the question is asked after
so many times all the same."""
MOST_TYPED = 4096
"""Bytes of the longest line that a terminal gives. The whole line is read, so nothing of it is left for the shell to read."""


def can_ask() -> bool:
    """True if a person reads our standard output and types at our standard input."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def is_answered_yes(question: str) -> bool:
    """Print ``question`` and wait for a line. True if the line is ``yes``; end of file is not. Raises KeyboardInterrupt on
    Ctrl-C.
    """
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
    """Discard all input that was typed already, also input that is still arriving, such as the rest of a paste."""
    for _ in range(MOST_PIECES):
        termios.tcflush(keyboard, termios.TCIFLUSH)
        if not select.select([keyboard], [], [], QUIET_FOR)[0]:
            break
    termios.tcflush(keyboard, termios.TCIFLUSH)
