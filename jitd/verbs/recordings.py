# SPDX-License-Identifier: Apache-2.0
"""Defines who may watch which recording, and which rows a watcher gets. This module also removes recordings that are too old.

Law: if a person may not see a run, jitd answers as if its recording did not exist. If a person may see the run but may not watch
its recording, jitd refuses. The chain records each viewing before jitd sends the first byte of the recording. The chain records
each removal after the recording was removed. Watching a run does not change the run.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from binascii import b2a_base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from dataclasses import asdict

from jitd.core.effects import Moment
from jitd.core.law import ByDoor
from jitd.core.party import HOUSE
from jitd.core.rights import Act
from jitd.core.run import Run
from jitd.core.subject import ROOT, Identity
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.log import log
from jitd.recording import storage
from jitd.recording.reserve import BULK, is_reached
from jitd.recording.storage import Kept, RecordingError
from jitd.settings.config import Config
from jitd.store import Store, StoreError
from jitd.verbs.access import Access
from jitd.verbs.limits import NO_ROOM, Pace
from jitd.verbs.lists import Lists
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitd.workers import Workers
from jitpam.wire.shown import shown

PIECE = 64 * 1024  # bytes of a recording in one row. For a client that does not read, jitd needs a few times this memory
LOOK_EVERY = 0.1  # seconds between two checks for new data in a recording that is still being written
ASKED_AGAIN_EVERY = 10.0  # seconds between two checks whether a person who follows a live recording may still watch it
SURE_AFTER = 3600.0  # seconds for which a recording was too old before it is removed. A wrong clock can be corrected meanwhile
SET_BY = 60.0  # seconds that the wall clock and the boot clock may drift apart between two checks, unless somebody sets a clock
TIDY_EVERY = 600.0  # seconds between two searches for recordings that are too old
AT_A_TIME = 1000  # recordings that a worker looks at in one piece of work. A host may have a million recordings.
SOON = 60.0  # seconds until the next search while the disk has no room for recordings


class Recordings:
    """The recordings under the state directory."""

    def __init__(
        self,
        config: Config,
        access: Access,
        lists: Lists,
        lifecycle: Lifecycle,
        store: Store,
        opened: Callable[[], Store],
        workers: Workers,
        now: Callable[[], Moment],
        counted: Callable[[int], None] = lambda n_bytes: None,
    ) -> None:
        """``counted`` is told at intervals what all recordings take of the disk, in bytes."""
        self._counted = counted
        self._state = config.state
        self._directory = str(config.state / "recordings")
        self._limits = config.recordings
        self._access = access
        self._lists = lists
        self._lifecycle = lifecycle
        self._store = store
        self._workers = workers
        self._now = now
        self._pace = Pace()
        self._opened = opened
        self._old = Aging()

    # --- watching ----------------------------------------------------------------------------------------------------

    async def play(
        self,
        who: Identity,
        typed: str,
        *,
        follow: bool,
        again: Callable[[], Awaitable[Identity]],
        way: ByDoor | None = None,
    ) -> AsyncGenerator[Row, None]:
        """Yield the rows of a recording, as PROTOCOL.md defines them. ``again`` returns the current Subject of the watcher, and
        ``way`` is theirs through the door. Raises Refusal.
        """
        run, asked = await self._lists.run_of(who, typed)
        self._access.refuse(Act.REPLAY, who, asked)
        try:
            file = storage.open_recording(self._directory, run.id)
        except (FileNotFoundError, ValueError):
            raise Refusal("not_done", self._why_none(run)) from None
        except RecordingError as fault:
            raise Refusal("not_done", f"run {run.id}: {fault}") from None
        try:
            if not self._pace.may(who.party, self._now().boot):
                raise Refusal("not_done", "you have looked at too many recordings within a short time: wait a minute")
            if not who.is_root and is_reached(self._directory):
                raise Refusal("not_done", NO_ROOM)
            by_door = {} if way is None else {"peer": way.told()}
            self._lifecycle.note("recording.watched", *who.author, {"run": run.id, "live": run.is_live, **by_door})
            sealed = None if run.recording is None else asdict(run.recording)
            yield {"run": run.id, "live": run.is_live, "sealed": sealed}
            offset, asked_at = 0, time.monotonic()
            while True:
                is_live = follow and storage.is_live(file)  # asked before the data is read, so that no data is missed
                piece = await self._workers.kept.run(who.party, os.pread, file, PIECE, offset)
                if piece:
                    offset += len(piece)
                    yield {"data": b2a_base64(piece, newline=False).decode("ascii")}
                elif not is_live:
                    return
                else:
                    await asyncio.sleep(LOOK_EVERY)
                if is_live and time.monotonic() - asked_at > ASKED_AGAIN_EVERY:
                    asked_at = time.monotonic()
                    who = await again()
                    self._access.refuse(Act.REPLAY, who, (await self._lists.run_of(who, run.id))[1])
        finally:
            os.close(file)

    def opened_now(self, run: str) -> int:
        """Return a descriptor of the recording of ``run``. Return -1 if there is no recording yet. Raises RecordingError."""
        try:
            return storage.open_recording(self._directory, run)
        except (FileNotFoundError, ValueError):  # or there is no directory yet: the first monitor makes it
            return -1

    @staticmethod
    def _why_none(run: Run) -> str:
        if run.recording is not None:
            how = "it was removed after its time (then jitd audit show has recording.removed), or somebody else removed it"
            return f"the recording of run {run.id} is gone: {how}"
        return f"run {run.id} is not recorded" if run.is_live else f"run {run.id} was not recorded"

    # --- keeping -----------------------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Search at intervals for recordings that are too old, and remove them. This method never returns."""
        while True:
            try:
                await self._tidy_once()
            except (OSError, RecordingError, StoreError) as fault:  # a TimeoutError is an OSError
                log("old recordings could not be looked for", fault=f"{type(fault).__name__}: {fault}")
            await self._until_due()

    async def _until_due(self) -> None:
        for _ in range(round(TIDY_EVERY / SOON)):
            await asyncio.sleep(SOON)
            if is_reached(self._state, BULK):
                return

    async def _tidy_once(self) -> None:
        worker, kept = self._workers.kept, await self._survey()
        aged = await worker.run(HOUSE, storage.aged, kept, time.time(), self._limits.days)
        old = self._old.sure(aged, time.time(), self._now().boot)
        n_bytes = storage.usage(kept)
        for one in await worker.run(HOUSE, storage.outdated, kept, old, quota=self._limits.mib_in_all << 20):
            run = shown(one.run.encode())
            try:
                is_removed = await worker.run(HOUSE, storage.remove, self._directory, one.run)
            except (OSError, RecordingError) as fault:  # the others must not stay because of this one
                log("an old recording could not be removed", run=run, fault=f"{type(fault).__name__}: {fault}")
                continue
            if is_removed:
                n_bytes -= one.size
                self._lifecycle.note("recording.removed", ROOT, 0, {"run": one.run, "size": one.size})
        self._counted(n_bytes)

    async def _survey(self) -> list[Kept]:
        """Return one entry for each recording. The entry contains the requester of the run, and the position of the run among all
        runs. There may be more recordings than a worker can look at before it is given up.
        """
        runs = await self._workers.kept.run(HOUSE, storage.runs_in, self._directory)
        found: list[Kept] = []
        for start in range(0, len(runs), AT_A_TIME):
            found += await self._workers.kept.run(HOUSE, self._look_at, runs[start : start + AT_A_TIME])
        return found

    def _look_at(self, runs: list[str]) -> list[Kept]:
        found = []
        with closing(self._opened()) as store:
            for one in storage.look_at(self._directory, runs):
                place = store.place_of(Run, one.run)
                run = store.run(one.run)
                grant = store.grant(run.grant) if run is not None else None
                person = "" if grant is None else sys.intern(grant.holder.person)
                found.append(one._replace(number=place, person=person))
        return found


class Aging:
    """Decides which recordings are certainly past their age limit. The decision takes SURE_AFTER seconds of the boot clock.
    During this time, the recording must be past its limit by the wall clock, and nobody may set the wall clock.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._apart: float | None = None

    def sure(self, old: frozenset[str], wall: float, boot: float) -> frozenset[str]:
        """Return the recordings in ``old`` that are certainly past their age limit. ``old`` are the recordings that are past
        the limit by the wall clock. ``wall`` and ``boot`` are the current times of the two clocks, in seconds.
        """
        is_set = self._apart is None or abs(wall - boot - self._apart) > SET_BY
        self._apart = wall - boot
        self._since = {run: boot if is_set else self._since.get(run, boot) for run in old}
        return frozenset(run for run, since in self._since.items() if boot - since >= SURE_AFTER)
