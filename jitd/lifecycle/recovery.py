# SPDX-License-Identifier: Apache-2.0
"""Derives the pending work from the store when the daemon starts.
Law: recovery runs once, before the first client is served. Each action of the recovery may be repeated without harm, because the
daemon may be killed during the recovery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from jitd.core import run
from jitd.core.effects import Moment, Screen, SetDeadline
from jitd.core.holding import HoldingState
from jitd.core.law import DAEMON, IllegalEvent
from jitd.core.request import Request
from jitd.executor import Executor
from jitd.lifecycle.lifecycle import Event, Lifecycle
from jitd.lifecycle.owed import REBOOTED, owed
from jitd.lifecycle.perform import Perform
from jitd.store import Life, Store, StoreError

AT_ONCE = 50  # lives that end with one commit, because each commit waits for the disk


class Recovery:
    """Ends what expired while no daemon ran, sets all other deadlines, and asks the executor about the runs."""

    def __init__(
        self,
        perform: Perform,
        lifecycle: Lifecycle,
        store: Store,
        executor: Executor,
        now: Callable[[], Moment],
    ) -> None:
        self._perform = perform
        self._lifecycle = lifecycle
        self._store = store
        self._executor = executor
        self._now = now

    async def recover(self) -> None:
        """Recover locks and owed reviews first, then requests, grants, holdings and runs, one after another. Raises
        StoreError."""
        now, store = self._now(), self._store
        for locked in tuple(store.locks()):
            self._settle(locked, now)
        for ended in self._lifecycle.locked_today():
            with suppress(IllegalEvent):  # another lock has ended it
                self._perform.act(ended)
        for owing in tuple(store.owed_reviews()):
            self._settle(owing, now)
        self._settle_all(tuple(store.requests(ended=False)), now)
        self._settle_all(tuple(store.grants()), now)
        self._holdings(now)
        await self._executor.find(self._runs(now))

    def _settle_all(self, lives: Sequence[Life], now: Moment) -> None:
        """Do what is owed for each of ``lives``. After a reboot, all of them have ended."""
        events: list[Event] = []
        for one in lives:
            self._settle(one, now, events.append)
        for at in range(0, len(events), AT_ONCE):
            some = events[at : at + AT_ONCE]
            try:
                self._perform.act(*some)
            except (IllegalEvent, StoreError):  # because of one of them, none has happened
                for event in some:
                    self._perform.act(event)

    def _settle(self, one: Life, now: Moment, act: Callable[[Event], None] | None = None) -> list[str]:
        """Do what is owed for ``one``. ``act`` applies an event. Return its id if it is a run that may still be alive."""
        living = []
        for step in owed(one, self._store, now, self._lifecycle.proved_since):
            match step:
                case SetDeadline(life="run"):
                    living.append(step.id)
                case SetDeadline(life="client") if isinstance(one, Request):
                    self._perform.expect_client(step.id, step.boot)
                case SetDeadline():
                    self._perform.deadlines.set(step.life, step.id, step.boot)
                case Screen():
                    self._perform.screenings.begin(step.request)
                case run.Ended():
                    self._perform.end_run(step)
                case _:
                    (act or self._perform.act)(step)
        return living

    def _holdings(self, now: Moment) -> None:
        """Go on to give and to take back things, whose clients may reconnect. Grants, all of an earlier boot ended, come before,
        so holdings of ended ones are TAKING already.
        """
        for holding in tuple(self._store.holdings()):
            self._settle(holding, now)
            if holding.state is HoldingState.TAKING:
                self._perform.holdings.take_rest(holding)
            if holding.kept_at is None:
                self._perform.holdings.await_holder(holding.id)

    def _runs(self, now: Moment) -> list[str]:
        """Return the ids of the runs that may still be alive, which none of an earlier boot is."""
        living = []
        for one in tuple(self._store.runs()):
            self._perform.observing.forget(one)
            living += self._settle(one, now)
        for grant in tuple(self._store.grants()):
            set_aside = [id for id in grant.runs if self._store.run(id) is None]  # the grant waits for their end, too
            if grant.boot_id == now.boot_id:
                living += set_aside
                continue
            for id in set_aside:
                self._perform.end_run(run.Ended(id, DAEMON, REBOOTED))
        return living
