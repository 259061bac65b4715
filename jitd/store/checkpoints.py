# SPDX-License-Identifier: Apache-2.0
"""Stores the signed heads of the chain in the SQLite file.
Law: a number has one checkpoint, and no checkpoint is changed or removed. They are not in the chain, which they are about. What
somebody changes here is found by its signature, and what somebody removes here is with those who have copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jitd.audit.forms import Checkpoint
from jitd.store import StoreError
from jitd.store.link import Link

PAGE = 64
"""Maximum number of checkpoints that are read at one time."""
_ROWS = "SELECT host, number, seal, at, signature FROM checkpoints"


class Checkpoints(Link):
    """The part of the store that keeps checkpoints. The methods are described in ``Store``."""

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        one = checkpoint
        with self._told():
            self._db.execute(
                "INSERT INTO checkpoints (number, host, seal, at, signature) VALUES (?, ?, ?, ?, ?)",
                (one.number, one.host, one.seal, one.at.isoformat(timespec="seconds"), one.signature),
            )

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        while True:
            with self._told():
                rows = self._db.execute(f"{_ROWS} WHERE number > ? ORDER BY number LIMIT ?", (after, PAGE)).fetchall()
            for row in rows:
                yield self._checkpoint(row)
                after = row[1]
            if not rows:
                return

    def last_checkpoint(self) -> Checkpoint | None:
        with self._told():
            row = self._db.execute(f"{_ROWS} ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else self._checkpoint(row)

    def _checkpoint(self, row: tuple[Any, ...]) -> Checkpoint:
        host, number, seal, at, signature = row
        try:
            return Checkpoint(host, number, seal, datetime.fromisoformat(at), signature)
        except (ValueError, TypeError) as fault:
            raise StoreError(f"{self._path}: checkpoint {number} cannot be read: {fault}") from fault
