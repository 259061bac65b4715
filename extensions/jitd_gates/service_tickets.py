# SPDX-License-Identifier: Apache-2.0
"""The giver of service tickets. jitd-kdc writes a grant into the service's entry in the KDC. The grant lets the person get a
ticket.

The end in the KDC's entry is at most ``renew`` seconds ahead, and jitd moves it on while the person holds the thing. So what is
taken back ends even if kadmind never answers again, because nobody renews it (docs/adr/0099).

Law: the person's client requests the ticket from the KDC with the person's own credentials. The daemon never sees the ticket. A
KDC's gate is the plugin with which the KDC refuses tickets that nobody has granted. If a gate for the service is known to be off,
nothing is given. Only a grant whose holding is HELD is renewed. If somebody has deleted a grant in the KDC, it is not written
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from jitd.beside.deeds import Given, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.effects import Moment
from jitd.core.holding import Holding, HoldingState, Untaken, ends_by_itself
from jitd.core.thing import is_service_ticket, service_of
from jitd.lifecycle.givers import Giver
from jitd_gates import messages
from jitd_gates.trials import Trials
from jitd_gates.writer import Writer

TICK = 1.0  # seconds between two searches for grants that are due
PACE = 0.05  # seconds between two renewals, so that many never occupy kadmind, and no order to take back waits
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0  # seconds after a failed renewal, doubled each time. Meanwhile jitd-kdc takes back
REFUSED_FOR = 60.0  # seconds until a renewal that was refused is tried again


@dataclass(slots=True)
class _Written:
    """What the KDC may have of a holding: the latest ``end`` (since 1970), and when the next renewal is ``due`` (boot clock)."""

    end: int
    due: float = 0.0


class ServiceTickets(Giver):
    """Gives tickets for services of ``realm``, good for ``renew`` seconds without a renewal, or to the holding's end if that is
    None. ``live`` returns the holdings that have not ended, and ``find`` any by its id.
    """

    def __init__(
        self,
        writer: Writer,
        trials: Trials,
        realm: str,
        renew: int | None,
        now: Callable[[], Moment],
        live: Callable[[], Iterable[Holding]],
        find: Callable[[str], Holding | None],
    ) -> None:
        self._writer = writer
        self._trials = trials
        self._realm = realm
        self._renew = renew
        self._now = now
        self._find = find
        self.unrenewed: dict[str, Untaken] = {}  # holding whose grant cannot be renewed → why, and since when
        # An earlier daemon may have had another setting, so only the end of the holding is certain of what it has written.
        self._written = {one.id: _Written(_seconds(one.until)) for one in live() if is_service_ticket(one.thing)}
        self._pause, self._quiet_until = FIRST_PAUSE, 0.0

    def name_of(self, thing: str) -> str:
        """Return the service's principal. See ``Giver.name_of``."""
        return service_of(thing, self._realm)

    def fault(self, thing: str) -> str:
        return self._trials.fault(self.name_of(thing))

    def ends_at(self, holding: Holding) -> datetime:
        """Return the time after which no KDC issues a ticket by this holding's grant. See ``Giver.ends_at``."""
        written = self._written.get(holding.id)
        return holding.until if written is None else datetime.fromtimestamp(written.end, UTC)

    async def give(self, holding: Holding) -> Given | Refused | Failed:
        if fault := await self._trials.fault_now(self.name_of(holding.thing)):
            return Refused(fault)
        return await self._write(holding, renews=False)

    async def take(self, holding: Holding) -> Taken | Refused | Failed:
        said = await self._writer.take(messages.Take(_key(holding), self.name_of(holding.thing)))
        if isinstance(said, messages.Done):
            return Taken()
        why = _not_done(said)
        return Failed(f"{why.why}; {ends_by_itself(self.ends_at(holding), self._now())}") if isinstance(why, Failed) else why

    async def _write(self, holding: Holding, *, renews: bool) -> Given | Refused | Failed:
        """Write the grant with the end that it may have now. If this ``renews`` the grant, the KDC must have it: jitd-kdc leaves
        grants there that have ended, for a day, so only a person can have deleted it.
        """
        now, until = self._now(), _seconds(holding.until)
        end = until if self._renew is None else min(until, int(now.at.timestamp()) + self._renew)
        written = self._written.setdefault(holding.id, _Written(end))
        written.end = max(written.end, end)
        said = await self._writer.give(messages.Give(_key(holding), self.name_of(holding.thing), end, holding.to, renews))
        if not isinstance(said, messages.Done):
            return _not_done(said)
        written.end = end
        left = until - now.at.timestamp() if self._renew is None or end == until else self._renew / 2
        written.due = now.boot + left
        return Given()

    # --- renewals

    async def keep(self) -> None:
        """Renew grants as they become due, those of an earlier daemon first. Ends only if the store raises an exception."""
        while True:
            await self.renew_due()
            await asyncio.sleep(TICK)

    async def renew_due(self) -> None:
        """Renew what is due, the first to end first. After a failure, leave the rest for later. Raises what ``find`` raises."""
        if self._now().boot < self._quiet_until:
            return
        boot = self._now().boot
        for id in sorted((id for id, one in self._written.items() if one.due <= boot), key=lambda id: self._written[id].end):
            holding = self._find(id)
            if holding is None or not holding.is_live:
                del self._written[id]
                self.unrenewed.pop(id, None)
            elif holding.state is not HoldingState.HELD:  # not given yet, or left to end
                self._written[id].due = boot + (TICK if holding.state is HoldingState.GIVING else REFUSED_FOR)
                self.unrenewed.pop(id, None)
            elif not await self._renewed(holding):
                return
            else:
                await asyncio.sleep(PACE)

    async def _renewed(self, holding: Holding) -> bool:
        """Renew one grant. Return False if jitd-kdc or kadmind does not answer now."""
        answer = await self._write(holding, renews=True)
        now = self._now()
        if isinstance(answer, Failed):
            for id in [id for id, one in self._written.items() if one.due <= now.boot]:
                self._fails(id, answer.why, now)
            self._quiet_until = now.boot + self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            return False
        self._pause = FIRST_PAUSE
        if isinstance(answer, Refused):
            self._fails(holding.id, answer.why, now)
            self._written[holding.id].due = now.boot + REFUSED_FOR
        else:
            self.unrenewed.pop(holding.id, None)
        return True

    def _fails(self, id: str, why: str, now: Moment) -> None:
        before = self.unrenewed.get(id)
        ends = ends_by_itself(datetime.fromtimestamp(self._written[id].end, UTC), now)
        self.unrenewed[id] = Untaken(f"{why}; {ends}", now.at if before is None else before.since)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _key(holding: Holding) -> str:
    """Return the id of the grant in the KDC. The result is the id of the holding without its hyphen."""
    return holding.id.replace("-", "")


def _not_done(said: messages.Answer) -> Refused | Failed:
    return said if isinstance(said, Refused | Failed) else Failed("jitd-kdc has answered another question")
