# SPDX-License-Identifier: Apache-2.0
"""Derives the pending work from the store when the daemon starts.
Law: recovery runs once, before the first client is served. Each action of the recovery may be repeated without harm, because the
daemon may be killed during the recovery.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from jitd.core import lock, owed_review, request, run
from jitd.core.effects import Moment
from jitd.core.grant import Expired, Revoked
from jitd.core.holding import HoldingState, Taking
from jitd.core.law import CLOCK, DAEMON, IllegalEvent
from jitd.core.owed_review import OwedReviewState
from jitd.core.request import deadlines_of
from jitd.core.run import Ending, Outcome, RunState
from jitd.executor import Executor
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.screenings import is_due
from jitd.store import DAMAGED, Store

COMES_BACK_FOR = 30.0  # seconds within which a client must come back after a restart of the daemon
REBOOTED = Outcome(Ending.LOST, 0, "the host was booted anew")  # how the runs of an earlier boot have ended


class Recovery:
    """Ends the objects that expired while the daemon was not running, and sets the deadlines of all other objects. This class
    also asks the executor about the runs.
    """

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
        now = self._now()
        self._locks(now)
        self._owed_reviews(now)
        self._requests(now)
        self._grants(now)
        self._holdings(now)
        await self._executor.find(self._runs(now))

    def _locks(self, now: Moment) -> None:
        for locked in tuple(self._store.locks()):
            if locked.ends_boot is not None and locked.boot_id != now.boot_id:
                spent_for = self._lifecycle.proved_since(locked.boot_id, locked.since_boot)
                self._perform.act(lock.Carried(locked.id, DAEMON, spent_for))
            elif locked.ends_boot is not None:
                self._perform.deadlines.set("lock", locked.id, locked.ends_boot)
        for ended in self._lifecycle.locked_today():
            with suppress(IllegalEvent):  # another lock has ended it
                self._perform.act(ended)

    def _owed_reviews(self, now: Moment) -> None:
        for owed in tuple(self._store.owed_reviews()):
            if owed.state is not OwedReviewState.OWED:
                continue
            if owed.boot_id != now.boot_id:
                spent_for = self._lifecycle.proved_since(owed.boot_id, owed.since_boot)
                self._perform.act(owed_review.Carried(owed.id, DAEMON, spent_for))
            else:
                self._perform.deadlines.set("owed_review", owed.id, owed.due_boot)

    def _requests(self, now: Moment) -> None:
        deadlines = self._perform.deadlines
        for waiting in tuple(self._store.requests(ended=False)):
            if waiting.boot_id != now.boot_id:
                self._perform.act(request.DeadlinePassed(waiting.id, CLOCK))
                continue
            if is_due(waiting):
                self._perform.screenings.begin(waiting.id)
            if waiting.expires_boot is not None:
                deadlines.set("request", waiting.id, waiting.expires_boot)
            for each in deadlines_of(waiting, now.boot):
                deadlines.set(each.life, each.id, each.boot)
            if waiting.waits:
                self._perform.expect_client(waiting.id, now.boot + COMES_BACK_FOR)

    def _grants(self, now: Moment) -> None:
        deadlines = self._perform.deadlines
        for grant in tuple(self._store.grants()):
            if grant.boot_id != now.boot_id:
                self._perform.act(Expired(grant.id, CLOCK))
                continue
            deadlines.set("grant", grant.id, grant.ends_boot)
            asked = self._store.request(grant.id)
            if asked is None:
                self._perform.act(Revoked(grant.id, DAEMON, f"its request {DAMAGED}"))
                continue
            if asked.waits and asked.may_act_at_once and grant.begun == 0:
                deadlines.set("client", grant.id, now.boot + COMES_BACK_FOR)

    def _holdings(self, now: Moment) -> None:
        """Continue to give the things that must be given, and to take back the things that must be taken back. The client of a
        thing may still reconnect. A grant of an earlier boot has ended. Grants are recovered before holdings, so the holdings of
        an ended grant are already in the state TAKING.
        """
        for holding in tuple(self._store.holdings()):
            if self._store.grant(holding.grant) is None and holding.state is not HoldingState.TAKING:
                self._perform.act(Taking(holding.id, DAEMON, f"its grant {DAMAGED}"))
            if holding.state is HoldingState.TAKING:
                self._perform.holdings.take_rest(holding)
            if holding.kept_at is None:
                self._perform.holdings.await_holder(holding.id)
                self._perform.deadlines.set("holder", holding.id, now.boot + COMES_BACK_FOR)
            self._perform.deadlines.set("holding", holding.id, now.boot)

    def _runs(self, now: Moment) -> list[str]:
        """Return the ids of the runs that may still be alive, which none of an earlier boot is."""
        living = []
        for one in tuple(self._store.runs()):
            self._perform.observing.forget(one)
            its_grant = self._store.grant(one.grant)
            if its_grant is None and one.state is not RunState.STOPPING:
                self._perform.act(run.StopOrdered(one.id, DAEMON, f"its grant {DAMAGED}"))
            if its_grant is not None and its_grant.boot_id != now.boot_id:
                self._perform.end_run(run.Ended(one.id, DAEMON, REBOOTED))
            else:
                living.append(one.id)
        for grant in tuple(self._store.grants()):
            ids = () if grant.command.gives else grant.living
            set_aside = [id for id in ids if self._store.run(id) is None]  # the grant waits for their end, too
            if grant.boot_id == now.boot_id:
                living += set_aside
                continue
            for id in set_aside:
                self._perform.end_run(run.Ended(id, DAEMON, REBOOTED))
        return living
