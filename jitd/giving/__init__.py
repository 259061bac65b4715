# SPDX-License-Identifier: Apache-2.0
"""Gives things to people and takes them back, for the daemon. There is one giver for each kind of thing.

The orders and the answers are those of ``givers.kind``. They are the same for all that do deeds: jitd-givers, jitd-kdc, the
programs of administrators, and servers of leases. A giver makes an order from a holding, waits for the turn of its person, and
asks.

Law: orders are idempotent, and each answer means what ``givers.kind`` says of it: after Given or Taken the order was carried out,
after Refused it has changed nothing, and after Failed nobody knows. An answer to another question is Failed. ``look`` and
``strays`` change nothing.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import TypeVar

from jitd.asking.turns import Turns
from jitd.core.holding import Holding, HoldingState
from jitd.givers.kind import Failed as Failed
from jitd.givers.kind import Given as Given
from jitd.givers.kind import Order
from jitd.givers.kind import Refused as Refused
from jitd.givers.kind import Seen as Seen
from jitd.givers.kind import State as State
from jitd.givers.kind import Strays as Strays
from jitd.givers.kind import Taken as Taken
from jitd.givers.kind import fault_in as fault_in
from jitd.givers.messages import Answer as Answer
from jitd.givers.messages import Give, Look, Mend, Question, Search, Take
from jitd.giving.orders import GrantOf, NoHolder, one_at_a_time, order_of_given, order_to_give

_A = TypeVar("_A", Given, Taken, Seen, Strays)


class Giver:
    """Gives the things of one kind. ``names`` are the names of these things in jitd.toml. ``grant_of`` returns the grant that has
    a given id. If the giver is ``in_turn``, it does one deed for each name at a time, of one person after the other.

    A subclass says in ``ask`` who does the deeds.
    """

    def __init__(self, kind: str, names: Collection[str], grant_of: GrantOf, *, in_turn: bool = True) -> None:
        self._kind = kind
        self._names = names
        self._grant_of = grant_of
        self._turns: defaultdict[str, Turns] | None = defaultdict(one_at_a_time) if in_turn else None

    async def ask(self, question: Question) -> Answer:
        """Have the deed of ``question`` done. The caller owns the secret of the answer."""
        raise NotImplementedError

    def ends_at(self, holding: Holding) -> datetime | None:
        """Return the time at which the thing of ``holding`` becomes useless even if the giver cannot take it back. Return None if
        the thing does not end by itself.
        """
        return None

    def name_of(self, thing: str) -> str:
        """Return the name by which the client asks for ``thing``. For a ticket, this name is the principal of the service.
        Return an empty string if the client does not have to ask for the thing.
        """
        return ""

    def fault(self, thing: str) -> str:
        """Return a sentence that says why ``thing`` cannot be given now. Return an empty string if ``thing`` can be given.
        ``fault`` queries no KDC and does not block.
        """
        name = thing.partition(":")[2]
        return "" if name in self._names else f"jitd.toml sets up no giver {name}, so it cannot give {thing}"

    async def fault_now(self, thing: str) -> str:
        """Return what ``fault`` returns. This method may query others first."""
        return self.fault(thing)

    def order_to_give(self, holding: Holding) -> Order:
        """Return the order to give the thing of ``holding``. Raises NoHolder and the exceptions of the store."""
        return order_to_give(holding, self._grant_of)

    def order_of_given(self, holding: Holding) -> Order:
        """Return the order to look at the thing of ``holding``, or to take it back. What a damaged grant gave is taken back, too,
        so nothing of the grant may be needed for this. Raises NoHolder and the exceptions of the store.
        """
        return order_of_given(holding, self._grant_of)

    async def give(self, holding: Holding) -> Given | Refused | Failed:
        """Give the thing of ``holding`` to the person for whom the thing was approved. If the person already has the thing, it is
        mended, so that a secret that the person has stays valid.
        """
        if fault := await self.fault_now(holding.thing):
            return Refused(fault)
        return await self._asked(Mend if holding.state is HoldingState.HELD else Give, holding, Given)

    async def take(self, holding: Holding) -> Taken | Refused | Failed:
        """Take back the thing of ``holding``. The answer is also Taken if the thing was never given."""
        return await self._asked(Take, holding, Taken)

    async def look(self, holding: Holding) -> Seen | Failed:
        """Report whether the thing of ``holding`` is still as it was given."""
        said = await self._asked(Look, holding, Seen)
        return said if isinstance(said, Seen) else Failed(said.why)

    async def strays(self, thing: str, holdings: Sequence[str]) -> Strays | Failed:
        """Return the ids of all holdings for which ``thing`` exists and has jitd's mark (a sign that jitd made the thing). The
        ids in ``holdings`` are left out.
        """
        name = thing.partition(":")[2]
        said = await self._answered(Search(self._kind, name, tuple(holdings)), name, "", Strays)
        return said if isinstance(said, Strays) else Failed(said.why)

    async def _asked(
        self, asks: type[Give] | type[Mend] | type[Take] | type[Look], holding: Holding, wanted: type[_A]
    ) -> _A | Refused | Failed:
        try:
            order = self.order_to_give(holding) if asks in (Give, Mend) else self.order_of_given(holding)
        except NoHolder as fault:
            return Failed(str(fault))
        return await self._answered(asks(self._kind, order), order.name, holding.to, wanted)

    async def _answered(self, question: Question, name: str, person: str, wanted: type[_A]) -> _A | Refused | Failed:
        turn: AbstractAsyncContextManager[None] = nullcontext() if self._turns is None else self._turns[name].turn(person)
        async with turn:
            said = await self.ask(question)
        if isinstance(said, wanted | Refused | Failed):
            return said
        if isinstance(said, Given) and said.secret is not None:
            os.close(said.secret)
        return Failed(f"the giver of {self._kind}:{name} has answered another question")


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
