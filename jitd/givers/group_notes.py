# SPDX-License-Identifier: Apache-2.0
"""Notes of the kind ``group``: they say which memberships jitd has made. The notes are needed because a line of group(5) does
not say who wrote it.

Law: a note is stored before the membership is made, and removed after the membership has ended. If a note cannot be read,
OSError is raised. An unreadable note is never treated as a missing note.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from pathlib import Path

from jitd.core.frozen import dataclass
from jitd.givers.durable import alone, store, sync
from jitd.givers.kind import HOLDING


@dataclass(frozen=True, slots=True)
class Note:
    """A note says that jitd made the account a member of the group, for the holding ``holding`` of the giver ``name``."""

    holding: str
    name: str
    group: str
    gid: int
    account: str
    uid: int

    def is_for(self, other: Note) -> bool:
        """True if both notes are about the same membership."""
        return (self.group, self.gid, self.uid) == (other.group, other.gid, other.uid)


class Notes:
    """Reads and writes the notes in ``directory``. Each holding has one file. The name of the file is the holding's id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock on all notes. Raises OSError."""
        return alone(self._directory)

    def read(self, holding: str) -> Note | None:
        """Return the note of ``holding``, or None if there is no note. Raises OSError."""
        file = self._file(holding)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            note = Note(**json.loads(content))
            is_whole = all(type(value) is type_ for value, type_ in zip(asdict(note).values(), _TYPES, strict=True))
        except (ValueError, TypeError):
            is_whole = False
        if not is_whole or note.holding != holding:
            raise OSError(errno.EBADMSG, "this is not the note that jitd wrote: restore it, or remove it", str(file))
        return note

    def all(self) -> list[Note]:
        """Return all notes, sorted by their file names. Raises OSError."""
        with suppress(FileNotFoundError):
            found = (self.read(name) for name in sorted(os.listdir(self._directory)) if HOLDING.fullmatch(name))
            return [note for note in found if note is not None]
        return []

    def write(self, note: Note) -> None:
        """Store ``note``. Raises OSError."""
        store(self._file(note.holding), json.dumps(asdict(note)).encode("ascii"))

    def remove(self, note: Note) -> None:
        """Remove ``note``. Raises OSError."""
        with suppress(FileNotFoundError):
            self._file(note.holding).unlink()
        sync(self._directory)

    def _file(self, holding: str) -> Path:
        if not HOLDING.fullmatch(holding):
            raise ValueError("this is not the id of a holding")
        return self._directory / holding


_TYPES = (str, str, str, int, str, int)
