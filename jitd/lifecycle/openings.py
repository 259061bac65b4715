# SPDX-License-Identifier: Apache-2.0
"""Handles waiting requests. A request may have several ways in which it can be approved, and some ways open later. This module
opens each way at its opening time. The module also fetches the lists of approvers again.
Law: nothing is kept only in memory. After a restart, the stored state shows which actions are due. If a list of approvers cannot
be fetched, the old list is kept. When a person reviews the request (approves or denies it), the list is fetched again. If this
fetch fails, the list is treated as empty for this review.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from jitd.core.decision import Permit
from jitd.core.effects import Moment
from jitd.core.law import CLOCK, POLICY, IllegalEvent
from jitd.core.request import LISTS, LISTS_EVERY, Relisted, Request, RequestState, WaysOpened, due_after, lists_in
from jitd.deciding.decider import Decider
from jitd.lifecycle.deadlines import Deadlines
from jitd.lifecycle.screenings import Overtaken
from jitd.lifecycle.seat_watch import SeatWatch
from jitd.log import log
from jitd.store import Store


class Acts(Protocol):
    """What applies events."""

    def act(self, *events: WaysOpened) -> None:
        """Apply ``events``."""

    def act_on(self, event: Relisted, *seen: Request) -> None:
        """Apply ``event``. Raises Overtaken if one of ``seen`` has changed."""

    def later(self, deed: Coroutine[Any, Any, object]) -> None:
        """Run ``deed`` in the background."""


class Openings:
    """Handles two kinds of deadlines. At a deadline of the kind ``request.WAY``, a way to approve a request opens. At a deadline
    of the kind ``request.LISTS``, the lists of approvers are fetched again.
    """

    def __init__(
        self,
        decider: Decider,
        store: Store,
        now: Callable[[], Moment],
        acts: Acts,
        seat_watch: SeatWatch,
        deadlines: Deadlines,
    ) -> None:
        self._decider = decider
        self._store = store
        self._now = now
        self._acts = acts
        self._seat_watch = seat_watch
        self._deadlines = deadlines
        self._due_at: dict[str, float] = {}  # maps a request to the time of its next fetch of lists; earlier ones are ignored

    def open_ways(self, id: str) -> None:
        """Open each way to approve the request ``id`` whose opening time has passed. Raises the exceptions of ``act``."""
        waiting = self._store.request(id)
        after = due_after(waiting, self._now()) if waiting is not None and waiting.is_open else None
        if after is not None:
            self._acts.act(WaysOpened(id, CLOCK, after))

    def ask_lists(self, id: str) -> None:
        """Fetch the request's lists of approvers again, in the background, unless a fetch runs or has just ended."""
        waiting = self._store.request(id)
        if waiting is None or not waiting.is_open:
            self._due_at.pop(id, None)
        elif self._due_at.get(id, 0.0) <= self._now().boot:
            self._again(id)
            if waiting.state is RequestState.PENDING and waiting.asking_at is None:
                self._acts.later(self._ask(waiting))

    def _again(self, id: str) -> None:
        self._due_at[id] = self._now().boot + LISTS_EVERY
        self._deadlines.set(LISTS, id, self._due_at[id])

    async def _ask(self, waiting: Request) -> None:
        try:
            fresh = await self._decider.decide_again(waiting)
        except TimeoutError:
            return log("lists of approvers could not be looked up in time", request=waiting.id)
        if not isinstance(fresh.decision, Permit) or waiting.obligations is None:
            return None  # the policy is evaluated again with each approval
        before, now = lists_in(waiting.obligations.approvals), dict(lists_in(fresh.decision.obligations.approvals))
        # If a provider does not answer now, nothing changes yet. Each review queries the provider again. If the provider does not
        # answer the query of a review, it entitles nobody.
        lists = tuple((also, among if (found := now.get(also)) is None else found) for also, among in before)
        if lists == before:
            return None
        try:
            self._acts.act_on(Relisted(waiting.id, POLICY, lists), waiting)
        except (Overtaken, IllegalEvent) as fault:  # a review was recorded in between, or the request has ended
            log("lists of approvers came too late", request=waiting.id, fault=type(fault).__name__)
        else:
            self._seat_watch.find(waiting.id)
