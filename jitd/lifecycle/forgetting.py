# SPDX-License-Identifier: Apache-2.0
"""Forgets what people typed in requests that ended long ago: ``[record] keep``.

Law: a value is forgotten together with a record that says so, and never before all that followed from its request has ended.
While somebody sets the wall clock, nothing is forgotten, because the age of a value is measured on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from jitd.core.duration import spell_duration
from jitd.core.effects import Moment
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Store

EVERY = 600.0
"""Number of seconds between two searches for values that are kept no longer."""
AT_ONCE = 32
"""Number of owners whose values are forgotten in one transaction. Decisions wait for it."""
PAUSE = 0.1
"""Number of seconds between two transactions."""
DRAINED_EVERY = 5.0
"""Number of seconds between two attempts to empty the write-ahead log."""
SURE_AFTER = 3600.0
"""Number of seconds on the boot clock for which the wall clock must not have been set."""
SET_BY = 60.0
"""If the clocks move apart by more than this number of seconds between two searches, the wall clock was set."""


class Forgetting:
    """Forgets values whose owner has ended, and of which the last one is ``keep_for`` seconds old."""

    def __init__(self, store: Store, lifecycle: Lifecycle, now: Callable[[], Moment], keep_for: int) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._now = now
        self._keep_for = keep_for
        self._apart: float | None = None
        self._steady_since = 0.0

    async def keep(self) -> None:
        """Search at intervals for values that are kept no longer, and forget them. This method never returns. Raises StoreError
        or Conflict.
        """
        while True:
            if self.is_steady(self._now()):
                await self.forget()
            await asyncio.sleep(EVERY)

    def is_steady(self, now: Moment) -> bool:
        """True if nobody has set the wall clock for SURE_AFTER seconds."""
        apart = now.at.timestamp() - now.boot
        if self._apart is None or abs(apart - self._apart) > SET_BY:
            self._steady_since = now.boot
        self._apart = apart
        return now.boot - self._steady_since >= SURE_AFTER

    async def forget(self) -> int:
        """Forget all values that are kept no longer, and return the number of owners. Raises StoreError or Conflict."""
        n, setting = 0, f"record.keep = {spell_duration(self._keep_for)}"
        while done := self._lifecycle.forget(self._now().at - timedelta(seconds=self._keep_for), setting, AT_ONCE):
            n += done
            await asyncio.sleep(PAUSE)
        while n and not self._store.drain():  # a reader still sees the database as it was
            await asyncio.sleep(DRAINED_EVERY)
        return n
