# SPDX-License-Identifier: Apache-2.0
"""Checks the values to which records commit: that each is there, or was forgotten as a record says, and fits.

Law: only values of objects that have ended may be forgotten. The memory that this takes does not grow with the record: owners of
which something is missing are noted in a temporary file that nobody else can open, without their values.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitd.audit.findings import Flaw, Report, Wrong
from jitd.core.chain import detail_of
from jitd.core.duration import read_duration
from jitd.core.values import owner_of

MOST_OBJECTS = 4096  # so many objects, with their commitments, are in memory at one time
MOST_EXPLAINED = 256  # missing values for which the record is read again, to find out whether another is there instead
CLOCK_APART = 60.0  # seconds by which the time of a note may differ from the time by which its values were chosen
AHEAD = 86400.0  # seconds. What was said so long after it was forgotten has no known age: the clock was ahead
_SETTING = "record.keep = "
_AT = re.compile(rb'"at":"([^"]*)"')  # before it, only `actor`, a text in which quotation marks are escaped
_COMMITTED = re.compile(rb'\{"committed":"([0-9a-f]{64})"\}')  # no text looks like it: quotation marks are escaped


@dataclass(slots=True)
class Missing:
    """Values of an owner that are not there: the object of the first of them, the numbers of the first and the last record that
    commit to one, the commitment of the first, and the earliest time of these records.
    """

    id: str
    first: int
    last: int
    committed: bytes
    at: float


class Commitments:
    """Knows to which values of an object there are commitments, of the last few objects. ``committed`` is as in ``Said``."""

    def __init__(self, committed: Callable[[str], frozenset[bytes]]) -> None:
        self._committed = committed
        self._known: dict[str, frozenset[bytes]] = {}

    def missing(self, number: int, id: str, body: bytes) -> Iterator[tuple[str, Missing]]:
        """Yield each value that is missing, with its owner, of those to which record ``number`` about ``id`` commits."""
        found = _COMMITTED.findall(body)
        if not found or (known := self._of(id)).issuperset(found):
            return
        owner = owner_of(id)
        for one in found:
            if one not in known and (owner == id or one not in self._of(owner)):
                yield owner, Missing(id, number, number, one, _time_of(body))

    def _of(self, id: str) -> frozenset[bytes]:
        known = self._known.get(id)
        if known is None:
            if len(self._known) >= MOST_OBJECTS:
                del self._known[next(iter(self._known))]
            known = self._known[id] = self._committed(id)
        return known


class Said:
    """Checks the values of a whole record. ``committed`` returns the commitments to the values of one object, as
    ``Store.committed`` does. ``again`` returns all records and documents, each with the id of its object, to tell a value that
    was changed from one that is missing.
    """

    def __init__(
        self,
        committed: Callable[[str], frozenset[bytes]],
        again: Callable[[], Iterable[tuple[str, bytes]]],
        report: Report,
    ) -> None:
        self._committed = committed
        self._again = again
        self._report = report
        self._commitments = Commitments(committed)
        self._too_early: list[Flaw] = []
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA cache_size = -16384;"
            "CREATE TABLE missing (owner PRIMARY KEY, id, first, last, committed, at) WITHOUT ROWID;"
            "CREATE TABLE forgotten (owner PRIMARY KEY, number, before, now) WITHOUT ROWID"
        )

    def take(self, number: int, id: str, body: bytes) -> None:
        """Check the values of record ``number``, which is about the object ``id``."""
        for owner, missing in self._commitments.missing(number, id, body):
            self.miss(owner, missing)

    def miss(self, owner: str, one: Missing) -> None:
        """Take note of values that are missing, in the order of the records."""
        self._db.execute(
            "INSERT INTO missing VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET last = excluded.last, at = min(at, excluded.at)",
            (owner, one.id, one.first, one.last, one.committed, one.at),
        )

    def forget(self, number: int, content: dict[str, Any], n_open: Mapping[str, int] | None) -> None:
        """Note what record ``number`` says was forgotten. ``n_open`` counts the open objects of each owner, if it is known."""
        owners = detail_of(content).get("owners")
        if not isinstance(owners, list) or not all(isinstance(owner, str) for owner in owners):
            self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} does not say whose values were forgotten"))
            return
        setting = str(content["detail"].get("setting"))
        keep = read_duration(setting.removeprefix(_SETTING)) if setting.startswith(_SETTING) else None
        if keep is None:
            text = f"record {number} does not say by which setting values were forgotten"
            self._report(Flaw(Wrong.NOT_A_RECORD, number, text))
            return
        now = _moment(str(content.get("at")))
        before = now - keep + CLOCK_APART
        for owner in owners:
            if n_open is not None and owner in n_open:
                text = f"record {number} says that the values of {owner} were forgotten, which had not ended"
                self._too_early = self._too_early[:MOST_EXPLAINED] + [Flaw(Wrong.VALUE_MISSING, number, text)]
            self._db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?, ?, ?)", (owner, number, before, now + AHEAD))

    def end(self, *, is_whole: bool) -> None:
        """Report the values that are missing, if the record ``is_whole`` that says which were forgotten."""
        query = (
            "SELECT id, first, committed FROM missing LEFT JOIN forgotten USING (owner)"
            " WHERE number IS NULL OR number < last ORDER BY first"
        )
        for finding in self._too_early if is_whole else ():
            self._report(finding)
        early = (
            "SELECT owner, number FROM missing JOIN forgotten USING (owner)"
            " WHERE number >= last AND at > before AND at <= now ORDER BY number"
        )
        for owner, number in self._db.execute(early if is_whole else f"{early} LIMIT 0"):
            text = f"record {number} says that the values of {owner} were forgotten, earlier than its setting allows"
            self._report(Flaw(Wrong.VALUE_MISSING, number, text))
        missing = self._db.execute(query if is_whole else f"{query} LIMIT 0")
        some = missing.fetchmany(MOST_EXPLAINED)
        changed = self._changed({id for id, _, _ in some}) if some else set()
        for id, number, _ in (*some, *missing):
            if id in changed:
                text = f"a value of {id} is not the one to which record {number} commits"
                self._report(Flaw(Wrong.VALUE_DIFFERS, number, text))
            else:
                text = f"a value of {id} is missing, to which record {number} commits, and no record says that it was forgotten"
                self._report(Flaw(Wrong.VALUE_MISSING, number, text))

    def _changed(self, ids: set[str]) -> set[str]:
        """Return those of ``ids`` that have a value to which nothing commits: it is there instead of the one that is missing."""
        unknown = {id: set(self._committed(id) | self._committed(owner_of(id))) for id in ids}
        of_owner: dict[str, list[str]] = {}
        for id in ids:
            of_owner.setdefault(owner_of(id), []).append(id)
        for object, body in self._again():
            for id in of_owner.get(owner_of(object), ()):
                unknown[id].difference_update(_COMMITTED.findall(body))
        return {id for id, of in unknown.items() if of}


def _time_of(body: bytes) -> float:
    """Return the time of a record on the wall clock, in seconds since 1970."""
    found = _AT.search(body)
    return _moment("" if found is None else found[1].decode("ascii", "replace"))


def _moment(text: str) -> float:
    """Return the time ``text`` (RFC 3339) in seconds since 1970, or 0 if it is none: what has no time is as old as can be."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
