# SPDX-License-Identifier: Apache-2.0
"""Checks the receipts of a whole record: each by itself (``receipted``), and that no statement comes twice.

Law: memory does not grow with the record: the statements are noted in a temporary file that nobody else can open.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from jitd.audit.forms import Checkpoint
from jitd.audit.host_names import renamed_in
from jitd.audit.receipt import Statement
from jitd.audit.receipted import (
    ISSUED,
    SCREENED,
    BadReceipt,
    Told,
    check_begun,
    check_issued,
    check_receipt,
    check_screened,
    check_sealed,
    check_time,
    countersigns,
)
from jitd.core.chain import detail_of
from jitd.core.sought import Sought


class Chain(Protocol):
    """What is read of a database. See ``Store``."""

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]: ...
    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]: ...
    def last_checkpoint(self) -> Checkpoint | None: ...
    def find(self, after: int, sought: Sought) -> tuple[list[int], int]: ...


FEW = 16  # records that are read again for each receipt of a request
AGAIN = "has the statement of record {} again: what was signed once was used twice"
_MARK = b'"receipt":'  # quotes in a text have a backslash before them


def stated_in(content: dict[str, Any], body: bytes) -> bytes | None:
    """Return the digest of the statement in the receipt of a record, or None if it has no receipt."""
    if _MARK not in body or (found := detail_of(content).get("receipt")) is None:
        return None
    statement = found.get("statement") if isinstance(found, dict) else found
    return hashlib.sha256(str(statement).encode("utf-8", "backslashreplace")).digest()


class Receipts:
    """``read`` returns the content of a record, or None if it has none."""

    def __init__(self, chain: Chain, read: Callable[[bytes], dict[str, Any] | None]) -> None:
        self._chain = chain
        self._read = read
        self._next: Checkpoint | None = None
        self._followed = Followed()

    def check(self, number: int, content: dict[str, Any]) -> int:
        """Check the receipt of record ``number``, which is later than that of the call before. Return the number of the record
        that began its matter: no receipt of this matter comes before it. Raises BadReceipt.
        """
        record = Told(number, self._host_at(number), content)
        statement, _ = check_receipt(record)
        begun, newest = countersigns(record, statement)
        for sealed in {begun, newest}:
            found, about, seal = next(self._chain.records(sealed.number - 1), (0, b"", b""))
            told = self._read(about or b"") if found == sealed.number else None
            one = None if told is None else Told(found, None, told)
            check_sealed(statement, sealed, one is None or seal != sealed.seal, one)
            if one is not None and sealed == begun:
                check_begun(statement, one)
            if one is not None and sealed == newest:
                check_time(record, statement, one)
        if isinstance(statement, Statement):
            self._check_what_followed(statement)
        return begun.number

    def _check_what_followed(self, statement: Statement) -> None:
        """Compare the statement with the first screening of its request and with its grant, of which there is one."""
        id, screened, issued, n_read, content = statement.id, 0, 0, 0, dict[str, Any]()
        for number in self._followed.of(id) or self._since(statement):
            content = self._content(number)
            n_read += 1
            if content.get("id") != id:
                continue
            if content.get("event") == SCREENED and not screened:
                screened = number
                check_screened(statement, Told(number, None, content))
            elif content.get("event") == ISSUED:
                issued = number
                break
        if n_read > FEW:
            self._followed.keep(id, screened, issued)
        if issued:
            check_issued(statement, Told(issued, None, content))

    def _since(self, statement: Statement) -> Iterator[int]:
        """Yield the number of each record since the submission that the request of the ``statement`` is named in."""
        number, found = statement.submitted.number, [0]
        while found:
            found, after = self._chain.find(number, Sought(id=statement.id))
            yield from found
            number = after

    def _content(self, number: int) -> dict[str, Any]:
        _, body, _ = next(self._chain.records(number - 1), (0, b"", b""))
        return self._read(body or b"") or {}

    def _host_at(self, number: int) -> str | None:
        """Return the host of the next checkpoint: a record itself does not say whose it is. The last records may have no
        checkpoint yet, and have the host of the last one, or what this one's record calls it. Without any, it is not known.
        """
        if self._next is None or self._next.number < number:
            self._next = next(self._chain.checkpoints(number - 1), None) or self._chain.last_checkpoint()
        if self._next is None or self._next.number >= number:
            return None if self._next is None else self._next.host
        _, body, _ = next(self._chain.records(self._next.number - 1), (0, b"", b""))
        renamed = renamed_in(self._next.number, self._read(body or b"") or {})
        return self._next.host if renamed is None else renamed.host


class Followed:
    """Knows the records to read for a request after whose submission many were found, because it may have many receipts."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; CREATE TABLE followed (id PRIMARY KEY, screened, issued) WITHOUT ROWID",
        )

    def of(self, id: str) -> tuple[int, int] | None:
        return self._db.execute("SELECT screened, issued FROM followed WHERE id = ?", (id,)).fetchone()  # type: ignore[no-any-return]

    def keep(self, id: str, screened: int, issued: int) -> None:
        self._db.execute("INSERT INTO followed VALUES (?, ?, ?)", (id, screened, issued))


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
            raise BadReceipt(AGAIN.format(before))

    def number_of(self, digest: bytes) -> int | None:
        found = self._db.execute("SELECT number FROM stated WHERE digest = ?", (digest,)).fetchone()
        return None if found is None else int(found[0])
