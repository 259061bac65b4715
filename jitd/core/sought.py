# SPDX-License-Identifier: Apache-2.0
"""What somebody looks for in the record, and by what a record is found.

Law: the traits of a record follow from its body alone, so the index of a store can be compared with the chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from jitd.core.chain import actor_of, detail_of
from jitd.core.command import NUMBERED
from jitd.core.conditions import Glob
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY

PROGRAMS = frozenset(actor.principal for actor in (POLICY, CLOCK, DAEMON, MONITOR))
"""Actors of which there is one on every host. Nobody looks for what they did, so no index names them."""
SUBMITTED = "request.submitted"  # the event whose actor is the requester
_ID = re.compile(NUMBERED)
_NAMING = ("grant", "run", "holding", "lock")  # the members of a record's detail that name another object


class Traits(NamedTuple):
    """By what a record is found. ``at`` is its time in whole seconds since 1970. ``ids`` are the objects that it is about or
    names: of a request with all that follows from it the request's id, of a lock its own. ``about`` is that of ``ids`` whose
    requester the record is found by, or empty. ``actor`` is a principal, or empty if the actor is one of PROGRAMS.
    """

    at: int
    event: str
    ids: tuple[str, ...]
    about: str
    actor: str


def traits_of(content: Mapping[str, Any]) -> Traits:
    """Return the traits of the record ``content``. What is odd or missing in a damaged one is left out, so it can be shown."""
    actor, event = actor_of(content), content.get("event")
    ids = tuple(dict.fromkeys([id[:9] for id in named_in(content)]))
    return Traits(
        seconds_of(content.get("at")) or 0,
        event if isinstance(event, str) else "",
        ids,
        ids[0] if ids else "",
        "" if actor in PROGRAMS else actor,
    )


def requests_in(content: Mapping[str, Any]) -> list[str]:
    """Return the ids of the requests that the record ``content`` is about, with the numbers of runs and holdings. A use of a
    lease is about two: it has the lease's id, and names its request.
    """
    return _ids([detail_of(content).get("request"), content.get("id")])


def named_in(content: Mapping[str, Any]) -> list[str]:
    """Return the ids that ``content`` is about or names, with the numbers of runs and holdings. A request comes first."""
    detail = detail_of(content)
    return _ids([detail.get("request"), content.get("id"), *map(detail.get, _NAMING)])


def _ids(words: list[Any]) -> list[str]:
    return [word for word in words if isinstance(word, str) and _ID.fullmatch(word)]


@lru_cache(8)  # the records of one commit have the same time
def _moment(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp())


def seconds_of(at: Any) -> int | None:
    """Return the seconds since 1970 of the time ``at`` of a record, or None if it is none that a calendar has."""
    try:
        return _moment(at) if isinstance(at, str) else None
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Sought:
    """Which records somebody looks for: those that match each field that is not None. ``since`` and ``until`` are in seconds
    since 1970; a record at ``until`` does not match. ``who`` contains principals. ``rule`` and ``id`` are whole words, and
    ``event`` is as PROTOCOL.md says.
    """

    since: int | None = None
    until: int | None = None
    who: frozenset[str] | None = None
    rule: str | None = None
    event: str | None = None
    id: str | None = None

    def takes(self, content: Mapping[str, Any], requesters: Iterable[str], rules: Iterable[str]) -> bool:
        """True if the record ``content`` matches. ``requesters`` and ``rules`` are those of the requests that it is about."""
        traits = traits_of(content)
        return (
            (self.since is None or traits.at >= self.since)
            and (self.until is None or traits.at < self.until)
            and (self.event is None or is_event(traits.event, self.event))
            and (self.id is None or self.id in traits.ids or self.id in named_in(content))
            and (self.who is None or traits.actor in self.who or not self.who.isdisjoint(requesters))
            and (self.rule is None or self.rule in rules)
        )


def is_event(event: str, pattern: str) -> bool:
    """True if ``event`` matches ``pattern``: a beginning that ends with a full stop, or a name with ``*`` and ``?``."""
    return event.startswith(pattern) if pattern.endswith(".") else _glob(pattern).matches(event)


_glob = lru_cache(64)(Glob)
