# SPDX-License-Identifier: Apache-2.0
"""Opens the store with the state of this host.
Law: only this module knows what kind of store is used. All other modules use the protocol ``Store``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jitd.store import KeepsCursors, Store, earlier
from jitd.store.cursors import CursorFile
from jitd.store.sqlite import SqliteStore


def file_of(state: Path) -> Path:
    return state / "jitd.db"


def open_store(state: Path, words_key: Path, copied: Callable[[Path], None] = lambda made: None) -> Store:
    """Open the daemon's store, and make or migrate its database, after ``copied`` got a copy. ``words_key`` is the file of the
    key for masked words, outside ``state`` and in memory. Raises StoreError.
    """
    return SqliteStore(file_of(state), words_key, copied)


def drop_copies(state: Path, now: datetime) -> None:
    """Remove the copies of older databases in the directory ``state`` whose time is over at ``now``. Raises OSError."""
    earlier.drop(file_of(state), now)


def read_store(file: Path, *, is_alone: bool = False) -> Store:
    """Open the store in ``file`` for reading only. The returned store shows the state at one moment, even if a daemon writes
    meanwhile. ``is_alone`` is true if no daemon has this store open. Raises StoreError.
    """
    return SqliteStore.reading(file, is_alone=is_alone)


def open_cursors(file: Path) -> KeepsCursors:
    """Open the store in ``file`` for cursors alone. Nothing is opened before the first use."""
    return CursorFile(file)
