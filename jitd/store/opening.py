# SPDX-License-Identifier: Apache-2.0
"""Opens the store that this host keeps its state in.

Law: the one place that knows of what kind a store is; everybody else has a ``Store``.
"""

from __future__ import annotations

from pathlib import Path

from jitd.store import Store
from jitd.store.sqlite import SqliteStore


def file_of(state: Path) -> Path:
    """The database in the state directory."""
    return state / "jitd.db"


def open_store(state: Path) -> Store:
    """The daemon's own: made where there is none, and carried over where its schema is older. Raises StoreError."""
    return SqliteStore(file_of(state))


def read_store(file: Path, *, is_alone: bool = False) -> Store:
    """One moment of the store in ``file``, to read and never to write, whatever a daemon does meanwhile. ``is_alone``: no daemon
    runs on it. Raises StoreError.
    """
    return SqliteStore.reading(file, is_alone=is_alone)
