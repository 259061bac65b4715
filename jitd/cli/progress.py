# SPDX-License-Identifier: Apache-2.0
"""A bar on the terminal for what takes a while. Law: nothing is printed if standard error is not a terminal, and nothing stays
on the screen when the work has ended.
"""

from __future__ import annotations

import os
import sys
import time

from jitd.cli.instants import span
from jitd.cli.terminal_size import width_of_errors

FIRST_AFTER, AGAIN_AFTER = 0.5, 0.2  # seconds from the beginning to the first bar, and from one to the next
LONGEST_BAR = 30  # columns of the bar itself


class Bar:
    """``what`` names what is counted, such as ``records``."""

    def __init__(self, verb: str, what: str) -> None:
        self._verb = verb
        self._what = what
        self._began = time.monotonic()
        self._next = self._began + FIRST_AFTER
        self._is_drawn = False
        is_able = width_of_errors() is not None and os.environ.get("TERM", "dumb") != "dumb"
        self._width = width_of_errors() if is_able else None

    def show(self, done: int, of: int) -> None:
        """Draw the bar, unless it was drawn a moment ago."""
        now = time.monotonic()
        if self._width is None or now < self._next or not of:
            return
        self._next = now + AGAIN_AFTER
        done = min(done, of)
        left = (now - self._began) * (of - done) / done if done else 0.0
        line = line_of(self._verb, self._what, done, of, left, self._width - 1)
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()
        self._is_drawn = True

    def clear(self) -> None:
        """Remove the bar from the screen, so that a line can be printed there. A later ``show`` draws it again."""
        if self._is_drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_drawn = False


def line_of(verb: str, what: str, done: int, of: int, left: float, width: int) -> str:
    """Return the bar in at most ``width`` columns. ``left`` is the time that is still needed, in seconds."""
    said = f" {100 * done // of:>3} %  {done:,} of {of:,} {what}"
    if left >= 1:
        said += f", {span(left)} left"
    room = min(LONGEST_BAR, width - len(verb) - len(said) - 4)
    if room < 4:
        return f"{verb}:{said}"[:width]
    full = room * done // of
    return f"{verb}: [{'#' * full}{'.' * (room - full)}]{said}"
