# SPDX-License-Identifier: Apache-2.0
"""Givers: objects that give things and take them back. There is one Protocol, and one giver for each kind of thing.

Law: a giver may be asked the same twice, and the second time changes nothing. After Done, the giver has certainly done what was
asked. After Refused, it has certainly changed nothing. After Failed, either is possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from jitd.core.holding import Holding


@dataclass(frozen=True, slots=True)
class Done:
    """The giver has given the thing, or has taken it back, as it was asked. ``secret`` is what the person needs to use the thing:
    the descriptor of a sealed memfd (giving/secrets.py), or None. It belongs to whoever has this answer.
    """

    secret: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The giver has not done what was asked, and it does not help to ask again. ``why`` is a sentence for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not known whether the thing was given or taken back. Ask again later. ``why`` is a sentence for people."""

    why: str


Answer = Done | Refused | Failed


class Giver(Protocol):
    """An object that gives things of one kind, and takes them back."""

    async def give(self, holding: Holding) -> Answer:
        """Give the thing of ``holding`` to the person who is to have it."""

    async def take(self, holding: Holding) -> Answer:
        """Take back the thing of ``holding``. The answer is Done also if the thing was never given."""

    def name_of(self, thing: str) -> str:
        """Return the name by which the client asks for ``thing``: for a ticket, the service's principal."""

    def fault(self, thing: str) -> str:
        """Return why ``thing`` cannot be given now, as a sentence; empty if it can be given. Asks no KDC, and does not block."""


class Givers:
    """The givers, by the kind of thing that they give. The kind is the word before the colon in the thing's name."""

    def __init__(self, by_kind: Mapping[str, Giver]) -> None:
        self._by_kind = dict(by_kind)

    def of(self, thing: str) -> Giver | None:
        """Return the giver for the kind of ``thing``; None if this host has none."""
        return self._by_kind.get(thing.partition(":")[0])

    def fault(self, thing: str) -> str:
        """Return why ``thing`` cannot be given now, as a sentence; empty if it can be given."""
        giver = self.of(thing)
        return f"this host cannot give {thing}" if giver is None else giver.fault(thing)
