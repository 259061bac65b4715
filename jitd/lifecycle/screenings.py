# SPDX-License-Identifier: Apache-2.0
"""Queries gatekeepers about requests, in the background. While a query about a request runs, the field ``asking_at`` of the
stored request contains the time at which the query began.
Law: each request has at most one open query. The query about a request ends when the request ends. If a query gives no result,
the request is denied. If jitd cannot record an answer, it tries again. Nothing is kept only in memory. After a restart, the
stored state shows which gatekeepers jitd must query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from jitd.core import request
from jitd.core.decision import Deny, Why
from jitd.core.effects import Moment
from jitd.core.law import POLICY, IllegalEvent
from jitd.core.request import Request, RequestState
from jitd.deciding.decider import Decider, FreshDecision
from jitd.deciding.gatekeepers import Hearing
from jitd.lifecycle.deadlines import Deadlines
from jitd.lifecycle.waiters import TOLD_AFTER, Waiters
from jitd.log import log
from jitd.store import Store

AGAIN_AFTER = 1.0  # seconds until the next attempt to record an answer


class Overtaken(Exception):
    """The object that was decided on has changed: decide again. The order was not carried out."""


def is_due(found: Request) -> bool:
    """True if ``found`` waits for the answer of the policy or of its gatekeepers."""
    return found.is_open and (found.state is RequestState.SCREENING or found.asking_at is not None)


class Screens(Protocol):
    """What records a screening."""

    def is_attended(self, asked: Request) -> bool:
        """True if a client of ``asked`` waits to hand over its streams."""

    def screened(self, event: request.Screened, seen: Request) -> None:
        """Record the screening of ``seen``. Raises Overtaken if it has changed."""


class Screenings:
    """Carries out the effect ``Screen``."""

    def __init__(
        self,
        decider: Decider,
        store: Store,
        waiters: Waiters,
        now: Callable[[], Moment],
        screens: Screens,
        deadlines: Deadlines,
    ) -> None:
        self._decider = decider
        self._store = store
        self._waiters = waiters
        self._now = now
        self._screens = screens
        self._deadlines = deadlines
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, id: str) -> None:
        """Begin the queries about the request ``id``, unless they are already running. While no policy is in force, do nothing:
        the reload that puts one in force begins all that are due.
        """
        if self._decider.broken:
            return
        running = self._running.get(id)
        if running is None or running.done():
            self.run(id, self._screen(id))
            asyncio.get_running_loop().call_later(TOLD_AFTER, self._tell, id)

    def run(self, id: str, deed: Coroutine[Any, Any, None]) -> None:
        """Run ``deed`` in the background. ``deed`` makes the queries about the request ``id``. ``stop`` ends ``deed``."""
        task = self._running[id] = asyncio.get_running_loop().create_task(self._guarded(id, deed))
        task.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(id) is task:
            del self._running[id]

    def stop(self, id: str) -> bool:
        """End the queries about the request ``id``. Return False if no query about this request is running."""
        task = self._running.get(id)
        if task is None or task is asyncio.current_task():
            return False
        del self._running[id]
        task.cancel()
        return True

    def moved(self, id: str) -> None:
        """The request ``id`` has changed. If the request does not need an answer any more, end the queries about the request."""
        if id in self._running:
            found = self._store.request(id)
            if found is None or not is_due(found):
                self.stop(id)

    def _tell(self, id: str) -> None:
        waiter = self._waiters.of(id)
        if id in self._running and waiter is not None:
            try:
                waiter.moved(id)
            except Exception as fault:
                log("a client could not be told who is asked", request=id, fault=f"{type(fault).__name__}: {fault}")

    async def _guarded(self, id: str, deed: Coroutine[Any, Any, None]) -> None:
        try:
            await deed
        except Exception as fault:  # the stored state still says that an answer is missing
            log("an answer about a request could not be recorded; jitd tries again", request=id, fault=fault)
            self._deadlines.set("screen", id, self._now().boot + AGAIN_AFTER)

    async def _screen(self, id: str) -> None:
        hearing = Hearing()
        while (found := self._store.request(id)) is not None and is_due(found):
            fresh = await self._fresh(found, hearing)
            event = request.Screened(id, POLICY, fresh.decision, self._screens.is_attended(found), fresh.standing, fresh.heard)
            try:
                return self._screens.screened(event, found)
            except Overtaken:  # a review was recorded in between, or the lease was used up
                continue
            except IllegalEvent as fault:
                log("an answer came too late", request=id, fault=fault)
                return None

    async def _fresh(self, found: Request, hearing: Hearing) -> FreshDecision:
        try:
            return await self._decider.screen(found, hearing)
        except TimeoutError:
            because = "a look-up by jitd took too long"
        except Exception as fault:
            log("a request could not be screened", request=found.id, fault=f"{type(fault).__name__}: {fault}")
            because = f"an error while deciding: {type(fault).__name__}"
        return FreshDecision(found, Deny(Why.ERROR, because, found.rule), ())
