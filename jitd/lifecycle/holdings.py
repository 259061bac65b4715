# SPDX-License-Identifier: Apache-2.0
"""Carries out holdings. For each holding, this module asks the giver to give the thing, and tells the client. Later it asks the
giver to take the thing back.
Law: a thing is given only after its holding was recorded. If a thing cannot be taken back now, jitd tries again, with growing
pauses, as long as the holding is open. When the client of a thing disconnects, the thing is taken back. There is one exception.
If the client has sent the message Keep before, and jitd has recorded it, the thing is not taken back. One use of a grant may
give several things (``together``). They are given one after another. Either all of them are given, or none.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TypeVar

from jitd.beside import deeds
from jitd.beside.refusals import Failed, Refused
from jitd.core import effects
from jitd.core.effects import Moment
from jitd.core.holding import (
    Ended,
    Ending,
    Given,
    Holding,
    HoldingState,
    Kept,
    Outcome,
    Taking,
    Untaken,
    ends_by_itself,
    outcome_of,
)
from jitd.core.law import DAEMON, Actor, IllegalEvent, Role
from jitd.core.notice import Back
from jitd.core.request import Request
from jitd.core.visibility import words_of
from jitd.failures import Failure, count
from jitd.lifecycle import together
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.remembered import Memory
from jitd.lifecycle.waiters import Handed, Waiters
from jitd.log import log
from jitd.store import Store, StoreError

_A = TypeVar("_A")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""FIRST_PAUSE is the first pause between two attempts to take a thing back, in seconds. LONGEST_PAUSE is the longest pause. The
pause is doubled after each attempt, until it is the longest pause.
"""


class Holdings:
    """Carries out the effects ``Give``, ``Take`` and ``TellHolder``. ``act`` records events in one transaction and performs their
    effects. ``set_deadline`` schedules a new check of a holding. The time of this check is in seconds on the boot clock. ``look``
    sends notices about a request over the channels that the rules name. One notice says that a thing cannot be taken back. A
    later notice says that the thing has been taken back.
    """

    def __init__(
        self,
        givers: Givers,
        store: Store,
        waiters: Waiters,
        now: Callable[[], Moment],
        act: Callable[..., None],
        set_deadline: Callable[[str, str, float], None],
        look: Callable[[str], None] = lambda request: None,
    ) -> None:
        self._givers = givers
        self._store = store
        self._waiters = waiters
        self._now = now
        self._act = act
        self._set_deadline = set_deadline
        self._look = look
        self._memory = Memory()

    # --- effects -----------------------------------------------------------------------------------------------------

    async def go_on(self, id: str) -> None:
        """Give or take back the thing, as the holding's state requires. Harmless if called twice. Raises nothing."""
        try:
            await self._go_on(id)
        except Exception as fault:  # the thing still has to be given or taken back
            log("a holding could not be looked at; jitd tries again", holding=id, fault=f"{type(fault).__name__}: {fault}")
            self._set_deadline("holding", id, self._now().boot + FIRST_PAUSE)

    async def _go_on(self, id: str) -> None:
        remembered = self._memory.of(id)
        async with remembered.turn:  # a thing is taken back only after the giver has answered the order to give it
            found = self._store.holding(id)
            owed, remembered.owed = remembered.owed, ()
            if found is not None and found.state is HoldingState.GIVING:
                await self._give(found)
            elif found is not None and found.state is HoldingState.TAKING:
                await self._take(found)
            elif found is not None and found.state is HoldingState.HELD and owed:
                self._happens(id, *owed)
        found = self._store.holding(id)
        if found is None or not found.is_live:
            self._memory.forget(id)
            if found is not None:
                self._look(found.request)
        elif found.state is HoldingState.HELD and (follows := together.next_to_give(self._together(found))) is not None:
            await self._go_on(follows.id)

    def backs(self, request: Request) -> tuple[Back, ...]:
        """Return the things of ``request`` that jitd has tried to take back for more than a minute without success. Also return
        the things of ``request`` that have been taken back. Raises StoreError.
        """
        found = [one for one in self._store.holdings(grant=request.lease or request.id, ended=True) if one.request == request.id]
        live = [(one, self._memory.find(one.id)) for one in found if one.is_live]
        stuck = [(one, known.untaken) for one, known in live if known is not None and known.pause >= LONGEST_PAUSE]
        back = [Back(one.id, one.thing, why=untaken.why) for one, untaken in stuck if untaken is not None]
        return (*back, *(Back(one.id, one.thing, left=_left(one)) for one in found if not one.is_live))

    def untaken(self) -> dict[str, Untaken]:
        """Map each holding whose thing cannot be taken back yet to the reason, and to the time of the first failure."""
        return self._memory.untaken()

    def why_untaken(self, id: str) -> Untaken | None:
        """Return what ``untaken`` has of the holding ``id``. Other threads may call this method."""
        known = self._memory.find(id)
        return None if known is None else known.untaken

    def _together(self, one: Holding) -> tuple[Holding, ...]:
        return together.of_one_use(self._store, one)

    async def give_anew(self, id: str) -> deeds.Given | Refused | Failed | None:
        """Give the thing of an open holding once more, after somebody has changed it, and return the answer, or None if it is not
        open. Nobody gets a new secret.
        """
        if (found := self._store.holding(id)) is None or not found.is_live:
            return None
        async with self._memory.of(id).turn:  # if the thing is to be taken back meanwhile, this happens after the block
            found = self._store.holding(id)
            giver = None if found is None else self._givers.of(found.thing)
            if found is None or not found.is_live:
                self._memory.forget(id)
            if found is None or giver is None or found.state is not HoldingState.HELD:
                return None
            answer = await _said(giver.give(found))
            if isinstance(answer, deeds.Given) and answer.secret is not None:
                os.close(answer.secret)
            return answer

    async def _give(self, holding: Holding) -> None:
        whose_turn = together.next_to_give(self._together(holding))
        if whose_turn is None or whose_turn.id != holding.id:
            return  # this thing is given after the others, or not at all
        giver = self._givers.of(holding.thing)
        answer = Refused(self._givers.fault(holding.thing)) if giver is None else await _said(giver.give(holding))
        remembered = self._memory.of(holding.id)
        if isinstance(answer, deeds.Given) and answer.secret is not None and (fault := remembered.keep_secret(answer.secret)):
            answer = Failed(fault)
        if isinstance(answer, Refused) and remembered.may_be_given:
            answer = Failed(answer.why)  # this attempt has changed nothing, but the one before may have given the thing
        remembered.may_be_given = True
        match answer:
            case deeds.Given():
                remembered.tell = answer.tell
                self._happens(holding.id, Given(holding.id, DAEMON, answer.secret is not None))
                now = self._store.holding(holding.id)
                remembered.is_missed = now is not None and now.state is HoldingState.TAKING
            case Refused():
                count(Failure.GIVER)
                self.log("a thing was not given", holding, answer.why)
                now = self._store.holding(holding.id)
                if now is not None and now.state is HoldingState.GIVING:
                    self._happens(now.id, *together.not_given(self._together(now), now, answer.why))
            case Failed():
                count(Failure.GIVER)
                self.log("a thing may not have been given; it is taken back", holding, answer.why)
                self.take_back(holding, DAEMON, answer.why)

    def log(self, event: str, holding: Holding, why: str, **values: str) -> None:
        """Log what has happened to ``holding``. ``why`` is what its giver says, which may name the thing and who gets it. If the
        rule hides the contents of the request, the log does so too: the same people read it as the journal.
        """
        try:
            asked = self._store.request(holding.request)
        except StoreError:
            asked = None
        is_hidden = asked is None or words_of(asked) is not None
        log(event, holding=holding.id, **({} if is_hidden else {"because": why}), **values)

    def take_back(self, holding: Holding, by: Actor, because: str) -> None:
        """Take back the thing of ``holding``, and all other things that were given in the same use of the grant."""
        if events := together.taking(self._together(holding), by, because):
            self._happens(holding.id, *events)

    def end_without(self, id: str) -> None:
        """What was stored of the holding ``id`` was damaged, so its thing is taken back. So are all other things of this use, and
        the client that waits for them is told. Raises the exceptions of ``act``.
        """
        found = self._store.holding(id)
        if found is not None and found.is_live:
            self._memory.of(id).is_missed = True
            self.take_rest(found)

    def take_rest(self, holding: Holding) -> None:
        """The thing of ``holding`` is being taken back: take back the others of its use. Raises what ``act`` raises."""
        if events := together.taking(self._together(holding), DAEMON, f"{holding.thing} is taken back: {holding.because}"):
            self._act(*events)

    async def _take(self, holding: Holding) -> None:
        giver = self._givers.of(holding.thing)
        answer = Failed(self._givers.fault(holding.thing)) if giver is None else await _said(giver.take(holding))
        holding, now = self._store.holding(holding.id) or holding, self._now()
        if not holding.is_live:
            return
        if isinstance(answer, deeds.Taken):
            self._happens(holding.id, Ended(holding.id, DAEMON, outcome_of(holding, now, answer.left, self._ends_at(holding))))
        elif isinstance(answer, Refused) and (ends_at := self._ends_at(holding)) is not None and ends_at <= now.at:
            # jitd may not be permitted any more to delete the grant in the KDC. But the ended grant permits nothing.
            ending = Ending.NOT_GIVEN if holding.given_at is None else Ending.LEFT
            because = f"the thing's time is over, but its entry stays in the KDC: {answer.why}"
            self._happens(holding.id, Ended(holding.id, DAEMON, Outcome(ending, because)))
        else:
            remembered = self._memory.of(holding.id)
            pause = remembered.pause = min(LONGEST_PAUSE, 2 * remembered.pause or FIRST_PAUSE)
            remembered.untaken = Untaken(answer.why, holding.taking_at)
            if pause == LONGEST_PAUSE:
                self._look(holding.request)
            count(Failure.GIVER)
            self.log("a thing is not taken back yet; jitd tries again", holding, answer.why, pause=f"{pause:g} s")
            self._set_deadline("holding", holding.id, now.boot + pause)
            all_of_it = self._together(holding)
            if pause == FIRST_PAUSE and (
                because := together.why_not_taken(all_of_it, holding, answer.why, self._missed_of(all_of_it))
            ):
                self._fail(all_of_it, because)  # its client must not wait until the thing can be taken back

    def _happens(self, id: str, *events: Given | Taking | Ended) -> None:
        """If ``events`` cannot be recorded, the holding ``id``, on which jitd worked, is examined again after FIRST_PAUSE."""
        try:
            self._act(*events)
        except IllegalEvent as fault:  # another event came first, and the effects of that event do what is needed now
            log("an event came too late: the holding has changed its state", holding=id, fault=fault)
        except Exception as fault:
            log("a holding could not be recorded; jitd tries again", holding=id, fault=f"{type(fault).__name__}: {fault}")
            self._memory.of(id).owed = events
            self._set_deadline("holding", id, self._now().boot + FIRST_PAUSE)

    def tell(self, effect: effects.TellHolder) -> None:
        """Tell the state of the holding to the client that has or awaits its thing. A failure is logged, and hinders no other
        effect. After FIRST_PAUSE seconds, a given thing is handed over again, or else taken back.
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
        elif because := together.why_not_given(all_of_it, self._missed_of(all_of_it)):
            self._fail(all_of_it, because)

    def _missed_of(self, all_of_it: tuple[Holding, ...]) -> Holding | None:
        """Return that of one use of a grant whose thing was given too late to be handed over, or None."""
        missed = ((one, self._memory.find(one.id)) for one in reversed(all_of_it))
        return next((one for one, known in missed if known is not None and known.is_missed), None)

    def _fail(self, all_of_it: tuple[Holding, ...], because: str) -> None:
        """Tell the waiting client, unless it already waits for the things of another use of the grant."""
        first = all_of_it[0]
        waiter = self._waiters.of(first.request)
        live = (one for one in self._store.holdings(grant=first.grant) if one.request == first.request)
        if waiter is not None and all(one.state is HoldingState.TAKING for one in live):
            waiter.fail(because)

    def _hand_over(self, all_of_it: tuple[Holding, ...]) -> None:
        """Hand all things of one use of a grant to the client that waits for them. If no client waits, take the things back."""
        first = all_of_it[0]
        client = self._waiters.client_of(first.request)
        if client is not None:
            names = [self.name_of(one) for one in all_of_it]  # an exception here must not lose a secret
            remembered = [self._memory.of(one.id) for one in all_of_it]
            for known in remembered:
                known.is_awaited, known.owed = False, ()
            rows = zip(all_of_it, names, remembered, strict=True)
            client.hand(tuple(Handed(one, name, known.take_secret()) for one, name, known in rows))
        elif not any(self._memory.of(one.id).is_awaited for one in all_of_it):
            self.take_back(first, DAEMON, "its client went away")

    def name_of(self, holding: Holding) -> str:
        """Return the name by which the client asks for the thing (``Giver.name_of``), or the giver's sentence on how to use it,
        which may be "".
        """
        giver = self._givers.of(holding.thing)
        known = self._memory.find(holding.id)
        return "" if giver is None else giver.name_of(holding.thing) or ("" if known is None else known.tell)

    def _ends_at(self, holding: Holding) -> datetime | None:
        giver = self._givers.of(holding.thing)
        return None if giver is None else giver.ends_at(holding)

    def ends_in_words(self, some: Iterable[Holding]) -> str:
        """Return the end of a sentence about those that end by themselves (``Giver.ends_at``), or ""."""
        ends = [at for one in some if (at := self._ends_at(one)) is not None]
        return f"; {ends_by_itself(max(ends), self._now())}" if ends else ""

    # --- clients that reconnect or disconnect --------------------------------------------------------------------------------

    def held_for(self, request: Request) -> Holding | None:
        """Return a holding of ``request`` that belongs to no connected client. The thing of this holding is already given, or is
        being given. Return None if there is no such holding.
        """
        held = (one for one in self._store.holdings(grant=request.lease or request.id) if one.request == request.id)
        free = (one for one in held if self._waiters.holder_of(one.id) is None)
        return next((one for one in free if one.state in (HoldingState.GIVING, HoldingState.HELD)), None)

    def hand_again(self, request: Request) -> bool:
        """If a thing was already given for ``request``, hand this thing over to the client that waits for ``request``. If the
        thing is still being given, it is handed over later. Return False if ``held_for`` finds no holding of ``request``.
        """
        held = self.held_for(request)
        all_of_it = () if held is None else self._together(held)
        if all_of_it and together.are_held(all_of_it):
            self._hand_over(all_of_it)
        return bool(all_of_it)

    def let_go(self, id: str) -> None:
        """Take back the thing of the holding ``id``, because its client has disconnected and did not keep the thing. Raises
        StoreError if the database cannot be read. After a StoreError, the thing is taken back later.
        """
        try:
            held = self._store.holding(id)
            all_of_it = () if held is None or held.state is not HoldingState.HELD else self._together(held)
            asked = self._store.request(all_of_it[0].request) if all_of_it else None
        except StoreError:  # treat the holding as if its client had not come back
            self.await_holder(id)
            self._set_deadline("holder", id, self._now().boot + FIRST_PAUSE)
            raise
        if all_of_it:
            by = DAEMON if asked is None else asked.requester.actor(Role.REQUESTER)
            self._happens(id, *together.taking(all_of_it, by, "given back by its holder"))

    def keep(self, id: str) -> None:
        """Record that the person keeps the thing of the holding ``id``, and all other things of the same use of the grant.
        Raises IllegalEvent if the holding of one of these things is not open any more. Raises StoreError.
        """
        held = self._store.holding(id)
        asked = None if held is None else self._store.request(held.request)
        if held is None or asked is None:
            raise IllegalEvent(f"there is no holding {id}")
        by = asked.requester.actor(Role.REQUESTER)
        self._act(*(Kept(one.id, by) for one in self._together(held)))

    def await_holder(self, id: str) -> None:
        """Remember that jitd waits for the holding's client, or has to tell it of its thing, until ``nobody_came``."""
        remembered = self._memory.of(id)
        remembered.is_awaited = remembered.may_be_given = True

    def nobody_came(self, id: str) -> None:
        """The client did not reconnect in time: take a given thing back, unless a client has it or awaits it, who gets it once
        all of this use are given. What is being given is decided on afterwards.
        """
        found, remembered = self._store.holding(id), self._memory.of(id)
        if found is None or not found.is_live:
            return self._memory.forget(id)
        if remembered.is_awaited and found.state is HoldingState.HELD:
            if self._waiters.of(found.request) is None:
                self.take_back(found, DAEMON, "its client did not come back")
            elif together.are_held(all_of_it := self._together(found)):
                self._hand_over(all_of_it)
        remembered.is_awaited = False
        return None

    def is_due(self, id: str) -> bool:
        """True if the holding needs work: its thing is to be given or taken, an event to be recorded, or others of its use still
        to be given. If it has ended: as long as its end is still to be told.
        """
        found, known = self._store.holding(id), self._memory.find(id)
        if found is None or not found.is_live:
            return known is not None
        if found.state is not HoldingState.HELD or (known is not None and known.owed):
            return True
        return together.next_to_give(self._together(found)) is not None


def _left(holding: Holding) -> str:
    outcome = holding.outcome
    return outcome.because if outcome is not None and outcome.ending is Ending.LEFT else ""


async def _said(answer: Awaitable[_A]) -> _A | Failed:
    """If the giver raises an exception, return Failed, because it may have carried out a part of the order."""
    try:
        return await answer
    except Exception as fault:
        return Failed(f"{type(fault).__name__}: {fault}")
