# SPDX-License-Identifier: Apache-2.0
"""The feed of one sink, which sends the record to the sink, page by page.

Law: one page is sent at a time, and the place moves on only over what is done: the sink has it, or will never take it. The cursor
is stored afterwards. So if the daemon ends in between, or the cursor cannot be stored, records are sent twice, and none is left
out. If the sink fails, the same page is sent again, with growing pauses. If a server fails again and again, the page becomes
smaller, down to one record. If the server then takes the digest of this record, and still not the record, the fault is in the
record and not in the server: the record counts as refused. A record that the sink will never take is noted in the record before
the feed passes it. The refusal of such a note is noted in the log alone, and so is that of a checkpoint, which follows each note:
otherwise each note would cause the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitd.audit.events import SINK_REFUSED
from jitd.failures import Failure, count
from jitd.log import log
from jitd.store import Cursor, KeepsCursors, StoreError
from jitd_outsiders.outside.client import Failed, write_delivery
from jitd_outsiders.outside.deliveries import MOST_EVENTS, Delivered
from jitd_outsiders.outside.sinks import kind_of
from jitd_sinks.settings import SinkSettings
from jitd_sinks.sinks.classes import CHECKPOINT
from jitd_sinks.sinks.reading import DEADLINE_MS, Page, Position, Reader

GATHERED_FOR = 0.1  # seconds from a commit to the read: records that follow are sent with the first one
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds after a failure, doubled after each further one
PROBED_EVERY = 30.0
"""Seconds without a record after which the connection to a receiver that confirms nothing is looked at. If it was lost, the last
records may be lost with it.
"""
AGAIN, AGAIN_FOR = MOST_EVENTS, 60.0
"""A receiver that confirms nothing may have a record in its memory alone, or may be a proxy with nobody behind it. So a record is
settled if the connection still stands AGAIN_FOR seconds after the record was sent. After a connection was lost, everything from
the last settled record on is sent again, and at least AGAIN records.
"""
MOST_NEW = 3  # times that a connection may be lost before something is settled. More are a failure.
STUCK_AFTER = 3  # times that a page must have failed before its first record may be the reason
PROOFS = 3  # times, one after the other, that a server must have taken the digest of a record and failed with the record
KEPT_EVERY = 60.0  # seconds after which the cursor of a narrowed sink is stored although the sink was sent nothing


@dataclass(frozen=True, slots=True)
class Office:
    """What the feeds need of the daemon. ``deliver`` sends a written question to jitd-outside, with the number of its events and
    its deadline. ``in_thread`` does work in a thread, and raises TimeoutError. ``note`` writes a note into the record. ``clock``
    returns seconds, and ``now`` the time.
    """

    deliver: Callable[[bytes, int, int], Awaitable[Delivered | Failed]]
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    note: Callable[[str, dict[str, Any]], None]
    cursors: KeepsCursors
    clock: Callable[[], float]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Trouble:
    """The sink does not take the record. Contains the time of the first failure, and the reason of the last one."""

    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind: records, seconds since the sink had all, and records refused since the daemon's start."""

    n_records: int
    seconds: float
    n_refused: int


class Feed:
    """The feed of one sink, from ``cursor`` on. ``look`` only notes that the record has grown. ``keep`` is a task."""

    def __init__(self, settings: SinkSettings, reader: Reader, cursor: Cursor, office: Office) -> None:
        self.settings = settings
        self._kind = kind_of(settings.to)
        self._reader = reader
        self._office = office
        self._kept = cursor
        self._place = Position(cursor.number, cursor.checkpoint)
        self._done = self._place
        self._settled = self._place
        self._sent: deque[tuple[float, Position]] = deque()  # not settled, to who confirms nothing: time, and place after it
        self._head = cursor.number
        self._changed = asyncio.Event()
        self._changed.set()  # nobody knows what was recorded before the start
        self._n_failed = 0
        self._n_stuck = self._n_proofs = 0
        self._most = MOST_EVENTS  # maximum number of events in the next page
        self._n_new = 0
        self._pause_until = 0.0
        self._behind_since: float | None = None
        self._kept_at = office.clock()
        self._is_idle = asyncio.Event()
        self._is_reached = True
        self.n_refused = 0
        self.trouble: Trouble | None = None  # what is wrong with the sink
        self.last_fault = ""  # since it had the whole record, or empty. It may have taken records since then
        self.unkept = ""  # why the cursor cannot be stored. Empty if it can be.

    def look(self, head: int) -> None:
        """Take note that the record ends with record ``head`` now, or that the head was signed."""
        if head > self._head and self._behind_since is None:
            self._behind_since = self._office.clock()
        self._head = max(head, self._head)
        self._is_idle.clear()
        self._changed.set()

    def lag(self) -> Lag:
        """Return how far the sink is behind."""
        since = self._behind_since
        seconds = 0.0 if since is None else max(0.0, self._office.clock() - since)
        return Lag(max(0, self._head - self._done.number), seconds, self.n_refused)

    async def wait_until_idle(self) -> None:
        """Wait until the sink has the whole record. Return at once if the sink fails."""
        if self.trouble is None:
            await self._is_idle.wait()

    async def keep(self) -> None:
        """Send what is recorded. Never return."""
        while True:
            self._changed.clear()
            try:
                while await self._send_page():
                    await asyncio.sleep(0)
            except (StoreError, TimeoutError) as fault:
                self._failed(str(fault) or "the record could not be read in time")
            except Exception as fault:  # what was not sent is sent later
                log("a sink had an error; it goes on", sink=self.settings.name, fault=f"{type(fault).__name__}: {fault}")
                self._failed(f"an error of jitd: {type(fault).__name__}")
            await self._rest()

    async def _rest(self) -> None:
        if (pause := self._pause_until - self._office.clock()) > 0:
            self._is_idle.set()  # nobody waits for a sink that fails
            await asyncio.sleep(pause)
            return
        if not self._changed.is_set():
            self._is_idle.set()
        try:
            async with asyncio.timeout(PROBED_EVERY if self._confirms_nothing else None):
                await self._changed.wait()
        except TimeoutError:
            await self._probe()
            return
        await asyncio.sleep(GATHERED_FOR)

    @property
    def _confirms_nothing(self) -> bool:
        return not self._kind.confirms

    async def _probe(self) -> None:
        question = write_delivery(self._reader.question(()))
        answer = await self._office.deliver(question, 0, DEADLINE_MS)
        self._is_reached = not isinstance(answer, Failed) and not answer.why
        if isinstance(answer, Failed) or answer.why:
            self._failed(answer.why)
        elif answer.is_new:
            self._go_back()
        else:
            self._settle()
            if self._n_new <= MOST_NEW:
                self._works()
            await self._keep_cursor()

    async def _page(self, *, in_brief: bool) -> Page:
        """Raises StoreError and TimeoutError."""
        place, most = self._place, self._most
        page: Page = await self._office.in_thread(lambda: self._reader.page(place, most, in_brief=in_brief))
        return page

    async def _send_page(self) -> bool:
        """Send the next page. Return True if more may follow at once. Raises StoreError and TimeoutError."""
        page = await self._page(in_brief=False)
        self._head = max(self._head, page.end.number)
        if not page.events:
            await self._move(page.end, is_sent=False)
            if self._is_reached and self._n_new <= MOST_NEW:
                self._works()
            return not page.is_last
        answer = await self._office.deliver(page.question, len(page.events), DEADLINE_MS)
        if isinstance(answer, Failed):
            self._failed(answer.why)
            return False
        if answer.is_new:
            self._n_new += 1
            self._go_back()
            if self._n_new > MOST_NEW:
                self._failed("each connection to it is lost soon")
            return self._n_new <= MOST_NEW
        return await self._answered(page, answer)

    async def _answered(self, page: Page, answer: Delivered) -> bool:
        n_done, is_whole = answer.n_done, answer.n_done == len(page.events)
        refused = [(page.events[index].number, page.events[index].name, why) for index, why in answer.refused]
        self._refused(refused)
        if n_done:
            self._n_stuck = self._n_proofs = 0
            self._most = min(MOST_EVENTS, 2 * self._most)
            await self._move(page.end if is_whole else page.places[n_done - 1], is_sent=True)
        if not is_whole:
            self._failed(answer.why or "it does not say why", answer.retry_after)
            if not n_done and self._kind.refuses_batches:
                await self._single_out(page)
            return False
        if len(refused) == len(page.events):  # perhaps it refuses everything: do not fill the record with what it refuses
            self._pause_until = self._office.clock() + FIRST_PAUSE
        elif self._n_new <= MOST_NEW:
            self._works()
        return not page.is_last and self._pause_until <= self._office.clock()

    async def _single_out(self, page: Page) -> None:
        """The server has taken nothing of ``page``. Find out whether its first record is the reason, and if so, pass it. Raises
        StoreError and TimeoutError.
        """
        self._n_stuck += 1
        if self._n_stuck < STUCK_AFTER:
            return
        first = page.events[0]
        if len(page.events) > 1:
            self._most = (len(page.events) + 1) // 2
        elif first.name != CHECKPOINT:  # a checkpoint cannot be shortened, and all of them are alike
            brief = await self._page(in_brief=True)
            answer = await self._office.deliver(brief.question, 1, DEADLINE_MS)
            is_taken = not isinstance(answer, Failed) and answer.n_done == 1 and not answer.refused
            self._n_proofs = self._n_proofs + 1 if is_taken else 0
            if self._n_proofs >= PROOFS:
                self._refused([(first.number, first.name, "it takes the record only without most of its parts")])
                self._n_stuck = self._n_proofs = 0
                await self._move(page.end, is_sent=True)

    def _refused(self, refused: list[tuple[int, str, str]]) -> None:
        """Note that the sink will never take these records. Raises StoreError."""
        if not refused:
            return
        self.n_refused += len(refused)
        numbers = sorted({number for number, name, _ in refused if name not in (SINK_REFUSED, CHECKPOINT)})
        first, last, why = refused[0][0], refused[-1][0], refused[0][2]
        log("a sink refuses records for ever", sink=self.settings.name, first=first, last=last, n=len(refused), because=why)
        if numbers:
            detail = {"sink": self.settings.name, "first": numbers[0], "last": numbers[-1], "n": len(numbers)}
            self._office.note("sink.refused", detail)

    async def _move(self, place: Position, *, is_sent: bool) -> None:
        """Go on from ``place``, and store the cursor."""
        self._place = place
        self._done = Position(max(place.number, self._done.number), max(place.checkpoint, self._done.checkpoint))
        if self._done.number >= self._head:
            self._behind_since, self.last_fault = None, ""
        if self._confirms_nothing:
            self._sent.append((self._office.clock(), place))
            if is_sent:
                self._settle()
        else:
            self._settled = self._done
        if is_sent or self._office.clock() - self._kept_at >= KEPT_EVERY:
            await self._keep_cursor()

    def _settle(self) -> None:
        """Take note that the connection stands now."""
        now = self._office.clock()
        while self._sent and now - self._sent[0][0] >= AGAIN_FOR:
            place = self._sent.popleft()[1]
            if place.number >= self._settled.number:
                self._settled = place
            self._n_new = 0

    async def _keep_cursor(self) -> None:
        """Store what is settled. If it cannot be stored, take note of the reason."""
        cursor = Cursor(self._kept.sink, self._kept.begun, self._settled.number, self._settled.checkpoint)
        if cursor == self._kept:
            return
        try:
            await self._office.in_thread(lambda: self._office.cursors.keep_cursor(cursor))
            self._kept, self._kept_at, self.unkept = cursor, self._office.clock(), ""
        except (StoreError, TimeoutError) as fault:
            if not self.unkept:
                log("the cursor of a sink could not be stored; it may get records twice", sink=self.settings.name, fault=fault)
            self.unkept = str(fault) or "the store does not answer in time"

    def _go_back(self) -> None:
        """Send the last records again, because nobody knows whether the sink has them."""
        self._sent.clear()
        number = max(self._kept.begun, min(self._settled.number, self._done.number - AGAIN))
        self._place = Position(number, min(self._settled.checkpoint, max(0, number - 1)))
        self._changed.set()

    def _failed(self, why: str, retry_after: int = 0) -> None:
        count(Failure.SINK)
        self._n_failed += 1
        pause = max(float(retry_after), min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._n_failed - 1, 10)))
        self._pause_until = self._office.clock() + pause
        self._changed.set()
        if self.trouble is None or self.trouble.why != why:
            log("a sink does not take the record; jitd tries again", sink=self.settings.name, because=why)
        self.trouble = Trouble(self._office.now() if self.trouble is None else self.trouble.since, why)
        self.last_fault = f"the last time that it failed: {why}"

    def _works(self) -> None:
        if self.trouble is not None:
            log("a sink takes the record again", sink=self.settings.name, behind=self.lag().n_records)
        self._n_failed, self._pause_until, self.trouble, self._is_reached = 0, 0.0, None, True
