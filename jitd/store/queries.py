# SPDX-License-Identifier: Apache-2.0
"""Queries in SQL over the whole database, for reports.

Law: only a store that was opened for reading answers queries. It shows the database at one moment, so all answers agree. Only the
programmer writes SQL, and what people typed is a parameter. A query ends in time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from time import monotonic

from jitd.store import Cell, Row, TooSlow
from jitd.store.link import Link

STEPS = 1_000_000  # instructions of SQLite's virtual machine between two looks at the clock. They take some 20 ms.


class Queries(Link):
    """The part of the store that answers queries. The methods are described in ``Store``."""

    def ask(self, sql: str, parameters: Mapping[str, Cell], *, until: float) -> list[Row]:
        if not self._is_reader:
            raise TypeError("only a store that was opened for reading answers queries")
        with self._told():
            self._db.set_progress_handler(lambda: monotonic() >= until, STEPS)
            self._db.text_factory = _text
            try:
                return self._db.execute(sql, dict(parameters)).fetchall()
            except sqlite3.OperationalError as fault:
                if getattr(fault, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
                    raise
                raise TooSlow(f"{self._path}: a query took too long, and was given up") from fault
            finally:
                self._db.text_factory = str
                self._db.set_progress_handler(None, 0)


def _text(content: bytes) -> str:
    """One damaged bit makes a name that is not UTF-8. It stands in its row, and ends no query."""
    return content.decode("utf-8", "replace")
