# SPDX-License-Identifier: Apache-2.0
"""The kind of sink ``file``: writes events into a file, one line an event.

Law: lines are on the disk (fsync) before they are confirmed. A batch that could not be written whole is cut off again, so a file
ends with the end of a line. What a crash left behind the last end of a line was never confirmed: it is cut off, and is delivered
again. A file is renamed or opened anew only between two batches. If another program has moved the file away in the meantime, the
batch is written to a new file too. Only regular files that belong to this process are written.
Sources: fsync(2), logrotate(8).
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jitd_outsiders.outside.deliveries import MOST_TEXT, Delivered, Event, Lines
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.outcome import TAKEN, Outcome, delivered
from jitd_outsiders.outside.sink import Sink, SinkKind

if TYPE_CHECKING:
    from jitd.core.toml_table import Table

DIRECTORY = Path("/var/log/jitd-outside")  # LogsDirectory= of jitd-helper@outside.service
MODE = 0o640  # the group of jitd-outside may read a file. A program that collects it on this host needs this group.
MOST_TORN = 2 * MOST_TEXT  # bytes behind the last end of a line that a crash can leave, which is more than one batch
MOST_TRIES = 3
MIB = 1024 * 1024
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class FileKind(SinkKind):
    name = "file"
    question = "deliver_lines"
    destination = Lines
    keys = ("file", "mib", "keep")
    own = "file"
    usually_shows = "command"

    def read(self, table: Table, owner: int | None, keys_at: Path) -> tuple[Lines, tuple[Path | None, ...]]:
        table.needs("file")
        name = table.text("file", "record.jsonl")
        if not _FILE.fullmatch(name):
            table.fault('"file" must be the name of a file in /var/log/jitd-outside, such as "record.jsonl"', "file")
        return Lines(name, table.number("mib", 64, 0, 1 << 20) * MIB, table.number("keep", 8, 0, 999)), ()

    def opened(self, to: Lines, keys: Keys) -> Sink:
        return FileSink(to)


class LineFile:
    """The file ``settings.name`` in ``directory``."""

    def __init__(self, settings: Lines, directory: Path = DIRECTORY) -> None:
        self._settings = settings
        self._directory = directory
        self._path = directory / settings.name
        self._descriptor = -1
        self._turn = threading.Lock()

    def write(self, lines: Sequence[str]) -> None:
        """Write ``lines``, and return when they are on the disk. Raises OSError. Then none of the lines is in the file, as far as
        the file system has allowed it to remove them. This function blocks, and may be called from several threads.
        """
        content = "".join(f"{line}\n" for line in lines).encode("ascii")
        with self._turn:
            try:
                for _ in range(MOST_TRIES):
                    self._open()
                    self._rotate(len(content))
                    self._append(content)
                    if self._is_in_place():
                        return
                raise OSError(0, f"another program moves {self._path} away again and again")
            except BaseException:
                self._forget()
                raise

    def close(self) -> None:
        with self._turn:
            self._forget()

    def _forget(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_in_place(self) -> bool:
        """True if the path leads to the open file."""
        if self._descriptor < 0:
            return False
        opened = os.fstat(self._descriptor)
        try:
            found = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)

    def _open(self) -> None:
        if self._is_in_place():
            return
        self._forget()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, MODE)
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            raise OSError(0, f"{self._path} is not a regular file of its own that belongs to jitd-outside: move it away")
        os.fchmod(self._descriptor, MODE)  # whatever the umask is
        self._mend(found.st_size)
        self._keep_names()

    def _mend(self, size: int) -> None:
        """Cut off a line that has no end."""
        start = max(0, size - MOST_TORN)
        tail = os.pread(self._descriptor, size - start, start)
        if not tail or tail.endswith(b"\n"):
            return
        end = tail.rfind(b"\n") + 1
        if end or not start:
            os.ftruncate(self._descriptor, start + end)
        else:  # nothing of ours is that long, so it stays
            os.write(self._descriptor, b"\n")

    def _rotate(self, n_more: int) -> None:
        """Rename the file if it would become too long."""
        settings = self._settings
        size = os.fstat(self._descriptor).st_size
        if not settings.rotate_at or not size or size + n_more <= settings.rotate_at:
            return
        self._forget()
        for number in range(settings.keep, 0, -1):
            older = self._directory / f"{settings.name}.{number - 1}" if number > 1 else self._path
            with suppress(FileNotFoundError):
                os.rename(older, self._directory / f"{settings.name}.{number}")
        if not settings.keep:
            os.unlink(self._path)
        self._open()

    def _append(self, content: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):  # if another program has emptied the file meanwhile, a longer one would begin with zeros
                os.ftruncate(self._descriptor, min(size, os.fstat(self._descriptor).st_size))
            raise

    def _keep_names(self) -> None:
        """Write the names in the directory to the disk."""
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class FileSink:
    """See ``sink.Sink``."""

    def __init__(self, to: Lines) -> None:
        self._file = LineFile(to)

    async def deliver(self, events: Sequence[Event], sender: str, found: list[Outcome]) -> Delivered:
        from asyncio import to_thread  # what only reads settings needs no event loop

        if events:
            await to_thread(self._file.write, [event.text for event in events])
        found += [TAKEN] * len(events)
        return delivered(found, len(events), "")

    async def close(self) -> None:
        from asyncio import to_thread

        await to_thread(self._file.close)

    def told(self, fault: Exception) -> str:
        return f"the file cannot be written: {(isinstance(fault, OSError) and fault.strerror) or fault}"
