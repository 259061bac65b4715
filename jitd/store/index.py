# SPDX-License-Identifier: Apache-2.0
"""The indexes of the chain, by which records are found, and the searches in them.

Law: each row follows from the bodies in the chain alone, and is written in the transaction of its record. A row only proposes a
record: the reader compares it with what is sought. So a wrong row shows nothing that does not match, but a wrong or missing row
can hide a record from a search. ``misindexed`` finds every such row.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from jitd.core.sought import SUBMITTED, Sought, Traits, traits_of
from jitd.store.link import Link

AT_ONCE = 500
"""Maximum number of records that one step of a search proposes."""
WINDOW = 200_000
"""Number of records that one step of a search passes over at most, if it has no index for what is sought."""
Indexed = tuple[str, tuple[Any, ...]]
"""A row, with the name of its table."""
KNOWN = 4096
"""Number of requests whose requester is kept in memory while records are written."""


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
        people = self._people(traits)
        for table, row in rows_of(number, traits, self._high, people):
            self._db.execute(_INSERT[table], row)

    def _people(self, traits: Traits) -> set[str]:
        """Return the principals by whom the record with ``traits`` is found."""
        if traits.event == SUBMITTED and traits.about not in self._requesters:
            if len(self._requesters) >= KNOWN:
                self._requesters.clear()
            self._requesters[traits.about] = traits.actor
        return {traits.actor, self._requester(traits.about) if traits.about else ""} - {""}

    def _requester(self, id: str) -> str:
        if (known := self._requesters.get(id)) is not None:
            return known
        first = self._db.execute(
            "SELECT CAST(body AS BLOB) FROM chain WHERE number = (SELECT min(number) FROM chain_lives WHERE id = ?)", (id,)
        ).fetchone()
        traits = None if first is None else _traits(first[0])
        found = "" if traits is None or traits.event != SUBMITTED else traits.actor
        if len(self._requesters) >= KNOWN:
            self._requesters.clear()
        self._requesters[id] = found
        return found

    def find(self, after: int, sought: Sought) -> tuple[list[int], int]:
        with self._told():
            return _find(self._db, after, sought)

    def record(self, number: int) -> tuple[bytes, bytes] | None:
        with self._told():
            row = self._db.execute(f"{_RECORD} WHERE number = ?", (number,)).fetchone()
        return None if row is None else (row[0], row[1])

    def misindexed(self) -> Iterator[int]:
        wanted, found = _Sum(), _Sum()
        for _, rows in self._wanted():
            for row in rows:
                wanted.add(row)
        for row in self._indexed():
            found.add(row)
        if wanted.total != found.total:
            yield from sorted({*self._missing(), *self._invented()})

    def _missing(self) -> Iterator[int]:
        """Yield the number of each record that lacks a row."""
        for number, rows in self._wanted():
            for table, row in rows:
                if not self._has(table, row):
                    yield number

    def _invented(self) -> Iterator[int]:
        """Yield the number of each record, there or not, that has a row too many."""
        for table, row in self._indexed():
            number = int(row[0] if table == "chain_about" else row[1])
            body = self.record(number)
            traits = None if body is None else _traits(body[0])
            if traits is None or row[0] not in (number, *traits.ids, *self._people(traits)):
                yield number

    def _has(self, table: str, row: tuple[Any, ...]) -> bool:
        where = " AND ".join(f"{column} = ?" for column in _COLUMNS[table].split(", "))
        with self._told():
            return self._db.execute(f"SELECT 1 FROM {table} WHERE {where}", row).fetchone() is not None

    def _wanted(self) -> Iterator[tuple[int, list[Indexed]]]:
        """Yield the number of each record, with the rows that it must have."""
        high = 0
        with self._told():
            for number, body in self._db.execute("SELECT number, CAST(body AS BLOB) FROM chain ORDER BY number"):
                traits = _traits(body)
                high = max(high, traits.at)
                yield number, rows_of(number, traits, high, self._people(traits))

    def _indexed(self) -> Iterator[Indexed]:
        for table, columns in _COLUMNS.items():
            with self._told():
                for row in self._db.execute(f"SELECT {columns} FROM {table}"):
                    yield table, row

    def requester(self, id: str) -> str:
        with self._told():
            return self._requester(id)

    def _catch_up(self) -> None:
        """Write the rows of the newest records that have none: a database can come from a jitd without this index."""
        self._forget_index()
        with self._told():
            (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM chain_about").fetchone()
            self._db.execute("BEGIN IMMEDIATE")
            for number, body in self._db.execute("SELECT number, CAST(body AS BLOB) FROM chain WHERE number > ?", (last,)):
                self._index(number, body)
            self._db.execute("COMMIT")


_RECORD = "SELECT CAST(body AS BLOB), CAST(digest AS BLOB) FROM chain"
_COLUMNS = {"chain_about": "number, at, high, event, life", "chain_lives": "id, number", "chain_people": "principal, number, at"}
_INSERT = {table: f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns.split()))})" for table, columns in _COLUMNS.items()}


def rows_of(number: int, traits: Traits, high: int, people: Iterable[str]) -> list[Indexed]:
    """Return the rows of record ``number``, each with the name of its table. ``high`` is the greatest time of the records up to
    this one.
    """
    return [
        ("chain_about", (number, traits.at, high, traits.event, traits.about)),
        *(("chain_lives", (id, number)) for id in traits.ids),
        *(("chain_people", (person, number, traits.at)) for person in people),
    ]


def _find(db: sqlite3.Connection, after: int, sought: Sought) -> tuple[list[int], int]:
    (head,) = db.execute("SELECT coalesce(max(number), 0) FROM chain").fetchone()
    if sought.since is not None:
        after = max(after, _first(db, sought.since, head) - 1)
    since, until = sought.since or 0, 1 << 62 if sought.until is None else sought.until
    if sought.id is not None:
        said = "SELECT number FROM chain_lives WHERE id = ? AND number > ? ORDER BY number LIMIT ?"
        return _step([db.execute(said, (sought.id.partition(".")[0], after, AT_ONCE))], head)
    if sought.who is not None:
        said = "SELECT number FROM chain_people WHERE principal = ? AND number > ? AND at >= ? AND at < ? ORDER BY number LIMIT ?"
        return _step([db.execute(said, (one, after, since, until, AT_ONCE)) for one in sorted(sought.who)], head)
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

    def add(self, row: Indexed) -> None:
        self.total = (self.total + int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")) % (1 << 256)


def _traits(body: bytes) -> Traits:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    return traits_of(content if isinstance(content, dict) else {})
