# SPDX-License-Identifier: Apache-2.0
"""Keeps in memory the objects that were committed or read last. Also keeps the ids for which the database had no object. To
answer one message, jitd may read the same few objects up to ten times.
Law: objects never change, so the same object may be returned many times. The kept objects are correct as long as only this store
writes to the database. After a failed commit, all kept objects are dropped, and the database is read again. The number and the
size of the objects are limited.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from jitd.store import Change, Life, T

MOST = 128  # objects that are kept. If there are more objects, those that were kept first are dropped.
MOST_BYTES = 16 * 1024  # an object is kept only if its document and its values have at most this number of bytes


class Unread(Enum):
    """``Kept.get`` returns UNREAD for an object that must be read from the database."""

    UNREAD = "unread"


class Kept:
    """Maps a class and an id to the object that is kept in memory. If the database has no object with this id, None is kept."""

    __slots__ = ("_objects",)

    def __init__(self) -> None:
        self._objects: dict[tuple[type, str], Life | None] = {}

    def get(self, life: type[T], id: str) -> T | Literal[Unread.UNREAD] | None:
        """Return what is kept: an object, None if the database has none, or UNREAD if nothing is kept."""
        return self._objects.get((life, id), Unread.UNREAD)  # type: ignore[return-value]

    def put(self, life: type, id: str, found: Life | None, n_bytes: int) -> None:
        """Keep ``found``, whose document and values have ``n_bytes`` bytes. Drop the earlier version of this object."""
        self._objects.pop((life, id), None)
        if n_bytes > MOST_BYTES:
            return
        self._objects[life, id] = found
        if len(self._objects) > MOST:
            del self._objects[next(iter(self._objects))]

    def note(self, change: Change, n_bytes: int) -> None:
        """Keep the object of ``change``, which was just committed to the database, with values of ``n_bytes`` bytes."""
        self.put(type(change.after), change.after.id, change.after, len(change.document) + n_bytes)
