# SPDX-License-Identifier: Apache-2.0
"""Who gives a thing and takes it back: one Protocol, and a giver for each kind of thing.

Law: a giver may be asked the same twice, and nothing comes of the second time. It says what it knows: Done is true when it is
said, Refused changed nothing, and after Failed nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from jitd.core.holding import Holding


@dataclass(frozen=True, slots=True)
class Done:
    """The thing is given, or is taken back."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, and asking again does not help. ``why`` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody knows whether it was done. Ask again later. ``why`` is a sentence."""

    why: str


Answer = Done | Refused | Failed


class Giver(Protocol):
    """Gives things of one kind."""

    async def give(self, holding: Holding) -> Answer:
        """Give the thing of ``holding`` to its person."""

    async def take(self, holding: Holding) -> Answer:
        """Take back the thing of ``holding``. Done also if nothing was given."""

    def name_of(self, thing: str) -> str:
        """What the person's client has to ask for to use ``thing``."""

    def fault(self, thing: str) -> str:
        """Why ``thing`` cannot be given now, as a sentence; empty if it can. Asks nobody, and does not block."""


class Givers:
    """The givers by the kind of the thing: the word before the colon of its name."""

    def __init__(self, by_kind: Mapping[str, Giver]) -> None:
        self._by_kind = dict(by_kind)

    def of(self, thing: str) -> Giver | None:
        """The giver of ``thing``; None if there is none for its kind."""
        return self._by_kind.get(thing.partition(":")[0])

    def fault(self, thing: str) -> str:
        """Why ``thing`` cannot be given now; empty if it can."""
        giver = self.of(thing)
        return f"nobody gives {thing} on this host" if giver is None else giver.fault(thing)
