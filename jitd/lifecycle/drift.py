# SPDX-License-Identifier: Apache-2.0
"""Compares the things that were given to people with the real state of the host. A given thing may be missing, or somebody may
have changed it. There may also be a thing that jitd has given to nobody. The daemon makes this comparison when it starts, and
then every minute.
Law: each difference between a thing and its holding is recorded once, when this daemon first sees the difference. After a
restart, the daemon records the difference again. If this daemon has seen a difference, it also records the end of this
difference. After a difference, a thing is given again or taken back only if the giver's setting ``drift`` demands this. A thing
without a holding is only reported. jitd does not change it. If a thing cannot be checked, jitd does not assume that the thing is
present or missing. A failed check of a thing is reported as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from jitd.beside.deeds import Given, Seen, State
from jitd.beside.refusals import Failed
from jitd.core.holding import Holding, HoldingState, Untaken
from jitd.core.law import DAEMON
from jitd.core.thing import is_service_ticket
from jitd.failures import Failure, count
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.holdings import Holdings
from jitd.store import Store

EVERY = 60.0  # seconds between two checks of all things


class Drift:
    """Checks the things that were given to people. ``settings`` maps the name of a thing to a word of givers.DRIFT. This word
    says what jitd does if the thing differs from its holding. ``note`` writes an event with its details into the record.
    """

    def __init__(
        self,
        givers: Givers,
        holdings: Holdings,
        store: Store,
        settings: Mapping[str, str],
        note: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._givers = givers
        self._holdings = holdings
        self._store = store
        self._settings = settings
        self._note = note
        self.found: dict[str, str] = {}  # id of a holding, or of a thing without one → how it differs
        self._strays: dict[str, str] = {}  # maps an id to the name of its thing

    def troubles(self) -> list[tuple[str, str]]:
        """Return an id and a sentence for each thing that differs from its holding, cannot be checked, taken back or renewed, or
        has no holding. Without one, the id is the thing's name.
        """
        untaken = {
            id: f"it is being taken back{_since(one)}, but this is not done yet: {one.why}"
            for id, one in self._holdings.untaken().items()
        }
        renewed = "its grant in the KDC has not been renewed"
        unrenewed = {id: f"{renewed}{_since(one)}: {one.why}" for id, one in self._givers.unrenewed().items()}
        return [(id, why) for id, why in {**self.found, **unrenewed, **untaken}.items()]

    async def keep(self) -> None:
        """Check all things now and after each pause of EVERY seconds. Ends only if ``look`` raises an exception."""
        while True:
            await self.look()  # nobody made this check while the daemon was not running
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Check each thing with a holding, and search for others. Raises what the store and ``note`` raise."""
        for held in self._held():
            giver = self._givers.of(held.thing)
            if giver is not None:
                await self._judge(held, await giver.look(held))
        for thing in self._settings:
            await self._search(thing)
        held_now = {one.id for one in self._held()}
        for id in [id for id in self.found if id not in held_now and id not in self._strays]:
            del self.found[id]

    def _held(self) -> tuple[Holding, ...]:
        live = tuple(self._store.holdings())
        return tuple(one for one in live if one.state is HoldingState.HELD and not is_service_ticket(one.thing))

    async def _judge(self, held: Holding, looked: Seen | Failed) -> None:
        now = self._store.holding(held.id)
        if now is None or now.state is not HoldingState.HELD:
            return  # the thing was taken back meanwhile
        if not isinstance(looked, Failed) and looked.state is State.STANDS:
            if self.found.pop(held.id, None) is not None:
                self._note("thing.stands", {"holding": held.id, "thing": held.thing})
            return
        why = looked.why or f"it is {looked.state}" if not isinstance(looked, Failed) else f"it cannot be looked at: {looked.why}"
        is_new = held.id not in self.found
        if is_new:
            said = "unknown" if isinstance(looked, Failed) else str(looked.state)
            self._note("thing.differs", {"holding": held.id, "thing": held.thing, "state": said, "because": why})
        self.found[held.id] = why
        if isinstance(looked, Failed):
            return
        match self._settings.get(held.thing, "tell"):
            case "mend":
                await self._mend(held)
            case "end":
                self._holdings.take_back(held, DAEMON, f"somebody has changed it: {why}")

    async def _mend(self, held: Holding) -> None:
        answer = await self._holdings.give_anew(held.id)
        if isinstance(answer, Given):
            self._note("thing.mended", {"holding": held.id, "thing": held.thing})
            self.found.pop(held.id, None)
        elif answer is not None:
            count(Failure.GIVER)
            self._holdings.log("a missing or changed thing could not be given again; jitd tries again", held, answer.why)

    async def _search(self, thing: str) -> None:
        giver = self._givers.of(thing)
        live = [one.id for one in self._store.holdings() if one.thing == thing]
        found = None if giver is None else await giver.strays(thing, live)
        if found is None or isinstance(found, Failed):
            return  # the logs of the daemon and of the giver contain the reason
        begun = {one.id for one in self._store.holdings() if one.thing == thing}  # a holding may have begun meanwhile
        strays = [id for id in found.holdings if id not in begun]
        for id in [id for id, of in self._strays.items() if of == thing and id not in strays]:
            del self._strays[id]
            self.found.pop(id, None)
            self._note("thing.stray_gone", {"holding": id, "thing": thing})
        for id in strays:
            if id not in self._strays:
                self._strays[id] = thing
                self.found[id] = f"{thing} exists under the name {id}, but nobody holds it: see who made it, and remove it"
                self._note("thing.stray", {"holding": id, "thing": thing})


def _since(untaken: Untaken) -> str:
    return "" if untaken.since is None else f" since {untaken.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
