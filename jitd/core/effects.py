# SPDX-License-Identifier: Apache-2.0
"""Effects, the actions that the core orders; and ``Moment``, the time at which the core decides.

Law: an effect is a value that says what to do. It may be done twice. It follows from state: after a crash it is derived again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment. ``at`` (aware UTC) is for people and for ``hours`` of rules. ``boot`` (seconds on CLOCK_BOOTTIME) is for
    measuring. ``boot_id`` names the boot to which ``boot`` belongs.
    """

    at: datetime
    boot: float
    boot_id: str


@dataclass(frozen=True, slots=True)
class ListsChanged:
    """A list of requests, grants, runs, holdings or locks has changed: clients that watch a list read it again."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Ask the gatekeepers of the request, and policy with them: the request says that they are being asked."""

    request: str


@dataclass(frozen=True, slots=True)
class ForgetAnswers:
    """Drop all answers of gatekeepers that are kept for a while: somebody was locked."""


@dataclass(frozen=True, slots=True)
class RequestWaits:
    """The request waits for approvals from now on: its approvers are told, by the channels that its rule names."""

    request: str


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """The request has ended, and its rule names channels: those who were told that it waits are told what became of it."""

    request: str


@dataclass(frozen=True, slots=True)
class WayOpened:
    """Another way to approve the request is open: its people should be told."""

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
    """The outcome is recorded: the monitor may exit."""

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
    """Tell what happened to the holding: to the client that has it, and to those who wait for its end."""

    holding: str


@dataclass(frozen=True, slots=True)
class ReviewOwed:
    """Somebody broke glass, and a review is owed for the request: those who were skipped should be told."""

    request: str


@dataclass(frozen=True, slots=True)
class ReviewOverdue:
    """The review of the request is overdue: those who may give it should be told."""

    request: str


@dataclass(frozen=True, slots=True)
class ReviewGiven:
    """The review of the request was given: those who were told that it is owed should be told."""

    request: str


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """Look at the ``life`` of that ``id`` again at ``boot`` (seconds on CLOCK_BOOTTIME)."""

    life: str
    id: str
    boot: float


Effect = (
    ListsChanged
    | Screen
    | ForgetAnswers
    | RequestWaits
    | RequestEnded
    | WayOpened
    | TellRequester
    | Admit
    | StartRun
    | StopRun
    | ForgetRun
    | Give
    | Take
    | TellHolder
    | ReviewOwed
    | ReviewOverdue
    | ReviewGiven
    | SetDeadline
)
