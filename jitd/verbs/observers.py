# SPDX-License-Identifier: Apache-2.0
"""The verb that watches an observed run, from before its beginning to its end: ``jitd approve ID --watch``.

Law: only somebody watches who may review the request at that moment, and never the requester's own person. It is checked at the
beginning, and again and again. Nobody is shown more than those who may watch the recording.
"""

from __future__ import annotations

import asyncio
import os
from binascii import b2a_base64
from collections.abc import AsyncGenerator, Awaitable, Callable

from jitd.core.command import read_id
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.law import Actor, Origin, Role
from jitd.core.request import Request, RequestState
from jitd.core.run import Run
from jitd.core.subject import Subject
from jitd.deciding.decider import Decider
from jitd.deciding.kdc_liveness import KEPT_FOR
from jitd.lifecycle.observing import SAID_EVERY, Observing, Watch, is_observed
from jitd.log import log
from jitd.recording import storage
from jitd.recording.storage import RecordingError
from jitd.store import Store
from jitd.verbs.access import ROOT_REVIEWS_NOTHING, Access
from jitd.verbs.limits import Pace
from jitd.verbs.recordings import ASKED_AGAIN_EVERY, LOOK_EVERY, PIECE, Recordings
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitd.workers import Workers

STANDS_FOR = KEPT_FOR
"""Seconds after which the KDC is asked again whether a watcher's principal still stands."""
FIRST_WAITS = "the command has not begun"


class Observers:
    """Those who watch observed runs."""

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
        who: Subject,
        typed: str,
        offset: int,
        origin: Origin,
        *,
        again: Callable[[], Awaitable[Subject]],
        begun: Callable[[Callable[[int], None]], None],
    ) -> AsyncGenerator[Row, None]:
        """Yield the rows of the recording after ``offset``, and beats, as PROTOCOL.md defines them. ``again`` returns the
        watcher's subject as it is now. ``begun`` is given the function that takes the beats which the client has answered.
        Raises Refusal.
        """
        asked = self._access.visible(who, typed)
        self._refuse(who, asked)
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("not_done", "you have begun to watch too often within a short time: wait a minute")
        self._refuse(await self._standing(who), asked)
        look = _Looks(who.uid, self._still(asked.id, again))
        while (found := self._run_of(typed, asked.id)) is None:
            self._refuse_ended(asked.id)
            async for row in look.waiting():
                yield row
        watch = Watch(found.id, Actor(Role.APPROVER, who.principal, who.uid, origin))
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
        """Yield the recording of ``run`` from ``offset`` to its end, with beats."""
        file = -1
        try:
            while True:
                if file < 0:
                    file = self._recordings.opened_now(run)
                is_live = self._is_live(run) if file < 0 else storage.is_live(file)  # asked before reading
                piece = b"" if file < 0 else await self._workers.kept.run(look.uid, os.pread, file, PIECE, offset)
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
        """Take a beat that the client has answered. If that cannot be recorded, the person does not count yet."""
        try:
            self._observing.has_shown(watch, number)
        except Exception as fault:
            log("that somebody watches could not be recorded", run=watch.run, fault=f"{type(fault).__name__}: {fault}")

    # --- who, and which ----------------------------------------------------------------------------------------------

    def _still(self, id: str, again: Callable[[], Awaitable[Subject]]) -> Callable[[], Awaitable[Subject]]:
        """Return a function that raises Refusal if the watcher may not watch the request ``id`` any more."""

        stands_until = asyncio.get_running_loop().time() + STANDS_FOR

        async def check() -> Subject:
            nonlocal stands_until
            who = await again()
            now = asyncio.get_running_loop().time()
            if now >= stands_until:
                who, stands_until = await self._standing(who), now + STANDS_FOR
            self._refuse(who, self._access.visible(who, id))
            return who

        return check

    async def _standing(self, who: Subject) -> Subject:
        """Return ``who`` as they are now, also for the KDC. Raises Refusal if their account is disabled, and TimeoutError."""
        fresh = await self._decider.standing(who)
        if fresh is None or not fresh.has_ticket_at(self._now().at):
            raise Refusal("unauthenticated", "your ticket has expired, or your account is disabled: kinit")
        return fresh.looked_at(self._now().at)

    def _refuse(self, who: Subject, asked: Request) -> None:
        """Raise Refusal unless ``who`` may watch what ``asked`` runs."""
        if who.is_root:
            raise Refusal("forbidden", ROOT_REVIEWS_NOTHING)
        requester = asked.requester
        if requester.uid == who.uid or requester.person == who.person or requester.principal == who.principal:
            raise Refusal("forbidden", f"request {asked.id} is your own: somebody else has to watch it")
        if locked := self._decider.lock_on(who):
            raise Refusal("forbidden", f"you may watch nothing: {locked.because}")
        if because := self._access.why_no_review(who, asked) or self._access.why_no_approval(who, asked):
            raise Refusal("forbidden", f"you may not watch request {asked.id}: {because}")
        self._recordings.refuse(who, asked)
        grant = self._store.grant(asked.lease or asked.id)
        if not (is_observed(grant, asked) if grant is not None else asked.obligations and asked.obligations.terms.observed):
            raise Refusal("not_done", f"request {asked.id} does not have to be watched: jitd watch follows what it runs")

    def _run_of(self, typed: str, request: str) -> Run | None:
        """Return the run that is meant: the one with the id ``typed``, or the last live one of ``request``. None if there is none
        yet. Raises Refusal if the run has ended.
        """
        id = read_id(typed)
        found = self._store.run(id) if id is not None and "." in id else None
        if found is not None:
            if not found.is_live:
                raise Refusal("late", f"run {found.id} has ended")
            return found
        asked = self._store.request(request)
        assert asked is not None, "it was there"
        living = [one for one in self._store.runs(grant=asked.lease or request) if one.request == request]
        return living[-1] if living else None

    def _refuse_ended(self, id: str) -> None:
        """Raise Refusal if nothing of the request ``id``, of which nothing runs, can begin any more."""
        asked = self._store.request(id)
        assert asked is not None, "it was there"
        if asked.is_open:
            return
        grant: Grant | None = self._store.grant(asked.lease or id) if asked.state is RequestState.APPROVED else None
        if grant is None:
            raise Refusal("late", f"request {id} has ended: it is {asked.state}")
        if not grant.is_live or grant.left < 1:
            raise Refusal("late", f"nothing of request {id} runs, and nothing can begin any more: its grant is {grant.state}")

    def _is_live(self, run: str) -> bool:
        found = self._store.run(run)
        return found is not None and found.is_live


class _Looks:
    """What a watcher is sent beside the recording: beats, to which their screen answers; and the checks whether they still may.

    ``check`` raises Refusal if they may not any more.
    """

    def __init__(self, uid: int, check: Callable[[], Awaitable[Subject]]) -> None:
        self.uid = uid
        self._check = check
        self._watch: Watch | None = None
        loop = asyncio.get_running_loop()
        self._beat_at = loop.time()
        self._check_at = loop.time() + ASKED_AGAIN_EVERY

    def begin(self, watch: Watch) -> None:
        """Send beats of ``watch`` from now on, the first one at once."""
        self._watch = watch
        self._beat_at = 0.0

    async def waiting(self) -> AsyncGenerator[Row, None]:
        """Yield what is due, after a pause: there is nothing else to send now."""
        await asyncio.sleep(LOOK_EVERY)
        async for row in self.due():
            yield row

    async def due(self) -> AsyncGenerator[Row, None]:
        """Yield a beat if one is due. Raises Refusal if the watcher may not watch any more."""
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
