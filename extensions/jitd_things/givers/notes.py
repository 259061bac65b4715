# SPDX-License-Identifier: Apache-2.0
"""Notes that givers keep of what they have given. Each holding has one file, which is named by the holding's id.

Law: when the call that writes a note returns, the whole note is on the disk. A note that cannot be read is never treated as a
missing note. Notes have no secrets.
"""

from __future__ import annotations

import errno
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar, get_type_hints

from jitd.files import durable
from jitd_things.givers.kind import HOLDING, checked_holding
from jitpam.wire import notation

N = TypeVar("N")


class Damaged(OSError):
    """A file is not a note that jitd wrote. The attributes are those of OSError."""

    def __init__(self, file: Path, what: str = "note") -> None:
        super().__init__(errno.EBADMSG, f"this is not the {what} that jitd wrote: restore it, or remove it", str(file))


class Notes(Generic[N]):
    """Reads and writes the notes in ``directory``. A note is an object of the dataclass ``kind``, whose fields are texts and
    integers. If it has a field ``holding``, this is the holding's id. The name of a file is the id with ``suffix``. The
    methods raise OSError.
    """

    def __init__(self, directory: Path, kind: type[N], suffix: str = "") -> None:
        self.directory = directory
        self._kind = kind
        self._suffix = suffix
        self._types: dict[str, Any] = get_type_hints(kind)

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock on all notes."""
        return durable.alone(self.directory)

    def clean(self) -> None:
        """Remove notes that are half written. Nobody may write one at the same time."""
        durable.clean(self.directory)

    def file(self, holding: str) -> Path:
        """Return the path of the note of ``holding``. Raises ValueError if ``holding`` is not the id of a holding."""
        return self.directory / f"{checked_holding(holding)}{self._suffix}"

    def holdings(self) -> list[str]:
        """Return the holdings that have a note, sorted."""
        with suppress(FileNotFoundError):
            names = [name.removesuffix(self._suffix) for name in os.listdir(self.directory) if name.endswith(self._suffix)]
            return sorted(name for name in names if HOLDING.fullmatch(name))
        return []

    def read(self, holding: str) -> N | None:
        file = self.file(holding)
        found = read_object(file)
        if found is None:
            return None
        if {name: type(value) for name, value in found.items()} != self._types:
            raise Damaged(file)
        note = self._kind(**found)
        if getattr(note, "holding", holding) != holding:
            raise Damaged(file)
        return note

    def all(self) -> dict[str, N]:
        found = {holding: self.read(holding) for holding in self.holdings()}
        return {holding: note for holding, note in found.items() if note is not None}

    def write(self, holding: str, note: N) -> None:
        """Store ``note`` for ``holding``. It replaces an earlier note. The directory is made if it is missing."""
        if not self.directory.is_dir():
            self.directory.mkdir(mode=0o700)
            durable.sync(self.directory.parent)
        values = asdict(note)  # type: ignore[call-overload]
        durable.store(self.file(holding), notation.write(values))

    def remove(self, holding: str) -> None:
        """Remove the note of ``holding``, if there is one."""
        self.file(holding).unlink(missing_ok=True)
        if self.directory.is_dir():
            durable.sync(self.directory)


def read_object(file: Path, what: str = "note") -> dict[str, Any] | None:
    """Return the JSON object in ``file``, or None if there is no such file. Raises OSError; Damaged calls the file a ``what``."""
    try:
        with durable.opened(file) as stream:
            content = stream.read()
    except FileNotFoundError:
        return None
    try:
        found = notation.read(content)
    except ValueError:
        found = None
    if type(found) is not dict:
        raise Damaged(file, what)
    return found
