# SPDX-License-Identifier: Apache-2.0
"""Writes each record as a line of the host's journal (``jitd.journal``), so that an administrator reads there who ran what.

Law: the record is the source. A line is made of what was committed, after the commit, in a thread that no decision waits for. If
the journal takes nothing, the lines come later, because the record keeps them. If too many would come later, the oldest are left
out, and a line says which. The journal is read by more people than the record. So if a rule says who may read the contents of a
request (``visible_to``), its lines have neither command nor reason nor requester.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from jitd.audit.events import EVENTS, OF_EVERY_READER, PEOPLE, sentence
from jitd.audit.sentences import beginning
from jitd.audit.telling import EVERYTHING, Sight, tell
from jitd.core.chain import SET_ASIDE, Seal, actor_of, detail_of, life_of
from jitd.core.condition import Line
from jitd.core.law import Role
from jitd.core.request import Request, RequestState, Verdict
from jitd.core.sought import PROGRAMS
from jitd.core.subject import BY_PAM, LOCAL, ROOT
from jitd.core.values import id_in
from jitd.core.visibility import words_of
from jitd.core.what import Things
from jitd.journal import AUTHPRIV, MOST_BYTES, Journal, cut
from jitd.lifecycle.readers import Reader
from jitd.log import log
from jitd.store import Store, StoreError
from jitd_sinks.sinks import condition
from jitd_sinks.sinks.classes import classes_of, severity
from jitd_sinks.sinks.pace import Pace
from jitd_sinks.sinks.reading import Lines
from jitpam.wire.shown import shown, shown_command

AT_ONCE = 64  # records of which one piece of work makes lines
MOST_LATE = 5000  # records whose lines wait for a journal that takes nothing
AGAIN_AFTER = (0.5, 5.0)  # seconds until the next try after the journal has taken nothing: at first, and at most
FINISHED_WITHIN = 2.0  # at its end, the daemon waits at most this number of seconds until all lines are written
FREELY, WINDOW = 20, 60.0  # lines that an account may cause without a ticket, in how many seconds. The rest is counted
NOT_PERSONAL = Sight(OF_EVERY_READER - PEOPLE)  # the parts of a record that say nothing of who asked, and for what
_NAMING = ("request", "grant", "run", "holding", "id")  # in a record's detail, name what belongs to a request
_PERMITTED = RequestState.APPROVED.value
_OTHERS = frozenset({Role.APPROVER.value, Role.OPERATOR.value})  # the roles of people who are not the requester


class HostLog(Reader):
    """Follows ``store``. ``opened`` reads one. ``place`` is the file with the last record written since the host's boot."""

    def __init__(
        self,
        store: Store,
        opened: Callable[[], Store],
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
        clock: Callable[[], float],
        place: Path,
        journal: Journal | None = None,
    ) -> None:
        self._journal = journal or Journal()
        self._lines = Lines("", opened)
        self._pace = Pace(in_thread, clock)
        self._clock = clock
        self._place = place
        self._head = store.head().number
        self._at = self._read_place(self._head)
        self._kept: int | None = None  # the place that the file has, if this process has written it
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._left_out: tuple[int, int] | None = None
        self._paced = _Paced()
        self._is_ending = False
        self.n_left_out = 0  # records without a line since the daemon started: they would have come too late
        self.trouble = ""  # why the journal takes no lines at present, or empty

    @property
    def n_behind(self) -> int:
        """The number of records that have no line yet."""
        return self._head - self._at

    def look(self, head: Seal) -> None:
        """Take note that the record ends with ``head`` now."""
        self._head = head.number
        self._pace.look(head.number)
        self._changed.set()

    async def keep(self) -> None:
        """Write the lines of new records. Never return."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WINDOW):
                    await self._changed.wait()
            self._changed.clear()
            await self._write_all()

    async def finish(self) -> None:
        """Write what is not written yet, for at most FINISHED_WITHIN seconds."""
        self._is_ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISHED_WITHIN):
                await self._write_all()

    async def close(self) -> None:
        await self._pace.close(self._lines.close)

    def lines(self, now: float) -> Iterator[Line]:
        yield condition.journal(self.trouble, self.n_behind, self.n_left_out)

    async def _write_all(self) -> None:
        pause = AGAIN_AFTER[0]
        while True:
            head = self._head
            async with self._turn:  # ``keep`` and ``finish`` write at the same time
                fault = await self._write_some()
            if not fault and self._at >= head:
                return
            if fault:
                await asyncio.sleep(pause)
                pause = min(2 * pause, AGAIN_AFTER[1])

    async def _write_some(self) -> str:
        """Write the next lines. Return why not all of them were written, or an empty text."""
        try:
            fault: str = await self._pace.do(self._write)
        except (StoreError, TimeoutError) as failed:
            fault = str(failed) or "the store does not answer in time"
        except Exception as failed:  # the lines come later, or are left out, and this is told
            fault = f"an error of jitd: {type(failed).__name__}: {failed}"
        if fault and not self.trouble:
            log("what is recorded cannot be written to the journal; jitd tries again", fault=fault)
        elif self.trouble and not fault:
            log("the journal takes what is recorded again", behind=self.n_behind)
        self.trouble = fault
        if fault:
            self._leave_out()
        return fault

    def _leave_out(self) -> None:
        if self._head - self._at > MOST_LATE:
            last = self._head - MOST_LATE // 2
            first = self._at + 1 if self._left_out is None else self._left_out[0]
            self.n_left_out += last - self._at
            self._left_out, self._at = (first, last), last

    # --- in a thread -------------------------------------------------------------------------------------------------------

    def _write(self) -> str:
        """Write the lines of the next records. Return why not all of them were written, or an empty text. Raises StoreError."""
        try:
            self._tell_what_is_left_out()
            with self._lines.now() as store:
                for number, body, seal in islice(store.records(self._at), AT_ONCE):
                    self._write_one(store, number, body, seal)
                    self._at = number
            if self._is_ending:  # nobody else would tell it
                self._tell_what_is_held(math.inf)
        except OSError as fault:
            return fault.strerror or str(fault)
        finally:
            with suppress(OSError):
                self._write_place()
        return ""

    def _write_place(self) -> None:
        """Write the place in one step. If it is not yet told that records are left out, it is before them. Raises OSError."""
        at = self._at if self._left_out is None else self._left_out[0] - 1
        if at == self._kept:
            return
        fresh = self._place.with_suffix(".new")
        fresh.write_text(f"{at}\n", "ascii")
        fresh.replace(self._place)
        self._kept = at

    def _tell_what_is_left_out(self) -> None:
        if self._left_out is not None:
            first, last = self._left_out
            said = f"records {first} to {last} are not in this journal: jitd audit show --after {first - 1}"
            self._journal.send(said, priority=3, facility=AUTHPRIV, fields={"JITD_EVENT": "journal.behind"})
            self._left_out = None
        self._tell_what_is_held(self._clock())

    def _tell_what_is_held(self, now: float) -> None:
        if n := self._paced.n_held(now):
            said = f"{n} more records of people without a ticket are not in this journal: jitd audit show"
            self._journal.send(said, priority=4, facility=AUTHPRIV, fields={"JITD_EVENT": "journal.paced"})
            self._paced.begin()

    def _write_one(self, store: Store, number: int, body: bytes, seal: bytes) -> None:
        """Raises OSError if the journal does not take the line."""
        try:
            line = line_of(store, number, body, seal)
        except StoreError:  # it is read again
            raise
        except Exception:  # whatever it is: the lines of all others come
            said = f"record {number} is not a record of jitd: jitd audit verify"
            return self._journal.send(said, priority=2, facility=AUTHPRIV, fields={"JITD_RECORD": str(number)})
        if not line.by or self._paced.may(line.by):
            self._journal.send(line.message, priority=line.priority, facility=AUTHPRIV, fields=line.fields)
        if line.by:
            self._paced.count(line.by, self._clock())
        return None

    def _read_place(self, head: int) -> int:
        try:
            number = int(self._place.read_text("ascii"))
        except (OSError, ValueError):
            return head
        return number if 0 <= number <= head else head


# --- what a line says ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the journal. ``by`` is whose lines are counted with it: an account that has caused it without a ticket, or empty
    for a line that is always written.
    """

    message: str
    fields: dict[str, str | tuple[str, ...]]
    priority: int
    by: str


def line_of(store: Store, number: int, body: bytes, seal: bytes) -> LogLine:
    """Return the line of record ``number``. Raises an exception if ``body`` is not a record."""
    content = json.loads(body)
    event, id = str(content["event"]), id_in(content)
    named = _requests(content)
    found = [store.request(one) for one in named]
    asked = next(iter(found), None)
    # of a request that is missing, nobody knows who may read it; what was damaged has a sentence that tells nothing of it
    is_hidden = event != SET_ASIDE and any(one is None or words_of(one) is not None for one in found)
    sight = NOT_PERSONAL if is_hidden else EVERYTHING
    told = dict(tell("", number, body, seal, asked, None if id is None else store.values(id), sight, content).told)
    about: dict[str, str] = {}
    n_more = 0
    if is_hidden:
        told["actor"] = _actor(content, found)
    elif asked is not None:
        command, n_more = _command(asked)
        about = {"command": command, "run_as": asked.command.run_as.user}
    what = f"{shown(str(content['id']))}: " if content.get("id") else ""
    fields: dict[str, str | tuple[str, ...]] = {
        "JITD_EVENT": shown(event),
        "JITD_RECORD": str(number),
        "JITD_REQUEST": tuple(map(shown, named)),
    }
    if asked is not None:
        fields |= {
            "JITD_APPROVERS": tuple(shown(one.by.principal) for one in asked.reviews if one.verdict is Verdict.APPROVE),
            "JITD_RUN_AS": shown(asked.command.run_as.user),
        }
        if not is_hidden:
            fields |= {
                "JITD_RULE": shown(asked.rule),
                "JITD_REQUESTER": shown(asked.requester.principal),
                "JITD_COMMAND": cut(about["command"], n_more),
            }
    message = cut(what + sentence(told | {"about": about}, MOST_BYTES), n_more)
    return LogLine(message, fields, severity(classes_of(content, asked)), _by(event, content, asked))


def _requests(content: dict[str, Any]) -> list[str]:
    """Return the ids of the requests that the record is about. A use of a lease is about two: the lease comes first."""
    if life_of(content) == "lock":
        return []
    detail = detail_of(content)
    members = [detail[name] for name in _NAMING if name in detail]
    return list(dict.fromkeys(str(id)[:9] for id in (content.get("id"), *members) if id))


def _actor(content: dict[str, Any], asked: list[Request | None]) -> str:
    """Return who has done it, unless this may be the requester."""
    actor, role = str(content.get("actor")), content.get("role")
    its = {one.requester.principal for one in asked if one is not None}
    is_known = actor in PROGRAMS or actor == ROOT or role in _OTHERS
    return actor if is_known and actor not in its and None not in asked else ""


def _command(asked: Request) -> tuple[str, int]:
    """Return the command, and the number of bytes that are left out of it."""
    if isinstance(what := asked.command.what, Things):
        return " ".join(map(shown, what.names)), 0
    words, n_more = beginning(asked.command.told_argv, MOST_BYTES)
    return shown_command(words), n_more


def _by(event: str, content: dict[str, Any], asked: Request | None) -> str:
    """Return who has caused the record without a ticket, and has got nothing by it. Otherwise return an empty text."""
    if content.get("role") in _OTHERS:
        return ""
    if (row := EVENTS.get(event)) is not None and row.is_by_anybody:
        who = actor_of(content)
    elif event.startswith("request.") and asked is not None and content.get("state") != _PERMITTED:
        who = asked.requester.principal
    else:
        return ""
    return who if who.startswith((LOCAL, BY_PAM)) else ""


class _Paced:
    """Counts lines for each account. In a window of WINDOW seconds, an account may cause FREELY lines."""

    def __init__(self) -> None:
        self._since = 0.0
        self._n: dict[str, int] = {}

    def may(self, who: str) -> bool:
        """True if the next line of ``who`` is written."""
        return self._n.get(who, 0) < FREELY

    def count(self, who: str, now: float) -> None:
        """Count a line of ``who``, written or not."""
        if not self._n:
            self._since = now
        self._n[who] = self._n.get(who, 0) + 1

    def n_held(self, now: float) -> int:
        """If the window is over, return the number of lines that were not written in it. If none was held, begin another one."""
        if not self._n or now < self._since + WINDOW:
            return 0
        n = sum(max(0, one - FREELY) for one in self._n.values())
        if not n:
            self.begin()
        return n

    def begin(self) -> None:
        """Begin another window."""
        self._n.clear()
