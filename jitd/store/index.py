# SPDX-License-Identifier: Apache-2.0
"""The indexes of the chain, by which records are found, and the searches in them.

Law: each row follows from the bodies in the chain alone, and is written in the transaction of its record. A row only proposes a
record: the reader compares it with what is sought. So a wrong row shows nothing that does not match, but a wrong or missing row
can hide a record from a search. ``misindexed`` finds every such row.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from jitd.core.sought import SUBMITTED, Sought, Traits, traits_of
from jitd.store.link import Link

AT_ONCE = 500  # records that one step of a search proposes
WINDOW = 200_000  # records that one step of a search passes over at most, if it has no index for what is sought
KNOWN = 4096  # requests whose requester is kept in memory while records are written


class Index(Link):
    """The part of the store that finds records. The methods are described in ``Store``."""

    _requesters: dict[str, str]
    _high: int | None

    def _forget_index(self) -> None:
        """Forget what is known of the index. Call this after a commit that failed, and before the first one."""
        self._requesters, self._high = {}, None

    def _index(self, number: int, body: bytes) -> None:
        """Write the rows of record ``number`` in the transaction that is open. Raises sqlite3.Error."""
        traits = _traits(body)
        if self._high is None:
            row = self._db.execute(
                "SELECT high FROM chain_about WHERE number < ? ORDER BY number DESC LIMIT 1", (number,)
            ).fetchone()
            self._high = 0 if row is None else int(row[0])
        self._high = max(self._high, traits.at)
        about, names = self._rows_of(number, traits, self._high)
        self._db.execute(_ABOUT, about)
        for row in names:
            self._db.execute(_NAME, row)

    def _rows_of(self, number: int, traits: Traits, high: int) -> tuple[tuple[Any, ...], list[tuple[str, int]]]:
        """Return the record's row in chain_about and its rows in chain_names. ``high``: the greatest time up to this one."""
        requester = self._requester(traits) if traits.about else ""
        actor = "" if traits.actor == requester else traits.actor
        row = number, traits.at, high, traits.event, traits.about, actor, requester
        return row, [(id, number) for id in traits.ids[1:]]

    def _requester(self, traits: Traits) -> str:
        if (known := self._requesters.get(traits.about)) is not None:
            return known
        return self._know(traits.about, traits.actor if traits.event == SUBMITTED else self._first_actor(traits.about))

    def _know(self, id: str, requester: str) -> str:
        if len(self._requesters) >= KNOWN:
            self._requesters.clear()
        self._requesters[id] = requester
        return requester

    def _first_actor(self, id: str) -> str:
        """Return who acted in the first record about ``id``, if it is the submission of a request."""
        first = self._db.execute(_FIRST, (id,)).fetchone()
        traits = None if first is None else _traits(first[0])
        return "" if traits is None or traits.event != SUBMITTED else traits.actor

    def find(self, after: int, sought: Sought) -> tuple[list[int], int]:
        with self._told():
            return _find(self._db, after, sought)

    def about(self, id: str) -> tuple[int, int] | None:
        with self._told():
            first, newest = (self._db.execute(f"SELECT {which}{_OF_LIFE}", (id,)).fetchone()[0] for which in _ENDS)
        return None if first is None or newest is None else (first, newest)

    def record(self, number: int) -> tuple[bytes, bytes] | None:
        with self._told():
            row = self._db.execute(f"{_RECORD} WHERE number = ?", (number,)).fetchone()
        return None if row is None else (row[0], row[1])

    def indexed(self, after: int) -> Indexed:
        with self._told():
            row = self._db.execute("SELECT high FROM chain_about WHERE number = ?", (after,)).fetchone()
            rows = self._db.execute("SELECT * FROM chain_about WHERE number > ? ORDER BY number", (after,))
        return Indexed(self, rows, 0 if row is None else row[0])

    def is_indexed(self, last: int, names: int) -> bool:
        found = _Sum()
        with self._told():
            if self._db.execute("PRAGMA integrity_check(chain_about)").fetchone() != ("ok",):
                return False
            for row in self._db.execute("SELECT * FROM chain_names"):
                found.add(row)
            (n,) = self._db.execute("SELECT count(*) FROM chain_about").fetchone()
            before = self._db.execute("SELECT 1 FROM chain WHERE number < 1 LIMIT 1").fetchone()
        return n == last and found.total == names and before is None

    def misindexed(self) -> Iterator[int]:
        with self._told():
            if self._db.execute("PRAGMA integrity_check(chain_about)").fetchone() != ("ok",):
                yield 0
        wanted, found = _Sum(), _Sum()
        for row in self._wanted():
            wanted.add(row)
        for row in self._indexed():
            found.add(row)
        if wanted.total != found.total:
            yield from sorted({*self._missing(), *self._invented()})

    def _wanted(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that there must be."""
        high = 0
        with self._told():
            for number, body in self._db.execute("SELECT number, CAST(body AS BLOB) FROM chain ORDER BY number"):
                traits = _traits(body)
                high = max(high, traits.at)
                about, names = self._rows_of(number, traits, high)
                yield about
                yield from names

    def _indexed(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that there are."""
        for table in ("chain_about", "chain_names"):
            with self._told():
                yield from self._db.execute(f"SELECT * FROM {table}")

    def _missing(self) -> Iterator[int]:
        """Yield the number of each record that lacks a row."""
        for row in self._wanted():
            found = "chain_names WHERE id = ? AND number = ?" if len(row) == 2 else "chain_about WHERE number = ?"
            with self._told():
                if self._db.execute(f"SELECT * FROM {found}", row if len(row) == 2 else row[:1]).fetchone() != row:
                    yield row[1] if len(row) == 2 else row[0]

    def _invented(self) -> Iterator[int]:
        """Yield the number of each record, there or not, that has a row too many."""
        for row in self._indexed():
            number = row[1] if len(row) == 2 else row[0]
            body = self.record(number)
            if body is None or (len(row) == 2 and row[0] not in _traits(body[0]).ids[1:]):
                yield number

    def requester(self, id: str) -> str:
        with self._told():
            known = self._requesters.get(id)
            return self._know(id, self._first_actor(id)) if known is None else known


class Indexed:
    """Compares the rows of chain_about after a record with the records that follow it. ``high`` is as in ``Index._rows_of``. The
    rows of chain_names are few, and have another order: ``names`` is the sum of those that there must be.
    """

    def __init__(self, index: Index, rows: sqlite3.Cursor, high: int) -> None:
        self._index = index
        self._rows = rows
        self._high = high
        self._names = _Sum()

    @property
    def names(self) -> int:
        return self._names.total

    def fits(self, number: int, content: Mapping[str, Any]) -> bool:
        """True if record ``number``, which is the next one, has the row that it must have."""
        traits = traits_of(content)
        if traits.at > self._high:
            self._high = traits.at
        try:
            about, names = self._index._rows_of(number, traits, self._high)
            is_same = next(self._rows, None) == about
        except sqlite3.Error as fault:
            self._index._tell(fault)
            raise
        for row in names:
            self._names.add(row)
        return is_same


_RECORD = "SELECT CAST(body AS BLOB), CAST(digest AS BLOB) FROM chain"
_ABOUT = "INSERT INTO chain_about VALUES (?, ?, ?, ?, ?, ?, ?)"
_NAME = "INSERT INTO chain_names VALUES (?, ?)"
_OF_LIFE = " FROM chain_about INDEXED BY chain_lives WHERE life = ? AND life <> ''"
_ENDS = ("min(number)", "max(number)")
_FIRST = f"SELECT CAST(body AS BLOB) FROM chain WHERE number = (SELECT min(number){_OF_LIFE})"
_RANGE = "number > ? AND at >= ? AND at < ? ORDER BY number LIMIT ?"
_BY_ACTOR = f"SELECT number FROM chain_about INDEXED BY chain_actors WHERE actor = ? AND actor <> '' AND {_RANGE}"
_BY_REQUESTER = f"SELECT number FROM chain_about INDEXED BY chain_requesters WHERE requester = ? AND requester <> '' AND {_RANGE}"
_BY_LIFE = (
    "SELECT number FROM chain_about INDEXED BY chain_lives WHERE life = ? AND life <> '' AND number > ? ORDER BY number LIMIT ?"
)
_BY_NAME = "SELECT number FROM chain_names WHERE id = ? AND number > ? ORDER BY number LIMIT ?"


def _find(db: sqlite3.Connection, after: int, sought: Sought) -> tuple[list[int], int]:
    (head,) = db.execute("SELECT coalesce(max(number), 0) FROM chain").fetchone()
    if sought.since is not None:
        after = max(after, _first(db, sought.since, head) - 1)
    since, until = sought.since or 0, 1 << 62 if sought.until is None else sought.until
    if sought.id is not None:
        id = sought.id.partition(".")[0]
        return _step([db.execute(by, (id, after, AT_ONCE)) for by in (_BY_LIFE, _BY_NAME)], head)
    if sought.who is not None:
        asked = [(by, (one, after, since, until, AT_ONCE)) for one in sorted(sought.who) for by in (_BY_ACTOR, _BY_REQUESTER)]
        return _step([db.execute(*one) for one in asked], head)
    event = "*" if sought.event is None else sought.event.replace("[", "[[]") + ("*" if sought.event.endswith(".") else "")
    rule = "" if sought.rule is None else " AND EXISTS (SELECT 1 FROM requests WHERE id = life AND rule = ?)"
    last = min(after + WINDOW, head)
    rows = db.execute(
        "SELECT number FROM chain_about WHERE number > ? AND number <= ? AND at >= ? AND at < ? AND event GLOB ?"
        f"{rule} ORDER BY number LIMIT ?",
        (after, last, since, until, event, *(() if sought.rule is None else (sought.rule,)), AT_ONCE),
    )
    return _step([rows], last)


def _step(found: Iterable[Iterable[tuple[int]]], last: int) -> tuple[list[int], int]:
    """Return the first numbers of all ``found``, and the number up to which nothing else can be found."""
    numbers = sorted({number for rows in found for (number,) in rows})[:AT_ONCE]
    return numbers, numbers[-1] if len(numbers) == AT_ONCE else last


def _first(db: sqlite3.Connection, since: int, head: int) -> int:
    """Return the number of the first record up to which somebody's clock had reached ``since``. No earlier record is as new."""
    low, above = 1, head + 1
    while low < above:
        middle = (low + above) // 2
        row = db.execute("SELECT high FROM chain_about WHERE number >= ? ORDER BY number LIMIT 1", (middle,)).fetchone()
        if row is not None and row[0] < since:
            low = middle + 1
        else:
            above = middle
    return low


class _Sum:
    """A sum over rows, in which their order does not matter. Rows that differ have another sum (SHA-256)."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, row: tuple[Any, ...]) -> None:
        self.total = (self.total + int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")) % (1 << 256)


def _traits(body: bytes) -> Traits:
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        content = None
    return traits_of(content if isinstance(content, dict) else {})
