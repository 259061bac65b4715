# SPDX-License-Identifier: Apache-2.0
"""The watchers of the observed runs of this host. An observed run may execute only while somebody watches it. This module stores
which runs wait for a watcher. The module notes when watchers arrive and leave, and informs the monitors.
Law: a person is treated as a watcher only while their screen answers, because a connection alone proves nothing. The arrival and
the departure of a watcher have an effect only after they are recorded. The lists of watchers and waiting runs are only in memory.
After a restart of the daemon there are no watchers. Each monitor then measures with its own clock how long its run is unwatched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from jitd.core import run
from jitd.core.decision import Deny
from jitd.core.grant import Grant
from jitd.core.law import DAEMON, Actor, IllegalEvent
from jitd.core.request import Request
from jitd.core.run import Run, RunState
from jitd.deciding.decider import Decider
from jitd.executor import Executor
from jitd.lifecycle.waiters import Waiter, Waiters
from jitd.log import log
from jitd.store import Store

SAID_EVERY = 2.0  # seconds between two messages to a watched run's monitor, which trusts each for 5 s (monitor/observation.py)
ALIVE_FOR = 5.0  # seconds in which a watcher's screen must have shown what was sent. If it has not, the watcher is absent
LOOK_EVERY = 0.5  # seconds between two looks at the client of a run that waits for a watcher
GONE = "its client went away"
WATCHED_WITHIN = 60.0
"""Seconds for which an observed run may be unwatched. If a run has not begun yet, its monitor waits for a watcher for at most
this time. If a run has begun, it is ended after this time without a watcher.
"""


def is_observed(grant: Grant, asked: Request) -> bool:
    """True if a run under ``grant`` for ``asked`` must be watched. A run must be watched if the rule demanded a watcher at the
    time of approval, or if today's rule demands one.
    """
    return grant.terms.observed or (asked.obligations is not None and asked.obligations.terms.observed)


class Watch:
    """A connection by which ``by`` watches ``run``. ``counts`` is True while the screen answers in time."""

    def __init__(self, run: str, by: Actor) -> None:
        self.run = run
        self.by = by
        self.counts = False
        self.n_sent = 0
        self._sent: dict[int, float] = {}  # the heartbeats that have no answer yet, and when they were sent
        self._shown_at = 0.0

    def beat(self, now: float) -> int:
        """Return the number of the next heartbeat, which is sent at ``now`` (seconds on the event loop's clock). A heartbeat is a
        numbered message that the watcher's screen answers.
        """
        self.n_sent += 1
        self._sent[self.n_sent] = now
        return self.n_sent

    def has_shown(self, number: int) -> bool:
        """Remember that the watcher's screen has shown everything that was sent before the numbered message ``number`` (a
        heartbeat). Return False if jitd does not wait for an answer to this message.
        """
        sent_at = self._sent.pop(number, None)
        if sent_at is None:
            return False
        self._sent = {n: at for n, at in self._sent.items() if n > number}
        self._shown_at = max(self._shown_at, sent_at)
        return True

    def is_alive(self, now: float) -> bool:
        """True if, at the time ``now``, the content on the watcher's screen is at most ALIVE_FOR seconds old."""
        return now - self._shown_at <= ALIVE_FOR


class Observing:
    """The watchers, and the runs that wait for a watcher. ``act`` applies events. If the monitor of a run is ready,
    ``look_again`` (``Perform.monitor_is_ready``) checks once more whether the run may start.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        waiters: Waiters,
        decider: Decider,
        act: Callable[[run.Event], None],
        look_again: Callable[[str], None],
    ) -> None:
        self._store = store
        self._executor = executor
        self._waiters = waiters
        self._decider = decider
        self._act = act
        self._look_again = look_again
        self._watches: dict[str, list[Watch]] = {}
        self._waiting: dict[str, asyncio.Event] = {}  # runs that wait for a watcher; set when one comes or the run must stop
        self._stopped: dict[str, str] = {}  # maps a waiting run that must stop to the reason
        self._ready: dict[str, asyncio.TimerHandle] = {}  # runs whose monitor is ready and whose last watcher has just left
        self._task: asyncio.Task[None] | None = None

    # --- runs that wait to begin -------------------------------------------------------------------------------------

    async def until_watched(self, begun: Run, grant: Grant, asked: Request, waiter: Waiter) -> str:
        """If the run must be watched, wait until somebody does, and decide again. ``waiter`` is its client. Return "" if it may
        begin, or why it must not.
        """
        if begun.login is not None or not is_observed(grant, asked):
            return ""
        self._waiting[begun.id] = came = asyncio.Event()
        try:
            waiter.hears(f"approved; it begins when somebody watches it: jitd approve {asked.id} --watch")
            while not (because := self._why_not(begun.id, asked.id, waiter)) and not self.by(begun.id):
                with suppress(TimeoutError):
                    await asyncio.wait_for(came.wait(), LOOK_EVERY)
                came.clear()
            return because or await self._denial(asked, waiter) or self._why_not(begun.id, asked.id, waiter)
        except Exception as fault:
            log("a run could not wait for a watcher", run=begun.id, fault=f"{type(fault).__name__}: {fault}")
            return "jitd failed, and permitted nothing: its log says why"
        finally:
            self._waiting.pop(begun.id, None)
            self._stopped.pop(begun.id, None)

    def _why_not(self, id: str, request: str, waiter: Waiter) -> str:
        return self._stopped.get(id, "") or ("" if self._waiters.of(request) is waiter else GONE)

    async def _denial(self, asked: Request, waiter: Waiter) -> str:
        """Return why ``asked`` is not permitted any more, or an empty text if it still is. Raises TimeoutError."""
        if waiter.who is not None and not waiter.who.is_root:
            asked = replace(asked, requester=replace(asked.requester, authentication=waiter.who.authentication))
        decision = await self._decider.decide_use(asked, n_taken=1)  # the waiting run itself has taken this one use
        return decision.because if isinstance(decision, Deny) else ""

    def stop(self, id: str, because: str) -> bool:
        """If the run waits for a watcher, prevent the run from beginning. Return False if the run does not wait for a watcher."""
        if id not in self._waiting:
            return False
        self._stopped[id] = because
        self._waiting[id].set()
        return True

    def holds(self, request: str) -> bool:
        """True if a run for ``request`` waits for a watcher."""
        found = (self._store.run(id) for id in self._waiting)
        return any(one is not None and one.request == request for one in found)

    def begins_or_waits(self, found: Run, grant: Grant, asked: Request) -> bool:
        """True if the command may begin: somebody watches it, or nobody has to. Otherwise its monitor waits for a watcher, until
        the run is stopped after WATCHED_WITHIN seconds.
        """
        if (timer := self._ready.pop(found.id, None)) is not None:
            timer.cancel()
        if found.login is not None or not is_observed(grant, asked) or self.by(found.id):
            return True
        self._ready[found.id] = asyncio.get_running_loop().call_later(WATCHED_WITHIN, self._nobody_came, found.id)
        return False

    def _nobody_came(self, id: str) -> None:
        self._ready.pop(id, None)
        self._executor.stop(id, "nobody watches it any more")

    def forget_run(self, id: str) -> None:
        """The run ``id`` has ended. Do not wait for a watcher of this run any more."""
        if (timer := self._ready.pop(id, None)) is not None:
            timer.cancel()

    # --- people who watch --------------------------------------------------------------------------------------------

    def by(self, id: str) -> tuple[str, ...]:
        """Return the principals of the people who watch the run ``id``. Each principal is returned once."""
        return tuple(dict.fromkeys(watch.by.principal for watch in self._watches.get(id, ()) if watch.counts))

    def come(self, watch: Watch) -> None:
        """Add a watcher's connection, which has an effect once the screen has answered."""
        self._watches.setdefault(watch.run, []).append(watch)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._go_on_telling())

    def has_shown(self, watch: Watch, number: int) -> None:
        """Handle an answer that came over the connection ``watch``. The answer says that the watcher's screen has shown all that
        was sent before the numbered message ``number`` (a heartbeat). Raises the exceptions of the store.
        """
        if not watch.has_shown(number) or watch.counts or not watch.is_alive(_now()):
            return
        if watch not in self._watches.get(watch.run, ()):
            return
        found = self._store.run(watch.run)
        if found is None or found.state not in (RunState.STARTING, RunState.RUNNING, RunState.FROZEN):
            return
        if watch.by.principal not in self.by(watch.run):
            self._act(run.Observed(watch.run, watch.by))
        watch.counts = True
        self.tell(watch.run)
        if watch.run in self._waiting:
            self._waiting[watch.run].set()
        if watch.run in self._ready:
            self._look_again(watch.run)

    def leave(self, watch: Watch) -> None:
        """Remove the watcher's connection ``watch``, because the person has left or is not allowed to watch any more."""
        self._uncount(watch, watch.by, "they left")
        rest = [other for other in self._watches.get(watch.run, ()) if other is not watch]
        if rest:
            self._watches[watch.run] = rest
        else:
            self._watches.pop(watch.run, None)

    def forget(self, found: Run) -> None:
        """Record that nobody watches ``found`` any more. The daemon calls this method after its restart."""
        for who in found.watchers:
            self._note(run.Unobserved(found.id, DAEMON, who, "jitd was restarted"))

    def tell(self, id: str) -> None:
        """Tell the monitor of the run ``id`` which people watch the run."""
        self._executor.watched(id, self.by(id))

    def _uncount(self, watch: Watch, by: Actor, because: str) -> None:
        if not watch.counts:
            return
        watch.counts = False
        if watch.by.principal not in self.by(watch.run):
            self._note(run.Unobserved(watch.run, by, watch.by.principal, because))
        self.tell(watch.run)

    def _note(self, event: run.Unobserved) -> None:
        """Even if it cannot be recorded that a watcher has left, the person is not treated as a watcher any more."""
        try:
            self._act(event)
        except IllegalEvent:
            pass  # the run has ended, and the record contains its end
        except Exception as fault:
            log("jitd could not record that somebody has stopped watching", run=event.id, who=event.who, fault=fault)

    async def _go_on_telling(self) -> None:
        """While there are watchers, tell the monitors at intervals who they are, without those whose screens do not answer."""
        try:
            while self._watches:
                for id, watches in tuple(self._watches.items()):
                    for watch in watches:
                        if not watch.is_alive(_now()):
                            self._uncount(watch, DAEMON, "the watcher's client did not answer")
                    if self.by(id):
                        self.tell(id)
                await asyncio.sleep(SAID_EVERY)
        except Exception as fault:  # after this fault the monitors receive no more messages, and freeze their runs
            log("monitors could not be told who watches", fault=f"{type(fault).__name__}: {fault}")
        finally:
            self._task = None


def _now() -> float:
    return asyncio.get_running_loop().time()
