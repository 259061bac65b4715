# SPDX-License-Identifier: Apache-2.0
"""A run happens: one execution under a grant, from the moment its use was taken to the moment all of it is gone.

Law: whatever decides a run's state stands in LAW and MAY_CAUSE; it starts at most once, and nothing changes after ENDED.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core.effects import ForgetRun, ListsChanged, Moment, StartRun, StopRun
from jitd.core.law import Actor, IllegalEvent, Role, check


class RunState(StrEnum):
    """The state of a run."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Ending(StrEnum):
    """How a run ended."""

    EXITED = "exited"
    SIGNALED = "signaled"
    NOT_STARTED = "not started"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. ``number``: the exit status, the signal, or for NOT_STARTED what jitsudo exits with (126 or 127)."""

    ending: Ending
    number: int
    because: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded of a run: so many chunks and bytes, and the hash (64 hex digits) that all of it leads to. It is complete
    unless its last moments were lost with the monitor, or it says itself what is missing.
    """

    n_chunks: int
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run has used by now: seconds of processors, bytes of memory, processes; None for what is not counted."""

    cpu_for: float | None
    memory: int | None
    n_processes: int | None


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this boot: its number, and when it was started, in ticks since the boot (proc(5), ``stat``)."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Run:
    """One execution, under ``grant``, for ``request``. A login is one too: ``login`` is the process that asked for it."""

    id: str
    grant: str
    request: str
    starting_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    pid: int | None = None
    outcome: Outcome | None = None
    recording: Recording | None = None
    because: str = ""
    login: Process | None = None
    state: RunState = RunState.STARTING
    version: int = 1

    @property
    def is_live(self) -> bool:
        """True until all of it is gone."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class Starting:
    """A use was taken for it. Creates the run, before anything of it exists."""

    life: ClassVar[str] = "run"
    id: str
    by: Actor
    grant: str
    request: str
    at: datetime
    login: Process | None = None

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        found: dict[str, Any] = {"grant": self.grant, "request": self.request}
        return found if self.login is None else found | {"login": asdict(self.login)}


@dataclass(frozen=True, slots=True)
class Started:
    """The command was executed, as ``pid``."""

    life: ClassVar[str] = "run"
    id: str
    by: Actor
    pid: int

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"pid": self.pid}


@dataclass(frozen=True, slots=True)
class StopOrdered:
    """It has to end: its grant did, or somebody wants it so."""

    life: ClassVar[str] = "run"
    id: str
    by: Actor
    because: str

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"because": self.because}


@dataclass(frozen=True, slots=True)
class Ended:
    """All of it is gone, or it never was."""

    life: ClassVar[str] = "run"
    id: str
    by: Actor
    outcome: Outcome
    recording: Recording | None = None

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        found = {"ending": str(self.outcome.ending), "number": self.outcome.number, "because": self.outcome.because}
        return found if self.recording is None else found | {"recording": asdict(self.recording)}


@dataclass(frozen=True, slots=True)
class Returned:
    """What a run's end is to its grant. A run that never started gives its use back."""

    life: ClassVar[str] = "grant"
    id: str
    by: Actor
    run: str
    was_started: bool

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"run": self.run, "was_started": self.was_started}


Event = Started | StopOrdered | Ended

LAW: dict[RunState, dict[type, frozenset[RunState]]] = {
    RunState.STARTING: {
        Started: frozenset({RunState.RUNNING}),
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.RUNNING: {
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.STOPPING: {
        Started: frozenset({RunState.STOPPING}),
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.ENDED: {},
}
"""Maps each state and event to the states that may follow. The ended state is there too, with no events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Starting: frozenset({Role.REQUESTER}),
    Started: frozenset({Role.MONITOR}),
    StopOrdered: frozenset({Role.REQUESTER, Role.APPROVER, Role.OPERATOR, Role.CLOCK, Role.DAEMON}),
    Ended: frozenset({Role.MONITOR, Role.DAEMON}),
}
"""Maps each event to the roles that may cause it."""


def start(event: Starting) -> tuple[Run, tuple[Any, ...]]:
    """Begin the life of a run."""
    run = Run(event.id, event.grant, event.request, event.at, login=event.login)
    return run, (StartRun(run.id), ListsChanged())


def transition(run: Run, event: Event, now: Moment) -> tuple[Run, tuple[Any, ...]]:
    """``run`` after ``event``, and what follows. Raises IllegalEvent, and changes nothing then."""
    check(LAW, MAY_CAUSE, run.state, event)
    follows: tuple[Any, ...]
    match event:
        case Started():
            state = RunState.STOPPING if run.state is RunState.STOPPING else RunState.RUNNING
            after = replace(run, state=state, pid=event.pid, started_at=now.at)
            follows = (ListsChanged(),)
        case StopOrdered():
            after = replace(run, state=RunState.STOPPING, because=run.because or event.because)  # once told, it is told
            follows = (StopRun(run.id, after.because),)
        case Ended():
            after = replace(run, state=RunState.ENDED, outcome=event.outcome, recording=event.recording, ended_at=now.at)
            was_started = event.outcome.ending is not Ending.NOT_STARTED
            follows = (Returned(run.grant, event.by, run.id, was_started), ForgetRun(run.id), ListsChanged())
    if after.state not in LAW[run.state][type(event)]:
        raise IllegalEvent(f"run {run.id} cannot go from {run.state} to {after.state}")
    return replace(after, version=run.version + 1), follows
