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
    """Notifies by all of ``parts``. What notifies people inherits from it. No requester, approver or run waits for it."""

    def __init__(self, parts: Sequence[Notifier] = ()) -> None:
        self._parts = parts

    def look(self, request: str) -> None:
        """Send the notices about ``request`` that are due. Raises nothing."""
        for one in self._parts:
            one.look(request)

    def look_at_all(self) -> None:
        """Call ``look`` for each request that may have due notices, before anybody is served. Raises StoreError."""
        for one in self._parts:
            one.look_at_all()

    def look_again(self) -> None:
        """Let ``keep`` look soon at each request that may have due notices, because a mute was lifted. Nobody waits for this."""
        for one in self._parts:
            one.look_again()

    def of(self, request: Request) -> Iterable[Noticed]:
        """Return what each channel of ``request`` has told. Raises StoreError."""
        return [*chain.from_iterable(one.of(request) for one in self._parts)]

    def heard_of(self, request: Request) -> tuple[Heard, ...]:
        """Return whom each channel that has looked at the waiting ``request`` has told. Raises StoreError."""
        return tuple(chain.from_iterable(one.heard_of(request) for one in self._parts))

    async def keep(self) -> None:
        """Send what is due. It runs as a task as long as jitd serves, and may return if there is nothing to do."""
        await gather(*(one.keep() for one in self._parts))

    async def finish(self) -> None:
        """Stop, and wait for a message that is being sent, for a few seconds at most."""
        await gather(*(one.finish() for one in self._parts))

    def lines(self, now: float) -> Iterator[Line]:
        """Yield what it says of itself in ``jitd status``. ``now`` is in seconds since 1970."""
        return chain.from_iterable(one.lines(now) for one in self._parts)

    def gauges(self) -> Iterator[Family]:
        """Yield what it says of itself in ``jitd metrics``."""
        return chain.from_iterable(one.gauges() for one in self._parts)
