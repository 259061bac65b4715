# SPDX-License-Identifier: Apache-2.0
"""Finds the people who could approve a request, tells the person who waits for it if there are too few, and notices when this
changes.

Law: nothing is decided here. No request waits for a search, nor for a question to the KDC about people who might approve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from jitd.deciding.decider import Decider
from jitd.deciding.seats import MOST_LOOKED_AT, UNKNOWN
from jitd.lifecycle.waiters import Waiters
from jitd.log import log
from jitd.store import Store, StoreError

EVERY = 1.0  # seconds between two looks at what has changed: mutes, this host's files of accounts, and what the KDC says
AT_ONCE = 4  # requests for which people are searched after a change: as many as the searches have threads


class SeatWatch:
    """``notify`` sends the notices about a request that are due. ``later`` runs a coroutine in the background."""

    def __init__(
        self,
        decider: Decider,
        store: Store,
        waiters: Waiters,
        notify: Callable[[str], None],
        later: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._decider = decider
        self._store = store
        self._waiters = waiters
        self._notify = notify
        self._later = later
        self._could: dict[str, frozenset[str]] = {}  # maps a request that somebody waits for to who could approve it
        self._look_at: dict[str, frozenset[str]] = {}  # and to the people about whom the KDC is asked
        self._is_late = False  # whether a search took too long since the last look

    def find(self, id: str) -> None:
        """Find the people who could approve the request ``id``, in the background. Then tell the client that waits for it."""
        self._later(self._find(id))

    def find_all(self) -> None:
        """Find the people for each request that somebody waits for."""
        for id in self._waiters.awaited():
            self.find(id)

    async def keep(self) -> None:
        """Look once in EVERY seconds at what has changed, as long as somebody waits. Never return."""
        before: object = None
        while True:
            await asyncio.sleep(EVERY)
            try:
                before = await self.look(before)
            except StoreError as fault:
                log("whether others could approve now cannot be found out", fault=fault)

    async def look(self, before: object) -> object:
        """Search again if anything differs from ``before``, the last result, or a search took too long. Return the state."""
        awaited = self._waiters.awaited()
        for known in (self._could, self._look_at):
            for id in known.keys() - set(awaited):
                del known[id]
        if not awaited:
            return None
        await self._decider.seating.ask_about({account for accounts in self._look_at.values() for account in accounts})
        now = self._decider.seating.state()
        if now != before or self._is_late:
            self._is_late = False
            self._decider.seating.forget()
            for n in range(0, len(awaited), AT_ONCE):
                await asyncio.gather(*map(self._find, awaited[n : n + AT_ONCE]))
        return now

    async def _find(self, id: str) -> None:
        asked = self._store.request(id)
        if asked is None or asked.obligations is None or not asked.is_open:
            return
        asked = await self._decider.as_now(asked)
        if asked.obligations is None:
            return
        ways = [way for approval in asked.obligations.approvals for way in approval.ways]
        found = dict(zip(ways, await self._decider.seating.of_each(asked, ways), strict=True))
        waiter = self._waiters.of(id)
        if waiter is None:
            return
        if any(seats is UNKNOWN for seats in found.values()):  # it took too long, so nothing is known to have changed
            self._is_late = True
            if id in self._could:
                return
        people = frozenset(account for seats in found.values() for account in seats.people)
        refused = frozenset(account for seats in found.values() for account in seats.refused)
        self._look_at[id] = refused | (people if len(people) <= MOST_LOOKED_AT else frozenset())
        known, self._could[id] = self._could.get(id), people
        waiter.seated(asked, found)
        if known is not None and people - known:
            self._notify(id)  # who could not approve before was told nothing
