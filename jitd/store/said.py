# SPDX-License-Identifier: Apache-2.0
"""Stores the values to which the chain and the documents commit (``core.values``), and forgets them. The values of one object
are one row. The rows of a request and of all that followed from it are forgotten together.

Law: a value is found by its commitment, which is computed from the row. So a value that was changed or exchanged in the database
is not found, and a row that cannot be read has no values. The values of an owner with an object that has not ended are never
forgotten.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from jitd.core.values import SALT, Entry, Values, commitment, owner_of
from jitd.store.history import spell
from jitd.store.link import BUSY_MS, Link
from jitd.store.readable import IS_JSON, member

_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(list[tuple[str, bytes, bytes]]).decode
_OF = "(id = ?1 OR id > ?1 || '.' AND id < ?1 || '/')"  # of an owner. The slash comes after the full stop
_IS_OPEN = (
    "SELECT 1 FROM requests WHERE id = ?1 AND is_open = 1"
    " UNION ALL SELECT 1 FROM grants WHERE id = ?1 AND is_open = 1"
    " UNION ALL SELECT 1 FROM locks WHERE id = ?1 AND is_open = 1"
    " UNION ALL SELECT 1 FROM owed_reviews WHERE id = ?1 AND is_open = 1"
    " UNION ALL SELECT 1 FROM runs INDEXED BY runs_open WHERE grant_id = ?1 AND is_open = 1"
    " UNION ALL SELECT 1 FROM holdings INDEXED BY holdings_open WHERE grant_id = ?1 AND is_open = 1 LIMIT 1"
)
ASKED_FOR = " UNION ".join(
    f"SELECT {member(table, 'request', 'CAST(document AS TEXT)')} FROM {table} INDEXED BY {table}_open"
    f" WHERE is_open = 1 AND {IS_JSON.format('document')}"
    for table in ("runs", "holdings")
)
AHEAD = timedelta(days=1)  # a value that was said so much later than now was said while the clock was ahead
AT_ONCE = 20_000  # records among which jumps of the clock are looked for at once
MOST = 128  # rows that are kept in memory
MOST_BYTES = 16 * 1024  # a row is kept in memory only if it has at most this number of bytes


class SaidValues(Link):
    """The part of the store that keeps values. The methods are described in ``Store``."""

    _rows: dict[str, tuple[Values, int]]

    def values(self, id: str) -> Values:
        return self._values(id)[0].copy()

    def _values(self, id: str) -> tuple[Values, int]:
        """Return the values of ``id`` with those of its owner, and the bytes of their rows. Nobody may add to these values."""
        owner = owner_of(id)
        found, size = self._row(owner)
        if id == owner:
            return found, size
        own, more = self._row(id)
        both = found.copy(id)
        both.take(own)
        return both, size + more

    def _row(self, id: str) -> tuple[Values, int]:
        if (kept := self._rows.get(id)) is not None:
            return kept
        with self._told():
            row = self._db.execute("SELECT is_forgotten, CAST(entries AS BLOB) FROM said WHERE id = ?", (id,)).fetchone()
        is_forgotten, entries = row or (0, b"")
        found = Values(id, _entries(entries), _fresh, is_forgotten=bool(is_forgotten)), len(entries)
        self._keep(id, found)
        return found

    def _keep(self, id: str, row: tuple[Values, int]) -> None:
        self._rows.pop(id, None)
        if row[1] <= MOST_BYTES:
            self._rows[id] = row
            if len(self._rows) > MOST:
                del self._rows[next(iter(self._rows))]

    def committed(self, id: str) -> frozenset[bytes]:
        with self._told():
            row = self._db.execute("SELECT CAST(entries AS BLOB) FROM said WHERE id = ?", (id,)).fetchone()
        return frozenset() if row is None else _commitments(row[0])

    def said(self, texts: Collection[str] = ()) -> Iterator[Values]:
        has_one = " OR ".join(["instr(CAST(entries AS BLOB), ?)"] * len(texts)) or "1"
        rows = f"SELECT id, is_forgotten, CAST(entries AS BLOB) FROM said WHERE {has_one}"
        with self._told():
            for id, is_forgotten, entries in self._db.execute(rows, [json.dumps(text).encode("ascii") for text in texts]):
                yield Values(id, _entries(entries), _fresh, is_forgotten=bool(is_forgotten))

    def _add(self, values: Values, at: datetime) -> None:
        """Store what was added to ``values``, inside the transaction of the caller."""
        before, _ = self._row(values.id)
        if not values.added:
            before.parts = values.parts
            return
        row = _write([(entry.field, entry.salt, entry.content) for entry in (*before, *values.added)])
        self._db.execute(
            "INSERT INTO said VALUES (?, ?, 0, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at, entries = excluded.entries",
            (values.id, spell(at), row),
        )
        now = before.copy()
        now.take(values.added)
        now.parts = values.parts
        self._keep(values.id, (now, len(row)))

    def due(self, before: datetime, most: int, now: datetime) -> list[tuple[str, int]]:
        when, to_come, found = spell(before), spell(now + AHEAD), dict[str, int]()
        with self._told():
            in_use = {request for (request,) in self._db.execute(ASKED_FOR)}
            rows = self._db.execute(
                "SELECT id FROM said INDEXED BY said_since WHERE is_forgotten = 0 AND at < ?"
                " UNION ALL SELECT id FROM said INDEXED BY said_since WHERE is_forgotten = 0 AND at > ?",
                (when, to_come),
            )
            while len(found) < most and (row := rows.fetchone()) is not None:
                owner = owner_of(row[0])
                if owner in found or owner in in_use or self._is_open(owner):
                    continue
                of = self._db.execute(f"SELECT at, CAST(entries AS BLOB) FROM said WHERE {_OF}", (owner,)).fetchall()
                if all(at < when or (at > to_come and self._known_since(owner, at, now) < when) for at, _ in of):
                    found[owner] = sum(len(_entries(entries)) for _, entries in of)
        return list(found.items())

    def _known_since(self, owner: str, at: str, now: datetime) -> str:
        """The clock was ahead when ``owner`` last had a value. Return when a record after that had a time that has come."""
        last = "SELECT max(number) FROM chain_about INDEXED BY chain_lives WHERE life = ? AND life <> ''"
        (number,) = self._db.execute(last, (owner,)).fetchone()
        if number is None:  # of a note, which an index has only by its time
            (number,) = self._db.execute("SELECT min(number) FROM chain_about WHERE high >= unixepoch(?)", (at,)).fetchone()
        row = self._db.execute(
            "SELECT at FROM chain_about WHERE number >= ? AND at > 0 AND at <= ? ORDER BY number LIMIT 1",
            (number, int(now.timestamp())),
        ).fetchone()
        return at if row is None else spell(datetime.fromtimestamp(row[0], UTC))

    def jumps(self, after: int, by: int) -> tuple[list[tuple[int, int]], int]:
        with self._told():
            (head,) = self._db.execute("SELECT coalesce(max(number), 0) FROM chain_about").fetchone()
            last = min(after + AT_ONCE, head)
            rows = self._db.execute(
                "SELECT number, gap FROM (SELECT number, at - lag(at) OVER (ORDER BY number) AS gap FROM chain_about"
                " WHERE number >= ? AND number <= ? AND at > 0) WHERE abs(gap) > ?",
                (after, last, by),
            ).fetchall()
        return rows, last

    def _is_open(self, owner: str) -> bool:
        return self._db.execute(_IS_OPEN, (owner,)).fetchone() is not None

    def _forget(self, owners: Iterable[str]) -> None:
        """Forget the values of ``owners``, inside the transaction of the caller."""
        for owner in owners:
            self._db.execute(f"UPDATE said SET entries = x'', is_forgotten = 1 WHERE {_OF} AND is_forgotten = 0", (owner,))
            self._db.execute("DELETE FROM told WHERE request = ?", (owner,))
            digests = self._db.execute("SELECT digest FROM texts_of WHERE request = ?", (owner,)).fetchall()
            self._db.execute("DELETE FROM texts_of WHERE request = ?", (owner,))
            self._db.executemany(
                "DELETE FROM texts WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM texts_of WHERE digest = ?1)", digests
            )

    def drain(self) -> bool:
        with self._told():
            self._db.execute("PRAGMA busy_timeout = 0")  # a reader is not waited for: decisions would wait, too
            try:
                busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                return False
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            return not busy


def _entries(row: bytes) -> list[Entry]:
    """Return the values in ``row``. What cannot be read has none: they are missing, of this object alone."""
    try:
        return [Entry(field, salt, said, commitment(field, salt, said)) for field, salt, said in _read(row)] if row else []
    except ValueError:
        return []


def _commitments(row: bytes) -> frozenset[bytes]:
    """Return the commitments of the values in ``row``, in hexadecimal digits. This takes half the time of ``_entries``."""
    try:
        found = [commitment(field, salt, said).hex() for field, salt, said in _read(row)] if row else []
    except ValueError:
        return frozenset()
    return frozenset(map(str.encode, found))


def _fresh() -> bytes:
    return secrets.token_bytes(SALT)
