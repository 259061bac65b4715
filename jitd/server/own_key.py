# SPDX-License-Identifier: Apache-2.0
"""Looks at intervals whether jitd has the key by which people authenticate. Without it nobody but root can, and ``jitd status``,
``jitd metrics`` and the log say so. Only a KDC knows whether the key is the newest: ``jitd doctor`` asks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from jitd.log import log
from jitd.server.acceptor import NoKey

EVERY = 10.0
"""Seconds between two looks at the keytab."""


class OwnKey:
    """``read`` reads the keytab (``Acceptor.credentials``), and ``in_thread`` does this in a thread, and raises TimeoutError.
    ``now`` returns the seconds since 1970.
    """

    def __init__(
        self, read: Callable[[], object], in_thread: Callable[[Callable[[], object]], Awaitable[object]], now: Callable[[], float]
    ) -> None:
        self._read = read
        self._in_thread = in_thread
        self._now = now
        self.missing: tuple[float, str] | None = None
        """Since when there is no usable key (seconds since 1970), and why. None while there is one."""

    async def keep(self) -> None:
        """Look at the keytab. Never return."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        with suppress(TimeoutError):  # what the last look has found stays
            try:
                await self._in_thread(self._read)
            except NoKey as fault:
                self._lacks(str(fault))
            else:
                self._has()

    def _lacks(self, why: str) -> None:
        if self.missing is None or self.missing[1] != why:
            log("nobody but root can authenticate", because=why)
        self.missing = (self._now() if self.missing is None else self.missing[0], why)

    def _has(self) -> None:
        if self.missing is not None:
            log("people can authenticate again: jitd has its key")
        self.missing = None
