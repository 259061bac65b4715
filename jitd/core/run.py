# SPDX-License-Identifier: Apache-2.0
"""A run: one execution under a grant. A run begins when a use of the grant is taken, and ends when all processes of the run have
ended.

Law: only the tables LAW and MAY_CAUSE decide which state a run can have. A run starts at most once, and does not change after the
state ENDED. The people who watch an observed run are part of its state. When a person begins or stops watching, jitd records this
as an event.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from jitd.core.effects import ForgetRun, ListsChanged, Moment, StartRun, StopRun
from jitd.core.law import IllegalEvent, LifeEvent, Role, check
from jitd.core.subject import User
from jitd.core.values import TEXT, Said, Value, value


class RunState(StrEnum):
    """The state of a run."""

    STARTING = "starting"
    RUNNING = "running"
    FROZEN = "frozen"
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
    """How a run ended. ``number``: exit status, signal, or that of jitsudo (126, 127) if NOT_STARTED."""

    ending: Ending
    number: int
    because: Annotated[str, TEXT] = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """The recording of a run: the number of chunks, the number of bytes, and the hash of all chunks (64 hex digits). The
    recording is incomplete only in two cases. In the first case, the monitor (the process that controls and records the run) died
    before it wrote the end. In the second case, a frame in the recording reports that data is missing.
    """

    n_chunks: int
    size: int
    digest: str


NEVER_LOOKED_AT = "containers, other schedulers, home directories"  # where nobody looks for what a run has left


@dataclass(frozen=True, slots=True)
class Traces:
    """What came into being while a run went on, and may work for it after its end. The names are quoted, ready to be printed.

    ``units`` are units of systemd; ``user@UID.service/NAME`` is one of a user manager. ``files`` are the paths of unit files, at
    jobs and crontabs that were made or changed. ``lingering`` are accounts whose user manager now goes on without a login.
    ``unseen`` are parts of sentences about what is missing in these lists.
    """

    units: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    lingering: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def told(self) -> str:
        """Return the end of a sentence that tells all of them."""
        parts = (
            ("units of systemd that began meanwhile and may live", self.units),
            ("files of systemd, at and cron that were made or changed meanwhile", self.files),
            ("lingering was switched on meanwhile for", self.lingering),
            ("not named", self.unseen),
        )
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


def _traces(traces: Traces) -> dict[str, list[str]]:
    return {kind: list(names) for kind, names in asdict(traces).items() if names}


_TRACES = Said(None, _traces, lambda traces: traces)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run has used: CPU time in seconds, memory in bytes, processes. None: not measured."""

    cpu_for: float | None
    memory: int | None
    n_processes: int | None


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the current boot: its id and its start, in ticks since the boot (proc(5), ``stat``)."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Run:
    """One execution under ``grant``, for ``request``. A login is also a run. For a login, ``login`` is the process that asked for
    the login.

    ``watchers`` contains the principals of the people who currently watch an observed run. After the end of the run, ``watchers``
    contains the last watchers. ``used_by`` are people who used the account of the requester when the run began, if the request
    does not say so. ``said`` is what the check of an edit has said that has not taken the text. It may quote what the requester
    cannot read.
    """

    id: str
    grant: str
    request: str
    starting_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    pid: int | None = None
    outcome: Outcome | None = None
    recording: Recording | None = None
    because: Annotated[str, TEXT] = ""
    login: Process | None = None
    state: RunState = RunState.STARTING
    version: int = 1
    watchers: tuple[str, ...] = ()
    traces: Annotated[Traces | None, _TRACES] = None
    used_by: tuple[User, ...] = ()
    said: Annotated[str, TEXT] = ""

    @property
    def is_live(self) -> bool:
        """True until all processes of the run have ended."""
        return bool(LAW[self.state])

    @property
    def left_behind(self) -> Traces | None:
        """What may work for the run after its end. If the run's monitor was killed, nobody has looked."""
        if self.outcome is not None and self.outcome.ending is Ending.LOST:
            return Traces(unseen=("everything, because the monitor of the run was killed",))
        return self.traces


@dataclass(frozen=True, slots=True)
class RunEvent(LifeEvent):
    """An event of a run."""

    life = "run"


@dataclass(frozen=True, slots=True)
class Starting(RunEvent):
    """A use of the grant was taken. This event creates the run, before any process of the run exists."""

    grant: str
    request: str
    at: datetime
    login: Process | None = None
    used_by: tuple[User, ...] = ()

    def detail(self) -> dict[str, Any]:
        found: dict[str, Any] = {"grant": self.grant, "request": self.request}
        return found if self.login is None else found | {"login": asdict(self.login)}


@dataclass(frozen=True, slots=True)
class Started(RunEvent):
    """The command was executed. ``pid`` is the first process of the run."""

    pid: int

    def detail(self) -> dict[str, Any]:
        return {"pid": self.pid}


@dataclass(frozen=True, slots=True)
class StopOrdered(RunEvent):
    """The run must end, because its grant has ended or because somebody ordered the end."""

    because: str

    def detail(self) -> dict[str, Any]:
        return {"because": value("because", self.because)}


@dataclass(frozen=True, slots=True)
class Observed(RunEvent):
    """The author watches the run from now on. If it is frozen, it is so until its monitor thaws it."""


@dataclass(frozen=True, slots=True)
class Unobserved(RunEvent):
    """The person with the principal ``who`` has stopped watching the run. ``because`` is the reason."""

    who: str
    because: str

    def detail(self) -> dict[str, Any]:
        return {"who": self.who, "because": value("because", self.because)}


@dataclass(frozen=True, slots=True)
class Frozen(RunEvent):
    """For too long, nobody has watched the run. Therefore the monitor has frozen all processes of the run."""


@dataclass(frozen=True, slots=True)
class Thawed(RunEvent):
    """Somebody watches the frozen run again. Therefore the monitor lets the processes of the run continue."""


@dataclass(frozen=True, slots=True)
class Ended(RunEvent):
    """All processes of the run have ended, or the run never started. ``said`` is what the check of an edit has said."""

    outcome: Outcome
    recording: Recording | None = None
    traces: Traces | None = None
    said: str = ""

    def detail(self) -> dict[str, Any]:
        outcome = self.outcome
        found = {"ending": str(outcome.ending), "number": outcome.number, "because": value("because", outcome.because)}
        if self.recording is not None:
            found["recording"] = asdict(self.recording)
        if self.traces is not None:
            found["traces"] = value("traces", _traces(self.traces))
        if self.said:
            found["said"] = Value("said", self.said)
        return found


@dataclass(frozen=True, slots=True)
class Returned(LifeEvent):
    """A run or a holding under the grant has ended. If the time of the grant is not over, the grant gets the use back in two
    cases: the run never started, or the first thing of a use for things was not given.
    """

    life = "grant"
    run: str
    was_started: bool

    def detail(self) -> dict[str, Any]:
        return {"run": self.run, "was_started": self.was_started}


Event = Started | Observed | Unobserved | Frozen | Thawed | StopOrdered | Ended

LAW: dict[RunState, dict[type, frozenset[RunState]]] = {
    RunState.STARTING: {
        Started: frozenset({RunState.RUNNING}),
        Observed: frozenset({RunState.STARTING}),
        Unobserved: frozenset({RunState.STARTING}),
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.RUNNING: {
        Observed: frozenset({RunState.RUNNING}),
        Unobserved: frozenset({RunState.RUNNING}),
        Frozen: frozenset({RunState.FROZEN}),
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.FROZEN: {
        Observed: frozenset({RunState.FROZEN}),
        Unobserved: frozenset({RunState.FROZEN}),
        Thawed: frozenset({RunState.RUNNING}),
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.STOPPING: {
        Started: frozenset({RunState.STOPPING}),
        Unobserved: frozenset({RunState.STOPPING}),
        StopOrdered: frozenset({RunState.STOPPING}),
        Ended: frozenset({RunState.ENDED}),
    },
    RunState.ENDED: {},
}
"""Maps each state and event to the states that may follow. The final state ENDED is also in the table, but without events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Starting: frozenset({Role.REQUESTER}),
    Started: frozenset({Role.MONITOR}),
    Observed: frozenset({Role.APPROVER}),
    Unobserved: frozenset({Role.APPROVER, Role.DAEMON}),
    Frozen: frozenset({Role.MONITOR}),
    Thawed: frozenset({Role.MONITOR}),
    StopOrdered: frozenset({Role.REQUESTER, Role.APPROVER, Role.OPERATOR, Role.CLOCK, Role.DAEMON}),
    Ended: frozenset({Role.MONITOR, Role.DAEMON}),
}


def start(event: Starting) -> tuple[Run, tuple[Any, ...]]:
    """Return the new run and the resulting effects."""
    run = Run(event.id, event.grant, event.request, event.at, login=event.login, used_by=event.used_by)
    return run, (StartRun(run.id, run.request), ListsChanged())


def transition(run: Run, event: Event, now: Moment) -> tuple[Run, tuple[Any, ...]]:
    """Return ``run`` after ``event``, and what follows. If IllegalEvent is raised, nothing has changed."""
    check(LAW, MAY_CAUSE, run.state, event)
    follows: tuple[Any, ...]
    match event:
        case Started():
            state = RunState.STOPPING if run.state is RunState.STOPPING else RunState.RUNNING
            after = replace(run, state=state, pid=event.pid, started_at=now.at)
            follows = (ListsChanged(),)
        case Observed():
            others = tuple(who for who in run.watchers if who != event.by.principal)
            after, follows = replace(run, watchers=(*others, event.by.principal)), (ListsChanged(),)
        case Unobserved():
            after, follows = replace(run, watchers=tuple(who for who in run.watchers if who != event.who)), (ListsChanged(),)
        case Frozen():
            after, follows = replace(run, state=RunState.FROZEN), (ListsChanged(),)
        case Thawed():
            after, follows = replace(run, state=RunState.RUNNING), (ListsChanged(),)
        case StopOrdered():
            after = replace(run, state=RunState.STOPPING, because=run.because or event.because)  # the first reason stays
            follows = (StopRun(run.id, after.because),)
        case Ended():
            after = replace(run, state=RunState.ENDED, outcome=event.outcome, recording=event.recording, ended_at=now.at)
            after = replace(after, traces=event.traces, said=event.said)
            was_started = event.outcome.ending is not Ending.NOT_STARTED
            follows = (Returned(run.grant, event.by, run.id, was_started), ForgetRun(run.id), ListsChanged())
    if after.state not in LAW[run.state][type(event)]:
        raise IllegalEvent(f"run {run.id} cannot go from {run.state} to {after.state}")
    return replace(after, version=run.version + 1), follows
