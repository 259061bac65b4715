# SPDX-License-Identifier: Apache-2.0
"""Notes with the facts that jitd needs to end a lease. Each holding has one file, in a directory that belongs to the daemon.
The notes contain no secrets.

Law: if a note cannot be read, its lease may still exist. The content of a note alone lets nobody read or use the lease.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jitd_things.givers.notes import Damaged, Notes


class NoNote(Exception):
    """A note cannot be read, written or removed. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Note:
    """A lease or a certificate for a holding of ``thing``. jitd requested it from the server ``url`` in the namespace
    ``namespace``.

    ``accessor`` is the accessor of the holding's own token. ``lease`` is the id of the lease that was read with this token.
    ``accessor`` and ``lease`` are empty until their values are known. A note without an ``accessor`` is about a certificate. A
    certificate ends by itself. ``until`` is the time when the lease or the certificate ends, in seconds since 1970.
    """

    thing: str
    url: str
    namespace: str
    accessor: str = ""
    lease: str = ""
    until: int = 0


class LeaseNotes:
    """The notes in ``directory``, which the first one makes. The methods raise NoNote."""

    def __init__(self, directory: Path) -> None:
        """Only the daemon of this state makes one, so files that are half written are those of a daemon that was killed."""
        self._notes = Notes(directory, Note, ".json")
        with suppress(OSError):  # they do no harm
            self._notes.clean()

    def read(self, holding: str) -> Note | None:
        with _told(self._notes.file(holding), "cannot be read"):
            return self._notes.read(holding)

    def write(self, holding: str, note: Note) -> None:
        """Store ``note`` for ``holding``. The new note replaces an earlier note."""
        with _told(self._notes.file(holding), "cannot be written, so no lease is given"):
            self._notes.write(holding, note)

    def remove(self, holding: str) -> None:
        with _told(self._notes.file(holding), "cannot be removed"):
            self._notes.remove(holding)

    def of(self, thing: str) -> tuple[str, ...]:
        with _told(self._notes.directory, "cannot be read"):
            return tuple(holding for holding, note in self._notes.all().items() if note.thing == thing)


@contextmanager
def _told(file: Path, what: str) -> Iterator[None]:
    """Raise NoNote instead of OSError: it says that ``file`` ``what``, and why."""
    try:
        yield
    except Damaged as fault:
        hint = "look in the file for the lease, and end that lease by hand"
        raise NoNote(f"{fault.filename} is not a note of a lease: {hint}") from None
    except OSError as fault:
        raise NoNote(f"{file} {what}: {fault.strerror}") from None
