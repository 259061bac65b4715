# SPDX-License-Identifier: Apache-2.0
"""Checks the receipts of a whole record: each by itself (``receipted``), and that no statement comes twice.

Law: memory does not grow with the record: the statements are noted in a temporary file that nobody else can open.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from jitd.audit.receipted import BadReceipt, Told, check_begun, check_receipt, check_sealed, countersigns
from jitd.core.chain import detail_of

Records = Callable[[int], Iterator[tuple[int, bytes, bytes]]]  # the records after a number, as of ``Store``
_MARK = b'"receipt":'  # quotes in a text have a backslash before them


def stated_in(content: dict[str, Any], body: bytes) -> bytes | None:
    """Return the digest of the statement in the receipt of a record, or None if it has no receipt."""
    if _MARK not in body or (found := detail_of(content).get("receipt")) is None:
        return None
    statement = found.get("statement") if isinstance(found, dict) else found
    return hashlib.sha256(str(statement).encode("utf-8", "backslashreplace")).digest()


class Receipts:
    """``records`` returns the records after a number, and ``read`` the content of one, or None if it has none."""

    def __init__(self, records: Records, read: Callable[[bytes], dict[str, Any] | None]) -> None:
        self._records = records
        self._read = read

    def check(self, number: int, content: dict[str, Any]) -> None:
        """Check the receipt of record ``number``. Raises BadReceipt."""
        record = Told(number, None, content)  # a record says only in its checkpoints of which host it is
        statement, _ = check_receipt(record)
        begun, newest = countersigns(record, statement)
        for sealed in {begun, newest}:
            found, about, seal = next(self._records(sealed.number - 1), (0, b"", b""))
            told = self._read(about or b"") if found == sealed.number else None
            one = None if told is None else Told(found, None, told)
            check_sealed(statement, sealed, one is None or seal != sealed.seal, one)
            if one is not None and sealed == begun:
                check_begun(statement, one)


class Once:
    """Knows in which record each statement came first."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; CREATE TABLE stated (digest PRIMARY KEY, number) WITHOUT ROWID",
        )

    def take(self, number: int, digest: bytes) -> None:
        """Raises BadReceipt if the statement came before."""
        self._db.execute("INSERT OR IGNORE INTO stated VALUES (?, ?)", (digest, number))
        ((before,),) = self._db.execute("SELECT number FROM stated WHERE digest = ?", (digest,))
        if before != number:
            raise BadReceipt(f"has the statement of record {before} again: what was signed once was used twice")
