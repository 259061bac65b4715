# SPDX-License-Identifier: Apache-2.0
"""Commands that hide, each in its own way, and how all of them are begun, ended and looked at together: most of it is waiting.

Law: each is found by a mark in its environment, which nothing of a run can lose by mistake; none is ended before it has come to
what it is for.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Started
from jitd.monitor.orders import Job, nanoseconds
from tests.monitor.stage import Client, Stage
from tests.waiting import status_of, wait_for

STUBBORN = "trap '' TERM HUP INT QUIT; "
HIDERS = {
    "plain": "sleep 600",
    "one that ignores": STUBBORN + "sleep 600; sleep 600",
    "a session of its own": "setsid sleep 600 & wait",
    "a double fork": "(setsid sh -c 'sleep 600 & sleep 600' &) ; " + STUBBORN + "sleep 600; sleep 600",
    "a stopped one": "kill -STOP $$; sleep 600",
    "a stopped child": "sleep 600 & kill -STOP $!; " + STUBBORN + "wait; sleep 600",
    "many": "for i in 1 2 3 4 5 6 7 8 9; do (" + STUBBORN + "setsid sleep 600 & sleep 600) & done; wait",
    "a fork bomb": STUBBORN
    + "f() { while :; do (sleep 600 &) ; sleep 600 & done; }; ulimit -p 300 || exit; f & f & exec sleep 600",
}

SET_UP = {
    "plain": (1, 0),
    "one that ignores": (1, 0),
    "a session of its own": (1, 0),
    "a double fork": (3, 0),
    "a stopped one": (0, 1),
    "a stopped child": (0, 1),
    "many": (18, 0),
    "a fork bomb": (100, 0),
    # and in a login
    "one that was to outlive the login": (3, 0),
    "only what outlived the login": (1, 0),
    "a tmux": (2, 0),
    "one in a group of its own below": (1, 0),
}
"""How many sleep, and how many are stopped, once it has come to what it is for."""

BOMBER = 100_000 + secrets.randbelow(100_000)
"""Nobody else's number on this host: the kernel counts its processes against the limit, which dash sets by ``-p``."""


def marked(stage: Stage, also: str = "") -> list[int]:
    """The processes that have this stage's mark in their environment, and that word: nothing of a run can lose it by mistake."""
    marks = {f"STAGE={stage.directory}".encode()} | ({also.encode()} if also else set())
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{process}/environ", "rb") as environment:
            if marks <= set(environment.read().split(b"\0")):
                found.append(int(process))
    return found


def shell(stage: Stage, script: str, *variables: bytes, **changes: object) -> Job:
    more = tuple((name, value) for name, _, value in (each.partition(b"=") for each in variables))
    environment = ((b"PATH", b"/usr/bin:/bin"), (b"STAGE", os.fsencode(stage.directory)), *more)
    return stage.job("/bin/sh", "-c", script, environment=environment, **changes)


def asleep(stage: Stage, also: str = "") -> list[int]:
    """Who of them sleeps."""
    return _asleep(marked(stage, also))


def _asleep(them: list[int]) -> list[int]:
    found = []
    for pid in them:
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0"):
                found.append(pid)
    return found


def is_set_up(stage: Stage, hider: str, also: str = "") -> bool:
    """Whether it has come to where it is to be ended."""
    n_stopped = 0
    them = marked(stage, also)
    for pid in them:
        with suppress(OSError):
            n_stopped += status_of(pid)["State"][0] == "T"
    return len(_asleep(them)) >= SET_UP[hider][0] and n_stopped >= SET_UP[hider][1]


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def begun_for(stage: Stage, seconds: float, script: str, *variables: bytes, **changes: object) -> tuple[Job, Client]:
    """A command that has begun before its time was over: it gets more of it where this host was too slow to begin it."""
    while True:
        job = shell(stage, script, *variables, ends_at_boot_ns=nanoseconds(now() + seconds), **changes)
        client = stage.go(job)
        stage.wait(lambda job=job: stage.reported(Started, job.run) or stage.reported(Ended, job.run))  # type: ignore[misc]
        if stage.reported(Started, job.run):
            return job, client
        seconds *= 2


@dataclass
class Hidden:
    """One hider that was ended with all the others: how, and what was left of it then."""

    job: Job
    client: Client
    mark: str
    outcome: Outcome = field(default=Outcome(Ending.LOST, 0))
    left: list[int] = field(default_factory=list)


class Together:
    """Hiders that are begun on one stage, ended all at once, and looked at one by one: most of it is waiting."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.played: dict[str, Hidden] = {}

    def begin(self, hider: str, kinds: tuple[str, ...], *, has_group: bool = True) -> None:
        job = shell(self.stage, HIDERS[hider], b"HIDER=" + hider.encode(), uid=uid_of(hider))
        if not has_group:
            self.stage.deny_group(job)
        client, _ = self.stage.started(job, kinds)
        self.played[hider] = Hidden(job, client, f"HIDER={hider}")

    def set_up(self) -> None:
        for hider, each in self.played.items():
            wait_for(partial(is_set_up, self.stage, hider, each.mark), what=hider)

    def end(self) -> dict[str, Hidden]:
        """Wait for every end, and look at once what is left."""
        waiting = dict(self.played)
        while waiting:
            try:
                self.stage.wait(lambda: any(self.stage.reported(Ended, each.job.run) for each in waiting.values()))
            except TimeoutError:  # told by the row that it is
                for each in waiting.values():
                    each.left = marked(self.stage, each.mark)
                break
            for hider, each in list(waiting.items()):
                if (ended := self.stage.reported(Ended, each.job.run)) is not None:
                    each.outcome = ended.outcome
                    each.left = marked(self.stage, each.mark)
                    del waiting[hider]
        return self.played


def uid_of(hider: str) -> int:
    return BOMBER if hider == "a fork bomb" else 0


def rows_of(request: pytest.FixtureRequest, table: Iterable[str] = HIDERS, **params: object) -> list[str]:
    """The hiders of the table that were selected for the fixture that asks, with these parameters."""
    items = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    played = [item.callspec.params for item in items if hasattr(item, "callspec") and request.fixturename in item.fixturenames]
    named = {each.get("hider") for each in played if params.items() <= each.items()}
    return [hider for hider in table if hider in named]
