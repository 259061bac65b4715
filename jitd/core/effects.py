# SPDX-License-Identifier: Apache-2.0
"""What the core orders, and the moment at which it is asked.

Law: an effect is a value, imperative, repeatable, and follows from state: after a crash it is derived again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, three ways: ``at`` (aware UTC) to show and for ``hours``; ``boot`` (seconds on CLOCK_BOOTTIME) to measure;
    ``boot_id``.
    """

    at: datetime
    boot: float
    boot_id: str


@dataclass(frozen=True, slots=True)
class ListsChanged:
    """A list of requests, grants, runs, holdings or locks has changed: who watches one looks again."""


@dataclass(frozen=True, slots=True)
class RequestWaits:
    """The request waits for people from now on: its approvers should hear of it."""

    request: str


@dataclass(frozen=True, slots=True)
class TellRequester:
    """Tell the person who waits what happened to the request."""

    request: str


@dataclass(frozen=True, slots=True)
class Admit:
    """Tell the enforcement point that waits with the request that a use was taken for it."""

    request: str


@dataclass(frozen=True, slots=True)
class StartRun:
    """Begin the run: it was committed as STARTING."""

    run: str


@dataclass(frozen=True, slots=True)
class StopRun:
    """End the run: it was committed as STOPPING. Those who watch the run are told ``because``."""

    run: str
    because: str


@dataclass(frozen=True, slots=True)
class ForgetRun:
    """The outcome is recorded: the monitor may go."""

    run: str


@dataclass(frozen=True, slots=True)
class Give:
    """Give the thing of the holding: it was committed as GIVING."""

    holding: str


@dataclass(frozen=True, slots=True)
class Take:
    """Take back the thing of the holding: it was committed as TAKING."""

    holding: str


@dataclass(frozen=True, slots=True)
class TellHolder:
    """Tell the client that has the holding, and those who wait for its end, what happened to it."""

    holding: str


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """Look at the ``life`` of that ``id`` again at ``boot`` (seconds on CLOCK_BOOTTIME)."""

    life: str
    id: str
    boot: float


Effect = (
    ListsChanged | RequestWaits | TellRequester | Admit | StartRun | StopRun | ForgetRun | Give | Take | TellHolder | SetDeadline
)
