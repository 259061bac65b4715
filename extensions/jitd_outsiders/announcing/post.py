# SPDX-License-Identifier: Apache-2.0
"""The post of one channel, which sends the notices of this channel. The post keeps a list of the requests to check, and counts
failed attempts. The post also decides which notices are combined into one digest.

Law: one message is sent at a time. The post checks each notice again just before sending, and does not send a notice that is no
longer due. The post stores a told mark after it has sent a message. In two cases, a message may be sent twice. First, the daemon
ends after it has sent the message and before it has stored the mark. Second, the channel sends the message, but does not confirm
this. If a channel fails, the post tries the channel again, with growing pauses. A channel that fails does not delay other
channels. An address that fails does not delay other addresses. If nobody is present at an address, this is not treated as a
failure. The post then tries this address again each minute, as long as a notice for the address is due.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitd.core.notice import LOUD, Heard, Missed, Notice, Whom
from jitd.core.request import Request, RequestState
from jitd.failures import Failure, count
from jitd.log import log
from jitd.store import StoreError, Told
from jitd_outsiders.announcing.letters import Letter, Letters, Office
from jitd_outsiders.notifying.channel import Channel, Message, NobodyThere, NotSent, NotWanted
from jitd_outsiders.notifying.settings import ChannelSettings

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after a failed message, doubled after each further failure
SENT_WITHIN = 30.0  # seconds at most for sending one message
AWAY_FOR = 60.0  # seconds until the next attempt, if nobody was present at the address
MOST_OF_ONE, MOST_A_MINUTE = 5, 20
MINUTE = 60.0
"""The length of a minute, in seconds. Within this time, one address gets at most MOST_OF_ONE messages about the requests of one
person, and at most MOST_A_MINUTE messages about those of all people. Further notices are combined into digests.
"""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A notice that could not be sent. Contains the time of the first failure, the reason, and the number of attempts."""

    since: datetime
    why: str
    n_tries: int


class Post:
    """The post of one channel. ``look`` only remembers that a request must be checked, and the task ``keep`` does it."""

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
        self._sent: defaultdict[str, deque[tuple[float, frozenset[str]]]] = defaultdict(deque)
        self._letters = Letters(settings, office, self._marks_unwritten, self._put_off, self._miss)
        self._missed: dict[str, dict[str, Missed]] = {}
        self._looked: set[str] = set()
        self._unwritten: list[tuple[list[Told], dict[str, Any] | None]] = []
        self._sending = asyncio.Lock()
        self._is_finishing = False
        self.troubles: dict[tuple[str, str], Trouble] = {}  # request and address → the latest failure to send there

    def look(self, request: str) -> None:
        """Remember that ``request`` must soon be checked for due notices."""
        self._due[request] = self._to.clock()
        self._changed.set()

    @property
    def n_waiting(self) -> int:
        """The number of requests that must be checked."""
        return len(self._due)

    async def keep(self) -> None:
        """Send due notices. Never return."""
        while True:
            self._changed.clear()
            try:
                await self.work()
            except Exception as fault:  # notices that are due stay due
                log("a channel had an error; it goes on", channel=self.settings.name, fault=f"{type(fault).__name__}: {fault}")
                self._pause_until = self._to.clock() + FIRST_PAUSE
            wait_for = self._rest()
            try:
                async with asyncio.timeout(wait_for):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _rest(self) -> float | None:
        """Return the seconds until a request is to be checked or a mark to be stored, or None if there is nothing to do."""
        times = [max(min(self._due.values()), self._pause_until)] if self._due else []
        if self._unwritten:
            times.append(self._to.clock() + FIRST_PAUSE)
        return max(0.0, min(times) - self._to.clock()) if times else None

    async def work(self) -> None:
        """Send the notices that are due now. Raises StoreError."""
        self._write()
        now = self._to.clock()
        if now < self._pause_until:
            return
        due = sorted((id for id, at in self._due.items() if at <= now), key=self._due.__getitem__)
        if self._n_failed:  # the channel may be down: try with one message
            due = due[:1]
        try:
            letters: dict[str, list[Letter]] = {}
            for id in due:
                del self._due[id]
                for letter in await self._found(id):
                    letters.setdefault(letter.address, []).append(letter)
                await asyncio.sleep(0)  # a request may have megabytes, so let other tasks run
            for address in sorted(letters, key=lambda one: self._tries[one]):
                await self._serve(address, letters[address])
            for id in due:
                if id in self._missed:
                    self._looked.add(id)
                    self._to.looked(id)
        except Exception:  # it is not known which requests were checked: check all of them again
            for id in due:
                self._put_off(id, now)
            raise

    async def _serve(self, address: str, letters: list[Letter]) -> None:
        """A notice with an event in LOUD is sent at once. For others there are MOST_OF_ONE and MOST_A_MINUTE."""
        for letter in letters:
            if letter.notice.event in LOUD:
                await self._send([letter], address)
        for message in self._messages(address, [letter for letter in letters if letter.notice.event not in LOUD]):
            await self._send(message, address)

    def _messages(self, address: str, letters: list[Letter]) -> list[list[Letter]]:
        """Return the messages that may be sent to ``address`` now, each with its letters. If a limit does not allow one for each
        letter, the last ones are one digest, or put off. The messages about the requests of several people take turns.
        """
        of_each: dict[str, list[Letter]] = {}
        for letter in letters:
            of_each.setdefault(letter.requester, []).append(letter)
        found = list[tuple[int, list[Letter]]]()
        for requester, its in of_each.items():
            sent = [at for at, about in self._within_a_minute(address) if requester in about]
            found += enumerate(self._fitted([[letter] for letter in its], MOST_OF_ONE - len(sent), sent))
        in_turns = [message for _, message in sorted(found, key=lambda one: one[0])]
        sent = [at for at, _ in self._within_a_minute(address)]
        return self._fitted(in_turns, MOST_A_MINUTE - len(sent), sent)

    def _fitted(self, messages: list[list[Letter]], left: int, sent: list[float]) -> list[list[Letter]]:
        """Return at most ``left`` messages with the letters of ``messages``. ``sent`` has the times of those that count."""
        if len(messages) <= left:
            return messages
        rest = [letter for message in messages[max(0, left - 1) :] for letter in message]
        if left > 0:
            return [*messages[: left - 1], rest]
        for letter in rest:
            self._miss(letter, Missed.LATER)
            self._put_off(letter.notice.request, sent[0] + MINUTE)
        return []

    def _within_a_minute(self, address: str) -> deque[tuple[float, frozenset[str]]]:
        """Return the messages that ``address`` got within a minute: when, and about whose requests."""
        sent, since = self._sent[address], self._to.clock() - MINUTE
        while sent and sent[0][0] <= since:
            sent.popleft()
        return sent

    def _miss(self, letter: Letter, why: Missed) -> None:
        if letter.notice.whom is Whom.APPROVERS and letter.notice.request in self._missed:
            self._missed[letter.notice.request][letter.address] = why

    def heard_of(self, id: str) -> Heard | None:
        """Return whom the channel has told, or None while it works and has not looked at the request. Raises StoreError."""
        if id not in self._looked and not self._n_failed:
            return None
        heard = self._letters.heard(id)
        reasons = {address: why for address, why in self._missed.get(id, {}).items() if address not in heard}
        n_muted = sum(why is Missed.UNWILLING for why in reasons.values())
        told = tuple(address for address, is_told in heard.items() if is_told)
        refusing = tuple(address for address, is_told in heard.items() if not is_told)
        missed = {*reasons.values()} | ({Missed.FAILED} if id not in self._looked else set())
        missed |= {Missed.UNWILLING} if refusing else set()
        return Heard(self.settings.name, self.settings.KIND == "terminals", told, frozenset(missed), refusing, n_muted)

    def _put_off(self, request: str, until: float) -> None:
        """Check ``request`` again at ``until``, or earlier if that is set already."""
        self._due[request] = min(until, self._due.get(request, until))

    async def _send(self, letters: list[Letter], address: str) -> None:
        """Send one message for ``letters``. If none of the letters is due any more, send nothing."""
        if self._to.clock() < self._pause_until:
            for letter in letters:
                self._miss(letter, Missed.FAILED)
                self._put_off(letter.notice.request, self._pause_until)
            return
        found: list[tuple[Letter, Request]] = []
        for letter in letters:
            request = self._letters.still(letter)
            if request is not None:
                found.append((letter, request))
            await asyncio.sleep(0)
        if not found or self._is_finishing:
            return
        async with self._sending:
            try:
                why = await self._carried(tuple((letter.notice, request) for letter, request in found), address)
            except NobodyThere:
                self._away([letter for letter, _ in found], address)
                return
            except NotWanted:
                self._refused([letter for letter, _ in found], address)
                return
            if why:
                self._failed([letter for letter, _ in found], why)
            else:
                self._told([letter for letter, _ in found], address)

    def _worded(self, said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...]) -> Message:
        if len(said) > 1:
            return self._to.wording.digest(said, to)
        ((notice, request),) = said
        return self._to.wording.say(notice, request, self.settings.KIND, self.settings.shows, to)

    async def finish(self, within: float) -> None:
        """Stop sending, and wait up to ``within`` seconds until what is being sent is sent, and its told mark stored."""
        self._is_finishing = True
        try:
            async with asyncio.timeout(within), self._sending:
                return
        except TimeoutError:
            log("jitd ends while it sends a message; it sends the message again after its next start", channel=self.settings.name)

    async def _carried(self, said: tuple[tuple[Notice, Request], ...], address: str) -> str:
        """Return why it could not be sent, or an empty text. Raises NobodyThere, and NotWanted if they want no messages."""
        try:
            message = self._worded(said, (address,) if address else ())
            async with asyncio.timeout(SENT_WITHIN):
                await self._channel.send(message)
        except (NobodyThere, NotWanted):
            raise
        except NotSent as fault:
            return str(fault) or "it does not say why"
        except TimeoutError:
            return f"the message was not sent within {SENT_WITHIN:g} s"
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
        for letter in letters:
            self._miss(letter, Missed.FAILED)
        for id in {letter.notice.request for letter in letters}:
            before = self.troubles.get((id, address), Trouble(at, why, 0))
            self.troubles[id, address] = Trouble(before.since, why, before.n_tries + 1)
            self._put_off(id, self._to.clock() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(before.n_tries, 10)))
        count(Failure.CHANNEL)
        log("people could not be told; jitd tries again", channel=self.settings.name, requests=len(letters), because=why)

    def _away(self, letters: list[Letter], address: str) -> None:
        """Nobody is present at ``address`` to read ``letters``. Check the requests of these letters again after AWAY_FOR s."""
        self._works_for(address)
        for letter in letters:
            self._miss(letter, Missed.AWAY)
            self.troubles.pop((letter.notice.request, address), None)
            self._put_off(letter.notice.request, self._to.clock() + AWAY_FOR)

    def _refused(self, letters: list[Letter], address: str) -> None:
        """The people at ``address`` want no messages, so ``letters`` are not sent to them again."""
        self._works_for(address)
        self._unwritten.append((self._marks(letters, address, is_wanted=False), None))
        for letter in letters:
            self.troubles.pop((letter.notice.request, address), None)
        self._write()

    def _marks(self, letters: list[Letter], address: str, *, is_wanted: bool) -> list[Told]:
        at = self._to.now().at
        return [self._letters.mark(one.notice.request, address, one.notice.mark, at, is_wanted=is_wanted) for one in letters]

    def _works_for(self, address: str) -> None:
        """Note that the channel works, and that messages reach ``address``. If the channel has failed more than once before,
        some notices could not be sent. Check the requests of these notices again at once.
        """
        if self._n_failed > 1:  # the channel was down and works again: continue at once
            for id, _ in self.troubles:
                self._put_off(id, self._to.clock())
        self._n_failed, self._pause_until = 0, 0.0
        del self._tries[address]
        self._unreachable = set(+self._tries)  # the channel works, so the addresses fail

    def _told(self, letters: list[Letter], address: str) -> None:
        self._works_for(address)
        self._sent[address].append((self._to.clock(), frozenset(letter.requester for letter in letters)))
        marks = self._marks(letters, address, is_wanted=True)
        loud = [letter.notice for letter in letters if letter.notice.event in LOUD]
        detail = {"channel": self.settings.name, "to": address, "event": str(letters[0].notice.event)}
        self._unwritten.append((marks, detail | {"request": loud[0].request} if loud else None))
        for letter in letters:
            self.troubles.pop((letter.notice.request, address), None)
        self._write()

    def _write(self) -> None:
        """Store the told marks of what was sent. One that cannot be stored stays in memory, so nothing is sent twice."""
        while self._unwritten:
            marks, detail = self._unwritten[0]
            try:
                if detail is not None:
                    self._to.note("notice.sent", detail)
                    self._unwritten[0] = (marks, None)
                self._to.store.tell(marks)
            except StoreError as fault:
                log("jitd could not note that people were told; jitd tries again", channel=self.settings.name, fault=fault)
                return
            self._unwritten.pop(0)

    def _marks_unwritten(self, request: str) -> list[Told]:
        return [mark for marks, _ in self._unwritten for mark in marks if mark.request == request]

    async def _found(self, id: str) -> list[Letter]:
        """Return the letters about the request that are due. Earlier failures at all other addresses are forgotten."""
        request = self._to.store.request(id)
        self._looked.discard(id)
        self._missed.pop(id, None)
        if request is not None and request.state is RequestState.PENDING:
            self._missed[id] = {}
        found = [] if request is None else await self._letters.of(request)
        still = {(id, letter.address) for letter in found}
        for key in [key for key in self.troubles if key[0] == id and key not in still]:
            del self.troubles[key]
        return found
