# SPDX-License-Identifier: Apache-2.0
"""What every life has in common: events have an author, and a table says what may happen and who may cause it.

Law: the table is asked before anything changes; an event that it does not hold raises, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """In which capacity somebody, or something, causes an event."""

    REQUESTER = "requester"
    APPROVER = "approver"
    OPERATOR = "operator"
    POLICY = "policy"
    CLOCK = "clock"
    MONITOR = "monitor"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Origin:
    """The process from which somebody spoke to jitd, as the kernel has it: its uid, its terminal (empty if it has none), and its
    audit session, None where there is none.
    """

    uid: int
    tty: str
    audit_session: int | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused an event: the principal (or ``jitd``, ``clock``) and uid behind it, and in which role; and from where, which is
    known of enforcement points and of those who review.
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
    """This cannot happen to that object now, or not by that author. Nothing was changed."""


def check(
    law: Mapping[Any, Mapping[type, frozenset[Any]]], causes: Mapping[type, frozenset[Role]], state: Any, event: Any
) -> None:
    """Raise IllegalEvent unless ``law`` lets ``event`` happen in ``state`` and ``causes`` lets its author cause it."""
    kind = type(event)
    if kind not in law[state]:
        raise IllegalEvent(f"{name_of(event)} cannot happen to {event.id}, which is {state}")
    if event.by.role not in causes[kind]:
        raise IllegalEvent(f"{name_of(event)} cannot be caused by the {event.by.role}")


_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def name_of(event: Any) -> str:
    """The event's name in the chain: life and past tense, such as ``request.reviewed``."""
    return f"{event.life}.{_WORD.sub('_', type(event).__name__).lower()}"
