# SPDX-License-Identifier: Apache-2.0
"""Stores the texts of scripts in the SQLite file, apart from the requests that name them.
Law: a text is found by its SHA-256 alone, and what is found has this SHA-256. A text that was changed in the database is not
found.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from jitd.store.link import Link


class Texts(Link):
    """The part of the store that keeps texts. The methods are described in ``Store``."""

    def keep_texts(self, request: str, texts: Iterable[bytes]) -> None:
        rows = [(sha256(text).digest(), text) for text in texts]
        if not rows:
            return
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", rows)
                self._db.executemany("INSERT OR IGNORE INTO texts_of VALUES (?, ?)", [(request, digest) for digest, _ in rows])
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def text(self, digest: bytes) -> bytes | None:
        with self._told():
            row = self._db.execute("SELECT text FROM texts WHERE digest = ?", (digest,)).fetchone()
        found = None if row is None else row[0]
        return found if isinstance(found, bytes) and sha256(found).digest() == digest else None
