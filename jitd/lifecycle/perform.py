# SPDX-License-Identifier: Apache-2.0
"""Carries out effects. This module has one function for each kind of effect. The results of effects become new events.
Law: an effect is carried out only after its commit. The same effect may be carried out twice. If an effect fails, the failure
becomes an event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from jitd.core import effects, lock, owed_review, request, run
from jitd.core.decision import Decision, Permit
from jitd.core.effects import Effect, Moment
from jitd.core.grant import Expired, Grant, GrantState, Revoked
from jitd.core.holding import HoldingState, Taking
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY
from jitd.core.owed_review import OwedReviewState
from jitd.core.request import Request
from jitd.core.run import Ending, Outcome, Recording, Run, RunState, Traces, Usage
from jitd.core.subject import Subject
from jitd.core.values import owner_of
from jitd.deciding.decider import Decider
from jitd.deciding.kdc_liveness import KEPT_FOR
from jitd.executor import Executor
from jitd.failures import Failure, count
from jitd.lifecycle import jobs
from jitd.lifecycle.deadlines import Deadlines
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.holdings import Holdings
from jitd.lifecycle.integrity import found_damaged
from jitd.lifecycle.lifecycle import Event, Lifecycle
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.observing import Observing
from jitd.lifecycle.openings import Openings
from jitd.lifecycle.screenings import Overtaken, Screenings, is_due
from jitd.lifecycle.seat_watch import SeatWatch
from jitd.lifecycle.waiters import Waiters
from jitd.log import log
from jitd.settings.config import Config
from jitd.store import DAMAGED, Conflict, Store, StoreError, permits_nothing
from jitd.workers import Workers

TRIES = 5  # maximum number of attempts to store events after a Conflict. After the last attempt, the caller gets an error.
LIVES = ("request", "grant", "run", "holding")  # if one is damaged, the daemon serves all others
KNOWN_FOR = timedelta(seconds=KEPT_FOR)  # how long the last look before a run relies on the KDC's answer
SET_ASIDE_AGAIN = 30.0  # seconds until jitd tries again to set aside what is damaged


class Perform:
    """Carries out the effects that follow from events. Events reach this object through ``act``."""

    def __init__(
        self,
        *,
        config: Config,
        decider: Decider,
        lifecycle: Lifecycle,
        store: Store,
        executor: Executor,
        givers: Givers,
        waiters: Waiters,
        workers: Workers,
        now: Callable[[], Moment],
    ) -> None:
        self._config = config
        self._decider = decider
        self._lifecycle = lifecycle
        self._store = store
        self._executor = executor
        self._waiters = waiters
        self._workers = workers
        self._now = now
        self.notices = Notifier()  # linked after this object was built, because it needs the parts of it
        self.deadlines = Deadlines(now, self._due, self._ended)
        self.holdings = Holdings(givers, store, waiters, now, self.act, self.deadlines.set, self._notify)
        self.screenings = Screenings(decider, store, waiters, now, self, self.deadlines)
        self.seat_watch = SeatWatch(decider, store, waiters, self._notify, self.later)
        self.openings = Openings(decider, store, now, self, self.seat_watch, self.deadlines)
        self.observing = Observing(store, executor, waiters, decider, self.act, self.monitor_is_ready)
        self._begun_for: dict[str, Subject] = {}  # maps a run to the subject who took its use, and to the ticket of that time
        self._not_set_aside: set[tuple[str, str]] = set()  # what is damaged, and was logged
        self._tasks: set[asyncio.Task[None]] = set()
        self._deeds: dict[type, Callable[[Any], None]] = {
            effects.ListsChanged: lambda effect: waiters.lists_changed(),
            effects.Screen: lambda effect: self.screenings.begin(effect.request),
            effects.ForgetAnswers: lambda effect: self._lock_was_placed(),
            effects.SeatsChanged: lambda effect: self.seat_watch.find_all(),
            effects.RequestWaits: lambda effect: self._tell_approvers(effect.request),
            effects.Notify: lambda effect: self._notify(effect.request),
            effects.WayOpened: lambda effect: self._tell_approvers(effect.request),
            effects.TellRequester: self._tell_requester,
            effects.Admit: lambda effect: self._admit(effect.request, effect.request),
            effects.StartRun: self._start_run,
            effects.StopRun: self._stop_run,
            effects.ForgetRun: self._forget_run,
            effects.Give: lambda effect: self.later(self.holdings.go_on(effect.holding)),
            effects.Take: lambda effect: self.later(self.holdings.go_on(effect.holding)),
            effects.TellHolder: self.holdings.tell,
            effects.SetDeadline: lambda effect: self.deadlines.set(effect.life, effect.id, effect.boot),
        }
        self._when_due: dict[str, Callable[[str], None]] = {
            "request": self._expire_request,
            request.WAY: self.openings.open_ways,
            request.LISTS: self.openings.ask_lists,
            "grant": self._expire_grant,
            "lock": self._expire_lock,
            "owed_review": self._call_review_overdue,
            "run": self._find_run,
            "holding": self._go_on_with_holding,
            "screen": self.screenings.begin,
            "notice": self._notify,
            "holder": self.holdings.nobody_came,
            "client": self._withdraw_unattended,
            **{f"damaged {life}": partial(self._set_aside_again, life) for life in LIVES},
            **{f"without {life}": partial(self._end_without, life) for life in LIVES},
        }

    def act(self, *events: Event) -> None:
        """Apply ``events`` in one transaction, then carry out the effects. Raises the exceptions of ``Lifecycle.handle``. If this
        method raises an exception, nothing has changed.
        """
        for effect in self._happen(events):
            self._do(effect)

    def act_on(self, event: Event, *seen: Request | Grant) -> None:
        """Apply one event like ``act``. Raises Overtaken if an object in ``seen``, on which it depends, has changed."""
        for effect in self._happen((event,), *seen):
            self._do(effect)

    def submitted(self, event: request.Submitted, decision: Decision) -> None:
        """Begin a request, and record its screening, the ``decision``, in one transaction, or later if gatekeepers must answer
        first. Raises what ``act`` raises, and Overtaken if the decision's lease has changed.
        """
        if isinstance(decision, Permit) and decision.obligations.gatekeepers:
            return self.act(replace(event, request=request.to_be_asked(event.request, decision, self._now())))
        screened = request.Screened(event.id, POLICY, decision, self.is_attended(event.request))
        for effect in self._happen((event, screened), *self._lease_in(decision)):
            self._do(effect)
        return None

    def screened(self, event: request.Screened, seen: Request) -> None:
        """Record the screening of a stored request, of which ``seen`` was the version decided on. Raises the exceptions of
        ``submitted``.
        """
        self.act_on(event, seen, *self._lease_in(event.decision))

    def _happen(self, events: tuple[Event, ...], *seen: Request | Grant) -> tuple[Effect, ...]:
        """Store ``events`` and return the effects, none of which is carried out before the commit. After a Conflict, try again,
        unless an object in ``seen`` has changed: raises Overtaken.
        """
        for _ in range(TRIES - 1):
            with contextlib.suppress(Conflict):
                return self._handle(events, seen)
        return self._handle(events, seen)

    def _handle(self, events: tuple[Event, ...], seen: tuple[Request | Grant, ...]) -> tuple[Effect, ...]:
        for one in seen:
            now = self._store.request(one.id) if isinstance(one, Request) else self._store.grant(one.id)
            if now is None or now.version != one.version:
                raise Overtaken
        return self._lifecycle.handle(*events)

    def _lease_in(self, decision: Decision) -> tuple[Grant, ...]:
        """Return the lease under which the request needs no new approvals, if ``decision`` names one."""
        lease = self._store.grant(decision.lease) if isinstance(decision, Permit) and decision.lease else None
        return () if lease is None else (lease,)

    def _do(self, effect: Effect) -> None:
        self._deeds[type(effect)](effect)

    def later(self, deed: Coroutine[Any, Any, object]) -> None:
        """Run ``deed`` in the background. The exceptions of ``deed`` are written to the log."""
        task = asyncio.get_running_loop().create_task(self._guarded(deed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, deed: Coroutine[Any, Any, object]) -> None:
        """Log the exceptions of ``deed``. A failure permits nothing, and the stored state still shows the work that is left."""
        try:
            await deed
        except Exception as fault:
            if not isinstance(fault, StoreError):  # it was counted already
                count(Failure.JITD)
            log("a deed failed", fault=f"{type(fault).__name__}: {fault}")

    # --- screening ---------------------------------------------------------------------------------------------------

    def is_attended(self, asked: Request) -> bool:
        """True if a client of ``asked`` waits to hand over its streams. The client must be connected and have a valid ticket."""
        waiter = self._waiters.of(asked.id) if asked.may_act_at_once else None
        return waiter is not None and waiter.who is not None and waiter.who.has_ticket_at(self._now().at)

    def screen_due(self) -> None:
        """Begin the queries about all requests that wait for the answer of the policy or of gatekeepers."""
        for waiting in tuple(self._store.requests(ended=False)):
            if is_due(waiting):
                self.screenings.begin(waiting.id)

    # --- telling -----------------------------------------------------------------------------------------------------

    def _notify(self, request: str) -> None:
        self.notices.look(request)

    def _tell_approvers(self, request: str) -> None:
        self.seat_watch.find(request)
        self._notify(request)

    def _tell_requester(self, effect: effects.TellRequester) -> None:
        """Send ``effect`` to the client that waits. If the client cannot be told, the other effects are still carried out."""
        self.screenings.moved(effect.request)
        self.tell_waiter(effect.request)

    def tell_waiter(self, request: str) -> None:
        """Let the client that waits for ``request`` read it again, and tell the person what is new."""
        waiter = self._waiters.of(request)
        if waiter is not None:
            try:
                waiter.moved(request)
            except Exception as fault:
                log("a client could not be told of its request", request=request, fault=f"{type(fault).__name__}: {fault}")

    def note_uncounted(self, id: str, reasons: Mapping[str, str]) -> None:
        """Tell the person who waits for the request ``id``, with the next news of it, whose approval does not count, and why."""
        if self._waiters.of(id) is not None:
            self._waiters.uncounted[id] = reasons

    def _lock_was_placed(self) -> None:
        self._decider.forget_answers()
        self.seat_watch.find_all()

    # --- runs --------------------------------------------------------------------------------------------------------

    def _start_run(self, effect: effects.StartRun) -> None:
        self.later(self._begin(effect.run, effect.request))

    def _stop_run(self, effect: effects.StopRun) -> None:
        if not self.observing.stop(effect.run, effect.because):
            self._executor.stop(effect.run, effect.because)

    async def _begin(self, id: str, request: str) -> None:
        """Let the launcher fork a monitor for the run, and give the client's end of the control socket to the client."""
        waiter = self._waiters.of(request)
        if waiter is None:
            self._not_started(id, "its client went away")
            return None
        begun, asked = self._store.run(id), self._store.request(request)
        grant = None if begun is None else self._store.grant(begun.grant)
        if begun is None or asked is None or grant is None:
            damaged = ("run", id) if begun is None else ("request", request) if asked is None else ("grant", begun.grant)
            waiter.fail(f"{permits_nothing(*damaged)}: ask again")
            return self._not_started(id, f"its {damaged[0]} {DAMAGED}")
        if because := await self.observing.until_watched(begun, grant, asked, waiter):
            if self._waiters.of(asked.id) is waiter:
                waiter.refuse("denied", f"the command was not started: {because}")
            return self._not_started(id, because)
        self._begun_for[id] = waiter.who or asked.requester
        written = (file for one in asked.command.each if (file := one.edit or one.makes) is not None)
        texts = [self._store.text(file.after) for file in written]
        try:
            job = await self._workers.files.run(
                asked.requester.party, jobs.job_of, begun, grant, asked, self._config, self._now().boot, *texts
            )
            control = await self._executor.start(job)
        except Exception as fault:
            count(Failure.MONITOR)
            log("a run could not be started", run=id, fault=f"{type(fault).__name__}: {fault}")
            self.deadlines.set("run", id, self._now().boot + 1.0)  # if this cannot be recorded now, the run is searched for
            waiter.fail(f"the run could not be started: {fault}")
            self._not_started(id, f"it could not be started: {fault}")
            return None
        client = self._waiters.client_of(asked.id)
        if client is not None and client is waiter:
            client.start(id, control.detach())
        else:
            control.close()  # the client is gone, as the monitor sees and reports; or this is a login, which has no client

    def _admit(self, request: str, id: str) -> None:
        """Let the enforcement point that waits for ``request`` continue. ``id`` is that of the recorded use of the grant."""
        point = self._waiters.point_of(request)
        if point is not None:
            point.admit(id)

    def _not_started(self, id: str, because: str) -> None:
        self.end_run(run.Ended(id, DAEMON, Outcome(Ending.NOT_STARTED, 126, because)))

    def _forget_run(self, effect: effects.ForgetRun) -> None:
        self._begun_for.pop(effect.run, None)
        self.observing.forget_run(effect.run)
        self._executor.forget(effect.run)
        self._waiters.run_is_gone(effect.run)

    def usage_of(self, one: Run) -> Usage | None:
        """Return the resources that a run uses at the moment. Return None if these resources are not known."""
        return self._executor.usage(one.id) if one.is_live else None

    def monitor_is_ready(self, id: str, *, is_known: bool = False) -> None:
        """The monitor of the run ``id`` has the streams, and asks the daemon for permission to start the run. Check for the last
        time whether the run may start. If its use was decided some time ago, the KDC is asked about the requester once more,
        unless ``is_known``: then its answer has just come.
        """
        found = self._store.run(id)
        grant = self._store.grant(found.grant) if found is not None else None
        asked = self._store.request(found.request) if found is not None else None
        if found is None or grant is None or asked is None or found.state is not RunState.STARTING:
            return self._executor.stop(id, found.because if found is not None and found.because else "it may not start any more")
        now = self._now()
        if grant.state is not GrantState.ACTIVE or now.boot_id != grant.boot_id or now.boot >= grant.ends_boot:
            return self._executor.stop(id, "its grant has ended")
        if found.login is not None and self._waiters.of(asked.id) is None:
            return self._executor.stop(id, "the person who wanted to log in has gone")
        who = self._begun_for.get(id, asked.requester)
        if not who.has_ticket_at(now.at):
            return self._executor.stop(id, "its requester's ticket has expired: kinit")
        if locked := self._decider.lock_on(asked.requester.begins(found.used_by)):
            return self._executor.stop(id, locked.because)
        if not is_known and not timedelta(0) <= now.at - found.starting_at <= KNOWN_FOR:
            return self.later(self._ask_again(id, who))
        if not self.observing.begins_or_waits(found, grant, asked):
            return None
        self._executor.go(id)
        if self.observing.by(id):
            self.observing.tell(id)

    async def _ask_again(self, id: str, who: Subject) -> None:
        """Ask the KDC about ``who``, the requester of the run ``id``. Then stop the run, or check the rest for the last time."""
        try:
            if (refusal := await self._decider.refusal(who)) is not None:
                return self._executor.stop(id, refusal.because)
            self.monitor_is_ready(id, is_known=True)
        except Exception:
            self._executor.stop(id, "jitd failed, and permitted nothing: its log says why")
            raise

    def monitor_is_here(self, id: str) -> None:
        """The monitor of the run ``id`` has just connected. If this run has ended or must stop, stop the monitor."""
        found = self._store.run(id)
        if found is None or found.state is RunState.ENDED:
            self._executor.stop(id, "it may not start any more")
        elif found.state is RunState.STOPPING:
            self._executor.stop(id, found.because)

    def run_is_held(self, id: str, *, is_frozen: bool) -> None:
        """Record that a monitor has frozen or thawed its run. A report that comes again changes nothing."""
        found = self._store.run(id)
        if found is not None and found.state is (RunState.RUNNING if is_frozen else RunState.FROZEN):
            self.act(run.Frozen(id, MONITOR) if is_frozen else run.Thawed(id, MONITOR))

    def run_has_started(self, id: str, pid: int) -> None:
        """Record that the command of the run was executed. The run's monitor has reported the execution."""
        found = self._store.run(id)
        if found is not None and found.started_at is None and found.state is not RunState.ENDED:
            self.act(run.Started(id, MONITOR, pid))
            if found.login is not None:
                self._admit(found.request, id)

    def run_has_ended(
        self, id: str, outcome: Outcome, recording: Recording | None, traces: Traces | None, said: str = ""
    ) -> None:
        """Record how the run ended, by its monitor or by the search for it. A report that comes again changes nothing."""
        found = self._store.run(id)
        self.end_run(run.Ended(id, MONITOR, outcome, recording, traces, said))
        waiter = self._waiters.of(found.request) if found is not None and found.is_live and found.login is not None else None
        if waiter is not None:
            waiter.fail(f"the session could not be begun: {outcome.because}")

    def end_run(self, event: run.Ended) -> None:
        """Record the end of a run, once. Of a run that was set aside, only its grant is told, which may wait for its last run."""
        found = self._store.run(event.id)
        if found is not None and found.is_live:
            return self.act(event)
        grant = self._store.grant(owner_of(event.id))
        if grant is not None and grant.is_live and event.id in grant.living:
            was_started = event.outcome.ending is not Ending.NOT_STARTED
            self.act(run.Returned(grant.id, event.by, event.id, was_started))
        self._forget_run(effects.ForgetRun(event.id))  # one that was set aside is known to have ended by this event alone
        return None

    # --- time --------------------------------------------------------------------------------------------------------

    def _ended(self, some: set[tuple[str, str]]) -> set[tuple[str, str]]:
        try:
            live = self._store.live()
        except StoreError:
            return set()
        later = {(life, id) for life, id in some if life in (request.WAY, request.LISTS) and ("request", id) not in live}
        return {(life, id) for life, id in some - live if life in ("request", "grant", "lock", "owed_review")} | later

    def _due(self, life: str, id: str) -> None:
        try:
            self._when_due[life](id)
        except Exception as fault:  # if one deadline fails, the clock must still handle the others
            log("a deadline could not be kept; jitd tries again", life=life, id=id, fault=f"{type(fault).__name__}: {fault}")
            self.deadlines.set(life, id, self._now().boot + 1.0)

    def _expire_request(self, id: str) -> None:
        waiting = self._store.request(id)
        if waiting is not None and waiting.is_open and (waiting.expires_boot or 0.0) <= self._now().boot:
            self.act(request.DeadlinePassed(id, CLOCK))

    def set_aside(self, life: str, id: str) -> None:
        """Set aside the stored object ``id``, which could not be read, or the grant that rests on it, and end what was begun
        under it, as a restart would do. If this cannot be recorded now, jitd tries again. Raises nothing.
        """
        if (life, id) in self._not_set_aside:
            return
        try:
            damaged = found_damaged(self._store, life, id)
            if damaged is None:
                return
            followed_by = self._lifecycle.set_aside(damaged)
        except Exception as fault:
            self._not_set_aside.add((life, id))
            log("a damaged object could not be set aside", life=life, id=id, fault=f"{type(fault).__name__}: {fault}")
            if life in LIVES:  # nothing mends the others
                self.deadlines.set(f"damaged {life}", id, self._now().boot + SET_ASIDE_AGAIN)
            return
        log("an object was damaged in the database, and is set aside", life=damaged.life, id=id, because=damaged.because)
        for effect in followed_by:
            self._do(effect)
        self._due(f"without {damaged.life}", id)

    def _set_aside_again(self, life: str, id: str) -> None:
        self._not_set_aside.discard((life, id))
        self.set_aside(life, id)

    def _end_without(self, life: str, id: str) -> None:
        """End what was begun under the object ``id``, which was set aside."""
        if life == "run":
            self._stop_run(effects.StopRun(id, f"it {DAMAGED}"))
        elif life == "grant":
            self._end_without_grant(id)
        elif life == "holding":
            self.holdings.end_without(id)
        elif (grant := self._store.grant(id)) is not None and grant.is_live:
            self.act(Revoked(id, DAEMON, f"its request {DAMAGED}"))
        if life in ("request", "grant") and (waiter := self._waiters.of(id)) is not None:
            waiter.fail(f"{permits_nothing(life, id)}: ask again")
        self._waiters.lists_changed()

    def _end_without_grant(self, id: str) -> None:
        for held in tuple(self._store.holdings(grant=id)):
            if held.state is not HoldingState.TAKING:
                self.act(Taking(held.id, DAEMON, f"its grant {DAMAGED}"))
        for begun in tuple(self._store.runs(grant=id)):
            if begun.state is not RunState.STOPPING:
                self.act(run.StopOrdered(begun.id, DAEMON, f"its grant {DAMAGED}"))

    def _expire_grant(self, id: str) -> None:
        grant = self._store.grant(id)
        if grant is None:  # it was set aside, and perhaps not all could be recorded then
            self._end_without_grant(id)
        elif grant.is_live and grant.ends_boot <= self._now().boot:
            self.act(Expired(id, CLOCK))

    def _expire_lock(self, id: str) -> None:
        locked = self._store.lock(id)
        if locked is not None and locked.is_active and locked.is_over_at(self._now()):
            self.act(lock.Expired(id, CLOCK))

    def _call_review_overdue(self, id: str) -> None:
        owed = self._store.owed_review(id)
        if owed is not None and owed.state is OwedReviewState.OWED and owed.is_late_at(self._now()):
            self.act(owed_review.Overdue(id, CLOCK))

    def _find_run(self, id: str) -> None:
        """Ask the executor what happened to a run. The executor then reports how the run ended."""
        found = self._store.run(id)
        if found is None or found.is_live:  # of one that was set aside, nobody else knows whether it has ended
            self.later(self._executor.find([id]))

    def _go_on_with_holding(self, id: str) -> None:
        if self.holdings.is_due(id):
            self.later(self.holdings.go_on(id))

    def expect_client(self, id: str, until: float) -> None:
        """The client was lost in a restart: withdraw the request if it is not back at ``until`` (CLOCK_BOOTTIME)."""
        self._waiters.expected.add(id)
        self.deadlines.set("client", id, until)

    def _withdraw_unattended(self, id: str) -> None:
        """Its client did not come back after a restart. Nothing is started for it, even if it was approved meanwhile."""
        self._waiters.expected.discard(id)
        found = self._store.request(id)
        if found is None or self._waiters.of(id) is not None:
            return
        because = "its client did not come back"
        if found.is_open:
            self.act(request.Withdrawn(id, DAEMON, because))
        grant = self._store.grant(id) if found.may_act_at_once else None
        is_later = grant is not None and grant.begins_boot is not None  # before this grant begins, no client has to wait for it
        if grant is not None and grant.is_live and grant.begun == 0 and not is_later:
            self.act(Revoked(id, DAEMON, because))
