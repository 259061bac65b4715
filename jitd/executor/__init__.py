# SPDX-License-Identifier: Apache-2.0
"""How a monitor is started, ordered and found again: one Protocol, whatever houses it.

Law: what comes back are values of this page, in the order in which they happened; after a restart they may come once
more.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from jitd.core.run import Outcome, Recording, Usage
from jitd.monitor.orders import Job, Login


class ExecutorError(Exception):
    """The run could not be begun; nothing of it is left. A sentence."""


@dataclass(frozen=True, slots=True)
class Here:
    """A monitor has checked in: ``state`` is starting, ready, running or ended, and the report for that follows."""

    run: str
    state: str


@dataclass(frozen=True, slots=True)
class Ready:
    """All is prepared: the client's streams are there, cwd and file are as approved. It waits for ``go``."""

    run: str


@dataclass(frozen=True, slots=True)
class Started:
    """``exec`` has succeeded. ``pid`` is the command's."""

    run: str
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing of it is left but what was recorded."""

    run: str
    outcome: Outcome
    recording: Recording | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The executor itself had to be mended: a sentence for the log."""

    because: str


Report = Here | Ready | Started | Ended | Trouble


class Executor(Protocol):
    """What the daemon needs of whatever houses its monitors."""

    def spawn_launcher(self) -> None:
        """Start the process that monitors are forked from: before the daemon opens anything that is not for them."""

    async def open(self) -> None:
        """Be there for monitors, those of an earlier daemon included."""

    async def start(self, job: Job | Login) -> socket.socket:
        """Begin a run; the client's end of its control socket. It waits for ``go``. Raises ExecutorError."""

    def go(self, run: str) -> None:
        """Let it execute. If its monitor is away just now, ``Ready`` comes again."""

    def stop(self, run: str, because: str) -> None:
        """End it, now or as soon as its monitor checks in. ``Ended`` follows."""

    def forget(self, run: str) -> None:
        """Its outcome is committed: nothing of the run has to be kept."""

    async def find(self, runs: Iterable[str], of_earlier_boots: Iterable[str] = ()) -> list[str]:
        """After a restart: those of ``runs`` that are alive, and so will check in; the others are reported as Ended."""

    def usage(self, run: str) -> Usage | None:
        """What a live run has used; None where it has no control group."""

    async def close(self) -> None:
        """Leave. Runs go on, and are there for the next daemon."""
