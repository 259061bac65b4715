# SPDX-License-Identifier: Apache-2.0
"""What tells people of requests over channels. If nothing does, nobody is told, and everything else goes on."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from jitd.core.condition import Family, Line
from jitd.core.notice import Heard
from jitd.core.request import Request
from jitd.store import Told

Noticed = tuple[str, Sequence[Told], str]  # a channel, its told marks, and why a notice could not be sent, or empty


class Notifier:
    """Notifies nobody. What notifies people inherits from here. No requester, approver or run ever waits for it."""

    def look(self, request: str) -> None:
        """Send the notices about ``request`` that are due. Raises nothing."""

    def look_at_all(self) -> None:
        """Call ``look`` for each request that may have due notices, before anybody is served. Raises StoreError."""

    def look_again(self) -> None:
        """Let ``keep`` look soon at each request that may have due notices, because a mute was lifted. Nobody waits for this."""

    def of(self, request: Request) -> Iterable[Noticed]:
        """Return what each channel of ``request`` has told. Raises StoreError."""
        return ()

    def heard_of(self, request: Request) -> tuple[Heard, ...]:
        """Return, for each channel of the waiting ``request``, whom it has told. A channel that has not looked at the request yet
        is left out. Raises StoreError.
        """
        return ()

    async def keep(self) -> None:
        """Send what is due. It runs as a task as long as jitd serves, and may return if there is nothing to do."""

    async def finish(self) -> None:
        """Stop, and wait for a message that is being sent, for a few seconds at most."""

    def lines(self, now: float) -> Iterator[Line]:
        """Yield what it says of itself in ``jitd status``. ``now`` is in seconds since 1970."""
        yield from ()

    def gauges(self) -> Iterator[Family]:
        """Yield what it says of itself in ``jitd metrics``."""
        yield from ()


class Notifiers(Notifier):
    """Tells ``all`` of them."""

    def __init__(self, all: Sequence[Notifier]) -> None:
        self._all = all

    def look(self, request: str) -> None:
        for one in self._all:
            one.look(request)

    def look_at_all(self) -> None:
        for one in self._all:
            one.look_at_all()

    def look_again(self) -> None:
        for one in self._all:
            one.look_again()

    def of(self, request: Request) -> Iterable[Noticed]:
        return [*chain.from_iterable(one.of(request) for one in self._all)]

    def heard_of(self, request: Request) -> tuple[Heard, ...]:
        return tuple(chain.from_iterable(one.heard_of(request) for one in self._all))

    async def keep(self) -> None:
        await gather(*(one.keep() for one in self._all))

    async def finish(self) -> None:
        await gather(*(one.finish() for one in self._all))

    def lines(self, now: float) -> Iterator[Line]:
        return chain.from_iterable(one.lines(now) for one in self._all)

    def gauges(self) -> Iterator[Family]:
        return chain.from_iterable(one.gauges() for one in self._all)
