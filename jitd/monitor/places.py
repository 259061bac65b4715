# SPDX-License-Identifier: Apache-2.0
"""The paths of a run's files, which outlive daemon and monitor, and the file with the outcome that a monitor leaves.

Law: a file's name is made of the directories given and of a run's id that was checked.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass

from jitd.monitor.orders import FROM_MONITOR, MAX_WORD, read_word, write_word

GO = b"go"
"""The line of a plate that says that the command, or the session, may have begun."""
ASKER, SCOPE, SESSION = b"asker ", b"scope ", b"session "
"""How lines of a login's plate begin: who asked (Asker); logind's scope, its number as a file before it; the audit
session."""


@dataclass(frozen=True, slots=True)
class Left:
    """How a run ended: one of ENDINGS, an exit status or signal number, and a sentence.

    ``recording`` is chunks, bytes and hash of what was recorded, None if nothing was.
    """

    ending: str
    number: int
    because: str
    recording: tuple[int, int, str] | None = None


def socket_path(run_dir: str) -> str:
    """Return the path of the socket at which monitors connect to the daemon."""
    return f"{run_dir}/monitors.sock"


def plate_path(run_dir: str, run: str) -> str:
    """Return the path of the run's plate. The daemon makes it before it sends the job; the monitor locks it as long as it lives.

    Its first line is the run's control group or empty, another one ``go`` once the command may have begun. Of a login it also
    says by what the session is known. It is on a file system that a restart of the host empties.
    """
    return f"{run_dir}/runs/{run}"


@dataclass(frozen=True, slots=True)
class Asker:
    """The process that asks to be let in, as it was before: ``started`` is in ticks since the boot, ``since`` in microseconds on
    the monotonic clock, ``session`` the audit session and ``group`` the control group that it had by then (empty: none).
    """

    pid: int
    started: int
    since: int
    session: int
    group: str

    def line(self) -> bytes:
        """It, as a line of the plate."""
        return ASKER + b"%d %d %d %d %s" % (self.pid, self.started, self.since, self.session, os.fsencode(self.group))


def asker_of(lines: Iterable[bytes]) -> Asker | None:
    """Who asked, by the lines of a plate; None if they do not say it. Raises ValueError."""
    for line in lines:
        if line.startswith(ASKER):
            pid, started, since, session, group = line.removeprefix(ASKER).split(b" ", 4)
            return Asker(int(pid), int(started), int(since), int(session), os.fsdecode(group))
    return None


def note(plate: int, line: bytes) -> None:
    """Add a line to a plate. Raises OSError."""
    os.pwrite(plate, line + b"\n", os.fstat(plate).st_size)


def plate_lines(plate: int) -> list[bytes]:
    """What stands on a plate that is open: its control group, and lines. Raises OSError."""
    return os.pread(plate, os.fstat(plate).st_size, 0).split(b"\n")


def outcome_path(state_dir: str, run: str) -> str:
    """Return the path of the file in which the monitor durably keeps how the run ended, until the daemon has taken that."""
    return f"{state_dir}/runs/{run}.json"


def recordings_directory(state_dir: str) -> str:
    """Return the directory of the recordings of all runs."""
    return f"{state_dir}/recordings"


def copy_directory(state_dir: str, run: str) -> str:
    """Return the directory for the copy of an approved file that others may change. The copy is executed in its place."""
    return f"{state_dir}/exec/{run}"


def write_outcome(state_dir: str, run: str, left: Left) -> None:
    """Write how a run ended. On return the file, its content and its name are durable.

    Raises OSError, and then leaves no file that is half written.
    """
    path = outcome_path(state_dir, run)
    try:
        _write_whole(path + ".new", write_word("ended", **asdict(left)))
        os.rename(path + ".new", path)
    except OSError:
        with suppress(OSError):
            os.unlink(path + ".new")
        raise
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write_whole(path: str, body: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.write(file, body) != len(body):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(file)
    finally:
        os.close(file)


def read_outcome(state_dir: str, run: str) -> Left | None:
    """Return how a run ended, as its monitor has written it; None if there is no such file. Raises ValueError and OSError."""
    try:
        with open(outcome_path(state_dir, run), "rb") as file:
            values = read_word(file.read(MAX_WORD), FROM_MONITOR)[1]
    except FileNotFoundError:
        return None
    return Left(**values)
