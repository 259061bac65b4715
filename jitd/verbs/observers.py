# SPDX-License-Identifier: Apache-2.0
"""The verb with which a person watches an observed run until its end: ``jitd approve ID --watch``. The person may begin to watch
before the run starts.

Law: a person may watch only while they may review the request. The requester may never watch, not even from another account. jitd
checks the right to watch at the beginning and at intervals. The watcher must also have the right to watch the recording of the
run.
"""

from __future__ import annotations

import asyncio
import os
from binascii import b2a_base64
from collections.abc import AsyncGenerator, Awaitable, Callable

from jitd.core.command import read_id
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.law import ByDoor, Origin, Role
from jitd.core.party import Party
from jitd.core.request import Request, RequestState
from jitd.core.rights import Act
from jitd.core.run import Run
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider
from jitd.lifecycle.observing import SAID_EVERY, Observing, Watch, is_observed
from jitd.log import log
from jitd.recording import storage
from jitd.recording.storage import RecordingError
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.limits import Pace
from jitd.verbs.recordings import ASKED_AGAIN_EVERY, LOOK_EVERY, PIECE, Recordings
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitd.verbs.sentences import too_late
from jitd.workers import Workers

STANDS_FOR = 60.0  # seconds after which jitd queries the KDC again about a watcher's principal
FIRST_WAITS = "the command has not begun"


class Observers:
    """The verb with which people watch observed runs."""

    def __init__(
        self,
        access: Access,
        decider: Decider,
        observing: Observing,
        recordings: Recordings,
        store: Store,
        workers: Workers,
        now: Callable[[], Moment],
    ) -> None:
        self._access = access
        self._decider = decider
        self._observing = observing
        self._recordings = recordings
        self._store = store
        self._workers = workers
        self._now = now
        self._pace = Pace()

    async def observe(
        self,
        who: Identity,
        typed: str,
        offset: int,
        origin: Origin | ByDoor,
        *,
        again: Callable[[], Awaitable[Identity]],
        begun: Callable[[Callable[[int], None]], None],
    ) -> AsyncGenerator[Row, None]:
        """Yield the rows of the recording after ``offset``, and heartbeats, as PROTOCOL.md defines them. ``again`` returns the
        current Subject of the watcher. This method passes a function to ``begun``. The caller of ``observe`` must call the passed
        function with the number of each heartbeat that the client answers. Raises Refusal.
        """
        asked = self._access.request(Act.SEE, who, typed)
        self._refuse(who, asked)
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("not_done", "too many `watch` commands: wait a minute")
        self._refuse(await self._standing(who), asked)
        look = _Looks(who.party, self._still(asked.id, again))
        while (found := self._run_of(typed, asked.id)) is None:
            self._refuse_ended(asked.id)
            async for row in look.waiting():
                yield row
        watch = Watch(found.id, who.actor(Role.APPROVER, origin))
        look.begin(watch)
        begun(lambda number: self._has_shown(watch, number))
        self._observing.come(watch)
        try:
            yield {"run": found.id, "live": True, "sealed": None}
            async for row in self._recorded(found.id, offset, look):
                yield row
        finally:
            self._observing.leave(watch)

    async def _recorded(self, run: str, offset: int, look: _Looks) -> AsyncGenerator[Row, None]:
        """Yield the recording of ``run`` from ``offset`` to its end. Yield heartbeats between the rows of the recording."""
        file = -1
        try:
            while True:
                if file < 0:
                    file = self._recordings.opened_now(run)
                is_live = self._is_live(run) if file < 0 else storage.is_live(file)  # asked before the data is read
                piece = b"" if file < 0 else await self._workers.kept.run(look.party, os.pread, file, PIECE, offset)
                if piece:
                    offset += len(piece)
                    yield {"data": b2a_base64(piece, newline=False).decode("ascii")}
                elif not is_live:
                    return
                async for row in look.waiting() if not piece else look.due():
                    yield row
        except RecordingError as fault:
            raise Refusal("not_done", f"run {run}: {fault}") from None
        finally:
            if file >= 0:
                os.close(file)

    def _has_shown(self, watch: Watch, number: int) -> None:
        """The client has answered a heartbeat. If this cannot be recorded, the person is not a watcher yet."""
        try:
            self._observing.has_shown(watch, number)
        except Exception as fault:
            log("jitd could not record that somebody watches", run=watch.run, fault=f"{type(fault).__name__}: {fault}")

    # --- who, and which ----------------------------------------------------------------------------------------------

    def _still(self, id: str, again: Callable[[], Awaitable[Identity]]) -> Callable[[], Awaitable[Identity]]:
        """Return a function that raises Refusal if the watcher may no longer watch the request ``id``."""

        stands_until = asyncio.get_running_loop().time() + STANDS_FOR

        async def check() -> Identity:
            nonlocal stands_until
            who = await again()
            now = asyncio.get_running_loop().time()
            if now >= stands_until:
                who, stands_until = await self._standing(who), now + STANDS_FOR
            self._refuse(who, self._access.request(Act.SEE, who, id))
            return who

        return check

    async def _standing(self, who: Identity) -> Identity:
        """The KDC is asked, too. Raises Refusal if the account is disabled or the ticket has expired. Raises TimeoutError."""
        fresh, _ = await self._decider.standing(who)
        if fresh is None or not fresh.has_ticket_at(self._now().at):
            raise Refusal("unauthenticated", "your ticket has expired, or your account is disabled: kinit")
        return fresh.looked_at(self._now().at)

    def _refuse(self, who: Identity, asked: Request) -> None:
        """Raise Refusal unless ``who`` may watch the runs of ``asked``."""
        self._access.refuse(Act.OBSERVE, who, asked)
        grant = self._store.grant(asked.lease or asked.id)
        if not (is_observed(grant, asked) if grant is not None else asked.obligations and asked.obligations.terms.observed):
            raise Refusal("not_done", f"request {asked.id} does not have to be watched: jitd watch follows what it runs")

    def _run_of(self, typed: str, request: str) -> Run | None:
        """If ``typed`` is not a run, return the last live run of ``request``, or None. Raises Refusal if the run has ended."""
        id = read_id(typed)
        found = self._store.run(id) if id is not None and "." in id else None
        if found is not None:
            if not found.is_live:
                raise Refusal("late", f"run {found.id} has ended")
            return found
        asked = self._access.read_again(request)
        living = [one for one in self._store.runs(grant=asked.lease or request) if one.request == request]
        return living[-1] if living else None

    def _refuse_ended(self, id: str) -> None:
        """Called only if the request ``id`` has no live run. Raise Refusal if the request can no longer start a run."""
        asked = self._access.read_again(id)
        if asked.is_open:
            return
        grant: Grant | None = self._store.grant(asked.lease or id) if asked.state is RequestState.APPROVED else None
        if grant is None:
            raise Refusal("late", too_late(asked))
        if not grant.is_live or grant.left < 1:
            raise Refusal("late", f"nothing of request {id} runs, and nothing can begin any more: its grant is {grant.state}")

    def _is_live(self, run: str) -> bool:
        found = self._store.run(run)
        return found is not None and found.is_live


class _Looks:
    """Does two tasks while a person watches a recording. The first task is to send heartbeats. The client answers a heartbeat
    when the watcher's screen has shown everything before it. The second task is to check whether the person may still watch.

    ``check`` raises Refusal if the watcher may no longer watch.
    """

    def __init__(self, party: Party, check: Callable[[], Awaitable[Identity]]) -> None:
        self.party = party
        self._check = check
        self._watch: Watch | None = None
        loop = asyncio.get_running_loop()
        self._beat_at = loop.time()
        self._check_at = loop.time() + ASKED_AGAIN_EVERY

    def begin(self, watch: Watch) -> None:
        """From now on, send heartbeats for ``watch``. Send the first heartbeat at once."""
        self._watch = watch
        self._beat_at = 0.0

    async def waiting(self) -> AsyncGenerator[Row, None]:
        """Wait a moment, while the recording has no new data, and yield a heartbeat if one is due."""
        await asyncio.sleep(LOOK_EVERY)
        async for row in self.due():
            yield row

    async def due(self) -> AsyncGenerator[Row, None]:
        """Yield a heartbeat if one is due. Raises Refusal if the watcher may no longer watch."""
        now = asyncio.get_running_loop().time()
        if now >= self._check_at:
            self._check_at = now + ASKED_AGAIN_EVERY
            await self._check()
        if now >= self._beat_at:
            self._beat_at = now + SAID_EVERY
            if self._watch is not None:
                yield {"beat": self._watch.beat(now)}
            else:
                yield {"waits": FIRST_WAITS}
