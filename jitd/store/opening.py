# SPDX-License-Identifier: Apache-2.0
"""Opens the store in which this host keeps its state.

Law: only this module knows which kind of store there is. All other modules have a ``Store``.
"""

from __future__ import annotations

from pathlib import Path

from jitd.store import Store
from jitd.store.sqlite import SqliteStore


def file_of(state: Path) -> Path:
    """Return the path of the database in the directory ``state``."""
    return state / "jitd.db"


def open_store(state: Path) -> Store:
    """Open the daemon's store. Create the database if there is none, and migrate a database with an older schema. Raises
    StoreError.
    """
    return SqliteStore(file_of(state))


def read_store(file: Path, *, is_alone: bool = False) -> Store:
    """Open the store in ``file`` for reading only. The result shows one moment, whatever a daemon writes in the meantime.
    ``is_alone``: no daemon has this store open. Raises StoreError.
    """
    return SqliteStore.reading(file, is_alone=is_alone)
