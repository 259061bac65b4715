# SPDX-License-Identifier: Apache-2.0
"""A house whose rules ask gatekeepers: real decider, store, lives, deeds and verbs. The gatekeepers are played: the real ones are
at the other end of a network.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jitd.core.claims import Claims
from jitd.core.gatekeeping import Answer, Asking, Passes
from jitd.core.law import Origin
from jitd.core.notice import Heard
from jitd.core.origin import Caller
from jitd.core.policy import Policy
from jitd.core.request import Request, Verdict
from jitd.core.subject import NO_SIDS, Subject
from jitd.deciding.gatekeepers import Answers, Manner
from jitd.deciding.hearings import Hearings
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.recovery import Recovery
from jitd.lifecycle.waiters import Waiters
from jitd.server.enforcement import Enforcement
from jitd.server.waiting import Waiting
from jitd.settings.config import Approvals, Limits
from jitd.verbs.access import Access
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews
from tests.daemon.test_decider import ALICE, ASKED, BOB, House, rule
from tests.graders import FINDINGS
from tests.scene import but

CHANGE = ("change",)
PATIENCE = 60.0
"""Seconds until a test gives up."""
SAID = Claims("why", None, 7, ())
HERE = Origin(1002, "", None)


NO_RECEIPTS: Any = SimpleNamespace(could=lambda who: who)
"""For verbs on a host that knows no keys."""


class Played:
    """Gatekeepers that answer as tests say: ``says`` has an answer, a fault, or what is awaited for one. ``asked`` is what they
    were asked, in order; ``given_up`` are those whose answer was not waited for.
    """

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        self.manners: dict[str, Manner] = {}
        self.asked: list[tuple[str, Asking]] = []
        self.given_up: list[str] = []

    def manner(self, name: str) -> Manner | None:
        return self.manners.get(name, Manner())

    async def ask(self, name: str, asking: Asking) -> Answer:
        self.asked.append((name, asking))
        answer = self.says.get(name, Passes())
        try:
            if callable(answer):
                answer = await answer()
        except asyncio.CancelledError:
            self.given_up.append(name)
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


class Client:
    """A client that waits: the real ``Waiting``, and all that was said to it."""

    def __init__(self, house: AskingHouse, who: Subject = ALICE) -> None:
        self.house, self.who = house, who
        self.said: list[Any] = []
        self.refused: list[tuple[str, str]] = []
        self.waiting = Waiting(house.services, self._say, lambda code, text: self.refused.append((code, text)), lambda: who)

    def _say(self, message: Any, control: int | None = None) -> None:
        self.said.append(message)
        if control is not None:
            socket.socket(fileno=control).close()

    @property
    def kinds(self) -> list[str]:
        return [message.type for message in self.said]

    @property
    def news(self) -> list[str]:
        return [line for message in self.said if message.type == "progress" for line in message.news]

    async def submit(self, **changes: Any) -> Request:
        asked = {name: changes.pop(name) for name in tuple(changes) if hasattr(ASKED, name) or hasattr(ASKED.terms, name)}
        how = {"waits": True, "if_owed": True} | changes
        claims = replace(SAID, reason=asked.get("reason"))
        return await self.house.requests.submit(
            self.who, but(ASKED, **asked), claims, waiter=self.waiting, on_created=self.waiting.begin, **how
        )

    async def resume(self, id: str) -> None:
        self.waiting.resumed(await self.house.requests.resume(self.who, id, Caller(None), self.waiting, self.waiting.begin))


class Unexplained:
    """Explains nothing: no permit came close."""

    async def closest(self, *asked: Any) -> tuple[()]:
        return ()


class Monitors:
    """An executor that starts what it is told. ``started`` are the runs."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start(self, job: Any) -> socket.socket:
        self.started.append(job.run)
        ours, _ = socket.socketpair()
        return ours

    async def find(self, runs: list[str]) -> None:
        pass

    def __getattr__(self, order: str) -> Callable[..., None]:
        return lambda *words: None


class AskingHouse(House):
    """A daemon over the store at ``path``, under a rule that asks the change calendar. Another one over the same path is the
    daemon after a restart.
    """

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, played: Played | None = None) -> None:
        super().__init__(path, monkeypatch)
        self.path, self.monkeypatch = path, monkeypatch
        self.rules(gatekeepers=CHANGE)
        self.gatekeepers = played or Played()
        self.decider._hearings = Hearings(Answers(self.gatekeepers, self.now), self.store, self, self.now, FINDINGS)
        config: Any = self.decider._config
        config.state = path.parent
        config.limits, config.recordings = Limits(), SimpleNamespace(mib_per_run=1)
        config.givers = {}
        config.sids = NO_SIDS
        config.operators = config.auditors = ()
        config.approvals = Approvals()
        self.waiters = Waiters()
        self.heard: tuple[Heard, ...] = ()
        self.monitors: Any = Monitors()
        self.perform = Perform(
            config=config,
            decider=self.decider,
            lifecycle=self.lifecycle,
            store=self.store,
            executor=self.monitors,
            givers=Givers({}),
            waiters=self.waiters,
            workers=self.workers,
            now=self.now,
        )
        self.recovery = Recovery(self.perform, self.lifecycle, self.store, self.monitors, self.now)
        access = Access(config, self.store)
        self.requests = Requests(
            config, access, self.decider, cast(Any, Unexplained()), self.perform, self.store, self.waiters, self.workers, self.now
        )
        self.reviews = Reviews(access, self.decider, self.perform, self.store, self.now)
        self.services: Any = SimpleNamespace(
            store=self.store,
            waiters=self.waiters,
            requests=self.requests,
            now=self.now,
            notices=SimpleNamespace(heard_of=lambda request: self.heard),
            locks=SimpleNamespace(active=lambda: tuple(self.store.locks())),
        )

    def rules(self, **changes: Any) -> None:
        self.policy = Policy((rule(**changes),), "permit", "digest")

    def found(self, id: str) -> Request:
        found = self.store.request(id)
        assert found is not None
        return found

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Let the daemon go on until something has come about."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.001)

    async def decided(self, id: str) -> Request:
        """The request when nobody is being asked about it any more."""
        await self.until(lambda: self.found(id).asking_at is None)
        return self.found(id)

    async def approve(self, id: str, who: Subject = BOB) -> str:
        return await self.reviews.review(who, id, Verdict.APPROVE, self.found(id).fingerprint, "", HERE)

    def next_daemon(self) -> AskingHouse:
        """The next daemon, after this one was killed."""
        self.store.close()
        return AskingHouse(self.path, self.monkeypatch, self.gatekeepers)

    def run(self, deed: Awaitable[Any]) -> Any:
        """What ``deed`` comes to. What the daemon still has in hand then is dropped, as by a kill."""

        async def done() -> Any:
            return await deed

        return asyncio.run(done())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskingHouse]:
    made = AskingHouse(tmp_path, monkeypatch)
    yield made
    made.workers.close()
    made.store.close()


__all__ = ["ALICE", "BOB", "CHANGE", "AskingHouse", "Client", "Enforcement", "Played", "Refusal", "house"]
