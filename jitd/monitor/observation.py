# SPDX-License-Identifier: Apache-2.0
"""Whether an observed run may execute now: somebody has to watch it. The daemon says who does, again and again.

Law: a run executes nothing FROZEN_AFTER seconds after the last watcher has left, or after a daemon that said so was last heard.
A daemon that is gone or silent is nobody who watches. A frozen run goes on only if the daemon says that somebody watches, and is
ended only by SIGKILL, so that nothing of it runs unwatched.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from jitd.monitor.freezing import Freezer
from jitd.monitor.housing import Housing

SAID_EVERY = 2.0
"""Seconds between two words of the daemon that somebody watches."""
SILENT_AFTER = 5.0
"""Seconds after the last such word after which nobody counts as watching."""
FROZEN_AFTER = 10.0
"""Seconds without a watcher after which a run is frozen."""
ENDED_AFTER = 60.0
"""Seconds without a watcher after which a run is ended."""
AGAIN_EVERY = 0.2
"""Seconds between two looks at a run that is frozen without the freezer of a control group: a process may have been continued."""
NOBODY = f"nobody has watched it for {ENDED_AFTER:.0f} s"


class Clock:
    """Who watches, and since when nobody does. Pure: instants (``now``, in seconds) are arguments.

    A run begins as watched: the daemon lets it begin only then.
    """

    def __init__(self, now: float) -> None:
        self.by: tuple[str, ...] = ()
        self._heard_at = now
        self._left_at: float | None = None  # when the daemon said that nobody watches any more

    def hear(self, by: tuple[str, ...], now: float) -> None:
        """Take the daemon's word: ``by`` are the principals of those who watch now."""
        if by:
            self._heard_at, self._left_at = now, None
        elif self._left_at is None:
            self._left_at = self._heard_at if self.is_silent(now) else now  # who knows when they left, in the silence?
        self.by = by

    def is_silent(self, now: float) -> bool:
        """True if the daemon said last that somebody watches, and that was too long ago to count."""
        return self._left_at is None and now - self._heard_at > SILENT_AFTER

    def alone_for(self, now: float) -> float | None:
        """Return for how many seconds nobody has watched; None if somebody does. If the daemon is silent, they are counted from
        its last word that somebody watched.
        """
        if self._left_at is not None:
            return max(0.0, now - self._left_at)
        return now - self._heard_at if self.is_silent(now) else None


class Observation:
    """Keeps one run still while nobody watches it, if the run has to be watched (``is_due``). ``tell`` has the requester told a
    sentence.
    """

    def __init__(self, housing: Housing, tell: Callable[[str], None], *, is_due: bool) -> None:
        self.is_frozen = False
        self.is_over = False
        """True once nobody has watched the run for too long: it is to be ended."""
        self._is_due = is_due
        self._has_begun = False
        self._clock = Clock(time.monotonic())
        self._freezer = Freezer(housing)
        self._tell = tell
        self._told: object = None
        self._look_at = 0.0

    @property
    def state(self) -> str:
        """``frozen`` or ``thawed``."""
        return "frozen" if self.is_frozen else "thawed"

    def begin(self) -> None:
        """The command begins now: from now on somebody has to watch."""
        self._has_begun = self._is_due
        self._clock = Clock(time.monotonic())

    def hear(self, by: tuple[str, ...]) -> None:
        """Take the daemon's word: ``by`` are the principals of those who watch now; nobody if it is empty."""
        self._clock.hear(by, time.monotonic())

    def left(self) -> float:
        """Return for how many more seconds the run may execute if nobody comes: 0.0 if it may not now."""
        alone_for = self._clock.alone_for(time.monotonic()) if self._has_begun else None
        if self.is_frozen:
            return 0.0
        return math.inf if alone_for is None else max(0.0, FROZEN_AFTER - alone_for)

    def due_in(self) -> float:
        """Return the seconds after which ``look`` is to be called again, at most."""
        return AGAIN_EVERY if self.is_frozen and not self._freezer.is_sure else 1.0

    def look(self) -> bool:
        """Freeze or thaw the run if that is due. True if ``is_frozen`` or ``is_over`` has changed."""
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
            in_seconds = math.ceil(max(0.0, ENDED_AFTER - alone_for))
            self._say("frozen", f"{why}: the command is frozen, and is ended in {in_seconds} s")
        elif not self.is_frozen:
            self._say("alone", f"{why}: the command is frozen in {math.ceil(FROZEN_AFTER - alone_for)} s")

    def _freeze(self) -> None:
        """Hold the run still; again after a while, as processes may have been missed, and others can continue some."""
        now = time.monotonic()
        if not self.is_frozen or now >= self._look_at:
            self.is_frozen = True
            self._freezer.freeze()
            self._look_at = now + self.due_in()

    def _say(self, what: object, sentence: str) -> None:
        """Tell ``sentence``, unless ``what`` it says is what was told last: the seconds in it pass without a word."""
        if what != self._told:
            self._told = what
            self._tell(sentence)
