# SPDX-License-Identifier: Apache-2.0
"""A request of which somebody is killed at a point of its path, and a look at all that has to hold afterwards.

``play`` does that at a named point (crashpoints.py), and gives what is not as it has to be, a line each.

Law: what holds for every point is looked at after every one: nothing ran without a record before it, or twice; what somebody was
told is in the database; whoever asked has an end and a sentence; nothing is left; the chain holds; and the same daemon serves the
next request.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import signal
import time
from contextlib import suppress
from typing import Any

from jitd.core.request import RequestState
from jitd.core.run import Run, RunState
from jitd.monitor import limits
from jitd.recording.reader import examine
from jitd.recording.storage import open_recording
from jitd.store.sqlite import SqliteStore
from tests.system.clients import SHELL, Client
from tests.system.conftest import House
from tests.system.crashpoints import STATUS, Point
from tests.system.failing import erring
from tests.system.halting import EVERY, Halt
from tests.system.killing import children, descendants, launcher_of, monitor_of
from tests.system.prompt import command_lines, number
from tests.verified import verify
from tests.waiting import PATIENCE, wait_for

WITHIN = PATIENCE
"""Seconds after which nothing may be left, not even what only the daemon clears away: it gives a monitor 5 s to check in."""
CLEARS_UP_IN = 3.0
"""Seconds in which whoever is followed makes the calls that are left once a request is over."""
FAILING = "failing"
"""A point that is none: a call fails, be it the command's own, which then ends as it likes."""
ENDS_WITHIN = 60.0
"""Seconds in which a client has to end."""
FAILS_FOR = 10.0
"""Seconds after which the calls are let be, as an end may only come then: whoever asked has ENDS_WITHIN from there."""
AHEAD = -15
"""The priority of the next daemon: a monitor waits 10 s for it, also on a busy host."""
TRIALS = 4
"""How often a point is played whose next daemon comes too late."""
EXITS = frozenset({0, *range(118, 128), STATUS})
"""What a client may end with: the statuses of the contract, and the command's."""
STOPPED = -signal.SIGTERM
"""The client ends as its command did, and a monitor that cannot pass on or record a stream ends the command by SIGTERM, and says
so.
"""


def no_monitor_of_a_run(house: House) -> None:
    """Wait until no monitor has a run. A monitor ends after its client, and after the record of the run's end, and would be taken
    for that of the next run.
    """
    launcher = launcher_of(house)
    wait_for(lambda: not monitor_of(house, launcher), what="the end of the monitor of the run before")


class Trial:
    """One request, brought to ``point``."""

    def __init__(self, house: House, point: Point, victim: str = "") -> None:
        self.house, self.point = house, point
        self.victim = victim or point.victim
        self.mark = number()
        self.ran = house.root / "said" / f"ran-{self.mark}"
        self.script = f"exec 2>/dev/null; date +%s.%N >>{self.ran}; {point.script}; exit {STATUS}; : {self.mark}"
        self.client: Client | None = None
        self.approvals: list[Client] = []
        self.faults: list[str] = []
        self.was_killed = ""
        self.killed_at = math.inf  # the daemon, on the monotonic clock
        self.away_for = 0.0
        no_monitor_of_a_run(house)
        self.before = self._census()

    # --- there, and the kill

    def play(self) -> None:
        point = self.point
        if point.follows == "client":
            self.client = Client(self.house, "alice", *self._words(), is_stopped=True)
        elif point.is_pending:
            self._ask()
        if point.when == "idle":
            self._kill(self._find(self.victim))
            self._ask()
        elif point.when:
            self._ask()
            self._until(point.when)
        else:
            self._follow()
        if self.house.process is not None and self.house.process.poll() is not None:
            self.house.start(AHEAD)
            self.away_for = time.monotonic() - self.killed_at
        self._see_it_through()

    def fail(self, calls: str, error: str, nth: int) -> None:
        """Instead of a kill: the ``nth`` of these calls fails, in each process of those that are followed."""
        followed = [self._followed()]
        if self.point.follows == "launcher":
            followed += descendants(followed[0])
        with erring(followed, (), error, calls, str(nth)):
            self._ask()
            if self.client is not None and self.client.id and self.point.kind == "asked":
                self._approve().end(FAILS_FOR)
            if self.client is not None:
                self.client.end(FAILS_FOR)
        self._see_it_through()

    def _words(self) -> list[str]:
        return ["jitsudo", SHELL[self.point.kind], "-c", self.script]

    def _ask(self) -> None:
        self.client = Client(self.house, "alice", *self._words())
        if self.point.kind == "asked":
            wait_for(lambda: self.client and (self.client.id or self.client.process.poll() is not None), what="the request's id")

    def _approve(self) -> Client:
        assert self.client is not None
        self.approvals.append(Client(self.house, "bob", "jitd", "approve", self.client.id, "--yes"))
        return self.approvals[-1]

    def _until(self, when: str) -> None:
        assert self.client is not None
        if when != "waiting" and self.point.kind == "asked":
            self._approve()
        if when in ("running", "ended"):
            wait_for(lambda: self._is_running() or self._is_over(), what="the command")
        self._kill(self._find(self.victim))
        if when == "ended":
            wait_for(self._is_over, what="the client's end")

    def _is_over(self) -> bool:
        return self.client is not None and self.client.process.poll() is not None

    def _is_running(self) -> bool:
        """It has made its mark, and its monitor has heard that it was executed."""
        return bool(self._marks()) and bool(self._find("command"))

    def _follow(self) -> None:
        point = self.point
        wait_for(self.house.is_signed, what="the checkpoint of what was before, which is a write, too")
        with Halt(self._followed(), point.steps, is_deep=point.follows == "launcher") as halt:
            if self.client is None:
                self.client = Client(self.house, "alice", *self._words())
            elif point.follows == "client":
                os.kill(self.client.process.pid, signal.SIGCONT)
            if point.is_pending:
                self._approve()
            held = self._approve_meanwhile(halt) if point.kind == "asked" and not point.is_pending else 0
            if point.steps[0][0] == EVERY:
                held = held or self._reached_before_its_end(halt)
            elif not (held := held or halt.reached()):
                self.faults.append("the point was not reached")
            victim = held if self.victim == "held" else self._find(self.victim)
            self._kill(victim)

    def _approve_meanwhile(self, halt: Halt) -> int:
        """Approve as soon as the client has told its request, unless it is held before that: who is held then."""
        while self.client is not None and not self.client.id and self.client.process.poll() is None:
            if held := halt.reached(0.02):
                return held
        if self.client is not None and self.client.id:
            self._approve()
        return 0

    def _reached_before_its_end(self, halt: Halt) -> int:
        """Who is held at a call that there may not be: nobody waits for it long after all of the request is over."""
        until = time.monotonic() + ENDS_WITHIN
        while not (held := halt.reached(0.1)) and time.monotonic() < until:
            if self._is_over() and not self.house.kept("runs"):
                return halt.reached(CLEARS_UP_IN)
            time.sleep(0.01)
        return held

    def _followed(self) -> int:
        assert self.house.process is not None
        if self.point.follows == "daemon":
            return self.house.process.pid
        if self.point.follows == "client":
            assert self.client is not None
            return self.client.process.pid
        return int(wait_for(lambda: launcher_of(self.house), what="a launcher"))

    def _kill(self, pid: int) -> None:
        assert self.house.process is not None
        if not pid:
            return
        with suppress(OSError):
            self.was_killed = f"{b' '.join(command_lines().get(pid, []))[-60:]!r} ({pid})"
            self.killed_at = time.monotonic()
            os.kill(pid, signal.SIGKILL)
        if pid == self.house.process.pid:
            self.house.process.wait()

    def _find(self, victim: str) -> int:
        """The process that is called so, as far as there is one now."""
        assert self.house.process is not None
        launcher = launcher_of(self.house)
        if victim == "daemon":
            return self.house.process.pid
        if victim == "launcher":
            return launcher
        if victim == "client":
            return self.client.process.pid if self.client is not None else 0
        monitor = monitor_of(self.house, launcher)
        if victim == "monitor" or not monitor:
            return monitor
        below = {pid: b" ".join(words) for pid, words in command_lines().items() if pid in children(monitor)}
        if victim == "holder":
            return next((pid for pid, words in below.items() if b"jitd.monitor.launcher" in words), 0)
        return next((pid for pid, words in below.items() if self.mark.encode() in words), 0)

    # --- what came of it

    def _see_it_through(self) -> None:
        """Whoever asked has an end; what is still undecided is approved."""
        assert self.client is not None
        first = [approval.end(ENDS_WITHIN) for approval in self.approvals]
        if self.point.is_pending and self.victim == "held" and first != [self.point.approver]:
            self.faults.append(f"the approver ended with {first}: {self.approvals[0].err}")
        if self.point.kind == "asked" and self.client.id:
            until = time.monotonic() + ENDS_WITHIN
            while self._is_undecided() and self.client.process.poll() is None and time.monotonic() < until:
                self._approve().end(ENDS_WITHIN)
        status = self.client.end(ENDS_WITHIN)
        if status is None:
            self.faults.append(f"the client has no end: {self.client.err}")
        elif status not in self.point.exits:
            self.faults.append(f"the client ended with {status}, not {self.point.exits}: {self.client.err}")
        lines = self.client.err.splitlines()
        if self.point.when != FAILING and (
            any(not line.startswith("jitsudo: ") for line in lines) or (status in EXITS - {0, STATUS} | {STOPPED} and not lines)
        ):
            self.faults.append(f"the client said {self.client.err!r}")
        self._approve_what_nobody_waits_for()

    def _requests(self) -> list[Any]:
        store = SqliteStore.reading(self.house.database)
        try:
            return [found for found in store.requests(ended=True) if self.script.encode() in found.command.argv]
        finally:
            store.close()

    def _is_undecided(self) -> bool:
        return any(found.state is RequestState.PENDING for found in self._requests())

    def _approve_what_nobody_waits_for(self) -> None:
        """Its client is gone: approved or not, it runs nothing."""
        for found in self._requests():
            if found.is_open and self.point.kind == "asked" and self.victim == "held" and self.point.follows == "daemon":
                approval = Client(self.house, "bob", "jitd", "approve", found.id, "--yes")
                self.approvals.append(approval)
                if approval.end(ENDS_WITHIN) != 0:
                    self.faults.append(f"it could not be approved: {approval.err}")

    # --- what has to hold

    def look(self) -> None:
        """All of it."""
        until = time.monotonic() + WITHIN
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.02)
        self.faults += left
        self._look_at_record()
        n_ran = len(self._marks())
        if n_ran not in self.point.runs:
            self.faults.append(f"it ran {n_ran} times, not {self.point.runs}")
        after = Client(self.house, "alice", "jitsudo", "sh", "-c", ":")
        if after.end(ENDS_WITHIN) != 0:
            self.faults.append(f"the next request ended with {after.process.returncode}: {after.err}")
        after.close()
        if self.house.process is None or self.house.process.poll() is not None:
            self.faults.append(f"the daemon has ended: {self.house.log()}")

    def _marks(self) -> list[float]:
        return [float(line) for line in self.ran.read_text().split()] if self.ran.exists() else []

    def _look_at_record(self) -> None:
        store = SqliteStore.reading(self.house.database)
        try:
            verify(store)
            requests = {found.id for found in store.requests(ended=True) if self.script.encode() in found.command.argv}
            runs = [run for run in store.runs(ended=True) if run.request in requests]
            records = [json.loads(body) for _, body, _ in store.records()]
        except Exception as fault:  # whatever it is, the record does not hold
            self.faults.append(f"the record: {type(fault).__name__}: {fault}")
            return
        finally:
            store.close()
        self._look_at_runs(runs, records)
        reviewed = {record["id"] for record in records if record["event"] == "request.reviewed"}
        told = any(approval.process.returncode == 0 for approval in self.approvals)
        assert self.client is not None
        if (told or "approved by" in self.client.err) and not requests & reviewed:
            self.faults.append("somebody was told of an approval that is not in the record")

    def _look_at_runs(self, runs: list[Run], records: list[dict[str, Any]]) -> None:
        ids = {run.id for run in runs}
        begun = [
            datetime.datetime.fromisoformat(record["at"]).timestamp()
            for record in records
            if record["event"] == "run.starting" and record["id"] in ids
        ]
        for mark in self._marks():
            if not any(at <= mark for at in begun):
                self.faults.append("it ran, and no record was before it")
        endings = tuple(str(run.outcome.ending) if run.outcome is not None else str(run.state) for run in runs)
        if self.point.endings and endings not in self.point.endings:
            self.faults.append(f"the record has {endings}, not {self.point.endings}")
        started = {record["id"] for record in records if record["event"] == "run.started"}
        for run in runs:
            ran = run.outcome is not None and run.outcome.ending != "not started"
            if ran and run.id not in started and "not known" not in run.outcome.because:
                self.faults.append(f"the record does not say that run {run.id} began, which {run.outcome}")
            if self.point.kind == "recorded" and run.outcome is not None and run.outcome.ending != "not started":
                self._look_at_recording(run)

    def _look_at_recording(self, run: Run) -> None:
        file = open_recording(f"{self.house.root}/state/recordings", run.id)
        try:
            found = examine(file).mark
        finally:
            os.close(file)
        if run.recording is None or (found.size, found.digest.hex()) != (run.recording.size, run.recording.digest):
            self.faults.append(f"the recording is {found}, and the record has {run.recording}")

    def _census(self) -> dict[str, int]:
        root = self.house.root
        store = SqliteStore.reading(self.house.database)
        try:
            groups = {f"jitd-run-{run.id}{suffix}" for suffix in ("", ".scope") for run in store.runs(ended=True)}
        finally:
            store.close()
        return {
            "plates": sum(not e.name.startswith(".") and e.is_file() for e in (root / "run/runs").iterdir()),
            "outcomes": sum(1 for _ in (root / "state/runs").iterdir()),
            "copies": sum(1 for _ in (root / "state/exec").iterdir()),
            "control groups": sum(name in groups for _, names, _ in os.walk("/sys/fs/cgroup") for name in names),
        }

    def _left(self) -> list[str]:
        """What is still there, and was not before."""
        left = [
            f"left: process {pid}: {b' '.join(words)!r}"
            for pid, words in command_lines().items()
            if self.mark.encode() in b" ".join(words)
        ]
        now = self._census()
        left += [f"left: {now[what]} {what}, before {n}" for what, n in self.before.items() if now[what] > n]
        store = SqliteStore.reading(self.house.database)
        try:
            left += [f"left: run {run.id} is {run.state}" for run in store.runs() if run.state is not RunState.ENDED]
        finally:
            store.close()
        return left

    def close(self) -> None:
        for each in (self.client, *self.approvals):
            if each is not None:
                each.close()


def play(house: House, point: Point, victim: str = "") -> list[str]:
    """What was not as ``point`` has it. On a busy host the next daemon may come only after a monitor has given up waiting for it,
    and then there is another outcome than the point's: it is played again.
    """
    for _ in range(TRIALS):
        trial = Trial(house, point, victim)
        try:
            trial.play()
            trial.look()
        finally:
            trial.close()
        if not trial.faults or trial.away_for < limits.PATIENCE / 2:
            break
    return [f"{point.name}: {fault}" for fault in trial.faults]
