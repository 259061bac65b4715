# SPDX-License-Identifier: Apache-2.0
"""The registry of waiters. Waiters are clients that wait for a request, clients that watch lists, and commands that wait for the
end of a run.
Law: the registry is only in memory and is lost when the daemon ends. Stored data depend on the registry in one case only: a
request can be withdrawn because nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jitd.core.decision import Approval
from jitd.core.holding import Holding
from jitd.core.request import Request
from jitd.core.subject import Subject
from jitd.deciding.seats import Seats

TOLD_AFTER = 1.0
"""Seconds until a requester is told that jitd waits for gatekeepers. Most gatekeepers answer sooner."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One thing that is handed over to a client. ``name`` is what ``Holdings.name_of`` returns: usually the name by which the
    client asks for the thing. ``secret`` is the descriptor of the secret that the person needs to use the thing
    (``remembered``). ``secret`` is None if the thing has no secret, or if the secret was already handed over.
    """

    holding: Holding
    name: str
    secret: int | None = None


class Waiter(Protocol):
    """Somebody who is connected and waits for a request: a Client or a WaitingPoint."""

    @property
    def who(self) -> Subject | None:
        """Who has authenticated here. After ``--resume``, this client has another ticket than the request."""

    def moved(self, request: str) -> None:
        """Read the changed request again, and tell the person about the change."""

    def hears(self, news: str) -> None:
        """Tell the person the sentence ``news``, which is about the approved request."""

    def seated(self, found: Request, seats: Mapping[Approval, Seats]) -> None:
        """Tell the person if too few people could approve. ``seats`` has, for each way, those who could."""

    def refuse(self, code: str, text: str) -> None:
        """Tell the waiter that the use of an approved request is refused."""

    def fail(self, because: str) -> None:
        """Tell the waiter that the run or the session could not be started, or that the thing could not be given."""


@runtime_checkable
class Client(Waiter, Protocol):
    """A client that waits for its request, and then for its run or its things."""

    def start(self, run: str, control: int) -> None:
        """Tell the client that the run starts, and give it its end of the control socket."""

    def hand(self, handed: tuple[Handed, ...]) -> None:
        """Tell the client that all things that it asked for are given. From now on the client is registered for these holdings
        (``Waiters.hold``). The client now owns the descriptors in ``handed``.
        """

    def taken(self, holding: Holding) -> None:
        """Tell the client that its things are taken back, for the reason in ``holding``, which is one of them."""

    def asks(self, names: tuple[str, ...]) -> None:
        """Tell the client that jitd is querying the gatekeepers ``names`` about a use of an approved request."""


@runtime_checkable
class WaitingPoint(Waiter, Protocol):
    """An enforcement point that waits until it may let somebody in."""

    def admit(self, id: str) -> None:
        """Tell the enforcement point that it may continue. ``id`` is the id of the recorded use of the grant."""


class Waiters:
    """The waiters: at most one a request. A second client that wants to wait is refused."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiter] = {}
        self._watching: set[Callable[[], None]] = set()
        self._holding: dict[str, Client] = {}
        self.uncounted: dict[str, Mapping[str, str]] = {}  # request → approvers who did not count at the last review, why
        self._gone: dict[str, list[asyncio.Future[None]]] = {}
        self.expected: set[str] = set()  # requests whose clients a restart has lost, and may still come back

    def attend(self, request: str, waiter: Waiter) -> bool:
        """Register ``waiter``. Return False if another client already waits for that request."""
        self.expected.discard(request)
        return self._waiting.setdefault(request, waiter) is waiter

    def leave(self, request: str, waiter: Waiter) -> None:
        """Remove ``waiter``, because this client does not wait for ``request`` any more."""
        if self._waiting.get(request) is waiter:
            del self._waiting[request]
            self.uncounted.pop(request, None)

    def of(self, request: str) -> Waiter | None:
        return self._waiting.get(request)

    def awaited(self) -> tuple[str, ...]:
        """Return the ids of the requests that somebody waits for."""
        return tuple(self._waiting)

    def client_of(self, request: str) -> Client | None:
        found = self._waiting.get(request)
        return found if isinstance(found, Client) else None

    def point_of(self, request: str) -> WaitingPoint | None:
        found = self._waiting.get(request)
        return found if isinstance(found, WaitingPoint) else None

    def hold(self, holding: str, client: Client) -> None:
        self._holding[holding] = client

    def let_go(self, holding: str, client: Client) -> None:
        if self._holding.get(holding) is client:
            del self._holding[holding]

    def holder_of(self, holding: str) -> Client | None:
        return self._holding.get(holding)

    def watch(self, again: Callable[[], None]) -> None:
        """Call ``again`` whenever a list may have changed."""
        self._watching.add(again)

    def unwatch(self, again: Callable[[], None]) -> None:
        self._watching.discard(again)

    def lists_changed(self) -> None:
        """A list may have changed. Tell this to all clients that watch lists."""
        for again in tuple(self._watching):
            again()

    def until_gone(self, run: str) -> asyncio.Future[None]:
        """Return a future that is done when the run ``run`` has ended completely. ``run`` may also be the id of a holding."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone.setdefault(run, []).append(future)
        return future

    async def are_gone(self, gone: list[asyncio.Future[None]], within: float) -> bool:
        """Wait at most ``within`` seconds for all of ``gone`` (from ``until_gone``). Return False if one is not done."""
        if gone:
            await asyncio.wait(gone, timeout=within)
        return all(future.done() for future in gone)

    def run_is_gone(self, run: str) -> None:
        """The run or the holding with the id ``run`` has ended. Complete the futures that ``until_gone`` returned for this id."""
        for future in self._gone.pop(run, ()):
            if not future.done():
                future.set_result(None)
