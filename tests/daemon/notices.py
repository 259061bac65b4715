# SPDX-License-Identifier: Apache-2.0
"""The posts of a daemon over a real store and real lives; the channels are played, and note what they were given.

Law: nothing here decides anything. Both clocks stand still until a test moves them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jitd.core.decision import Approval
from jitd.core.effects import Notify, RequestWaits, WayOpened
from jitd.core.notice import Back, Notice, Skipped
from jitd.core.request import Request
from jitd.deciding.seats import Seats
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import StoreError
from jitd.store.sqlite import SqliteStore
from jitd.verbs.sentences import notified
from jitd_outsiders.announcing.letters import Office
from jitd_outsiders.announcing.notices import Notices
from jitd_outsiders.notifying import wording
from jitd_outsiders.notifying.channel import Message, NobodyThere, NotSent, NotWanted
from jitd_outsiders.notifying.program import ProgramSettings
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.notifying.terminals import TerminalsSettings
from tests.scene import GROUPS, asked, moment, permit, screened, submit
from tests.verified import verify

GROUP = ProgramSettings("ops")
PERSONS = TerminalsSettings("tty")
BOTH = {"ops": GROUP, "tty": PERSONS}


class Played:
    """A channel. While ``is_down`` it sends nothing, and never what is about a request or to an account in ``refuses``. ``away``
    are accounts that are not logged in. ``unwilling`` are accounts that take no messages. ``gate`` holds up what is being sent.
    ``heard`` has what came through.
    """

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.n_tries = 0
        self.is_down = False
        self.refuses: set[str] = set()
        self.away: set[str] = set()
        self.unwilling: set[str] = set()
        self.gate: asyncio.Event | None = None

    async def send(self, message: Message) -> None:
        self.n_tries += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.is_down or {message.request, *message.to} & self.refuses:
            raise NotSent("it cannot be reached")
        if {*message.to} & self.away:
            raise NobodyThere
        if {*message.to} & self.unwilling:
            raise NotWanted
        self.heard.append(message)

    @property
    def said(self) -> list[tuple[str, str, str]]:
        """Event, request and addressee of each message."""
        return [(m.event, m.request, ",".join(m.to)) for m in self.heard]


class Failing(SqliteStore):
    """A store whose next ``n_fail`` marks cannot be written, and whose next ``n_unread`` requests' marks cannot be read."""

    n_fail = 0
    n_unread = 0

    def told(self, request: str) -> Any:
        if self.n_unread:
            self.n_unread -= 1
            raise StoreError("input/output error")
        return super().told(request)

    def tell(self, marks: Any) -> None:
        if self.n_fail:
            self.n_fail -= 1
            raise StoreError("disk full")
        super().tell(marks)


class House:
    """One daemon over the database at ``path``; ``restart`` is the next one."""

    def __init__(self, path: Path, channels: dict[str, ChannelSettings] | None = None) -> None:
        self.path = path / "jitd.db"
        self.at = moment()
        self.settings = BOTH if channels is None else channels
        self.channels = {name: Played() for name in self.settings}
        self.skipped: dict[str, Skipped] = {}
        self.backs: dict[str, tuple[Back, ...]] = {}
        self.seats: Callable[[Approval], Seats] = self._seats
        self.says: Any = wording
        self.clock = 0.0
        self.open()

    def open(self) -> None:
        self.store = Failing(self.path)
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1")
        self.due: list[tuple[str, str, float]] = []
        self.looked: list[str] = []
        office = Office(
            store=self.store,
            wording=self,
            people=self._people,
            person=lambda user: {"bob2": "bob"}.get(user, user),
            skipped=self.skipped.get,
            note=lambda name, detail: self.lifecycle.note(name, "jitd", 0, detail),
            now=lambda: self.at,
            clock=lambda: self.clock,
            operators=("group:security",),
            looked=self.looked.append,
            backs=lambda request: self.backs.get(request.id, ()),
        )
        self.notices = Notices(self.settings, self.channels, office, lambda *one: self.due.append(one))
        self.posts = self.notices._posts

    def say(self, *words: Any) -> Message:
        made: Message = self.says.say(*words)
        return made

    def digest(self, said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...]) -> Message:
        return wording.digest(said, to)

    def restart(self) -> None:
        """The daemon is killed, and another one begins and looks at all."""
        self.store.close()
        self.open()
        self.notices.look_at_all()

    def _seats(self, way: Approval) -> Seats:
        groups = {word.partition(":")[2] for word in way.of_whom}
        return Seats(tuple(sorted(name for name, its in GROUPS.items() if its & groups)), is_whole=True)

    async def _people(self, request: Request, ways: tuple[Approval, ...]) -> tuple[Seats, ...]:
        found = [self.seats(way) for way in ways]
        return tuple(replace(s, people=tuple(p for p in s.people if p != request.requester.user)) for s in found)

    # --- what happens --------------------------------------------------------------------------------------------------

    def act(self, *events: Any) -> None:
        for effect in self.lifecycle.handle(*events):
            if isinstance(effect, RequestWaits | Notify | WayOpened):
                self.notices.look(effect.request)

    def begin(
        self, id: str = "K7QM-2XVD", *approvals: Approval, notify: tuple[str, ...] = ("ops", "tty"), **changes: Any
    ) -> Request:
        """A request that waits for approvals."""
        made = asked(id, **changes)
        self.act(submit(made), screened(made, permit(*approvals, notify=notify), attended=False))
        return self.found(id)

    def found(self, id: str = "K7QM-2XVD") -> Request:
        found = self.store.request(id)
        assert found is not None
        return found

    async def work(self) -> None:
        """All posts do what is due now."""
        for post in self.posts.values():
            for _ in range(50):
                if not any(at <= self.clock for at in post._due.values()) or self.clock < post._pause_until:
                    break
                await post.work()
            await post.work()

    async def pass_time(self, seconds: float) -> None:
        """``seconds`` go by, and all posts do what is due by then."""
        self.clock += seconds
        self.at = moment(self.at.boot - 1000.0 + seconds, self.at.boot_id)
        for life, id, boot in tuple(self.due):
            if boot <= self.at.boot:
                self.due.remove((life, id, boot))
                self.notices.look(id)
        await self.work()

    # --- what there is -------------------------------------------------------------------------------------------------

    @property
    def ops(self) -> Played:
        return self.channels["ops"]

    @property
    def tty(self) -> Played:
        return self.channels["tty"]

    def heard(self, id: str = "K7QM-2XVD") -> list[str]:
        """What the requester reads about the notices of the request ``id``."""
        return notified(self.notices.heard_of(self.found(id)), is_named=True)

    def noted(self) -> list[dict[str, Any]]:
        """What the record says of notices."""
        records = [json.loads(body) for _, body, _ in self.store.records()]
        return [record for record in records if record["event"] == "notice.sent"]

    def close(self) -> None:
        verify(self.store)
        self.store.close()
