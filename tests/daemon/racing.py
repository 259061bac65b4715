# SPDX-License-Identifier: Apache-2.0
"""Races for one request, and for the lease that it gets: approve, deny, withdraw, expire; then use, revoke, expire.

Law: a deed may be overtaken by others between its look and its commit, which cannot happen in a daemon: there both are one step
of the event loop. So what holds here is held by the store. After each race there is one end: that of the first deed that was
committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from jitd.core.decision import Terms
from jitd.core.effects import Moment
from jitd.core.grant import Expired, GrantState, Revoked, Used
from jitd.core.law import CLOCK, IllegalEvent, Role
from jitd.core.request import Request, RequestState, Verdict
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Conflict
from jitd.store.sqlite import SqliteStore
from tests.scene import actor, asked, moment, permit, person, review, screened, submit, too_late, withdraw
from tests.verified import verify

USES, LASTS = 3, 600
TOGETHER = 500
"""Races in one database."""

Deed = Callable[[Request], Any]
DECIDE: dict[str, tuple[Deed, RequestState]] = {
    "approve": (lambda request: review(request, person("bob"), attended=False), RequestState.APPROVED),
    "approve too": (lambda request: review(request, person("carol"), attended=False), RequestState.APPROVED),
    "deny": (lambda request: review(request, person("dave"), Verdict.DENY), RequestState.DENIED),
    "withdraw": (withdraw, RequestState.WITHDRAWN),
    "expire": (too_late, RequestState.EXPIRED),
}
"""What ends a request that owes one approval → the end that it comes to."""
END: dict[str, tuple[Deed, GrantState]] = {
    "revoke": (lambda request: Revoked(request.id, actor(person("dave"), Role.OPERATOR), "enough"), GrantState.REVOKED),
    "give back": (lambda request: Revoked(request.id, actor(request.requester), "given back"), GrantState.REVOKED),
    "time": (lambda request: Expired(request.id, CLOCK), GrantState.EXPIRED),
}
"""What ends a lease → its end."""


def use(request: Request) -> Used:
    """A use of the lease, by another request of its holder."""
    return Used(request.id, actor(request.requester), request.id, Terms())


@dataclass
class Races:
    """Races in one database at ``path``. ``counts`` says how often each end came, and how often a door was overtaken."""

    path: Path
    random: Random
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.began = 0
        self.now = moment()
        self.store = SqliteStore(self.path)
        self.door = Lifecycle(self.store, self.time, lambda: "policy-1")

    def time(self) -> Moment:
        return self.now

    def close(self) -> None:
        """Prove the record, and close the store."""
        verify(self.store)
        self.store.close()

    def race(self, id: str) -> None:
        """One request, and its lease if it gets one."""
        self.began += 2 * LASTS
        self.now = moment(self.began)
        made = asked(id, lasts_for=LASTS, uses=USES)
        self.door.handle(submit(made))
        self.door.handle(screened(made, permit()))
        found = self._request(id)
        deeds = self.random.sample(list(DECIDE), self.random.randint(2, len(DECIDE)))
        ended = [DECIDE[name][1] for name in self._all(deeds, {name: deed for name, (deed, _) in DECIDE.items()}, found)]
        after = self._request(id)
        assert len(ended) == 1 and after.state is ended[0], (id, deeds, ended, after.state)
        assert (self.store.grant(id) is not None) == (after.state is RequestState.APPROVED), (id, after.state)
        self.counts[after.state] += 1
        if after.state is RequestState.APPROVED:
            self._race_for_lease(after)

    def _race_for_lease(self, request: Request) -> None:
        ends = self.random.sample(list(END), self.random.randint(1, len(END)))
        self.now = moment(self.began + (LASTS if "time" in ends else 1))
        is_over = "time" in ends
        deeds = [*ends, *(f"use {n}" for n in range(self.random.randint(0, USES + 1)))]
        self.random.shuffle(deeds)
        done = self._all(deeds, {name: END[name][0] if name in END else use for name in deeds}, request)
        grant = self.store.grant(request.id)
        assert grant is not None
        ended = [name for name in done if name in END]
        used = [name for name in done if name not in END]
        assert 0 <= grant.left <= USES and grant.left == USES - len(used), (request.id, done, grant)
        assert not (is_over and used), "no use is taken of a lease whose time is over"
        assert len(ended) == 1 and grant.state is END[ended[0]][1], (request.id, done, grant.state)
        self.counts[f"lease {grant.state}"] += 1

    def _all(self, names: Iterable[str], deeds: dict[str, Deed], request: Request) -> list[str]:
        """Let each of ``names`` be done, some of them between another one's look and its commit. Return those that were, in the
        order of their commits.
        """
        left, done = list(names), list[str]()
        commit = self.store.commit

        def next_one() -> None:
            name = left.pop(0)

            def overtaken(*parts: Any) -> None:
                self.store.commit = commit  # type: ignore[method-assign]
                self.counts["overtaken"] += 1
                for _ in range(self.random.randint(1, len(left))):
                    if left:
                        next_one()
                commit(*parts)

            if left and self.random.random() < 0.5:
                self.store.commit = overtaken  # type: ignore[method-assign]
            try:
                with suppress(IllegalEvent):
                    try:
                        self.door.handle(deeds[name](request))
                    except Conflict:  # the daemon, too, applies the deed to what is there now
                        self.counts["conflict"] += 1
                        self.door.handle(deeds[name](request))
                    done.append(name)
            finally:
                self.store.commit = commit  # type: ignore[method-assign]

        while left:
            next_one()
        return done

    def _request(self, id: str) -> Request:
        found = self.store.request(id)
        assert found is not None
        return found


def run(directory: Path, n: int, seed: int) -> Counter[str]:
    """Run ``n`` races in databases below ``directory``. Return how often each end came. Raises AssertionError."""
    counts: Counter[str] = Counter()
    random = Random(seed)
    for first in range(0, n, TOGETHER):
        path = directory / f"{first}.db"
        races = Races(path, random, counts)
        for number in range(first, min(n, first + TOGETHER)):
            races.race(f"{number % TOGETHER:04}-RACE")
        races.close()
        for file in directory.glob(f"{first}.db*"):
            file.unlink()
    return counts
