# SPDX-License-Identifier: Apache-2.0
"""Facts about the requester's Kerberos ticket: how long ago the requester authenticated, when the ticket ends, and how the
requester got the ticket.

Law: the KDC guarantees all facts of this module. If a person has no ticket, these facts are not known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from jitd.core.authentication import MOST_AHEAD, Authentication
from jitd.core.facts import Facts, Unknown, Value
from jitd.core.subject import Subject

_LEFT = "fact.ticket_left"
_FACTS: dict[str, Callable[[Authentication, datetime], Value | Unknown]] = {
    "fact.authenticated_for": lambda given, now: _age(given, now),
    "fact.forwarded": lambda given, now: given.is_forwarded,
    "fact.preauthenticated": lambda given, now: given.is_preauthenticated,
    "fact.hardware": lambda given, now: given.is_by_hardware,
}
NAMES = frozenset({_LEFT, *_FACTS})  # the facts of this module
_NO_TICKET = Unknown("the requester has no Kerberos ticket")


def look(names: frozenset[str], who: Subject, now: datetime) -> Facts:
    """Return the facts of this module that are in ``names``, as they are at the time ``now``. ``now`` has a time zone."""
    found: dict[str, Value | Unknown] = {}
    for name in sorted(names & _FACTS.keys()):
        found[name] = _NO_TICKET if who.authentication is None else _FACTS[name](who.authentication, now)
    if _LEFT in names:
        ends_at = who.ticket_ends_at
        found[_LEFT] = _NO_TICKET if ends_at is None else max(0, int((ends_at - now).total_seconds()))
    return found


def _age(given: Authentication, now: datetime) -> Value | Unknown:
    age = given.age_at(now)
    if age < -MOST_AHEAD:
        return Unknown("the initial authentication lies in the future: the clocks of this host and of the KDC differ")
    return max(0, age)
