# SPDX-License-Identifier: Apache-2.0
"""The connection to the SQLite file, and what becomes of it when a lock is in its own way.

Law: what SQLite raises becomes a StoreError. A connection that could not have a lock is never used again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jitd.store import StoreError

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
"""What SQLite says if it cannot have a lock. Its own may be in the way: it does not ask whether the kernel has taken one back."""


class Link:
    """The part of the store that holds the connection. ``_is_reader``: it shows one moment, and is never opened anew."""

    _path: Path
    _db: sqlite3.Connection
    _is_reader: bool
    _is_shut: bool

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=5.0)
        self._db.execute("PRAGMA trusted_schema = OFF")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._is_shut = False

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise StoreError for what SQLite raises. Close a connection that could not have a lock; the next use opens a new one.
        Closing ends every lock of this process on the file. Else an unlock that failed once would lock the database for good.
        """
        try:
            if self._is_shut:
                self._connect()
            yield
        except sqlite3.Error as fault:
            if getattr(fault, "sqlite_errorcode", 0) & 0xFF in _LOCKED and not self._is_reader:  # a number's rest is a detail
                self._is_shut = True
                self._db.close()
            raise StoreError(f"{self._path}: {fault}") from fault
        except UnicodeDecodeError as fault:  # SQLite's own message quotes the damaged bytes
            raise StoreError(f"{self._path}: it is damaged") from fault
