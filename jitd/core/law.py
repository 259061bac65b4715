# SPDX-License-Identifier: Apache-2.0
"""What all lives have in common: events have an author, and tables say what may happen and who may cause it.

Law: an event is looked up in the tables before anything changes. An event that they do not allow raises IllegalEvent and changes
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """The role in which a person or a program causes an event."""

    REQUESTER = "requester"
    APPROVER = "approver"
    OPERATOR = "operator"
    POLICY = "policy"
    CLOCK = "clock"
    MONITOR = "monitor"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Origin:
    """The process from which somebody connected to jitd, as the kernel describes it: its uid, its terminal (empty if it has
    none), and its audit session (None if it has none).
    """

    uid: int
    tty: str
    audit_session: int | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused an event: the principal (or ``jitd``, ``clock``), the uid, and the role. ``origin`` is the process that asked;
    it is known for enforcement points and for reviewers.
    """

    role: Role
    principal: str
    uid: int
    origin: Origin | None = None


POLICY = Actor(Role.POLICY, "policy", 0)
CLOCK = Actor(Role.CLOCK, "clock", 0)
DAEMON = Actor(Role.DAEMON, "jitd", 0)
MONITOR = Actor(Role.MONITOR, "monitor", 0)


class IllegalEvent(Exception):
    """The event cannot happen to this object now, or its author may not cause it. Nothing was changed."""


def check(
    law: Mapping[Any, Mapping[type, frozenset[Any]]], causes: Mapping[type, frozenset[Role]], state: Any, event: Any
) -> None:
    """Raise IllegalEvent unless ``law`` allows ``event`` in ``state``, and ``causes`` allows the event to its author."""
    kind = type(event)
    if kind not in law[state]:
        raise IllegalEvent(f"{name_of(event)} cannot happen to {event.id}, which is {state}")
    if event.by.role not in causes[kind]:
        raise IllegalEvent(f"{name_of(event)} cannot be caused by the {event.by.role}")


_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def name_of(event: Any) -> str:
    """Return the event's name in the chain: life and past tense, such as ``request.reviewed``."""
    return f"{event.life}.{_WORD.sub('_', type(event).__name__).lower()}"
