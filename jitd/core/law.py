# SPDX-License-Identifier: Apache-2.0
"""The rules that all life cycles share. Each event has an author. Two tables define which events may happen, and which roles may
cause each event.

Law: jitd looks up each event in the tables before it changes an object. If the tables do not allow an event, IllegalEvent is
raised and no object changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar


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
    """The process that connected to jitd, with data from the kernel. ``uid`` is the uid of the process. ``tty`` is the terminal
    of the process, or empty if there is no terminal. ``audit_session`` is the audit session of the process, or None if there is
    no session.
    """

    uid: int
    tty: str
    audit_session: int | None

    def told(self) -> dict[str, Any]:
        """Return the values for the chain."""
        return {"uid": self.uid, "tty": self.tty, "audit_session": self.audit_session}


@dataclass(frozen=True, slots=True)
class ByDoor:
    """How somebody came through the door, by the claims of ``carrier`` (CARRIERS): ``source`` is where its bytes come from."""

    carrier: str
    source: str

    def told(self) -> dict[str, Any]:
        """Return the values for the chain."""
        return {"carrier": self.carrier, "source": self.source}


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of an event: the role, the principal (or ``jitd``, ``clock``), and the uid, which is None if the person
    has no account on this host. ``origin`` is the process that connected to jitd, or the way through the door. jitd knows the
    process only for enforcement points and for reviewers.
    """

    role: Role
    principal: str
    uid: int | None
    origin: Origin | ByDoor | None = None


POLICY = Actor(Role.POLICY, "policy", 0)
CLOCK = Actor(Role.CLOCK, "clock", 0)
DAEMON = Actor(Role.DAEMON, "jitd", 0)
MONITOR = Actor(Role.MONITOR, "monitor", 0)


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """Something that has happened to the object ``id`` of the life cycle ``life``. ``by`` has caused it. Each kind of event is a
    class of its own, and the name of the class is part of the event's name in the chain (``name_of``).
    """

    life: ClassVar[str]
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """Return what the chain stores about this event, with texts of full length, so that programs can read it again."""
        return {}


class IllegalEvent(Exception):
    """The event is not allowed in this state of the object, or not to its author. No object was changed."""


def check(
    law: Mapping[Any, Mapping[type, frozenset[Any]]], causes: Mapping[type, frozenset[Role]], state: Any, event: LifeEvent
) -> None:
    """Raise IllegalEvent unless ``law`` allows ``event`` in ``state``, and ``causes`` its author's role."""
    kind = type(event)
    if kind not in law[state]:
        raise IllegalEvent(f"{name_of(event)} cannot happen to {event.id}, which is {state}")
    if event.by.role not in causes[kind]:
        raise IllegalEvent(f"{name_of(event)} cannot be caused by the {event.by.role}")


_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def name_of(event: LifeEvent) -> str:
    """Return the event's name in the chain, such as ``request.reviewed``: a life, a full stop, and a past participle."""
    return name_of_kind(type(event))


def name_of_kind(kind: type[LifeEvent]) -> str:
    """Return the name in the chain of all events of this class."""
    return _named(kind.life, kind.__name__)


@lru_cache(maxsize=128)
def _named(life: str, kind: str) -> str:
    return f"{life}.{_WORD.sub('_', kind).lower()}"
