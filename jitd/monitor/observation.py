# SPDX-License-Identifier: Apache-2.0
"""Decides whether an observed run may execute now. An observed run may execute only while somebody watches it. The daemon
repeatedly sends the list of watchers.

Law: a run is frozen FROZEN_AFTER seconds after the last watcher has left. While the daemon is silent, the FROZEN_AFTER seconds
are counted from its last message that named a watcher. If the daemon is disconnected or silent, jitd assumes that nobody watches.
A frozen run continues only if the daemon says that somebody watches. A frozen run is ended by SIGKILL. For any other signal,
jitd would have to thaw the run first. Therefore no process of a frozen run can run unwatched.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from jitd.monitor.freezing import Freezer
from jitd.monitor.housing import Housing

SILENT_AFTER = 5.0  # if the daemon names no watcher for this number of seconds, jitd assumes that nobody watches
FROZEN_AFTER = 10.0  # if nobody watches a run for this number of seconds, the run is frozen
ENDED_AFTER = 60.0  # if nobody watches a run for this number of seconds, the run is ended
AGAIN_EVERY = 0.2  # seconds between two looks at a run frozen by SIGSTOP: other people can continue its processes by SIGCONT
NOBODY = f"nobody has watched it for {ENDED_AFTER:.0f} s"
IN_VAIN = "nobody watches it, and somebody has continued its frozen processes"


class Clock:
    """Stores the watchers of a run, and the time since which nobody watches it. This class is pure: it reads no clock, and gets
    the time in seconds as the argument ``now``.

    A run is always watched when it begins, because the daemon does not let an unwatched run begin.
    """

    def __init__(self, now: float) -> None:
        self.by: tuple[str, ...] = ()
        self._heard_at = now
        self._left_at: float | None = None  # the time when the daemon said that nobody watches any more

    def hear(self, by: tuple[str, ...], now: float) -> None:
        """Store the daemon's message. ``by`` contains the principals of the current watchers."""
        if by:
            self._heard_at, self._left_at = now, None
        elif self._left_at is None:
            # during the silence, nobody knows when the watchers left
            self._left_at = self._heard_at if self.is_silent(now) else now
        self.by = by

    def is_silent(self, now: float) -> bool:
        """True if the daemon's last message named a watcher, but this message is too old to be trusted."""
        return self._left_at is None and now - self._heard_at > SILENT_AFTER

    def alone_for(self, now: float) -> float | None:
        """Return the number of seconds since the last watcher left. Return None if somebody watches. While the daemon is silent,
        the seconds are counted from its last message that named a watcher.
        """
        if self._left_at is not None:
            return max(0.0, now - self._left_at)
        return now - self._heard_at if self.is_silent(now) else None


class Observation:
    """Freezes a run that must be watched (``is_due``) while nobody does. ``tell`` sends the requester a sentence."""

    def __init__(self, housing: Housing, tell: Callable[[str], None], *, is_due: bool) -> None:
        self.is_frozen = False
        self.is_over = False  # true if the run must be ended: unwatched for too long, or not to be frozen
        self.because = NOBODY
        self._is_due = is_due
        self._has_begun = False
        self._clock = Clock(time.monotonic())
        self._freezer = Freezer(housing)
        self._tell = tell
        self._told: object = None
        self._look_at = 0.0

    def begin(self) -> None:
        """Note that the command begins. From now on somebody must watch the command."""
        self._has_begun = self._is_due
        self._clock = Clock(time.monotonic())

    def hear(self, by: tuple[str, ...]) -> None:
        """Store the daemon's message: the principals of the present watchers, perhaps none."""
        self._clock.hear(by, time.monotonic())

    def left(self) -> float:
        """Return the number of seconds for which the run may still execute if no watcher arrives. Return 0.0 if the run must not
        execute now. Return infinity if somebody watches the run, or if the run need not be watched.
        """
        alone_for = self._clock.alone_for(time.monotonic()) if self._has_begun else None
        if self.is_frozen:
            return 0.0
        return math.inf if alone_for is None else max(0.0, FROZEN_AFTER - alone_for)

    def due_in(self) -> float:
        """Return the maximum number of seconds until ``look`` must be called again."""
        return AGAIN_EVERY if self.is_frozen and not self._freezer.is_sure else 1.0

    def look(self) -> bool:
        """Freeze or thaw the run if necessary. Return True if ``is_frozen`` or ``is_over`` has changed."""
        was = self.is_frozen, self.is_over
        if self._has_begun:
            self._look()
        return was != (self.is_frozen, self.is_over)

    def _look(self) -> None:
        now = time.monotonic()
        alone_for = self._clock.alone_for(now)
        self.is_over = alone_for is not None and alone_for >= ENDED_AFTER
        if alone_for is None:
            if self.is_frozen:
                self.is_frozen = False
                self._freezer.thaw()
            if by := self._clock.by:
                self._say(by, f"{' and '.join(by)} {'watches' if len(by) == 1 else 'watch'}")
            return
        why = "jitd is silent" if self._clock.is_silent(now) else "nobody watches"
        if alone_for >= FROZEN_AFTER:
            self._freeze()
            if self._freezer.is_in_vain and not self.is_over:
                self.is_over, self.because = True, IN_VAIN
            in_seconds = math.ceil(max(0.0, ENDED_AFTER - alone_for))
            self._say("frozen", f"{why}: the command is frozen, and will be ended in {in_seconds} s")
        elif not self.is_frozen:
            self._say("alone", f"{why}: the command will be frozen in {math.ceil(FROZEN_AFTER - alone_for)} s")

    def _freeze(self) -> None:
        """Repeated from time to time: a call may miss processes, and other people can continue some of the stopped ones."""
        now = time.monotonic()
        if not self.is_frozen or now >= self._look_at:
            self.is_frozen = True
            self._freezer.freeze()
            self._look_at = now + self.due_in()

    def _say(self, what: object, sentence: str) -> None:
        """Send ``sentence``, unless the last one had the same meaning ``what``, and only a number of seconds has changed."""
        if what != self._told:
            self._told = what
            self._tell(sentence)
