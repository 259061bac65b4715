# SPDX-License-Identifier: Apache-2.0
"""The word of this host, by which desks know whether it is worth asking (PROTOCOL.md section 13).

Law: one word is made for all who want it, and at most one a second, however often agents connect. A word names no request, no
person and no command, and permits nothing. Where it cannot be signed there is none, and then desks ask the host itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from jitd.audit.signing import CannotSign, Signing
from jitd.core.condition import Family, Line, gauge
from jitd.core.duration import roughly
from jitd.core.wording import count
from jitd.lifecycle.readers import Reader
from jitd.store import StoreError
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row

AGENT = "jitd-door-nats"  # the service of the agent
EVERY = 60.0  # seconds after which agents get another word, if nothing changes
APART = 1.0  # minimum number of seconds between two words


class Roll(Reader):
    """``n_waiting`` counts the open requests and the owed reviews."""

    def __init__(self, signing: Signing, n_waiting: Callable[[], int]) -> None:
        self._signing = signing
        self._n_waiting = n_waiting
        self._agents: list[Callable[[Row], None]] = []
        self._latest: Row | None = None
        self._tried_at = -EVERY
        self._is_old = True  # true if the record has changed since the latest word was made
        self._timer: asyncio.TimerHandle | None = None
        self._left_at: float | None = None  # seconds since 1970, if an agent was there since this daemon began

    def word(self) -> Row:
        """Return the word that agents have got last, or without agents one of at most APART seconds ago. Raises Refusal."""
        if not self._agents and time.monotonic() >= self._tried_at + APART:
            self._make()
        if self._latest is None:
            raise Refusal("failed", "the host cannot sign its word: root types jitd status there")
        return self._latest

    def tell(self, agent: Callable[[Row], None]) -> None:
        """Call ``agent`` with the word now, and with each new one until ``tell_no_more``. Raises Refusal."""
        word = self.word()
        self._agents.append(agent)
        self._set()
        agent(word)

    def tell_no_more(self, agent: Callable[[Row], None]) -> None:
        """Call ``agent`` no more, if it was called."""
        if agent in self._agents:
            self._agents.remove(agent)
            self._left_at = time.time()
            self._set()

    def lines(self, now: float) -> Iterator[Line]:
        """Yield the line about the agents of the door. Without agents since this daemon began there is none."""
        if self._agents:
            yield Line("door", f"{count(len(self._agents), 'agent')} with an engine")
        elif self._left_at is not None:
            told = f"no agent with an engine, for {roughly(now - self._left_at)} by now, so nobody comes by one"
            yield Line("door", f"{told}: journalctl -u {AGENT}", False)

    def gauges(self) -> Iterator[Family]:
        yield gauge("jitd_door_agents", "Agents of the door that have an engine.", len(self._agents))

    def signed(self, number: int) -> None:
        self._is_old = True
        self._set()

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._agents:
            left = self._tried_at + (APART if self._is_old else EVERY) - time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(0.0, left), self._tell_all)

    def _tell_all(self) -> None:
        self._make()
        self._set()
        if (word := self._latest) is not None:
            for agent in tuple(self._agents):
                agent(word)

    def _make(self) -> None:
        """Make a new word. There is none if it cannot be signed: ``Signing`` tells why."""
        self._tried_at, self._is_old = time.monotonic(), False
        try:
            self._latest = self._signing.word(self._n_waiting()).members()
        except (CannotSign, StoreError, OSError):
            self._latest = None
