# SPDX-License-Identifier: Apache-2.0
"""Performs holdings: asks the giver to give the thing, tells the client, and later asks the giver to take the thing back.

Law: a thing is given only after its holding was recorded. If a thing cannot be taken back now, this is tried again, with growing
pauses, as long as the holding is open. A thing is taken back when its client has disconnected, unless it has sent Keep. Keep is
recorded. Things of one use are given one after another, all or none (``together``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from jitd.core import effects
from jitd.core.effects import Moment
from jitd.core.holding import Ended, Ending, Given, Holding, HoldingState, Kept, Outcome, Taking, outcome_of
from jitd.core.law import DAEMON, Actor, IllegalEvent, Role
from jitd.core.request import Request
from jitd.giving import Answer, Done, Failed, Givers, Refused
from jitd.giving.secrets import Secrets
from jitd.lifecycle import together
from jitd.lifecycle.waiters import Handed, Waiters
from jitd.log import log
from jitd.store import Store, StoreError

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""The first and the longest pause between two tries to take a thing back, in seconds. The pause doubles each time."""


class Holdings:
    """Carries out ``Give``, ``Take`` and ``TellHolder``. ``act`` records events in one transaction and performs their effects.
    ``set_deadline`` has a holding examined again at a given time of the boot clock, in seconds.
    """

    def __init__(
        self,
        givers: Givers,
        store: Store,
        waiters: Waiters,
        now: Callable[[], Moment],
        act: Callable[..., None],
        set_deadline: Callable[[str, str, float], None],
    ) -> None:
        self._givers = givers
        self._store = store
        self._waiters = waiters
        self._now = now
        self._act = act
        self._set_deadline = set_deadline
        self._pauses: dict[str, float] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._awaited: set[str] = set()
        self._owed: dict[str, Owed] = {}  # holding → the events that could not be recorded yet
        self._secrets = Secrets()

    # --- effects -----------------------------------------------------------------------------------------------------

    async def go_on(self, id: str) -> None:
        """Do what the state of the holding ``id`` requires: give the thing, or take it back. To call this twice does no harm.
        Raises nothing.
        """
        try:
            await self._go_on(id)
        except Exception as fault:  # the thing still has to be given or taken back
            log("a holding could not be looked at; it is tried again", holding=id, fault=f"{type(fault).__name__}: {fault}")
            self._set_deadline("holding", id, self._now().boot + FIRST_PAUSE)

    async def _go_on(self, id: str) -> None:
        async with self._turns.setdefault(id, asyncio.Lock()):  # a thing is taken back only after the answer to giving it
            found = self._store.holding(id)
            owed = self._owed.pop(id, None)
            if found is not None and found.state is HoldingState.GIVING:
                await self._give(found)
            elif found is not None and found.state is HoldingState.TAKING:
                await self._take(found)
            elif found is not None and found.state is HoldingState.HELD and owed is not None:
                self._happens(id, *owed)
        found = self._store.holding(id)
        if found is None or not found.is_live:
            self._turns.pop(id, None)
            self._pauses.pop(id, None)
            self._secrets.forget(id)
        elif found.state is HoldingState.HELD and (follows := together.next_to_give(self._together(found))) is not None:
            await self._go_on(follows.id)

    def _together(self, one: Holding) -> tuple[Holding, ...]:
        return together.of_one_use(self._store, one)

    async def _give(self, holding: Holding) -> None:
        whose_turn = together.next_to_give(self._together(holding))
        if whose_turn is None or whose_turn.id != holding.id:
            return  # it is given after the others, or not at all
        giver = self._givers.of(holding.thing)
        answer = Refused(self._givers.fault(holding.thing)) if giver is None else await _said(giver.give(holding))
        if isinstance(answer, Done) and answer.secret is not None and (fault := self._secrets.keep(holding.id, answer.secret)):
            answer = Failed(fault)
        match answer:
            case Done():
                self._happens(holding.id, Given(holding.id, DAEMON, answer.secret is not None))
            case Refused():
                log("a thing was not given", holding=holding.id, thing=holding.thing, because=answer.why)
                now = self._store.holding(holding.id)
                if now is not None and now.state is HoldingState.GIVING:
                    self._happens(now.id, *together.not_given(self._together(now), now, answer.why))
            case Failed():
                log("a thing may not have been given; it is taken back", holding=holding.id, because=answer.why)
                self._take_back(holding, DAEMON, answer.why)

    def _take_back(self, holding: Holding, by: Actor, because: str) -> None:
        """Take back what ``holding`` and all others of its use gave."""
        if events := together.taking(self._together(holding), by, because):
            self._happens(holding.id, *events)

    async def _take(self, holding: Holding) -> None:
        giver = self._givers.of(holding.thing)
        answer = Failed(self._givers.fault(holding.thing)) if giver is None else await _said(giver.take(holding))
        if isinstance(answer, Done) and answer.secret is not None:  # it is for nobody
            os.close(answer.secret)
        holding, now = self._store.holding(holding.id) or holding, self._now()
        if not holding.is_live:
            return
        if isinstance(answer, Done):
            self._happens(holding.id, Ended(holding.id, DAEMON, outcome_of(holding, now)))
        elif isinstance(answer, Refused) and now.at >= holding.until:
            # jitd may no longer delete the grant in the KDC. But the grant has ended, so it permits nothing.
            ending = Ending.NOT_GIVEN if holding.given_at is None else Ending.LEFT
            because = f"it is over, but its entry stays in the KDC: {answer.why}"
            self._happens(holding.id, Ended(holding.id, DAEMON, Outcome(ending, because)))
        else:
            pause = self._pauses[holding.id] = min(LONGEST_PAUSE, 2 * self._pauses.get(holding.id, FIRST_PAUSE / 2))
            log("a thing is not taken back yet; it is tried again", holding=holding.id, because=answer.why, pause=f"{pause:g} s")
            self._set_deadline("holding", holding.id, now.boot + pause)
            all_of_it = self._together(holding)
            if pause == FIRST_PAUSE and (because := together.why_not_taken(all_of_it, holding, answer.why)):
                self._fail(all_of_it, because)  # its client must not wait until that can be done

    def _happens(self, id: str, *events: Given | Taking | Ended) -> None:
        """Record ``events`` and perform their effects. If they cannot be recorded, the holding ``id`` is looked at again after
        FIRST_PAUSE: it is the one that was worked on, whichever the events are about.
        """
        try:
            self._act(*events)
        except IllegalEvent as fault:  # another event came first, and its effects do what is needed now
            log("a holding has moved on", holding=id, fault=fault)
        except Exception as fault:
            log("a holding could not be recorded; it is tried again", holding=id, fault=f"{type(fault).__name__}: {fault}")
            self._owed[id] = events
            self._set_deadline("holding", id, self._now().boot + FIRST_PAUSE)

    def tell(self, effect: effects.TellHolder) -> None:
        """Tell the state of the holding to the client that has the thing or waits for it. If the client cannot be told, log that;
        all other effects are still carried out. What is held is handed over, or taken back, after FIRST_PAUSE.
        """
        try:
            self._tell(effect)
        except Exception as fault:
            log("a client could not be told of its holding", holding=effect.holding, fault=f"{type(fault).__name__}: {fault}")
            self.await_holder(effect.holding)
            self._set_deadline("holder", effect.holding, self._now().boot + FIRST_PAUSE)

    def _tell(self, effect: effects.TellHolder) -> None:
        found = self._store.holding(effect.holding)
        if found is None:
            return
        if not found.is_live:
            self._waiters.run_is_gone(found.id)
        all_of_it = self._together(found)
        if together.are_held(all_of_it):
            self._hand_over(all_of_it)
        elif (holder := self._waiters.holder_of(found.id)) is not None:
            for one in all_of_it:
                self._waiters.let_go(one.id, holder)
            holder.taken(found)
        elif because := together.why_not_given(all_of_it):
            self._fail(all_of_it, because)

    def _fail(self, all_of_it: tuple[Holding, ...], because: str) -> None:
        """Tell the client that waits that it gets nothing, unless it waits for another use by now."""
        first = all_of_it[0]
        waiter = self._waiters.of(first.request)
        live = (one for one in self._store.holdings(grant=first.grant) if one.request == first.request)
        if waiter is not None and all(one.state is HoldingState.TAKING for one in live):
            waiter.fail(because)

    def _hand_over(self, all_of_it: tuple[Holding, ...]) -> None:
        """Hand everything that one use gave to the client that waits for it. If none waits, take it back."""
        first = all_of_it[0]
        waiter = self._waiters.of(first.request)
        if waiter is not None:
            names = [self.name_of(one) for one in all_of_it]  # a fault here must not lose a secret
            for one in all_of_it:
                self._awaited.discard(one.id)
                self._owed.pop(one.id, None)
            named = zip(all_of_it, names, strict=True)
            waiter.hand(tuple(Handed(one, name, self._secrets.take(one.id)) for one, name in named))
        elif not any(one.id in self._awaited for one in all_of_it):
            self._take_back(first, DAEMON, "its client went away")

    def name_of(self, holding: Holding) -> str:
        """Return the name by which the client asks for the thing of ``holding`` (``Giver.name_of``); empty without a giver."""
        giver = self._givers.of(holding.thing)
        return "" if giver is None else giver.name_of(holding.thing)

    # --- clients that reconnect or disconnect --------------------------------------------------------------------------------

    def held_for(self, request: Request) -> Holding | None:
        """Return a holding of ``request``, being given or held, that no client has at the moment; None if there is none."""
        if not request.command.gives:
            return None
        held = (one for one in self._store.holdings(grant=request.lease or request.id) if one.request == request.id)
        free = (one for one in held if self._waiters.holder_of(one.id) is None)
        return next((one for one in free if one.state in (HoldingState.GIVING, HoldingState.HELD)), None)

    def hand_again(self, request: Request) -> bool:
        """Tell the client that waits for ``request`` about the thing that is held for it already. Return False if ``held_for``
        finds no holding. If the thing is still being given, the client is told later.
        """
        held = self.held_for(request)
        all_of_it = () if held is None else self._together(held)
        if all_of_it and together.are_held(all_of_it):
            self._hand_over(all_of_it)
        return bool(all_of_it)

    def let_go(self, id: str) -> None:
        """Take back the thing of the holding ``id``: its client has disconnected, and did not keep it. Raises StoreError if the
        database cannot be read; then the thing is taken back later.
        """
        try:
            held = self._store.holding(id)
            all_of_it = () if held is None or held.state is not HoldingState.HELD else self._together(held)
            asked = self._store.request(all_of_it[0].request) if all_of_it else None
        except StoreError:  # treat the holding like one whose client has not come back
            self.await_holder(id)
            self._set_deadline("holder", id, self._now().boot + FIRST_PAUSE)
            raise
        if asked is not None:
            by = Actor(Role.REQUESTER, asked.requester.principal, asked.requester.uid)
            self._happens(id, *together.taking(all_of_it, by, "given back by its holder"))

    def keep(self, id: str) -> None:
        """Record that the person keeps the thing of the holding ``id``, and all others of its use. Raises IllegalEvent if one of
        them is not held any more, and StoreError.
        """
        held = self._store.holding(id)
        asked = None if held is None else self._store.request(held.request)
        if held is None or asked is None:
            raise IllegalEvent(f"there is no holding {id}")
        by = Actor(Role.REQUESTER, asked.requester.principal, asked.requester.uid)
        self._act(*(Kept(one.id, by) for one in self._together(held)))

    def await_holder(self, id: str) -> None:
        """Note that the client of the holding ``id`` has time to reconnect, or to be told (``nobody_came``)."""
        self._awaited.add(id)

    def nobody_came(self, id: str) -> None:
        """Handle the end of the time in which the client could reconnect. A thing that is held is taken back, unless a client has
        got it or waits for it. If the thing is still being given, wait until it is given. Then take it back, unless a client
        waits for it at that moment.
        """
        found = self._store.holding(id)
        if id in self._awaited and found is not None and found.state is HoldingState.HELD:
            if self._waiters.of(found.request) is None:
                self._take_back(found, DAEMON, "its client did not come back")
            elif together.are_held(all_of_it := self._together(found)):
                self._hand_over(all_of_it)
        self._awaited.discard(id)

    def is_due(self, id: str) -> bool:
        """True if the thing of the holding ``id`` has to be given or taken back, if an event is still to be recorded, or if the
        thing is held and others of its use are still to be given.
        """
        found = self._store.holding(id)
        if found is None or found.state is not HoldingState.HELD or id in self._owed:
            return found is not None and found.is_live
        return together.next_to_give(self._together(found)) is not None


Owed = tuple[Given | Taking | Ended, ...]


async def _said(answer: Awaitable[Answer]) -> Answer:
    """Return the giver's answer. If the giver raises an exception, return Failed: nobody knows what the giver has done."""
    try:
        return await answer
    except Exception as fault:
        return Failed(f"{type(fault).__name__}: {fault}")
