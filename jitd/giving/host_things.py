# SPDX-License-Identifier: Apache-2.0
"""The giver for one kind of thing of this host. It lets the process jitd-givers give these things and take them back.

Law: see ``Giver``. A thing is given only if jitd.toml has settings for the thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from jitd.asking.turns import Turns
from jitd.core.holding import Holding, HoldingState
from jitd.givers import messages
from jitd.givers.client import GiversLine
from jitd.givers.kind import Given, Seen, Strays, Taken
from jitd.givers.kind import Refused as RefusedThere
from jitd.giving import Answer, Done, Failed, Found, Looked, Refused
from jitd.giving.orders import GrantOf, NoHolder, name_in, one_at_a_time, order_of, person_of


class HostThings:
    """Gives things of the kind ``kind``. ``names`` are the names of these things in jitd.toml. See ``Giver``."""

    def __init__(self, kind: str, names: Collection[str], line: GiversLine, grant_of: GrantOf) -> None:
        self._kind = kind
        self._names = names
        self._line = line
        self._grant_of = grant_of
        self._turns: defaultdict[str, Turns] = defaultdict(one_at_a_time)

    def ends_at(self, holding: Holding) -> None:
        return None

    def name_of(self, thing: str) -> str:
        return ""

    def fault(self, thing: str) -> str:
        return "" if name_in(thing) in self._names else f"jitd.toml sets up no giver {name_in(thing)}, so it cannot give {thing}"

    async def give(self, holding: Holding) -> Answer:
        """See ``Giver.give``. If the person already has the thing, jitd asks jitd-givers to repair the thing instead of giving
        it anew. The person's secret then stays valid.
        """
        if fault := self.fault(holding.thing):
            return Refused(fault)
        try:
            asked = messages.Mend if holding.state is HoldingState.HELD else messages.Give
            said = await self._ask(asked(self._kind, order_of(holding, self._grant_of)), holding)
        except NoHolder as fault:
            return Failed(str(fault))
        return Done(secret=said.secret, tell=said.tell) if isinstance(said, Given) else _not_done(said)

    async def take(self, holding: Holding) -> Answer:
        try:
            said = await self._ask(messages.Take(self._kind, order_of(holding, self._grant_of)), holding)
        except NoHolder as fault:
            return Failed(str(fault))
        return Done(left=said.left) if isinstance(said, Taken) else _not_done(said)

    async def look(self, holding: Holding) -> Looked:
        try:
            said = await self._ask(messages.Look(self._kind, order_of(holding, self._grant_of)), holding)
        except NoHolder as fault:
            return Failed(str(fault))
        return said if isinstance(said, Seen) else Failed(_why(said))

    async def strays(self, thing: str, holdings: Sequence[str]) -> Found:
        async with self._turns[name_in(thing)].turn(""):
            said = await self._line.ask(messages.Search(self._kind, name_in(thing), tuple(holdings)))
        return said if isinstance(said, Strays) else Failed(_why(said))

    async def _ask(self, question: messages.Question, holding: Holding) -> messages.Answer:
        """Ask jitd-givers when it is the turn of the person who has ``holding``. jitd-givers does the deeds of one giver in the
        order in which they come, and each of them may take half a minute. Raises NoHolder.
        """
        async with self._turns[name_in(holding.thing)].turn(person_of(holding, self._grant_of)):
            return await self._line.ask(question)


def _not_done(said: messages.Answer) -> Answer:
    return Refused(said.why) if isinstance(said, RefusedThere) else Failed(_why(said))


def _why(said: messages.Answer) -> str:
    return getattr(said, "why", "") or "jitd-givers has answered another question"
