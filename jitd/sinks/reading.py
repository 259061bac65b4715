# SPDX-License-Identifier: Apache-2.0
"""Reads the next records for a sink, and makes the lines that it gets. This is the work of a thread that no decision waits for.
Law: a page has only records that are committed, in the order of the record, with each checkpoint after its record. A page is
limited in number and in bytes. A record that is too long for the sink is told with fewer parts, at last as its digest alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from jitd.audit import ocsf
from jitd.audit.forms import Checkpoint, Digest, Record
from jitd.audit.telling import SIGHTS, Sight, sight_outside, tell
from jitd.core.changed import replace
from jitd.core.frozen import dataclass
from jitd.core.request import Request
from jitd.outside.deliveries import MOST_EVENTS, MOST_TEXT, Deliver, Destination, Event, room, write_question
from jitd.settings.sinks import SinkSettings
from jitd.sinks.classes import CHECKPOINT, INFORMATIONAL, classes_of, is_denial, severity
from jitd.store import Store

MOST_READ = 512
"""Maximum number of records that are read for one page. A narrowed sink does not get all of them."""
MOST_BYTES = 1024 * 1024
"""A page ends when the records that were read for it together have more than this number of bytes."""
DEADLINE_MS = 30_000
"""Maximum time for the delivery of a page, in milliseconds."""
UNREADABLE = "unreadable"
"""The name under which the digest of a record is sent that is not in the form of jitd."""
UNREADABLE_SEVERITY = 2
_OF_REQUESTS = frozenset(["request", "grant", "run", "holding", "owed_review"])
_NO_TIME = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the record: after record ``number``, and after the checkpoint of record ``checkpoint``."""

    number: int
    checkpoint: int


@dataclass(frozen=True, slots=True)
class Page:
    """``events`` are sent with ``question``, which is empty if there is nothing to send. ``places`` contains the place after each
    event. ``end`` is the place after the page. It may be later than the last event, because a narrowed sink does not get all
    records. ``is_last`` is True if nothing followed when the page was read. ``cut`` contains the numbers of those records that
    are too long for the sink, and of which it gets the digest alone.
    """

    events: tuple[Event, ...]
    places: tuple[Place, ...]
    end: Place
    question: bytes
    is_last: bool
    cut: tuple[int, ...] = ()


class Reader:
    """Reads pages for one sink. ``opened`` returns a store for reading, which shows one moment."""

    def __init__(self, settings: SinkSettings, to: Destination, host: str, opened: Callable[[], Store]) -> None:
        self._settings = settings
        self._to = to
        self._host = host
        self._opened = opened
        self._room = room(to)
        self._takes_checkpoints = not settings.is_narrowed or "chain" in settings.classes

    def page(self, after: Place) -> Page:
        """Return the page after ``after``. Raises StoreError."""
        events: list[Event] = []
        places: list[Place] = []
        cut: list[int] = []
        n_bytes = 0
        end, is_full = after, False
        with closing(self._opened()) as store:
            for event, place, is_cut in self._events(store, after):
                if event is None:
                    end = place
                    continue
                n_bytes += len(event.text) + 1
                if n_bytes > MOST_TEXT or len(events) == MOST_EVENTS:
                    is_full = True
                    break
                events.append(event)
                places.append(place)
                end = place
                cut += [event.number] if is_cut else []
            is_last = not is_full and end.number >= store.head().number
        question = write_question(self.question(tuple(events))) if events else b""
        return Page(tuple(events), tuple(places), end, question, is_last, tuple(cut))

    def question(self, events: tuple[Event, ...]) -> Deliver:
        """Return the question to jitd-outside that delivers ``events``."""
        return Deliver(self._settings.name, self._host, self._to, events, DEADLINE_MS)

    def _events(self, store: Store, after: Place) -> Iterator[tuple[Event | None, Place, bool]]:
        """Yield each event, the place after it, and whether it was cut. For a record that the sink does not get, yield None and
        the place after the record.
        """
        teller = _Teller(self._settings, self._host, store, self._room)
        checkpoints = self._checkpoints(store, after)
        signed = next(checkpoints, None)
        place, n_read = after, 0
        for number, body, seal in islice(store.records(after.number), MOST_READ):
            while signed is not None and signed.number < number:
                place = Place(place.number, signed.number)
                yield _checkpoint(signed), place, False
                signed = next(checkpoints, None)
            place = Place(number, place.checkpoint if self._takes_checkpoints else number)
            event, is_cut = teller.event(number, body, seal)
            yield event, place, is_cut
            n_read += len(body)
            if n_read > MOST_BYTES:
                break
        while signed is not None and signed.number <= place.number:
            place = Place(place.number, signed.number)
            yield _checkpoint(signed), place, False
            signed = next(checkpoints, None)

    def _checkpoints(self, store: Store, after: Place) -> Iterator[Checkpoint]:
        return iter(store.checkpoints(after.checkpoint)) if self._takes_checkpoints else iter(())


class _Teller:
    """Makes the events of one page. ``store`` shows the moment of this page."""

    def __init__(self, settings: SinkSettings, host: str, store: Store, room: int) -> None:
        self._settings = settings
        self._host = host
        self._store = store
        self._room = room
        self._requests: dict[str, Request | None] = {}

    def event(self, number: int, body: bytes, seal: bytes) -> tuple[Event | None, bool]:
        """Return the event of one record. Also return True if the sink gets the digest of the record alone. For a record that the
        sink does not get, return None.
        """
        digest = hashlib.sha256(body).digest()
        try:
            content = json.loads(body)
            name, at = str(content["event"]), datetime.fromisoformat(content["at"])
            about, sight = self._about(content)
            classes = classes_of(content, about)
            if not self._is_wanted(classes, content, about, at):
                return None, False
            record = tell(self._host, number, body, seal, about, None, sight)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Event(number, _NO_TIME, UNREADABLE, UNREADABLE_SEVERITY, Digest(self._host, number, digest).line()), False
        if self._settings.is_narrowed:
            record = replace(record, told={**record.told, "classes": sorted(classes)})
        bare = replace(record, sealed=b"", values=(), digest=digest)
        level = severity(classes)
        text = next((line for each in (record, bare) if len(line := self._line(each, level)) <= self._room), "")
        is_cut = not text
        return Event(number, content["at"], name, level, text or Digest(self._host, number, digest).line()), is_cut

    def _line(self, record: Record, level: int) -> str:
        return ocsf.line(record, level) if self._settings.form == "ocsf" else _line(record)

    def _is_wanted(self, classes: frozenset[str], content: dict[str, Any], about: Request | None, at: datetime) -> bool:
        settings = self._settings
        if not settings.is_narrowed or classes & settings.classes:
            return True
        if not settings.denials or about is None or not is_denial(content):
            return False
        person = about.requester.person
        return any(self._store.n_denied(person, at - timedelta(seconds=one.within), at) >= one.n for one in settings.denials)

    def _about(self, content: dict[str, Any]) -> tuple[Request | None, Sight]:
        """Return the request that the record ``content`` is about, and what the sink may see of the record. A use of a lease is
        about two requests, and then the stricter one counts. If a request is missing, nobody knows who may see its contents.
        """
        shows = self._settings.shows
        if content["event"].partition(".")[0] not in _OF_REQUESTS:
            return None, sight_outside(shows, None)
        id = content["id"].partition(".")[0]
        other = str(content["detail"].get("request", id)).partition(".")[0]
        found = [self._request(one) for one in dict.fromkeys((id, other))]
        sights = [SIGHTS["id"] if one is None else sight_outside(shows, one) for one in found]
        return found[0], SIGHTS["id"] if SIGHTS["id"] in sights else sights[0]

    def _request(self, id: str) -> Request | None:
        if id not in self._requests:
            self._requests[id] = self._store.request(id)
        return self._requests[id]


def _checkpoint(signed: Checkpoint) -> Event:
    return Event(signed.number, signed.at.isoformat(), CHECKPOINT, INFORMATIONAL, _line(signed))


def _line(one: Record | Checkpoint) -> str:
    return one.line().replace("\x7f", "\\u007f")  # JSON lets DEL stand in a text; a line for a collector has no control character
