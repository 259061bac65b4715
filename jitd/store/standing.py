# SPDX-License-Identifier: Apache-2.0
"""Stores the lists of standing privileges, beside the chain whose records name them by their digests.

Law: a list is on the disk before a record names it, and stays as long as the chain. Equal lists take the room of one.
"""

from __future__ import annotations

from hashlib import sha256

from jitd.store.link import Link


class StandingLists(Link):
    """The part of the store that keeps lists of standing privileges. The methods are described in ``Store``."""

    def keep_standing(self, document: bytes) -> str:
        digest = sha256(document).hexdigest()
        with self._told():
            self._db.execute("INSERT OR IGNORE INTO standing VALUES (?, ?)", (digest, document))
        return digest

    def standing(self, digest: str) -> bytes | None:
        with self._told():
            row = self._db.execute("SELECT CAST(document AS BLOB) FROM standing WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else row[0]
