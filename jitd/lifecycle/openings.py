# SPDX-License-Identifier: Apache-2.0
"""While requests wait: opens ways to approve at their time, asks for the lists that narrow approvers again, and finds who could
approve.

Law: nothing is in memory alone: after a restart the state says what is due. A list that cannot be asked for stays as it is. It is
asked for again at each review, and then names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from jitd.core.decision import Approval, Permit
from jitd.core.effects import Moment
from jitd.core.law import CLOCK, POLICY, IllegalEvent
from jitd.core.opening import LISTS, LISTS_EVERY, Relisted, WaysOpened, due_after, lists_in
from jitd.core.request import Request, RequestState
from jitd.deciding.decider import Decider
from jitd.deciding.seats import Seats
from jitd.lifecycle.screenings import Overtaken
from jitd.log import log
from jitd.store import Store


class Openings:
    """Carries out the deadlines ``opening.WAY`` and ``opening.LISTS``. ``act`` and ``act_on`` let an event happen; ``act_on``
    raises Overtaken if the request has changed. ``tell`` tells the client that waits who could approve. ``later`` does a deed in
    the background. ``set_deadline`` has a request looked at again at a time of the boot clock, in seconds.
    """

    def __init__(
        self,
        decider: Decider,
        store: Store,
        now: Callable[[], Moment],
        act: Callable[[WaysOpened], None],
        act_on: Callable[[Relisted, Request], None],
        tell: Callable[[Request, Mapping[Approval, Seats]], None],
        later: Callable[[Coroutine[Any, Any, None]], None],
        set_deadline: Callable[[str, str, float], None],
    ) -> None:
        self._decider = decider
        self._store = store
        self._now = now
        self._act = act
        self._act_on = act_on
        self._tell = tell
        self._later = later
        self._set_deadline = set_deadline
        self._due_at: dict[str, float] = {}  # maps a request to when its lists are asked for; earlier deadlines are of no use

    def open_ways(self, id: str) -> None:
        """Open those ways of the request ``id`` whose time has come. Raises what ``act`` raises."""
        waiting = self._store.request(id)
        after = due_after(waiting, self._now()) if waiting is not None and waiting.is_open else None
        if after is not None:
            self._act(WaysOpened(id, CLOCK, after))

    def ask_lists(self, id: str) -> None:
        """Ask for the lists of the request ``id`` again, in the background, unless that is being done or was done just now."""
        waiting = self._store.request(id)
        if waiting is None or not waiting.is_open:
            self._due_at.pop(id, None)
        elif self._due_at.get(id, 0.0) <= self._now().boot:
            self._again(id)
            if waiting.state is RequestState.PENDING and waiting.asking_at is None:
                self._later(self._ask(waiting))

    def _again(self, id: str) -> None:
        self._due_at[id] = self._now().boot + LISTS_EVERY
        self._set_deadline(LISTS, id, self._due_at[id])

    async def _ask(self, waiting: Request) -> None:
        try:
            fresh = await self._decider.decide_again(waiting)
        except TimeoutError:
            return log("the lists of approvers could not be asked for", request=waiting.id)
        if not isinstance(fresh.decision, Permit) or waiting.obligations is None:
            return None  # policy is asked again with each approval
        before, now = lists_in(waiting.obligations.approvals), dict(lists_in(fresh.decision.obligations.approvals))
        # A provider that is silent now changes nothing yet: it is asked again at each review, and entitles nobody then.
        lists = tuple((also, among if (found := now.get(also)) is None else found) for also, among in before)
        if lists == before:
            return None
        try:
            self._act_on(Relisted(waiting.id, POLICY, lists), waiting)
        except (Overtaken, IllegalEvent) as fault:  # a review came in between, or the request has ended
            log("lists of approvers came too late", request=waiting.id, fault=type(fault).__name__)
        else:
            self.find_seats(waiting.id)

    def find_seats(self, id: str) -> None:
        """Find in the background who could approve the request ``id``, and tell the client that waits for it."""
        self._later(self._find(id))

    async def _find(self, id: str) -> None:
        waiting = self._store.request(id)
        if waiting is None or waiting.obligations is None or not waiting.is_open:
            return
        ways = [way for approval in waiting.obligations.approvals for way in approval.ways]
        found = await self._decider.seating.of_each(waiting, ways)
        self._tell(waiting, dict(zip(ways, found, strict=True)))
