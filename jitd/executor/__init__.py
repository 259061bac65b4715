# SPDX-License-Identifier: Apache-2.0
"""Starts monitors (the processes that supervise runs), sends them orders, and finds them again after a restart. The Protocol
``Executor`` is the same for hosts with systemd and for hosts without systemd.

Law: an executor reports each event as an object of a class in this module. The reports have the same order as the events. After a
restart of the daemon, the executor may send a report a second time.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from jitd.core.run import Outcome, Recording, Traces, Usage
from jitd.monitor.orders import Job, Login


class ExecutorError(Exception):
    """The run could not begin, and nothing of the run is left on the host. The argument is a sentence."""


@dataclass(frozen=True, slots=True)
class Here:
    """The monitor of a run has connected. ``state`` is the state of the run: starting, ready, running or ended. If the run is
    ready, running or ended, the executor then also sends the report Ready, Started or Ended. It sends Started before Ended if the
    command has begun.
    """

    run: str
    state: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The command's streams have come, and directory and file are as approved. Its monitor waits for ``go``."""

    run: str


@dataclass(frozen=True, slots=True)
class Started:
    """The system call ``exec`` has succeeded. ``pid`` is the process of the command."""

    run: str
    pid: int


@dataclass(frozen=True, slots=True)
class Held:
    """The monitor of an observed run has frozen its processes, or (``is_frozen`` is False) let them go on."""

    run: str
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The run has ended, but for its recording and ``traces``. ``said``: by the check of an edit that refused the text."""

    run: str
    outcome: Outcome
    recording: Recording | None = None
    traces: Traces | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The executor itself had a fault. ``because`` is a sentence for the log that gives the reason."""

    because: str


Report = Here | Ready | Started | Held | Ended | Trouble


class Executor(Protocol):
    """What starts monitors, sends them orders and finds them again."""

    def spawn_launcher(self) -> None:
        """Start what forks monitors, before the daemon opens any descriptor that these must not inherit."""

    async def open(self) -> None:
        """Let monitors connect to the daemon, including monitors that an earlier daemon started. Raises ExecutorError."""

    async def start(self, job: Job | Login) -> socket.socket:
        """Begin a run, which waits for ``go``. Return the client's end of its control socket. Raises ExecutorError."""

    async def check_password(self, user: str, client: socket.socket) -> bool | None:
        """Have PAM, in another process, check the password from the other end of ``client``, which is closed. Return whether it
        is the one of ``user``, False also after too long, None if none was sent. Raises OSError if the check failed.
        """

    async def account_code(self, user: str, service: str) -> int:
        """Let a separate process ask the account stage of the PAM service ``service`` whether the account ``user`` may be used.
        Return the code of pam_acct_mgmt(3). Raises OSError if PAM could not be asked, or has not answered in time.
        """

    def go(self, run: str) -> None:
        """Let the run execute its command. If the run's monitor is not connected now, ``Ready`` is reported again later."""

    def watched(self, run: str, by: tuple[str, ...]) -> None:
        """Tell the monitor of an observed run the principals of those who watch it now. Repeat this at intervals."""

    def stop(self, run: str, because: str) -> None:
        """End the run now, or as soon as the monitor of the run connects. Afterwards ``Ended`` is reported."""

    def forget(self, run: str) -> None:
        """Remove the files of the run. Call this function only after the outcome of the run is committed."""

    async def find(self, runs: Iterable[str], of_earlier_boots: Iterable[str] = ()) -> list[str]:
        """After a restart of the daemon, return the runs in ``runs`` that are alive. The monitors of these runs will connect. For
        each run in ``runs`` that is not alive, and for each run in ``of_earlier_boots``, report ``Ended``.
        """

    def usage(self, run: str) -> Usage | None:
        """Return the usage of resources by a live run. Return None if the run has no control group."""

    async def close(self) -> None:
        """Stop listening. The runs continue, and the next daemon finds the runs."""
