# SPDX-License-Identifier: Apache-2.0
"""A giver is an object that gives things and takes them back. All givers implement one Protocol. There is one giver for each
kind of thing.

Law: a giver may get the same order twice. The result is then the same as if the giver had got the order only once. After the
answer Done, the order was certainly carried out. After the answer Refused, this order certainly changed nothing. After the answer
Failed, it is not known whether the order was carried out. The method ``look`` changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jitd.core.holding import Holding
from jitd.givers.kind import Seen as Seen
from jitd.givers.kind import State as State
from jitd.givers.kind import Strays as Strays
from jitd.givers.secret import fault_in as fault_in


@dataclass(frozen=True, slots=True)
class Done:
    """The giver has given the thing or taken it back, as the order said.

    After an order to give, ``secret`` is the descriptor of a sealed memfd (``givers/secret``), or None. The memfd contains the
    secret that the person needs to use the thing. The receiver of this answer owns the descriptor. ``tell`` is a sentence that
    tells the person how to use the thing. ``tell`` may be empty. After an order to take back, ``left`` is a sentence about parts
    of the thing that the person still has. ``left`` is empty if nothing is left.
    """

    secret: int | None = None
    tell: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The giver has not carried out the order. Asking again would not help. ``why`` is a sentence for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not known whether the thing was given or taken back. Ask again later. ``why`` is a sentence for people."""

    why: str


Answer = Done | Refused | Failed
Looked = Seen | Failed
Found = Strays | Failed


class Giver(Protocol):
    """Gives things of one kind, and takes them back."""

    def ends_at(self, holding: Holding) -> datetime | None:
        """Return the time at which the thing of ``holding`` becomes useless even if the giver cannot take it back. Return None if
        the thing does not end by itself.
        """

    async def give(self, holding: Holding) -> Answer:
        """Give the thing of ``holding`` to the person for whom the thing was approved."""

    async def take(self, holding: Holding) -> Answer:
        """Take back the thing of ``holding``. The answer is also Done if the thing was never given."""

    async def look(self, holding: Holding) -> Looked:
        """Report whether the thing of ``holding`` is still as it was given."""

    async def strays(self, thing: str, holdings: Sequence[str]) -> Found:
        """Return the ids of all holdings for which ``thing`` exists and has jitd's mark (a sign that jitd made the thing). The
        ids in ``holdings`` are left out.
        """

    def name_of(self, thing: str) -> str:
        """Return the name by which the client asks for ``thing``. For a ticket, this name is the principal of the service.
        Return an empty string if the client does not have to ask for the thing.
        """

    def fault(self, thing: str) -> str:
        """Return a sentence that says why ``thing`` cannot be given now. Return an empty string if ``thing`` can be given.
        ``fault`` queries no KDC and does not block.
        """


class Givers:
    """The givers of this host. A giver is found by the kind of thing that the giver gives. The kind is the word before the colon
    in the thing's name.
    """

    def __init__(self, by_kind: Mapping[str, Giver]) -> None:
        self._by_kind = dict(by_kind)

    def of(self, thing: str) -> Giver | None:
        """Return the giver for the kind of ``thing``, or None if this host has no such giver."""
        return self._by_kind.get(thing.partition(":")[0])

    def fault(self, thing: str) -> str:
        """Return a sentence that says why ``thing`` cannot be given now. Return an empty string if it can be given."""
        giver = self.of(thing)
        return f"this host cannot give {thing}" if giver is None else giver.fault(thing)
