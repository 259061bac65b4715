# SPDX-License-Identifier: Apache-2.0
"""Forgets what people typed in requests that ended long ago: ``[record] keep``.

Law: a value is forgotten together with a record that says so, and never before all that followed from its request has ended. The
age of a value is measured on the wall clock, and a jump of it makes no value old: of the time between two records, and between
the last record and now, as much counts as has passed. That is known within a boot, by CLOCK_BOOTTIME, and if the kernel called
the clock synchronised at both ends. Setting the clock ends this (ntp_adjtime(3)). Otherwise a part of ``keep`` counts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from jitd.core.duration import spell_duration
from jitd.core.effects import Moment
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.log import log
from jitd.store import Store

EVERY = 600.0  # seconds between two searches for values that are kept no longer
AT_ONCE = 32  # owners whose values are forgotten in one transaction. Decisions wait for it.
PAUSE = 0.1  # seconds between two transactions
DRAINED_EVERY = 5.0  # seconds between two attempts to empty the write-ahead log
PART, LONGEST = 10, 30 * 86400  # a tenth of `keep`, and at most 30 days, count between two records if it is not known


class Forgetting:
    """Forgets values whose owner has ended, and of which the last one is ``keep_for`` seconds old."""

    def __init__(
        self,
        store: Store,
        lifecycle: Lifecycle,
        now: Callable[[], Moment],
        keep_for: int,
        drop_copies: Callable[[datetime], None] = lambda at: None,
    ) -> None:
        """``drop_copies`` removes the copies of the database that are too old at a time: they have what is forgotten here."""
        self._store = store
        self._lifecycle = lifecycle
        self._now = now
        self._keep_for = keep_for
        self._drop_copies = drop_copies
        self._by = min(LONGEST, keep_for // PART)
        self._looked = 0
        self._jumps: list[tuple[datetime, float]] = []  # time of the record after a jump of the clock, and its seconds

    async def keep(self) -> None:
        """Search at intervals for values to be forgotten, and forget them. Raises StoreError or Conflict."""
        while True:
            await self.forget()
            try:
                self._drop_copies(self._now().at)
            except OSError as fault:
                log("an old copy of the database could not be removed", fault=fault)
            await asyncio.sleep(EVERY)

    async def _look_for_jumps(self) -> None:
        """Look for jumps of the clock in the records that are new. Raises StoreError."""
        while True:
            rows, last = self._store.jumps(self._looked, self._by)
            for number, seconds in rows:
                content = self._content(number)
                if number > self._looked and "at" in content:
                    jump = seconds - _passed(self._content(number - 1), content, seconds)
                    self._jumps.append((datetime.fromisoformat(content["at"]), jump))
            if last <= self._looked:
                return
            self._looked = last
            await asyncio.sleep(0)

    def _content(self, number: int) -> dict[str, Any]:
        row = self._store.record(number)
        try:
            found = json.loads(row[0] if row is not None else b"{}")
        except ValueError:  # a damaged record says nothing of the time
            return {}
        return found if isinstance(found, dict) else {}

    def uncounted(self, now: Moment) -> float:
        """Return the number of seconds before ``now`` that count for no value. Raises StoreError."""
        since = now.at - timedelta(seconds=self._keep_for)
        seconds = [(at, by) for at, by in self._jumps if by < 0 or at >= since]
        last = self._content(self._looked)
        if (at := last.get("at")) is not None:
            gap = (now.at - datetime.fromisoformat(at)).total_seconds()
            here = {"boot": now.boot, "boot_id": now.boot_id, "synchronised": now.synchronised}
            seconds.append((now.at, gap - _passed(last, here, gap)))
        n = 0.0
        for _, by in seconds:
            n = max(0.0, n + by) if by < 0 else n + max(0.0, by - self._by)
        return n

    async def forget(self) -> int:
        """Forget all values that are kept no longer, and return the number of owners. Raises StoreError or Conflict."""
        n, setting = 0, f"record.keep = {spell_duration(self._keep_for)}"
        await self._look_for_jumps()
        kept = timedelta(seconds=self._keep_for + self.uncounted(self._now()))
        while done := self._lifecycle.forget(self._now().at - kept, setting, AT_ONCE):
            n += done
            await asyncio.sleep(PAUSE)
        while n and not self._store.drain():  # a reader still sees the database as it was
            await asyncio.sleep(DRAINED_EVERY)
        return n


def _passed(before: dict[str, Any], after: dict[str, Any], gap: float) -> float:
    """Return the seconds that have surely passed between two records. ``gap`` is what the wall clock says."""
    if before.get("boot_id") == after["boot_id"]:
        return max(0.0, float(after["boot"]) - float(before["boot"]))
    return gap if gap > 0 and before.get("synchronised") is after["synchronised"] is True else 0.0
