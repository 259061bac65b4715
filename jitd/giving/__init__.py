# SPDX-License-Identifier: Apache-2.0
"""Givers: what gives things and takes them back. There is one Protocol, and a giver for each kind of thing.

Law: a giver may be asked the same twice, and the second time changes nothing. Its answer is certain: after Done it was done,
after Refused nothing has changed, and after Failed it is not known.
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
    """The thing was not given or taken, and asking again does not help. ``why`` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not known whether the thing was given or taken. Ask again later. ``why`` is a sentence."""

    why: str


Answer = Done | Refused | Failed


class Giver(Protocol):
    """Gives things of one kind."""

    async def give(self, holding: Holding) -> Answer:
        """Give the thing of ``holding`` to its person."""

    async def take(self, holding: Holding) -> Answer:
        """Take back the thing of ``holding``. The answer is Done also if nothing was given."""

    def name_of(self, thing: str) -> str:
        """Return the name that the person's client has to ask for to use ``thing``."""

    def fault(self, thing: str) -> str:
        """Return why ``thing`` cannot be given now, as a sentence; empty if it can. Does not ask the KDC, and does not block."""


class Givers:
    """The givers, by the kind of the thing: the word before the colon of its name."""

    def __init__(self, by_kind: Mapping[str, Giver]) -> None:
        self._by_kind = dict(by_kind)

    def of(self, thing: str) -> Giver | None:
        """Return the giver of ``thing``; None if there is none for its kind."""
        return self._by_kind.get(thing.partition(":")[0])

    def fault(self, thing: str) -> str:
        """Return why ``thing`` cannot be given now; empty if it can."""
        giver = self.of(thing)
        return f"this host cannot give {thing}" if giver is None else giver.fault(thing)
