# SPDX-License-Identifier: Apache-2.0
"""Notes of the kind ``account``: they say which accounts jitd has made and which uids were used.

Law: a note is stored before the account is made, and removed after the account is removed. A uid is noted as used before an
account gets this uid. The note about the uid is kept forever. If a note cannot be read, OSError is raised. An unreadable note is
never treated as a missing note.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jitd.givers.durable import alone, store, sync
from jitd.givers.kind import HOLDING
from jitd.settings.account_uids import Range

NOTES = Path("/var/lib/jitd-givers/accounts")
USED = "used-uids"


@dataclass(frozen=True, slots=True)
class Note:
    """A note says that jitd made this account for the holding ``holding`` of the giver ``name``. The account's uid is also its
    gid.

    ``key`` is a line of the file of keys. With this line, sshd lets the holder log in. ``key`` is empty if there is no key.
    ``expires`` is the day on which the account expires, in days since 1970. ``holder`` is the uid of the holder's own account, or
    0 in a note of an earlier version.
    """

    holding: str
    name: str
    account: str
    uid: int
    home: str
    shell: str
    key: str
    expires: int
    holder: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """The uids that were used. ``searched`` are the ranges of uids for which the host's files were searched. ``boot`` is the id
    of the boot in which the files were searched. ``begun`` says when an account was last made for whom: the uid of the holder's
    own account, and the time in seconds since 1970.
    """

    uids: tuple[Range, ...] = ()
    boot: str = ""
    searched: tuple[Range, ...] = ()
    begun: tuple[tuple[int, int], ...] = ()


class Notes:
    """Reads and writes the notes in ``directory``. Each holding has one file. The name of the file is the holding's id. Another
    file contains the uids that were used.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock on all notes. Raises OSError."""
        return alone(self._directory)

    def read(self, holding: str) -> Note | None:
        """Return the note of ``holding``, or None if there is no note. Raises OSError."""
        note: Note | None = self._read(self._file(holding), lambda found: Note(**_present(found)))
        if note is not None and (note.holding != holding or not _is_whole(note)):
            raise self._damaged(self._file(holding))
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
        if self._directory.is_dir():
            sync(self._directory)

    def used(self) -> Used:
        """Return the uids that were used. The file with these uids also says for which uids jitd has searched the host's files.
        This part of the file is used only if jitd itself wrote the file in this boot. jitd recognizes its own file by the inode,
        because a file that was restored from a backup has another inode. Raises OSError.
        """
        file = self._directory / USED
        found: dict[str, Any] | None = self._read(file, dict)
        if found is None:
            return Used()
        try:
            uids = tuple((int(first), int(last)) for first, last in found["uids"])
            is_ours = os.stat(file).st_ino == found["inode"]
            searched = tuple((int(first), int(last)) for first, last in found["searched"])
            begun = tuple((int(holder), int(at)) for holder, at in found.get("begun", ()))
            return Used(uids, str(found["boot"]), searched, begun) if is_ours else Used(uids, begun=begun)
        except (KeyError, TypeError, ValueError):
            raise self._damaged(file) from None

    def use(self, used: Used) -> None:
        """Store ``used``. ``used`` must contain all uids that were stored before. Raises OSError."""
        file = self._directory / USED
        new = file.with_name(f".{USED}.new")
        with suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as stream:
            inode = os.fstat(descriptor).st_ino
            stream.write(json.dumps({**asdict(used), "inode": inode}).encode("ascii"))
            stream.flush()
            os.fsync(descriptor)
        os.rename(new, file)
        sync(self._directory)

    def _read(self, file: Path, made: Callable[[dict[str, Any]], Any]) -> Any:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return made(json.loads(content))
        except (ValueError, TypeError):
            raise self._damaged(file) from None

    def _damaged(self, file: Path) -> OSError:
        return OSError(errno.EBADMSG, "this is not the file that jitd wrote: restore it, or remove it", str(file))

    def _file(self, holding: str) -> Path:
        if not HOLDING.fullmatch(holding):
            raise ValueError("this is not the id of a holding")
        return self._directory / holding


_TYPES = (str, str, str, int, str, str, str, int, int)


def _present(found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a note. A note of an earlier version also has supplementary groups, which the account's entry has."""
    return {field: value for field, value in found.items() if field != "groups"}


def _is_whole(note: Note) -> bool:
    return all(type(value) is type_ for value, type_ in zip(asdict(note).values(), _TYPES, strict=True))
