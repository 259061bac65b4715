# SPDX-License-Identifier: Apache-2.0
"""Who waits for what: live clients by the request they wait for, watchers of the lists, and those who wait for a run's end.

Law: only memory; lost with the daemon, and nothing durable follows from it but withdrawals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from jitd.core.holding import Holding
from jitd.core.subject import Subject


class Waiter(Protocol):
    """A live client that waits for its request."""

    @property
    def who(self) -> Subject | None:
        """Who it is, by the proof that it came with: after ``--resume`` another ticket than the request was made with."""

    def moved(self, request: str) -> None:
        """The request has changed: look, and tell the person."""

    def start(self, run: str, control: int) -> None:
        """Its turn: ``control`` is the client's end of the control socket, which is taken over."""

    def admit(self, id: str) -> None:
        """An enforcement point's turn: the use ``id`` was taken for it."""

    def hand(self, holding: Holding, name: str) -> None:
        """A thing is given: the client fetches ``name``. The client has the holding in hand from now on (``Waiters.hold``)."""

    def taken(self, holding: Holding) -> None:
        """What the client has in hand is taken back."""

    def fail(self, because: str) -> None:
        """The run could not be begun, or the thing not given."""


class Waiters:
    """The registry. One waiter a request: a second one replaces nobody and is refused."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiter] = {}
        self._watching: set[Callable[[], None]] = set()
        self._holding: dict[str, Waiter] = {}
        self._gone: dict[str, list[asyncio.Future[None]]] = {}

    def attend(self, request: str, waiter: Waiter) -> bool:
        """Register ``waiter``; False if somebody waits for that request already."""
        return self._waiting.setdefault(request, waiter) is waiter

    def leave(self, request: str, waiter: Waiter) -> None:
        """``waiter`` no longer waits."""
        if self._waiting.get(request) is waiter:
            del self._waiting[request]

    def of(self, request: str) -> Waiter | None:
        """Who waits for ``request``."""
        return self._waiting.get(request)

    def hold(self, holding: str, waiter: Waiter) -> None:
        """``waiter`` has the holding in hand."""
        self._holding[holding] = waiter

    def let_go(self, holding: str, waiter: Waiter) -> None:
        """``waiter`` has the holding in hand no longer."""
        if self._holding.get(holding) is waiter:
            del self._holding[holding]

    def holder_of(self, holding: str) -> Waiter | None:
        """The client that has ``holding`` in hand."""
        return self._holding.get(holding)

    def watch(self, again: Callable[[], None]) -> None:
        """Call ``again`` whenever a list may have changed."""
        self._watching.add(again)

    def unwatch(self, again: Callable[[], None]) -> None:
        """No longer."""
        self._watching.discard(again)

    def lists_changed(self) -> None:
        """Tell all watchers."""
        for again in tuple(self._watching):
            again()

    def until_gone(self, run: str) -> asyncio.Future[None]:
        """A future that is done when ``run``, which may be a holding, has ended and all of it is gone."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone.setdefault(run, []).append(future)
        return future

    async def are_gone(self, gone: list[asyncio.Future[None]], within: float) -> bool:
        """True as soon as all of ``gone`` (of ``until_gone``) are done; False if that is not so ``within`` seconds."""
        if gone:
            await asyncio.wait(gone, timeout=within)
        return all(future.done() for future in gone)

    def run_is_gone(self, run: str) -> None:
        """``run`` has ended."""
        for future in self._gone.pop(run, ()):
            if not future.done():
                future.set_result(None)
