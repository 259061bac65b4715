# SPDX-License-Identifier: Apache-2.0
"""Stores the signed heads of the chain in the SQLite file.
Law: a number has one checkpoint, and no checkpoint is changed or removed. They are not in the chain, which they are about. What
somebody changes here is found by its signature, and what somebody removes here is with those who have copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from jitd.audit.forms import Checkpoint
from jitd.store.link import Link

PAGE = 64  # maximum number of checkpoints that are read at one time
_ROWS = (
    "SELECT COALESCE(CAST(host AS BLOB), X''), number, COALESCE(CAST(seal AS BLOB), X''), COALESCE(CAST(at AS BLOB), X''),"
    " COALESCE(CAST(signature AS BLOB), X'') FROM checkpoints"
)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


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
                yield _checkpoint(row)
                after = row[1]
            if not rows:
                return

    def checkpoint_before(self, number: int) -> Checkpoint | None:
        with self._told():
            row = self._db.execute(f"{_ROWS} WHERE number < ? ORDER BY number DESC LIMIT 1", (number,)).fetchone()
        return None if row is None else _checkpoint(row)

    def last_checkpoint(self) -> Checkpoint | None:
        with self._told():
            row = self._db.execute(f"{_ROWS} ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else _checkpoint(row)


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    """Return the checkpoint in ``row``. A damaged one lacks a good signature, so its reader notices, and others are read."""
    host, number, seal, at, signature = row
    try:
        when = datetime.fromisoformat(at.decode("ascii")).astimezone(UTC)
    except (ValueError, OverflowError):
        when, signature = _NEVER, b""
    return Checkpoint(host.decode("ascii", "replace"), number, seal, when, signature.decode("ascii", "replace"))
