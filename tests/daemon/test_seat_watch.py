# SPDX-License-Identifier: Apache-2.0
"""What is looked at while somebody waits: who could approve, searched again only if something has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any

from jitd.core.decision import Approval
from jitd.core.request import Request, RequestState
from jitd.deciding.seats import MOST_LOOKED_AT, UNKNOWN, Seats
from jitd.lifecycle.seat_watch import SeatWatch
from jitd.lifecycle.waiters import Waiters
from tests.scene import asked, permit

OPS = Approval(1, ("group:ops",))
ID = "K7QM-2XVD"


class House:
    """One request, the people who could approve it, and what is told of them."""

    def __init__(self) -> None:
        made = asked(obligations=permit(OPS).obligations, expires_boot=1900.0)
        self.pending = replace(made, state=RequestState.PENDING)
        self.seats = Seats(("bob", "carol"), is_whole=True)
        self.n_changes = 0
        self.told: list[Seats] = []
        self.notified: list[str] = []
        self.asked_about: list[set[str]] = []
        self.waiters = Waiters()
        self.watch = SeatWatch(self, self, self.waiters, self.notified.append, self._later)  # type: ignore[arg-type]
        self._before: object = None

    def begins_to_wait(self) -> None:
        self.waiters.attend(ID, self)  # type: ignore[arg-type]
        self.watch.find(ID)

    def look(self) -> None:
        self._before = asyncio.run(self.watch.look(self._before))

    def _later(self, deed: Coroutine[Any, Any, None]) -> None:
        asyncio.run(deed)

    def seated(self, found: Request, seats: dict[Approval, Seats]) -> None:
        self.told += seats.values()

    # --- the store, and the search -----------------------------------------------------------------------------------

    def request(self, id: str) -> Request:
        return self.pending

    @property
    def seating(self) -> House:
        return self

    async def as_now(self, request: Request) -> Request:
        return request

    async def of_each(self, request: Request, ways: Sequence[Approval]) -> tuple[Seats, ...]:
        return tuple(self.seats for _ in ways)

    async def ask_about(self, accounts: Iterable[str]) -> None:
        self.asked_about.append(set(accounts))

    def state(self) -> object:
        return self.n_changes

    def forget(self) -> None:
        pass


def test_people_are_searched_again_only_if_something_has_changed() -> None:
    """THREATS N-09."""
    house = House()
    house.begins_to_wait()
    house.look()  # the first look: something may have changed since the search
    n_searched = len(house.told)
    house.look()
    assert len(house.told) == n_searched
    house.seats, house.n_changes = Seats((), is_whole=True), 1
    house.look()
    assert house.told[-1] == house.seats and len(house.told) == n_searched + 1


def test_without_anybody_who_waits_nothing_is_looked_at() -> None:
    house = House()
    house.look()
    assert house.told == [] and house.asked_about == []
    house.begins_to_wait()
    house.look()
    assert house.asked_about == [{"bob", "carol"}]
    house.waiters.leave(ID, house)  # type: ignore[arg-type]
    house.n_changes, n_told = 1, len(house.told)
    house.look()
    assert house.asked_about == [{"bob", "carol"}] and len(house.told) == n_told


def test_who_could_not_approve_before_is_notified_and_nobody_else_again() -> None:
    house = House()
    house.seats = Seats(("bob",), is_whole=True, refused=("carol",))
    house.begins_to_wait()
    house.seats, house.n_changes = Seats(("bob",), is_whole=True, muted=("bob",)), 1
    house.look()
    assert house.notified == []
    house.seats, house.n_changes = Seats(("bob", "carol"), is_whole=True), 2
    house.look()
    assert house.notified == [ID]


def test_a_search_that_takes_too_long_takes_nothing_back_and_is_made_again() -> None:
    house = House()
    nobody = house.seats = Seats((), is_whole=True)
    house.begins_to_wait()
    house.look()
    house.seats, house.n_changes, n_told = UNKNOWN, 1, len(house.told)
    house.look()
    assert len(house.told) == n_told and house.told[-1] == nobody
    house.seats = Seats(("bob",), is_whole=True)
    house.look()
    assert house.told[-1] == house.seats and house.notified == [ID]


def test_who_begins_to_wait_while_the_search_takes_too_long_is_told_so() -> None:
    house = House()
    house.seats = UNKNOWN
    house.begins_to_wait()
    assert house.told == [UNKNOWN]


def test_of_many_people_only_those_are_asked_about_whom_the_kdc_has_refused() -> None:
    """THREATS N-09."""
    house = House()
    many = tuple(f"p{n}" for n in range(MOST_LOOKED_AT + 1))
    house.seats = Seats(many, is_whole=True, refused=("carol",))
    house.begins_to_wait()
    house.look()
    house.seats, house.n_changes = Seats(many[1:], is_whole=True, refused=("carol",)), 1
    house.look()
    house.look()
    assert house.asked_about == [{"carol"}, {"carol"}, {*many[1:], "carol"}]
