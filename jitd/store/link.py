# SPDX-License-Identifier: Apache-2.0
"""The connection to the SQLite file. This module also opens a new connection if the old one is blocked by a lock that SQLite
itself has failed to release.
Law: each error of SQLite becomes a StoreError. If a connection could not get a lock, it is never used again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from jitd.failures import Failure, count
from jitd.store import StoreError
from jitd.store.columns import COLUMNS

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
"""SQLite cannot get a lock. It may still have one, because it does not check whether an unlock succeeded."""
BUSY_MS = 5000  # how long SQLite waits for a lock that somebody else has, in milliseconds
_WHERE = "*** in database main ***"  # how SQLite begins what it says about damaged pages


class Link:
    """The part of the store that contains the connection. If ``_is_reader`` is true, the connection shows the state of the
    database at one moment, and is never opened again.
    """

    _path: Path
    _db: sqlite3.Connection
    _is_reader: bool
    _is_shut: bool

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_MS / 1000)
        self._db.execute("PRAGMA trusted_schema = OFF")
        self._db.execute("PRAGMA temp_store = MEMORY")  # jitd.service lets the daemon write no file for a sort: "disk I/O error"
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        self._is_shut = False

    def faults(self) -> Iterator[str]:
        """See ``Store.faults``. Source: https://sqlite.org/pragma.html#pragma_integrity_check."""
        for columns in COLUMNS.values():
            with self._told():
                said = self._db.execute(f"PRAGMA integrity_check({columns.table})").fetchall()
            for (fault,) in said:
                if fault != "ok":
                    yield f"{columns.table}: {' '.join(fault.removeprefix(_WHERE).split())}"
            with self._told():  # somebody may have made the table anew, without its key
                doubles = self._db.execute(f"SELECT 1 FROM {columns.table} GROUP BY id HAVING count(*) > 1 LIMIT 1").fetchall()
            if doubles:
                yield f"{columns.table}: two rows have the same id"

    def _told(self) -> _Told:
        """Return a context manager that raises StoreError for each error of SQLite. If no lock could be had, it closes the
        connection, which ends every lock of this process on the file: else one failed unlock would lock the database for ever.
        """
        return _Told(self)

    def _tell(self, fault: BaseException | None) -> None:
        """Raise StoreError if SQLite raised ``fault``."""
        if isinstance(fault, sqlite3.Error):
            if getattr(fault, "sqlite_errorcode", 0) & 0xFF in _LOCKED and not self._is_reader:  # the higher bits are details
                self._is_shut = True
                self._db.close()
            count(Failure.STORE)
            raise StoreError(f"{self._path}: {fault}") from fault
        if isinstance(fault, UnicodeDecodeError):  # the message of SQLite itself quotes the damaged bytes
            count(Failure.STORE)
            raise StoreError(f"{self._path}: the database is damaged") from fault


class _Told:
    """The context manager that ``Link._told`` returns. Each use of the database enters this context manager, so it must be fast.
    Therefore it is a class: a context manager that is made of a generator takes longer.
    """

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    def __enter__(self) -> None:
        if self._link._is_shut:
            try:
                self._link._connect()
            except BaseException as fault:
                self._link._tell(fault)
                raise

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        if fault is not None:
            self._link._tell(fault)
