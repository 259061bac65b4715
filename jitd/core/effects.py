# SPDX-License-Identifier: Apache-2.0
"""The effects, which are actions that the core orders. This module also contains ``Moment``, the time at which the core decides.

Law: an effect is a value that describes one action. It is harmless to do the same action twice. Each effect can be derived from
the state of the objects. Therefore jitd can derive the same effects again after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks. ``at`` (aware UTC) is shown to people and is compared with the ``hours`` of rules. ``boot``
    (seconds on CLOCK_BOOTTIME) is used to measure time. ``boot_id`` is the id of the boot to which ``boot`` belongs.
    ``synchronised`` is True if the kernel knows that its wall clock follows another clock (adjtimex(2)).
    """

    at: datetime
    boot: float
    boot_id: str
    synchronised: bool = False


@dataclass(frozen=True, slots=True)
class ListsChanged:
    """A list of requests, grants, runs, holdings or locks has changed. Who watches it must read it again."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Query the request's gatekeepers, then let the policy decide again. ``asking_at``, when this began, is stored."""

    request: str


@dataclass(frozen=True, slots=True)
class ForgetAnswers:
    """Drop all stored answers of gatekeepers, because somebody was locked."""


@dataclass(frozen=True, slots=True)
class SeatsChanged:
    """Somebody is not locked any more, so other people may be able to approve what waits."""


@dataclass(frozen=True, slots=True)
class RequestWaits:
    """Tell the approvers, by the channels of its rule, that the request waits for approvals now."""

    request: str


@dataclass(frozen=True, slots=True)
class Notify:
    """People without a connection may have to be told something. Whom, and of what: by the state (``core.notice``)."""

    request: str


@dataclass(frozen=True, slots=True)
class WayOpened:
    """Another way to approve the request is open now. Inform the people who can approve in the new way."""

    request: str


@dataclass(frozen=True, slots=True)
class TellRequester:
    """Tell the waiting requester the result of the request."""

    request: str


@dataclass(frozen=True, slots=True)
class Admit:
    """A use of a grant was taken for the request. Tell the waiting enforcement point that it may continue."""

    request: str


@dataclass(frozen=True, slots=True)
class StartRun:
    """Begin the run for ``request``. The database already contains the run, in the state STARTING."""

    run: str
    request: str


@dataclass(frozen=True, slots=True)
class StopRun:
    """End the run, which is stored as STOPPING. Watchers are told ``because``."""

    run: str
    because: str


@dataclass(frozen=True, slots=True)
class ForgetRun:
    """The result of the run is recorded. Tell the monitor of the run that it may exit."""

    run: str


@dataclass(frozen=True, slots=True)
class Give:
    """Give the thing of the holding to the person. The database already contains the holding, in the state GIVING."""

    holding: str


@dataclass(frozen=True, slots=True)
class Take:
    """Take back the thing of the holding. The database already contains the holding, in the state TAKING."""

    holding: str


@dataclass(frozen=True, slots=True)
class TellHolder:
    """Tell the holding's new state to the client that owns it, and to those that wait for its end."""

    holding: str


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """At the time ``boot`` (seconds on CLOCK_BOOTTIME), check the object ``id`` of the life cycle ``life`` again."""

    life: str
    id: str
    boot: float


Effect = (
    ListsChanged
    | Screen
    | ForgetAnswers
    | SeatsChanged
    | RequestWaits
    | Notify
    | WayOpened
    | TellRequester
    | Admit
    | StartRun
    | StopRun
    | ForgetRun
    | Give
    | Take
    | TellHolder
    | SetDeadline
)
