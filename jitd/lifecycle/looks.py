# SPDX-License-Identifier: Apache-2.0
"""Looks at intervals whether what the daemon depends on is there and in order. ``jitd status``, ``jitd metrics`` and the log say
what is not.

Law: each look is made in a thread, and only its result is read when somebody asks. A look decides nothing about a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from jitd.core.condition import Family, Line, gauges
from jitd.core.duration import roughly
from jitd.log import log

EVERY = 10.0  # seconds between two looks at the same thing


@dataclass(slots=True)
class Look:
    """A look at one thing that the daemon depends on. ``about`` names it, and ``well`` is said while it is in order: an empty
    text if that is not worth a line. ``read`` returns an empty text then, and otherwise what does not work, a colon, and why.
    """

    about: str
    well: str
    read: Callable[[], str]
    missing: tuple[float, str] | None = field(default=None, init=False)
    """Since when it is not in order (seconds since 1970), and what ``read`` has said last. None while it is."""


class Looks:
    """``in_thread`` does one look in a thread, and raises TimeoutError. ``now`` returns the seconds since 1970."""

    def __init__(
        self,
        looks: Sequence[Look],
        in_thread: Callable[[Callable[[], str]], Awaitable[str]],
        now: Callable[[], float],
    ) -> None:
        self.all = tuple(looks)
        self._in_thread = in_thread
        self._now = now

    async def keep(self) -> None:
        """Look at all. Never return."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Look at each once. One that is silent holds up no other one."""
        await asyncio.gather(*map(self._look, self.all))

    def lines(self, now: float) -> Iterator[Line]:
        """Yield the lines of ``jitd status``. ``now`` is in seconds since 1970."""
        for one in self.all:
            if one.missing is None:
                yield from [Line(one.about, one.well)] if one.well else []
            else:
                since, said = one.missing
                what, _, why = said.partition(": ")
                yield Line(one.about, f"{what}, for {roughly(now - since)} by now: {why}; see also: jitd doctor", False)

    def gauges(self) -> Iterator[Family]:
        """Yield the metrics of what is missing."""
        found = [((one.about,), int(one.missing is not None)) for one in self.all]
        yield gauges("jitd_missing", "Whether something that jitd depends on is missing or not in order.", ("what",), found)

    async def _look(self, one: Look) -> None:
        with suppress(TimeoutError):  # what the last look has found stays
            said = await self._in_thread(one.read)
            if said and (one.missing is None or one.missing[1] != said):
                log("something that jitd depends on is not in order", what=one.about, because=said)
            elif one.missing is not None and not said:
                log("what was not in order is in order again", what=one.about)
            one.missing = None if not said else (self._now() if one.missing is None else one.missing[0], said)
