# SPDX-License-Identifier: Apache-2.0
"""Reads the next records for a sink, and makes the lines that it gets. This is the work of a thread that no decision waits for.
Law: a page has only records that are committed, in the order of the record, with each checkpoint after its record. A page is
limited in number and in bytes. Of a record that is too long for the sink, only what is long goes (``fitting``).
Sinks that are shown the same get the same lines, which are made once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from jitd.audit.events import FORGOTTEN, topic_of
from jitd.audit.forms import Checkpoint, Digest, Record
from jitd.audit.telling import DAMAGED, SIGHTS, Sight, sight_outside, tell
from jitd.core.request import Request
from jitd.core.values import id_in
from jitd.store import Store
from jitd_outsiders.outside.client import write_delivery
from jitd_outsiders.outside.deliveries import MOST_EVENTS, MOST_TEXT, Deliver, Event
from jitd_outsiders.outside.sinks import kind_of
from jitd_sinks import ocsf
from jitd_sinks.settings import SinkSettings
from jitd_sinks.sinks.classes import CHECKPOINT, INFORMATIONAL, classes_of, is_denial, severity
from jitd_sinks.sinks.fitting import brief, fitting

MOST_READ = 512  # records that are read for one page. A narrowed sink does not get all of them.
MOST_BYTES = 1024 * 1024  # a page ends when the records that were read for it together have more than this number of bytes
MOST_KEPT, MOST_KEPT_BYTES = 512, 1024 * 1024  # lines that are kept for other sinks, and bytes of their records
DEADLINE_MS = 30_000  # milliseconds for the delivery of a page
UNREADABLE = "unreadable"  # the name under which the digest of a record is sent that is not in the form of jitd
UNREADABLE_SEVERITY = 2
_NO_TIME = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the record: after record ``number``, and after the checkpoint of record ``checkpoint``."""

    number: int
    checkpoint: int


@dataclass(frozen=True, slots=True)
class Page:
    """``events`` are sent with ``question``, which is empty if there is nothing to send. ``places`` contains the place after each
    event. ``end`` is the place after the page. It may be later than the last event, because a narrowed sink does not get all
    records. ``is_last`` is True if nothing followed when the page was read.
    """

    events: tuple[Event, ...]
    places: tuple[Position, ...]
    end: Position
    question: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A record as a sink sees it: ``fitting`` and ``brief`` make lines. ``denied`` is whose request was. ``size`` in bytes."""

    event: Event
    classes: frozenset[str]
    denied: str
    fitting: Callable[[int], str]
    brief: Callable[[int], str]
    size: int


class Lines:
    """Makes the lines of records for all sinks, one thread at a time. ``opened`` gives a store that shows one moment."""

    def __init__(self, host: str, opened: Callable[[], Store]) -> None:
        self.host = host
        self._opened = opened
        self._store: Store | None = None
        self._requests: dict[str, Request | None] = {}
        self._kept: dict[tuple[int, str, str], Told] = {}
        self._n_bytes = 0

    @contextmanager
    def now(self) -> Iterator[Store]:
        """Yield a store that shows this moment until the end of the block. Raises StoreError."""
        try:
            if self._store is None:
                self._store = self._opened()
            else:
                self._store.renew()
            yield self._store
            self._store.rest()
        except BaseException:
            self.close()
            raise
        finally:
            self._requests.clear()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def told(self, store: Store, number: int, body: bytes, seal: bytes, settings: SinkSettings) -> Told:
        """Return record ``number`` as a sink with these ``settings`` gets it."""
        key = number, settings.shows, settings.form
        if (known := self._kept.get(key)) is not None:
            return known
        made = self._kept[key] = self._told(store, number, body, seal, settings)
        self._n_bytes += made.size
        while len(self._kept) > MOST_KEPT or self._n_bytes > MOST_KEPT_BYTES:
            self._n_bytes -= self._kept.pop(next(iter(self._kept))).size
        return made

    def _told(self, store: Store, number: int, body: bytes, seal: bytes, settings: SinkSettings) -> Told:
        digest = hashlib.sha256(body).digest()

        def alone(room: int) -> str:
            return Digest(self.host, number, digest).line()

        try:
            content = json.loads(body)
            name, at = str(content["event"]), content["at"]
            datetime.fromisoformat(at)
            if name == FORGOTTEN:  # a line that was made before may have such a value
                self._kept.clear()
                self._n_bytes = 0
            about, sight = self._about(store, content, settings.shows)
            classes = classes_of(content, about)
            id = id_in(content)
            record = tell(self.host, number, body, seal, about, None if id is None else store.values(id), sight, content)
        except DAMAGED:
            event = Event(number, _NO_TIME, UNREADABLE, UNREADABLE_SEVERITY, alone(0))
            return Told(event, frozenset({"chain"}), "", alone, alone, len(body))
        record, level = replace(record, told={**record.told, "classes": sorted(classes)}), severity(classes)

        def line(one: Record) -> str:
            return ocsf.line(one, level) if settings.form == "ocsf" else _line(one)

        bare = replace(record, sealed=b"", values=(), digest=digest)
        denied = about.requester.person if about is not None and is_denial(content) else ""
        event = Event(number, at, name, level, line(record))
        return Told(event, classes, denied, partial(fitting, bare, line), partial(brief, bare, line), len(body))

    def _about(self, store: Store, content: dict[str, Any], shows: str) -> tuple[Request | None, Sight]:
        """Return the request that the record ``content`` is about, and what the sink may see of the record. A use of a lease is
        about two requests, and then the stricter one counts. If a request is missing, nobody knows who may see its contents.
        """
        if not topic_of(content["event"]).is_of_request:
            return None, sight_outside(shows, None)
        id = content["id"].partition(".")[0]
        other = str(content["detail"].get("request", id)).partition(".")[0]
        found = [self._request(store, one) for one in dict.fromkeys((id, other))]
        sights = [SIGHTS["id"] if one is None else sight_outside(shows, one) for one in found]
        return found[0], SIGHTS["id"] if SIGHTS["id"] in sights else sights[0]

    def _request(self, store: Store, id: str) -> Request | None:
        if id not in self._requests:
            self._requests[id] = store.request(id)
        return self._requests[id]


class Reader:
    """Reads pages for one sink, whose lines ``lines`` makes."""

    def __init__(self, settings: SinkSettings, lines: Lines) -> None:
        self._settings = settings
        self._to = settings.to
        self._lines = lines
        self._room = kind_of(settings.to).room(settings.to)
        self._takes_checkpoints = not settings.is_narrowed or "chain" in settings.classes

    def page(self, after: Position, most: int = MOST_EVENTS, *, in_brief: bool = False) -> Page:
        """Return the page after ``after``, with at most ``most`` events. If ``in_brief`` is true, each record is told with
        nothing but what every sink gets. Raises StoreError.
        """
        events: list[Event] = []
        places: list[Position] = []
        n_bytes = 0
        end, is_full = after, False
        with self._lines.now() as store:
            for event, place in self._events(store, after, in_brief=in_brief):
                if event is None:
                    end = place
                    continue
                n_bytes += len(event.text) + 1
                if n_bytes > MOST_TEXT or len(events) == most:
                    is_full = True
                    break
                events.append(event)
                places.append(place)
                end = place
            is_last = not is_full and end.number >= store.head().number
        question = write_delivery(self.question(tuple(events))) if events else b""
        return Page(tuple(events), tuple(places), end, question, is_last)

    def question(self, events: tuple[Event, ...]) -> Deliver:
        """Return the question to jitd-outside that delivers ``events``."""
        return Deliver(self._to, self._settings.name, self._lines.host, events, DEADLINE_MS)

    def _events(self, store: Store, after: Position, *, in_brief: bool) -> Iterator[tuple[Event | None, Position]]:
        """Yield each event, or None for a record that the sink does not get, and the place after it."""
        checkpoints = iter(store.checkpoints(after.checkpoint)) if self._takes_checkpoints else iter(())
        signed = next(checkpoints, None)
        place, n_read = after, 0
        for number, body, seal in islice(store.records(after.number), MOST_READ):
            while signed is not None and signed.number < number:
                place = Position(place.number, signed.number)
                yield _checkpoint(signed), place
                signed = next(checkpoints, None)
            place = Position(number, place.checkpoint if self._takes_checkpoints else number)
            told = self._lines.told(store, number, body, seal, self._settings)
            if self._is_wanted(store, told):
                yield self._fitting(told, in_brief=in_brief), place
            else:
                yield None, place
            n_read += len(body)
            if n_read > MOST_BYTES:
                break
        while signed is not None and signed.number <= place.number:
            place = Position(place.number, signed.number)
            yield _checkpoint(signed), place
            signed = next(checkpoints, None)

    def _fitting(self, told: Told, *, in_brief: bool) -> Event:
        """Return the event of ``told`` with a line that is not too long for the sink."""
        if not in_brief and len(told.event.text) <= self._room:
            return told.event
        return replace(told.event, text=(told.brief if in_brief else told.fitting)(self._room))

    def _is_wanted(self, store: Store, told: Told) -> bool:
        settings = self._settings
        if not settings.is_narrowed or told.classes & settings.classes:
            return True
        if not settings.denials or not told.denied:
            return False
        at = datetime.fromisoformat(told.event.at)
        return any(store.n_denied(told.denied, at - timedelta(seconds=one.within), at) >= one.n for one in settings.denials)


def _checkpoint(signed: Checkpoint) -> Event:
    return Event(signed.number, signed.at.isoformat(), CHECKPOINT, INFORMATIONAL, _line(signed))


def _line(one: Record | Checkpoint) -> str:
    line = one.line()
    return line.replace("\x7f", "\\u007f") if "\x7f" in line else line  # DEL, which JSON lets stand, is a control character
