# SPDX-License-Identifier: Apache-2.0
"""Notes with the facts that jitd needs to end a lease. Each holding has one file, in a directory that belongs to the daemon.
The notes contain no secrets.

Law: when the call that writes a note returns, the whole note is on the disk. If a note cannot be read, its lease may still
exist. The content of a note alone lets nobody read or use the lease.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from jitd.asking import json_text
from jitd.givers import durable
from jitd.givers.kind import HOLDING

MOST = 32 * 1024
SUFFIX = ".json"
_FIELDS = {"thing": str, "url": str, "namespace": str, "accessor": str, "lease": str, "until": int}


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
    """Reads and writes the notes in ``directory``. The directory is made when the first note is written. The methods raise
    NoNote.
    """

    def __init__(self, directory: Path) -> None:
        """Only the daemon of this state makes one, so files that are half written are those of a daemon that was killed."""
        self._directory = directory
        with suppress(OSError):  # they do no harm
            durable.clean(directory)

    def read(self, holding: str) -> Note | None:
        """Return the note for ``holding``, or None if there is no note."""
        file = self._file(holding)
        try:
            with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
                found = json_text.read_object(stream.read(MOST))
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise NoNote(f"{file} cannot be read: {fault.strerror}") from None
        except ValueError as fault:
            raise NoNote(f"{file} {fault}: look in the file for the lease, and end that lease by hand") from None
        if found.keys() != _FIELDS.keys() or any(type(found[name]) is not kind for name, kind in _FIELDS.items()):
            raise NoNote(f"{file} is not a note of a lease: look in the file for the lease, and end that lease by hand")
        return Note(**found)  # type: ignore[arg-type]

    def write(self, holding: str, note: Note) -> None:
        """Store ``note`` for ``holding``. The new note replaces an earlier note."""
        file = self._file(holding)
        try:
            if not self._directory.is_dir():
                self._directory.mkdir(mode=0o700)
                durable.sync(self._directory.parent)
            durable.store(file, json_text.write(asdict(note)))
        except OSError as fault:
            raise NoNote(f"{file} cannot be written, so no lease is given: {fault.strerror}") from None

    def remove(self, holding: str) -> None:
        """Remove the note for ``holding``, if there is one."""
        file = self._file(holding)
        try:
            file.unlink(missing_ok=True)
            if self._directory.is_dir():
                durable.sync(self._directory)
        except OSError as fault:
            raise NoNote(f"{file} cannot be removed: {fault.strerror}") from None

    def of(self, thing: str) -> tuple[str, ...]:
        """Return the holdings of ``thing`` that have a note."""
        try:
            files = sorted(self._directory.glob(f"*{SUFFIX}"))
        except OSError as fault:
            raise NoNote(f"{self._directory} cannot be read: {fault.strerror}") from None
        holdings = [file.name.removesuffix(SUFFIX) for file in files]
        notes = {holding: self.read(holding) for holding in holdings if HOLDING.fullmatch(holding)}
        return tuple(holding for holding, note in notes.items() if note is not None and note.thing == thing)

    def _file(self, holding: str) -> Path:
        """Return the path of the note for ``holding``. Raises ValueError if ``holding`` is not the id of a holding."""
        if not HOLDING.fullmatch(holding):
            raise ValueError("this is not the id of a holding")
        return self._directory / f"{holding}{SUFFIX}"
