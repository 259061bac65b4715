# SPDX-License-Identifier: Apache-2.0
"""Stores in the SQLite file how far each sink has the record.
Law: a cursor may be lost, and then records are sent again. So a cursor is written without a wait for the disk, by a connection of
its own: no decision waits for it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from jitd.store import Cursor
from jitd.store.link import Link

_KEEP = "INSERT OR REPLACE INTO sinks (name, begun, number, checkpoint, is_used) VALUES (?, ?, ?, ?, ?)"


class Cursors(Link):
    """The part of the store that keeps cursors. The methods are described in ``Store``."""

    def cursors(self) -> dict[str, Cursor]:
        with self._told():
            rows = self._db.execute("SELECT name, begun, number, checkpoint, is_used FROM sinks").fetchall()
        return {name: Cursor(name, begun, number, checkpoint, bool(is_used)) for name, begun, number, checkpoint, is_used in rows}

    def keep_cursor(self, cursor: Cursor) -> None:
        with self._told():
            self._db.execute(_KEEP, (cursor.sink, cursor.begun, cursor.number, cursor.checkpoint, int(cursor.is_used)))


class CursorFile(Cursors):
    """Keeps cursors in the database at ``path``, which the daemon's store has made. Any thread may use it, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_reader, self._is_shut = False, True

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=5.0, check_same_thread=False)
        self._db.execute("PRAGMA trusted_schema = OFF")
        self._db.execute("PRAGMA temp_store = MEMORY")  # see link
        self._db.execute("PRAGMA synchronous = NORMAL")  # with a write-ahead log: no wait for the disk, and no damage
        self._db.execute("PRAGMA wal_autocheckpoint = 0")  # the daemon's store does it
        self._is_shut = False

    def close(self) -> None:
        if not self._is_shut:
            self._is_shut = True
            self._db.close()
