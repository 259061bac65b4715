# SPDX-License-Identifier: Apache-2.0
"""Limits the bytes of large frames that are in transit. A frame from a client takes room until the client has its answer. A
frame to a client takes room until the client has read it.

Law: one party (``core.party``) has at most OF_ONE bytes, and all together have at most OF_ALL bytes. If there is no room,
connections wait. Waiting connections get room in the order of their arrival. The limits do not apply to root, so that nobody can
lock root out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from jitd.core.party import Party

OF_ONE = 16 * 1024 * 1024  # maximum number of bytes that one party may have in transit
OF_ALL = 128 * 1024 * 1024  # maximum number of bytes that all parties together may have in transit


class Room:
    """Counts the bytes that each party has taken, and remembers the waiting connections."""

    def __init__(self) -> None:
        self._taken: Counter[Party] = Counter()
        self._waiting: dict[Slot, None] = {}

    def place(self, party: Party) -> Slot:
        return Slot(self, party)

    def _is_within(self, party: Party, n_bytes: int) -> bool:
        return self._taken[party] + n_bytes <= OF_ONE

    def _has(self, place: Slot) -> bool:
        is_room_for_all = self._taken.total() + place.wanted <= OF_ALL
        return place.party.is_root or (is_room_for_all and self._is_within(place.party, place.wanted))

    def _is_before(self, other: Slot, place: Slot) -> bool:
        """True if the waiting place ``other`` must get its bytes before ``place``."""
        return other.party == place.party or self._is_within(other.party, other.wanted)

    def take(self, place: Slot) -> bool:
        """Take the bytes that ``place`` wants. If there is not enough room, or if other waiting places must get room first,
        ``place`` must wait too. In this case, return False.
        """
        has_turn = place.party.is_root or not any(self._is_before(other, place) for other in self._waiting)
        if not has_turn or not self._has(place):
            self._waiting[place] = None
            return False
        self._take(place)
        return True

    def _take(self, place: Slot) -> None:
        if not place.party.is_root:
            self._taken[place.party] += place.wanted
        place.held = place.wanted

    def give(self, place: Slot) -> None:
        """Take back the bytes of ``place``, or its wait, and wake those for which there is room now."""
        self._waiting.pop(place, None)
        if not place.party.is_root:
            self._taken[place.party] -= place.held
            if not self._taken[place.party]:
                del self._taken[place.party]
        place.held = 0
        passed_over: set[Party] = set()
        for other in tuple(self._waiting):
            if other.party in passed_over or other not in self._waiting:
                continue
            if self._has(other):
                del self._waiting[other]
                self._take(other)
                other.go_on()
            elif self._is_within(other.party, other.wanted):
                break  # this place waits for the shared room, so no later place may go before it
            else:
                passed_over.add(other.party)


@dataclass(eq=False, slots=True)
class Slot:
    """The bytes that one connection has in transit. A place has room for one frame at a time."""

    room: Room
    party: Party
    held: int = 0
    wanted: int = 0
    go_on: Callable[[], None] = field(default=lambda: None)

    def take(self, n_bytes: int, go_on: Callable[[], None]) -> bool:
        """Take ``n_bytes``, unless there are some already. Return False without room; ``go_on`` is called when there is."""
        if self.held:
            return True
        self.wanted, self.go_on = n_bytes, go_on
        return self.room.take(self)

    def give(self) -> None:
        """Give back the bytes of this place. If this place is waiting for bytes, stop waiting."""
        if self.wanted:
            self.wanted = 0
            self.room.give(self)

    async def until_taken(self, n_bytes: int) -> None:
        """Wait until there is room for ``n_bytes``. Then take these bytes."""
        held = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not held.done():
                held.set_result(None)

        if not self.take(n_bytes, tell):
            await held
