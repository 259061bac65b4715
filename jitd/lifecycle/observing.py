# SPDX-License-Identifier: Apache-2.0
"""Who watches the observed runs of this host: runs that wait for a watcher, watchers who come and leave, and what monitors are
told of them.

Law: somebody watches only as long as their screen answers: a connection alone proves nothing. Each coming and leaving is recorded
before it counts. All of this is in memory: after a restart of the daemon nobody watches, and monitors go by their own clocks.
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

SAID_EVERY = 2.0
"""Seconds between two words to a monitor that somebody watches. It believes each for 5 s (monitor/observation.py)."""
ALIVE_FOR = 5.0
"""Seconds that a watcher's screen may take to show what it was sent and to answer. After that, nobody sits there."""
LOOK_EVERY = 0.5
"""Seconds between two checks whether the client of a run that waits for a watcher is still there."""
GONE = "its client went away"


def is_observed(grant: Grant, asked: Request) -> bool:
    """True if a run under ``grant`` for ``asked`` has to be watched: the rule of then or that of today says so."""
    return grant.terms.observed or (asked.obligations is not None and asked.obligations.terms.observed)


class Watch:
    """One connection over which ``by`` watches the run ``run``. ``counts`` is true while its screen answers."""

    def __init__(self, run: str, by: Actor) -> None:
        self.run = run
        self.by = by
        self.counts = False
        self.n_sent = 0
        self._sent: dict[int, float] = {}  # the beats that were not answered, and when they were sent
        self._shown_at = 0.0

    def beat(self, now: float) -> int:
        """Return the number of the next beat, which is sent ``now`` (seconds, the event loop's clock)."""
        self.n_sent += 1
        self._sent[self.n_sent] = now
        return self.n_sent

    def has_shown(self, number: int) -> bool:
        """Note that the screen has shown all that was sent before the beat ``number``. False if no such beat is open."""
        sent_at = self._sent.pop(number, None)
        if sent_at is None:
            return False
        self._sent = {n: at for n, at in self._sent.items() if n > number}
        self._shown_at = max(self._shown_at, sent_at)
        return True

    def is_alive(self, now: float) -> bool:
        """True if what the screen shows ``now`` is at most ALIVE_FOR seconds old."""
        return now - self._shown_at <= ALIVE_FOR


class Observing:
    """The watchers, and the runs that wait for one. ``act`` has events happen."""

    def __init__(
        self, store: Store, executor: Executor, waiters: Waiters, decider: Decider, act: Callable[[run.Event], None]
    ) -> None:
        self._store = store
        self._executor = executor
        self._waiters = waiters
        self._decider = decider
        self._act = act
        self._watches: dict[str, list[Watch]] = {}
        self._waiting: dict[str, asyncio.Event] = {}  # runs that wait for a watcher; set when one has come, or the run must stop
        self._stopped: dict[str, str] = {}  # those of them that must stop, and why
        self._task: asyncio.Task[None] | None = None

    # --- runs that wait to begin -------------------------------------------------------------------------------------

    async def until_watched(self, begun: Run, grant: Grant, asked: Request, waiter: Waiter) -> str:
        """Wait until somebody watches the run ``begun``, if it has to be watched; then have everything decided again. ``waiter``
        is its client. Return why the run may not begin; empty if it may.
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
        """Return why ``asked`` is not permitted any more; empty if it still is. Raises TimeoutError."""
        if waiter.who is not None and not waiter.who.is_root:
            asked = replace(asked, requester=replace(asked.requester, authentication=waiter.who.authentication))
        decision = await self._decider.decide_use(asked)
        return decision.because if isinstance(decision, Deny) else ""

    def stop(self, id: str, because: str) -> bool:
        """Have the run never begin, if it waits for a watcher. False if it does not."""
        if id not in self._waiting:
            return False
        self._stopped[id] = because
        self._waiting[id].set()
        return True

    def holds(self, request: str) -> bool:
        """True if a run for ``request`` waits for a watcher."""
        found = (self._store.run(id) for id in self._waiting)
        return any(one is not None and one.request == request for one in found)

    def may_begin(self, found: Run, grant: Grant, asked: Request) -> bool:
        """True if the command of ``found`` may begin now: somebody watches, or nobody has to. Its monitor is told who."""
        if found.login is None and is_observed(grant, asked):
            return bool(self.by(found.id))
        return True

    # --- people who watch --------------------------------------------------------------------------------------------

    def by(self, id: str) -> tuple[str, ...]:
        """Return the principals of those who watch the run ``id``, each once."""
        return tuple(dict.fromkeys(watch.by.principal for watch in self._watches.get(id, ()) if watch.counts))

    def come(self, watch: Watch) -> None:
        """Add ``watch``. It counts from the first time that its screen has answered."""
        self._watches.setdefault(watch.run, []).append(watch)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._go_on_telling())

    def has_shown(self, watch: Watch, number: int) -> None:
        """Note that the screen of ``watch`` has answered the beat ``number``. Raises what the store raises."""
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

    def leave(self, watch: Watch) -> None:
        """Remove ``watch``: its person has left, or may not watch any more."""
        self._uncount(watch, watch.by, "they left")
        rest = [other for other in self._watches.get(watch.run, ()) if other is not watch]
        if rest:
            self._watches[watch.run] = rest
        else:
            self._watches.pop(watch.run, None)

    def forget(self, found: Run) -> None:
        """After a restart of the daemon: note that nobody watches ``found`` any more."""
        for who in found.watchers:
            self._note(run.Unobserved(found.id, DAEMON, who, "jitd was restarted"))

    def tell(self, id: str) -> None:
        """Tell the monitor of the run ``id`` who watches."""
        self._executor.watched(id, self.by(id))

    def _uncount(self, watch: Watch, by: Actor, because: str) -> None:
        if not watch.counts:
            return
        watch.counts = False
        if watch.by.principal not in self.by(watch.run):
            self._note(run.Unobserved(watch.run, by, watch.by.principal, because))
        self.tell(watch.run)

    def _note(self, event: run.Unobserved) -> None:
        """Record that somebody has left. Whether that can be recorded or not, they do not count."""
        try:
            self._act(event)
        except IllegalEvent:
            pass  # the run has ended: the record says so
        except Exception as fault:
            log("that somebody does not watch any more could not be recorded", run=event.id, who=event.who, fault=fault)

    async def _go_on_telling(self) -> None:
        """Tell monitors again and again who watches, as long as somebody does, and find those whose screen does not answer."""
        try:
            while self._watches:
                for id, watches in tuple(self._watches.items()):
                    for watch in watches:
                        if not watch.is_alive(_now()):
                            self._uncount(watch, DAEMON, "their screen did not answer")
                    if self.by(id):
                        self.tell(id)
                await asyncio.sleep(SAID_EVERY)
        except Exception as fault:  # monitors hear nothing more then, and freeze their runs
            log("monitors could not be told who watches", fault=f"{type(fault).__name__}: {fault}")
        finally:
            self._task = None


def _now() -> float:
    return asyncio.get_running_loop().time()
