# SPDX-License-Identifier: Apache-2.0
"""The giver that has its deeds done by order.

Law: orders are idempotent. An answer to another question is Failed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar

from jitd.beside.deeds import Given, Seen, Strays, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.holding import Holding, HoldingState
from jitd.lifecycle.givers import Giver
from jitd_outsiders.asking.turns import Turns
from jitd_things.givers.kind import Order
from jitd_things.givers.messages import Answer, Give, Look, Mend, Question, Search, Take
from jitd_things.giving.orders import GrantOf, NoHolder, one_at_a_time, order_of_given, order_to_give

_A = TypeVar("_A", Given, Taken, Seen, Strays)


class ByOrder(Giver):
    """Gives the things of one kind. ``names`` are the names of these things in jitd.toml. ``grant_of`` returns the grant that has
    a given id. If the giver is ``in_turn``, it does one deed for each name at a time, of one person after the other.

    A subclass says in ``ask`` who does the deeds.
    """

    why_down: Callable[[str], str] | None = None
    """Returns a sentence if the helper that gives a thing does not listen."""

    def __init__(self, kind: str, names: Collection[str], grant_of: GrantOf, *, in_turn: bool = True) -> None:
        self._kind = kind
        self._names = names
        self._grant_of = grant_of
        self._turns: defaultdict[str, Turns] | None = defaultdict(one_at_a_time) if in_turn else None

    async def ask(self, question: Question) -> Answer:
        """Have the deed of ``question`` done. The caller owns the secret of the answer."""
        raise NotImplementedError

    def fault(self, thing: str) -> str:
        name = thing.partition(":")[2]
        return "" if name in self._names else f"jitd.toml sets up no giver {name}, so it cannot give {thing}"

    def down(self, thing: str) -> str:
        return self.why_down(thing) if self.why_down else ""

    def order_of_given(self, holding: Holding) -> Order:
        """Return the order to look at the thing of ``holding``, or to take it back. What a damaged grant gave is taken back, too,
        so nothing of the grant may be needed for this. Raises NoHolder and the exceptions of the store.
        """
        return order_of_given(holding)

    async def give(self, holding: Holding) -> Given | Refused | Failed:
        if fault := self.fault(holding.thing):
            return Refused(fault)
        return await self._asked(Mend if holding.state is HoldingState.HELD else Give, holding, Given)

    async def take(self, holding: Holding) -> Taken | Refused | Failed:
        return await self._asked(Take, holding, Taken)

    async def look(self, holding: Holding) -> Seen | Failed:
        said = await self._asked(Look, holding, Seen)
        return said if isinstance(said, Seen) else Failed(said.why)

    async def strays(self, thing: str, holdings: Sequence[str]) -> Strays | Failed:
        name = thing.partition(":")[2]
        said = await self._answered(Search(self._kind, name, tuple(holdings)), name, "", Strays)
        return said if isinstance(said, Strays) else Failed(said.why)

    async def _asked(
        self, asks: type[Give] | type[Mend] | type[Take] | type[Look], holding: Holding, wanted: type[_A]
    ) -> _A | Refused | Failed:
        try:
            order = order_to_give(holding, self._grant_of) if asks in (Give, Mend) else self.order_of_given(holding)
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
