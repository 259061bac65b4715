# SPDX-License-Identifier: Apache-2.0
"""One channel's post: what it still has to tell, how often it tries, and what becomes one digest.

Law: one message at a time, each looked at again just before it is sent; what is moot by then is not sent. A told mark is written
after the message, so only a kill between the two has it sent twice. A channel that fails is tried again with growing pauses, and
nobody else waits for it. Nor does anybody wait for an address that fails while others can be reached. An address at which nobody
is there is not told, and no failure: it is tried again each minute, as long as there is something to tell.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitd.announcing.letters import Letter, Letters, Office
from jitd.core.notice import LOUD, Notice
from jitd.core.request import Request
from jitd.log import log
from jitd.notifying.channel import Channel, Message, NobodyThere, NotSent
from jitd.settings.channels import ChannelSettings
from jitd.store import StoreError, Told

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""The first and the longest pause after a message that was not sent, in seconds. The pause doubles each time."""
SENT_WITHIN = 30.0
"""Seconds that sending one message may take."""
AWAY_FOR = 60.0
"""Seconds until it is tried again to tell somebody who was not there."""
MOST_A_MINUTE = 5
MINUTE = 60.0
"""So many messages go to one address in so many seconds; what is more becomes one digest."""
PIECE = 20
"""After so many requests in a row the event loop does its other work."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be told: since when, why, and how often it was tried."""

    since: datetime
    why: str
    n_tries: int


class Post:
    """The post of one channel. ``look`` is all that others do; ``keep`` does the work."""

    def __init__(self, settings: ChannelSettings, channel: Channel, office: Office) -> None:
        self.settings = settings
        self._channel = channel
        self._to = office
        self._due: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._n_failed = 0
        self._pause_until = 0.0
        self._tries: Counter[str] = Counter()
        self._unreachable: set[str] = set()
        self._sent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._letters = Letters(settings, office, self._marks_unwritten, self._put_off)
        self._unwritten: list[tuple[list[Told], dict[str, Any] | None]] = []
        self._sending = asyncio.Lock()
        self._is_finishing = False
        self.troubles: dict[tuple[str, str], Trouble] = {}
        """Request and address → what could not be told."""

    def look(self, request: str) -> None:
        """Find out what is to be told of ``request``, soon."""
        self._due[request] = self._to.clock()
        self._changed.set()

    @property
    def n_waiting(self) -> int:
        """How many requests are to be looked at."""
        return len(self._due)

    async def keep(self) -> None:
        """Tell what is to be told, for ever."""
        while True:
            self._changed.clear()
            try:
                await self.work()
            except Exception as fault:  # what is owed stays owed
                log("a channel stumbled; it goes on", channel=self.settings.name, fault=f"{type(fault).__name__}: {fault}")
                self._pause_until = self._to.clock() + FIRST_PAUSE
            wait_for = self._rest()
            try:
                async with asyncio.timeout(wait_for):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _rest(self) -> float | None:
        """Return the seconds until there is something to do; None if nothing is known to come."""
        times = [max(min(self._due.values()), self._pause_until)] if self._due else []
        if self._unwritten:
            times.append(self._to.clock() + FIRST_PAUSE)
        return max(0.0, min(times) - self._to.clock()) if times else None

    async def work(self) -> None:
        """Tell what is due now. Raises StoreError."""
        self._write()
        now = self._to.clock()
        if now < self._pause_until:
            return
        due = sorted((id for id, at in self._due.items() if at <= now), key=self._due.__getitem__)
        if self._n_failed:  # the channel may be down: try with one message
            due = due[:1]
        try:
            letters: dict[str, list[Letter]] = {}
            for n_done, id in enumerate(due):
                del self._due[id]
                for letter in await self._found(id):
                    letters.setdefault(letter.address, []).append(letter)
                if n_done % PIECE == PIECE - 1:
                    await asyncio.sleep(0)
            for address in sorted(letters, key=lambda one: self._tries[one]):
                await self._serve(address, letters[address])
        except Exception:  # it is not known how far this went: look at all of them again
            for id in due:
                self._put_off(id, now)
            raise

    async def _serve(self, address: str, letters: list[Letter]) -> None:
        """Send ``letters``, which are all for ``address``, as far as they may go now."""
        loud = [letter for letter in letters if letter.notice.event in LOUD]
        quiet = [letter for letter in letters if letter.notice.event not in LOUD]
        for letter in loud:
            await self._send([letter], address)
        left = self._left(address)
        if len(quiet) > left:
            alone, rest = quiet[: max(0, left - 1)], quiet[max(0, left - 1) :]
        else:
            alone, rest = quiet, []
        for letter in alone:
            await self._send([letter], address)
        if rest and left:
            await self._send(rest, address)
        for letter in rest if not left else ():
            self._put_off(letter.notice.request, self._sent[address][0] + MINUTE)

    def _left(self, address: str) -> int:
        """Return how many messages ``address`` may be sent now."""
        sent, since = self._sent[address], self._to.clock() - MINUTE
        while sent and sent[0] <= since:
            sent.popleft()
        return max(0, MOST_A_MINUTE - len(sent))

    def _put_off(self, request: str, until: float) -> None:
        """Look at ``request`` again at ``until``, or earlier if that is due already."""
        self._due[request] = min(until, self._due.get(request, until))

    async def _send(self, letters: list[Letter], address: str) -> None:
        """Send one message for ``letters``, unless they are moot by now."""
        if self._to.clock() < self._pause_until:
            for letter in letters:
                self._put_off(letter.notice.request, self._pause_until)
            return
        found: list[tuple[Letter, Request]] = []
        for n_done, letter in enumerate(letters):
            request = self._letters.still(letter)
            if request is not None:
                found.append((letter, request))
            if n_done % PIECE == PIECE - 1:
                await asyncio.sleep(0)
        if not found or self._is_finishing:
            return
        async with self._sending:
            try:
                why = await self._carried(tuple((letter.notice, request) for letter, request in found), address)
            except NobodyThere:
                self._away([letter for letter, _ in found], address)
                return
            if why:
                self._failed([letter for letter, _ in found], why)
            else:
                self._told([letter for letter, _ in found], address)

    def _worded(self, said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...]) -> Message:
        if len(said) > 1:
            return self._to.wording.digest(said, to)
        ((notice, request),) = said
        return self._to.wording.say(notice, request, self.settings.kind, self.settings.shows, to)

    async def finish(self, within: float) -> None:
        """Send no more messages. Wait until the one that is being sent is noted, but no longer than ``within`` seconds."""
        self._is_finishing = True
        try:
            async with asyncio.timeout(within), self._sending:
                return
        except TimeoutError:
            log("jitd ends while a message is being sent; it is sent again", channel=self.settings.name)

    async def _carried(self, said: tuple[tuple[Notice, Request], ...], address: str) -> str:
        """Have ``said`` sent to ``address``. Return why it was not; empty if it was. Raises NobodyThere."""
        try:
            message = self._worded(said, (address,) if address else ())
            async with asyncio.timeout(SENT_WITHIN):
                await self._channel.send(message)
        except NobodyThere:
            raise
        except NotSent as fault:
            return str(fault) or "it does not say why"
        except TimeoutError:
            return f"it took longer than {SENT_WITHIN:g} s"
        except Exception as fault:
            log("a channel failed", channel=self.settings.name, fault=f"{type(fault).__name__}: {fault}")
            return f"an error of jitd: {type(fault).__name__}"
        return ""

    def _failed(self, letters: list[Letter], why: str) -> None:
        address, at = letters[0].address, self._to.now().at
        self._tries[address] += 1
        if address not in self._unreachable:
            self._n_failed += 1
            self._pause_until = self._to.clock() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._n_failed - 1, 10))
        for id in {letter.notice.request for letter in letters}:
            before = self.troubles.get((id, address), Trouble(at, why, 0))
            self.troubles[id, address] = Trouble(before.since, why, before.n_tries + 1)
            self._put_off(id, self._to.clock() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(before.n_tries, 10)))
        log("people could not be told; it is tried again", channel=self.settings.name, requests=len(letters), because=why)

    def _away(self, letters: list[Letter], address: str) -> None:
        """Nobody is at ``address`` to read ``letters``: look again later."""
        self._works_for(address)
        for letter in letters:
            self.troubles.pop((letter.notice.request, address), None)
            self._put_off(letter.notice.request, self._to.clock() + AWAY_FOR)

    def _works_for(self, address: str) -> None:
        """Note that the channel works, also for ``address``."""
        if self._n_failed > 1:  # it was down, and is back: go on at once
            for id, _ in self.troubles:
                self._put_off(id, self._to.clock())
        self._n_failed, self._pause_until = 0, 0.0
        del self._tries[address]
        self._unreachable = set(+self._tries)  # the channel works, so it is they who fail

    def _told(self, letters: list[Letter], address: str) -> None:
        self._works_for(address)
        self._sent[address].append(self._to.clock())
        at = self._to.now().at
        marks = [self._letters.mark(letter.notice.request, address, letter.notice.mark, at) for letter in letters]
        loud = [letter.notice for letter in letters if letter.notice.event in LOUD]
        detail = {"channel": self.settings.name, "to": address, "event": str(letters[0].notice.event)}
        self._unwritten.append((marks, detail | {"request": loud[0].request} if loud else None))
        for letter in letters:
            self.troubles.pop((letter.notice.request, address), None)
        self._write()

    def _write(self) -> None:
        """Write the marks that are still to be written. If that fails it is tried again, and nothing is sent twice."""
        while self._unwritten:
            marks, detail = self._unwritten[0]
            try:
                if detail is not None:
                    self._to.note("notice.sent", detail)
                    self._unwritten[0] = (marks, None)
                self._to.store.tell(marks)
            except StoreError as fault:
                log("it could not be noted that people were told; it is tried again", channel=self.settings.name, fault=fault)
                return
            self._unwritten.pop(0)

    def _marks_unwritten(self, request: str) -> list[Told]:
        return [mark for marks, _ in self._unwritten for mark in marks if mark.request == request]

    async def _found(self, id: str) -> list[Letter]:
        """Return the letters of the request ``id``, and forget the troubles that are over."""
        found = await self._letters.of(id)
        still = {(id, letter.address) for letter in found}
        for key in [key for key in self.troubles if key[0] == id and key not in still]:
            del self.troubles[key]
        return found
