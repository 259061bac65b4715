# SPDX-License-Identifier: Apache-2.0
"""Who waits for what: clients that wait for a request, clients that watch lists, and verbs that wait for the end of a run.

Law: the registry is in memory alone and is lost with the daemon. Nothing durable follows from it except withdrawals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from jitd.core.decision import Approval
from jitd.core.holding import Holding
from jitd.core.request import Request
from jitd.core.subject import Subject
from jitd.deciding.seats import Seats

TOLD_AFTER = 1.0
"""Seconds after which a requester is told that gatekeepers are being asked. Most answers come sooner."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One thing that a client gets. ``name`` is what the client fetches. ``secret`` is the descriptor of what the person needs to
    use the thing (giving/secrets.py); None if there is nothing, or if it was handed over before.
    """

    holding: Holding
    name: str
    secret: int | None = None


class Waiter(Protocol):
    """A live client that waits for its request."""

    @property
    def who(self) -> Subject | None:
        """The subject that the client has proved. After ``--resume`` its ticket is another than that of the request."""

    def moved(self, request: str) -> None:
        """The request has changed: read it, and tell the person."""

    def start(self, run: str, control: int) -> None:
        """The run starts: pass ``control``, the client's end of the control socket, to the client. The waiter now owns it."""

    def admit(self, id: str) -> None:
        """The use ``id`` was taken for the enforcement point."""

    def hand(self, handed: tuple[Handed, ...]) -> None:
        """Everything that was asked for is given: the client has these holdings from now on (``Waiters.hold``). The waiter now
        owns the descriptors.
        """

    def taken(self, holding: Holding) -> None:
        """What the client has is taken back; ``holding`` is one of the things, and says why."""

    def asks(self, names: tuple[str, ...]) -> None:
        """The gatekeepers ``names`` are being asked about a use of an approved request."""

    def hears(self, news: str) -> None:
        """The approved request has news: tell the person the sentence ``news``."""

    def seated(self, found: Request, seats: Mapping[Approval, Seats]) -> None:
        """``seats`` are the people who could approve ``found`` in each way. Tell the person if there are too few."""

    def refuse(self, code: str, text: str) -> None:
        """The use of an approved request is refused."""

    def fail(self, because: str) -> None:
        """The run could not be started, or the thing could not be given."""


class Waiters:
    """The registry. Each request has at most one waiter. A second one is refused."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiter] = {}
        self._watching: set[Callable[[], None]] = set()
        self._holding: dict[str, Waiter] = {}
        self._gone: dict[str, list[asyncio.Future[None]]] = {}

    def attend(self, request: str, waiter: Waiter) -> bool:
        """Register ``waiter``; False if somebody waits for that request already."""
        return self._waiting.setdefault(request, waiter) is waiter

    def leave(self, request: str, waiter: Waiter) -> None:
        """Remove ``waiter``: it no longer waits for ``request``."""
        if self._waiting.get(request) is waiter:
            del self._waiting[request]

    def of(self, request: str) -> Waiter | None:
        """Return the client that waits for ``request``; None if none does."""
        return self._waiting.get(request)

    def hold(self, holding: str, waiter: Waiter) -> None:
        """Note that the client ``waiter`` has the holding."""
        self._holding[holding] = waiter

    def let_go(self, holding: str, waiter: Waiter) -> None:
        """Note that the client ``waiter`` no longer has the holding."""
        if self._holding.get(holding) is waiter:
            del self._holding[holding]

    def holder_of(self, holding: str) -> Waiter | None:
        """Return the client that has ``holding``; None if none does."""
        return self._holding.get(holding)

    def watch(self, again: Callable[[], None]) -> None:
        """Call ``again`` whenever a list may have changed."""
        self._watching.add(again)

    def unwatch(self, again: Callable[[], None]) -> None:
        """Stop calling ``again``."""
        self._watching.discard(again)

    def lists_changed(self) -> None:
        """Tell all watchers."""
        for again in tuple(self._watching):
            again()

    def until_gone(self, run: str) -> asyncio.Future[None]:
        """Return a future that is done when all of ``run`` (or of the holding with that id) has ended."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone.setdefault(run, []).append(future)
        return future

    async def are_gone(self, gone: list[asyncio.Future[None]], within: float) -> bool:
        """Wait for the futures ``gone`` (from ``until_gone``). False if not all of them are done ``within`` seconds."""
        if gone:
            await asyncio.wait(gone, timeout=within)
        return all(future.done() for future in gone)

    def run_is_gone(self, run: str) -> None:
        """Note that ``run`` (or the holding with that id) has ended."""
        for future in self._gone.pop(run, ()):
            if not future.done():
                future.set_result(None)
