# SPDX-License-Identifier: Apache-2.0
"""How monitors are started, given orders and found again: one Protocol for hosts with systemd and without.

Law: an executor reports values of this page, in the order in which they happened. After a restart of the daemon a report may
come a second time.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from jitd.core.run import Outcome, Recording, Usage
from jitd.monitor.orders import Job, Login


class ExecutorError(Exception):
    """The run could not be begun, and nothing of it is left. The argument is a sentence."""


@dataclass(frozen=True, slots=True)
class Here:
    """A monitor has connected. ``state`` is starting, ready, running or ended; the report for that state follows."""

    run: str
    state: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The command is prepared: its streams are there, its directory and file are as approved. Its monitor waits for ``go``."""

    run: str


@dataclass(frozen=True, slots=True)
class Started:
    """``exec`` has succeeded. ``pid`` is the command's process."""

    run: str
    pid: int


@dataclass(frozen=True, slots=True)
class Held:
    """The monitor of an observed run holds its processes still (``is_frozen``), or lets them go on."""

    run: str
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The run has ended. Nothing of it is left but its recording."""

    run: str
    outcome: Outcome
    recording: Recording | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The executor itself had a fault. ``because`` is a sentence for the log."""

    because: str


Report = Here | Ready | Started | Held | Ended | Trouble


class Executor(Protocol):
    """What the daemon needs of the part that starts its monitors."""

    def spawn_launcher(self) -> None:
        """Start the process that forks monitors. To be called before the daemon opens anything that monitors must not have."""

    async def open(self) -> None:
        """Let monitors connect, also those of an earlier daemon. Raises ExecutorError."""

    async def start(self, job: Job | Login) -> socket.socket:
        """Begin a run, which then waits for ``go``. Return the client's end of its control socket. Raises ExecutorError."""

    async def check_password(self, user: str, client: socket.socket) -> bool | None:
        """Have a process of its own check by PAM the password that comes from the other end of ``client``, which is closed here.
        Return whether it is that of the account ``user``; None if none was sent. Raises OSError if it could not be checked.
        """

    def go(self, run: str) -> None:
        """Let the run execute its command. If its monitor is not connected now, ``Ready`` is reported again later."""

    def watched(self, run: str, by: tuple[str, ...]) -> None:
        """Tell the monitor of an observed run who watches it now: ``by`` are principals. To be said again and again."""

    def stop(self, run: str, because: str) -> None:
        """End the run, now or as soon as its monitor connects. ``Ended`` follows."""

    def forget(self, run: str) -> None:
        """Remove what is kept of the run: its outcome is committed."""

    async def find(self, runs: Iterable[str], of_earlier_boots: Iterable[str] = ()) -> list[str]:
        """Return those of ``runs`` that are alive after a restart: their monitors will connect. Report the others as Ended."""

    def usage(self, run: str) -> Usage | None:
        """Return what a live run has used; None if it has no control group."""

    async def close(self) -> None:
        """Stop listening. Runs go on, and the next daemon finds them."""
