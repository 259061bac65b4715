# SPDX-License-Identifier: Apache-2.0
"""A carrier that lies, between a person at a desk and three real hosts: nothing that it does permits anything, and the person is
told in the client's own words that something is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.attacks.mutated_wire import is_complaint
from tests.attacks.raw import CACHES, REALM, kinit
from tests.fleet.lies import (
    FRAMES,
    HOWS,
    OWN,
    Liar,
    Lie,
    Target,
    Told,
    approve,
    connected,
    drawn,
    fewest,
    is_same,
    led,
    tell_all,
    unnoticed,
)
from tests.fleet.stage import NAMES, Fleet, FleetHost
from tests.marks import full
from tests.times import SEED, times

BATCH = 1_000
"""Lies about one request, at one host. Then the record is read, and an honest carrier has the same request approved."""


class Liars:
    """Whoever lies to all hosts at once, with a ticket of bob for each."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.caches = {name: f"FILE:{kinit(CACHES / f'bob-{name}', f'bob@{REALM}', 'bobbob')}" for name in NAMES}

    def target(self, host: FleetHost, id: str) -> Target:
        other = self.fleet.hosts[NAMES[NAMES.index(host.name) - 1]]
        return Target(host.host, (str(host.door), str(other.door)), id, self.caches[host.name])

    def play(self, seed: int, n_lies: int) -> Told:
        """Tell ``n_lies``, dealt to the hosts. Raises AssertionError with the fewest lies that permit, if any do."""
        told = Told()
        for first in range(0, n_lies, BATCH * len(NAMES)):
            lies = [drawn(seed, number) for number in range(first, min(n_lies, first + BATCH * len(NAMES)))]
            begun = [self._begin(host, lies[k :: len(NAMES)]) for k, host in enumerate(self.fleet.hosts.values())]
            for host, some, target, before, liar in begun:
                told += liar.end()
                if _permitted(host, target.id, before):
                    print(f"{host.name}: {host.state_of(target.id)}, {host.events(before)}, believed {told.believed}", flush=True)
                    found = fewest(some, lambda part, host=host: self._permits(host, part))
                    raise AssertionError(f"seed {seed}, {host.name}: permitted by {found!r}")
                said, is_believed, _ = approve(target, None)
                assert is_believed and host.state_of(target.id) == "approved", said
        return told

    def _begin(self, host: FleetHost, some: Sequence[Lie]):  # type: ignore[no-untyped-def]
        target = self.target(host, host.waits())
        return host, some, target, host.head().number, Liar(target, some)

    def _permits(self, host: FleetHost, some: Sequence[Lie]) -> bool:
        target = self.target(host, host.waits())
        before = host.head().number
        tell_all(target, some)
        return _permitted(host, target.id, before)


def _permitted(host: FleetHost, id: str, after: int) -> bool:
    """True if anybody has decided about the request, or anything but a broken conversation was recorded."""
    return not host.is_untouched(id) or host.events(after) - {"connection.broken"} != set()


@pytest.fixture(scope="module")
def liars(three: Fleet) -> Liars:
    return Liars(three)


def noticed(liars: Liars, n_lies: int) -> Told:
    began = time.monotonic()
    told = liars.play(SEED, n_lies)
    took = time.monotonic() - began
    print(f"JITD_SEED={SEED}: {n_lies} lies in {took:.0f} s, {told.n_told} told, {told.n_untold} not come so far")
    for said, n in told.said.most_common():
        print(f"{n:8} {said}")
    assert told.believed == []
    assert [said for said in told.said if not OWN.fullmatch(said)] == []
    assert "LIE" not in "".join(told.said)
    assert [line for host in liars.fleet.hosts.values() for line in host.log().splitlines() if is_complaint(line)] == []
    return told


def test_no_lie_of_a_carrier_permits_and_each_is_told_in_the_clients_own_words(liars: Liars) -> None:
    """THREATS F-01, F-03, F-04, F-05, F-06, F-07."""
    n_lies = times(3_000)
    assert {drawn(SEED, number).how for number in range(n_lies)} == set(HOWS)
    told = noticed(liars, n_lies)
    assert told.n_told > 0.95 * n_lies


@full("100,000 lies take eight minutes; every day, 3,000 of them are told")
def test_of_a_hundred_thousand_lies_none_permits(liars: Liars) -> None:
    """THREATS F-01, F-03, F-04, F-05, F-06, F-07."""
    noticed(liars, 100_000)


@full("each bit takes two minutes; every day, some of them are flipped")
def test_each_bit_of_a_handshake_is_noticed_or_says_nothing_of_anybody(liars: Liars) -> None:
    """THREATS F-01."""
    host = liars.fleet.hosts["db1"]
    target = liars.target(host, "")
    frames: dict[tuple[str, int], bytes] = {}
    made = led(target, None)
    connected(made)
    assert made.way is not None
    for way, seen in made.way.seen.items():
        frames |= {(way, at): data for at, data in enumerate(seen[:2])}
    made.close()
    assert len(frames) == 4
    for (way, at), data in frames.items():
        passed = unnoticed(target, [Lie("flipped", way, at, bit) for bit in range(8 * len(data))])
        print(f"{way} {at}: {8 * len(data)} bits, {len(passed)} say nothing: {sorted({lie.of // 8 for lie in passed})}")
        assert [lie for lie in passed if not is_same(data, FRAMES["flipped"](lie, data, [])[0])] == []
