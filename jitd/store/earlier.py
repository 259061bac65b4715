# SPDX-License-Identifier: Apache-2.0
"""Copies of the database from before a step of its schema, which only the version before can take back.

Law: no step is made before its copy is whole on the disk. A copy has what ``[record] keep`` forgets, so it goes after KEPT_FOR.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

from jitd.store import StoreError

KEPT_FOR = timedelta(days=30)


def copy(db: sqlite3.Connection, path: Path, schema: int) -> Path:
    """Copy ``db`` of ``path``, of version ``schema``, to a file beside it, and return that. Raises StoreError: no copy."""
    made, begun = path.with_name(f"{path.name}.schema-{schema}"), path.with_name(f"{path.name}.copying")
    try:
        begun.unlink(missing_ok=True)
        os.close(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(begun)) as into:
            into.execute("PRAGMA journal_mode = OFF")  # no other file: the copy is made anew if it does not come about
            into.execute("PRAGMA synchronous = FULL")
            db.backup(into)
        begun.replace(made)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except (OSError, sqlite3.Error) as fault:
        with suppress(OSError):
            begun.unlink(missing_ok=True)
        size = path.stat().st_size >> 20
        raise StoreError(
            f"{path}: no copy could be made before its schema changes ({fault}), so it stays as it is: see that there are "
            f"{size + 1} MiB free beside it, and start jitd again"
        ) from fault
    return made


def drop(path: Path, now: datetime) -> None:
    """Remove the copies of the database ``path`` whose time is over at ``now``. Raises OSError."""
    for made in path.parent.glob(f"{path.name}.schema-*"):
        if made.stat().st_mtime < (now - KEPT_FOR).timestamp():
            made.unlink()
