# SPDX-License-Identifier: Apache-2.0
"""A daemon's parts around things that are given: a real store and the real deeds, a giver that does as tests tell it, and clients
that hold every message against the wire's own table.

Law: nothing here decides anything. The clock stands still until a test moves it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jitd.beside.deeds import Given, Seen, State, Strays, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.grant import Grant
from jitd.core.holding import Holding, Untaken
from jitd.core.naming import Naming
from jitd.core.origin import Caller
from jitd.lifecycle.givers import Giver, Givers
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.recovery import Recovery
from jitd.lifecycle.waiters import Waiters
from jitd.server.waiting import Waiting
from jitd.settings.config import Approvals, Limits
from jitd.store import StoreError
from jitd.store.sqlite import SqliteStore
from jitd.verbs.access import Access
from jitd.verbs.endings import Endings
from jitd.verbs.lists import Lists
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import Requests
from jitd.workers import Workers
from jitpam.wire import messages
from jitpam.wire.conversation import CLIENT, Conversation
from tests.scene import THING, asked, free, moment, person, submit, thing
from tests.verified import verify

ID = "K7QM-2XVD"
ALICE, BOB, CAROL = (person(name) for name in ("alice", "bob", "carol"))


class FakeGiver(Giver):
    """Gives nothing to anybody. ``answers`` are what it says next, in order, and after that DOES: the answer that the deed was
    done. ``HANGS``: until it is let go on. What it was asked is in ``asked``; what a KDC would hold now, in ``there``.
    """

    DOES = object()
    HANGS = object()
    ends_itself = True

    def __init__(self, is_recorded: Callable[[str], Holding | None]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.unrenewed: dict[str, Untaken] = {}
        self.answers: list[Any] = []
        self.there: set[str] = set()
        self.unrecorded: list[str] = []
        self.hanging: list[asyncio.Future[Any]] = []
        self.n_at_once = self.most_at_once = 0
        self._is_recorded = is_recorded

    async def give(self, holding: Holding) -> Given | Refused | Failed:
        if self._is_recorded(holding.id) is None:
            self.unrecorded.append(holding.id)
        answer = await self._answer("give", holding, Given())
        if isinstance(answer, Given | Failed):
            self.there.add(holding.id)
        return answer  # type: ignore[no-any-return]

    async def take(self, holding: Holding) -> Taken | Refused | Failed:
        answer = await self._answer("take", holding, Taken())
        if isinstance(answer, Taken):
            self.there.discard(holding.id)
        return answer  # type: ignore[no-any-return]

    async def look(self, holding: Holding) -> Seen | Failed:
        return await self._answer("look", holding, Seen(State.STANDS))  # type: ignore[no-any-return]

    async def strays(self, thing: str, holdings: Sequence[str]) -> Strays | Failed:
        return Strays()

    async def _answer(self, deed: str, holding: Holding, done: Given | Taken | Seen) -> Any:
        self.asked.append((deed, holding.id))
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        try:
            answer = self.answers.pop(0) if self.answers else self.DOES
            if answer is self.HANGS:
                self.hanging.append(asyncio.get_running_loop().create_future())
                answer = await self.hanging[-1]
            if isinstance(answer, Exception):
                raise answer
            return done if answer is self.DOES else answer
        finally:
            self.n_at_once -= 1

    def ends_at(self, holding: Holding) -> datetime | None:
        return holding.until if self.ends_itself else None

    def name_of(self, thing: str) -> str:
        return thing.partition(":")[2] + "@EXAMPLE.TEST"

    def fault(self, thing: str) -> str:
        return ""


class Failing(SqliteStore):
    """A store whose next ``n_fail`` commits, or reads of a holding, fail."""

    n_fail = 0
    n_unread = 0

    def commit(self, *parts: Any, **more: Any) -> None:
        if self.n_fail:
            self.n_fail -= 1
            raise StoreError("disk full")
        super().commit(*parts, **more)

    def holding(self, id: str) -> Holding | None:
        if self.n_unread:
            self.n_unread -= 1
            raise StoreError("input/output error")
        return super().holding(id)


class Client:
    """One connection of ``who``'s, as far as it waits and holds. What the daemon says must be in order by the wire's table."""

    def __init__(self, house: House, who: Any = ALICE) -> None:
        self.talk = Conversation(CLIENT)
        self.talk.state = "waiting"
        self.heard: list[Any] = []
        self.descriptors: list[int] = []
        self.who = who
        self.is_open = True
        self.waiting = Waiting(house.services, self._say, self._refuse, lambda: who)

    def _say(self, message: Any, descriptor: int | None = None) -> None:
        self.talk.hear(message)
        self.heard.append(message)
        if descriptor is not None:
            self.descriptors.append(descriptor)

    def _refuse(self, code: str, text: str) -> None:
        self._say(messages.Refused(code=code, text=text))
        self.waiting.give_back()  # as a Connection does

    def keep(self) -> None:
        """It says ``keep``, and is answered."""
        self.talk.say(messages.Keep())
        try:
            self._say(messages.Done(text=self.waiting.keep()))
        except Refusal as no:
            self._refuse(no.code, no.text)

    @property
    def said(self) -> list[str]:
        """The kinds of what it heard."""
        return [message.type for message in self.heard]

    def go(self) -> None:
        """Its connection ends."""
        self.is_open = False
        self.waiting.close()


class House:
    """The deeds over one database; ``restart`` is another daemon over it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "jitd.db"
        self.loop: asyncio.AbstractEventLoop | None = None
        self.at = moment()
        self.open()

    def open(self) -> None:
        """Build the parts of a daemon."""
        self.store = Failing(self.path)
        self.store.found_damaged = self._found_damaged
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1")
        self.waiters = Waiters()
        self.giver = FakeGiver(self.recorded)
        config: Any = SimpleNamespace(
            state=self.path.parent,
            approvals=Approvals(),
            operators=("user:dave",),
            auditors=(),
            limits=Limits(),
            host="db1.example.test",
            naming=Naming(frozenset({"EXAMPLE.TEST"})),
            people={},
        )
        decider: Any = SimpleNamespace(
            lock_on=lambda who: None, broken="", decide_use=self.decide_use, forget_answers=lambda: None
        )
        nothing: Any = None
        self.perform = Perform(
            config=config,
            decider=decider,
            lifecycle=self.lifecycle,
            store=self.store,
            executor=nothing,
            givers=Givers({"service-ticket": self.giver, "account": self.giver}),
            waiters=self.waiters,
            workers=nothing,
            now=lambda: self.at,
        )
        self.access = Access(config, self.store)
        self.requests = Requests(
            config, self.access, decider, nothing, self.perform, self.store, self.waiters, nothing, lambda: self.at
        )
        self.lists = Lists(
            self.access,
            self.store,
            self._opened,
            Workers(),
            lambda run: None,
            lambda: self.at,
            untaken=self.perform.holdings.why_untaken,
        )
        self.endings = Endings(config, self.access, self.lists, self.perform, self.store, self.waiters)
        self.services: Any = SimpleNamespace(
            store=self.store,
            waiters=self.waiters,
            requests=self.requests,
            holdings=self.perform.holdings,
            notices=SimpleNamespace(heard_of=lambda request: ()),
            now=lambda: self.at,
            locks=SimpleNamespace(active=tuple),
        )
        self.recovery = Recovery(self.perform, self.lifecycle, self.store, SimpleNamespace(find=self._find), lambda: self.at)

    def _opened(self) -> SqliteStore:
        store = SqliteStore.reading(self.path)
        store.found_damaged = self._found_damaged
        return store

    def _found_damaged(self, life: str, id: str) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.perform.set_aside, life, id)

    async def _find(self, runs: list[str]) -> None:
        assert runs == []

    async def decide_use(self, found: Any) -> Any:
        return free()

    def restart(self, boot_id: str = "boot-1") -> None:
        """The daemon is killed, and another begins; it has not recovered yet."""
        self.store.close()
        self.at = replace(self.at, boot_id=boot_id)
        there = self.giver.there
        self.open()
        self.giver.there = there

    def recorded(self, id: str) -> Holding | None:
        """What another reader finds in the database now."""
        with_it = SqliteStore.reading(self.path)
        try:
            return with_it.holding(id)
        finally:
            with_it.close()

    # --- what happens --------------------------------------------------------------------------------------------------

    def begin(self, decision: Any = None, id: str = ID, client: Client | None = None, **changes: Any) -> Client:
        """A request for the thing, permitted at once, of a client that waits."""
        found = client or Client(self)
        things = {"argv": tuple(name.encode() for name in changes.pop("things"))} if "things" in changes else {}
        made = asked(id, what=thing(changes.pop("what", THING), stays=changes.pop("stays", False), **things), **changes)
        self.waiters.attend(id, found.waiting)
        found.waiting.begin(id)
        self.perform.submitted(submit(made), decision or free())
        return found

    async def settle(self) -> None:
        """Until nothing is under way but what hangs."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        """``seconds`` go by, and what is due by then is looked at."""
        self.at = moment(self.at.boot - 1000.0 + seconds, self.at.boot_id)
        heap = self.perform.deadlines._heap
        for due in sorted(one for one in heap if one[0] <= self.at.boot):
            heap.remove(due)
            self.perform._due(*due[1:])
        await self.settle()

    async def come_back(self, id: str = ID) -> Client:
        """A client comes with ``--resume``. Raises Refusal."""
        found = Client(self)
        found.waiting.move(await self.requests.resume(ALICE, id, Caller(None), found.waiting, found.waiting.begin))
        return found

    # --- what there is -------------------------------------------------------------------------------------------------

    def held(self, id: str = ID) -> Holding:
        """The holding ``id``."""
        found = SqliteStore.holding(self.store, id)
        assert found is not None
        return found

    def grant(self, id: str = ID) -> Grant:
        """The grant ``id``."""
        found = self.store.grant(id)
        assert found is not None
        return found

    def told(self) -> list[str]:
        """The names of what was recorded of holdings, in order."""
        names = [json.loads(body)["event"] for _, body, _ in self.store.records()]
        return [name.partition(".")[2] for name in names if name.startswith("holding.")]

    def close(self) -> None:
        """Prove the record, and that nothing was given that was not recorded."""
        verify(self.store)
        assert self.giver.unrecorded == []
        self.store.close()
