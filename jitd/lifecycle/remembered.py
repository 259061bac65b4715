# SPDX-License-Identifier: Apache-2.0
"""What this daemon remembers of holdings that have not ended, beside what the store says of them: one record a holding. A
restart loses it, and after a restart nothing of it is needed to take the things back.

Law: a secret that nobody has fetched is a sealed memfd (``beside/secret``). It is neither read nor stored here, it is passed on
only once, and it is closed when its holding ends.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

from jitd.beside.secret import fault_in
from jitd.core.holding import Ended, Given, Taking, Untaken

Owed = tuple[Given | Taking | Ended, ...]


@dataclass(slots=True)
class Remembered:
    """What this daemon remembers of one holding."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # who holds this lock may ask the giver about the thing
    pause: float = 0.0  # seconds between the last two attempts to take it back; 0 before one has failed
    untaken: Untaken | None = None  # why the thing cannot be taken back yet
    owed: Owed = ()  # the events that could not be recorded yet
    is_awaited: bool = False  # true while the client is gone, or still has to be told of its thing
    may_be_given: bool = False  # true if an earlier attempt, perhaps of an earlier daemon, may have given the thing
    is_missed: bool = False  # true if the thing was given too late, when it was already being taken back
    tell: str = ""  # the giver's sentence that explains how to use the thing
    secret: int | None = None  # a descriptor that the holder has not fetched yet. Use the methods to change it

    def keep_secret(self, descriptor: int) -> str:
        """Keep ``descriptor``, which this object owns from now on. If it is not a valid secret, close it, and return a sentence
        that says why. Return an empty string if it is kept.
        """
        self.close_secret()
        fault = fault_in(descriptor)
        if fault:
            os.close(descriptor)
        else:
            self.secret = descriptor
        return fault

    def take_secret(self) -> int | None:
        """Return the secret, if there is one. From now on, the caller owns the descriptor."""
        secret, self.secret = self.secret, None
        return secret

    def close_secret(self) -> None:
        if (secret := self.take_secret()) is not None:
            os.close(secret)


class Memory:
    """The records of all holdings, by their ids."""

    def __init__(self) -> None:
        self._open: dict[str, Remembered] = {}

    def of(self, id: str) -> Remembered:
        """Return the record of the holding ``id``. It is made if it is missing; ``forget`` it when the holding has ended."""
        return self._open.setdefault(id, Remembered())

    def find(self, id: str) -> Remembered | None:
        """Return the record of the holding ``id``, or None if nothing is remembered of it."""
        return self._open.get(id)

    def forget(self, id: str) -> None:
        """Remove the record of the holding ``id``, which has ended."""
        found = self._open.pop(id, None)
        if found is not None:
            found.close_secret()

    def untaken(self) -> dict[str, Untaken]:
        """Return the holdings whose things cannot be taken back yet, and why."""
        return {id: one.untaken for id, one in self._open.items() if one.untaken is not None}

    def __len__(self) -> int:
        return len(self._open)
