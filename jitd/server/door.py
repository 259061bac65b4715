# SPDX-License-Identifier: Apache-2.0
"""The listener at the door, for people who are not on this host (PROTOCOL.md section 13).

Law: all limits here are apart from those of the local socket, so nobody at the door takes the place of somebody on this host. A
conversation counts for the strangers, and for the carrier's source, until somebody is known, and from then on for this person
alone. An agent that has the roll called counts for the agents.
"""

from __future__ import annotations

import grp
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Mapping

from jitd.core.law import ByDoor
from jitd.core.party import AGENTS, STRANGERS
from jitd.server.channel import refuse
from jitd.server.listener import TOO_MANY, Accepting
from jitd.server.peer import Count
from jitd.server.services import Services
from jitd.server.visit import Visit

MOST_STRANGERS = 64  # conversations in which nobody is known yet
MOST_OF_ONE_CARRIER = 48  # the same, of one carrier, so that its flood leaves room for others
MOST_OF_ONE_SOURCE = 16
"""The same, of one carrier and source. The source is the carrier's claim, so this keeps one stranger from closing the door to all
others, and does not stop a carrier that lies: it can hide everybody anyhow.
"""
MOST_OF_ONE_KEY = 4  # the same, if it is an engine: its source is one person's key, no address of many
BY_ENGINE = "nats"
MOST_BEGUN_BY_ONE, MOST_BEGUN_BY_CARRIER, MOST_BEGUN = 16, 96, 128
"""Conversations that a source, a carrier, and all may begin in a second: to refuse a proof takes longer than to invent it."""
OF_ONE_SITE = 64  # bits of the IPv6 prefix that is one source: a stranger has all addresses below it (RFC 4291)
MOST_AGENTS = 4  # agents that have the roll called. A host has one of them for each engine that it dials.
MOST_AT_DOOR = 1024  # all conversations
CARRIERS = "jitd-door"  # the group that may connect to the door


def group_of_carriers() -> int:
    """Return the gid of CARRIERS. Raises OSError if there is no such group."""
    try:
        return grp.getgrnam(CARRIERS).gr_gid
    except KeyError:
        raise OSError(f"jitd.toml opens the door, but there is no group {CARRIERS}: systemd-sysusers makes it") from None


def counted_as(way: ByDoor) -> ByDoor:
    """Return the way as which ``way`` counts for the limits: an address of IPv6 counts as its site."""
    address, _, _ = way.source.partition("%")
    try:
        site = ipaddress.IPv6Network((address, OF_ONE_SITE), strict=False)
    except ValueError:
        return way
    return ByDoor(way.carrier, str(site))


def _n_by(carrier: str, counted: Mapping[ByDoor, int]) -> int:
    return sum(n for way, n in counted.items() if way.carrier == carrier)


class Begun:
    """Counts the conversations that have begun in the present second, by the clock ``now``."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self._of: Counter[ByDoor] = Counter()

    def another(self, way: ByDoor) -> bool:
        """Count another one that comes by ``way``. Return False if there are too many."""
        if self._now() >= self._since + 1:
            self._since = self._now()
            self._of.clear()
        if (
            self._of[way] >= MOST_BEGUN_BY_ONE
            or _n_by(way.carrier, self._of) >= MOST_BEGUN_BY_CARRIER
            or self._of.total() >= MOST_BEGUN
        ):
            return False
        self._of[way] += 1
        return True


class DoorListener(Accepting):
    """Accepts the conversations that carriers bring."""

    def __init__(self, sock: socket.socket, services: Services, per_party: int, n_most: int) -> None:
        super().__init__(sock, services, per_party, n_most)
        self._strangers_from: Counter[ByDoor] = Counter()
        self._begun = Begun(self._loop.time)

    def _admit(self, sock: socket.socket) -> None:
        if self._of.total() >= self._n_most:
            return refuse(sock, TOO_MANY)
        source: ByDoor | None = None

        def leave_source() -> None:
            nonlocal source
            if source is not None:
                self._strangers_from[source] -= 1
                self._strangers_from += Counter()  # forgets those who have none
                source = None

        def is_room_for(way: ByDoor) -> bool:
            nonlocal source
            way = counted_as(way)
            if (
                self._strangers_from[way] >= (MOST_OF_ONE_KEY if way.carrier == BY_ENGINE else MOST_OF_ONE_SOURCE)
                or _n_by(way.carrier, self._strangers_from) >= MOST_OF_ONE_CARRIER
                or self._strangers_from.total() >= MOST_STRANGERS
                or not self._begun.another(way)
            ):
                return False
            self._strangers_from[way] += 1
            source = way
            return True

        def end(count_for: Count) -> Visit:
            return Visit(self._services.now, is_room_for, lambda: self._of[AGENTS] < MOST_AGENTS and count_for(AGENTS))

        self._begin(sock, STRANGERS, end, leave_source)
