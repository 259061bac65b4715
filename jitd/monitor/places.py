# SPDX-License-Identifier: Apache-2.0
"""The paths of a run's files. The files of a run remain if the daemon or the monitor is killed. This module also reads and writes
the file with the outcome.

Law: the path of a file consists only of a given directory and the checked id of a run.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from jitd.files.durable import sync
from jitd.monitor.orders import FROM_MONITOR, MAX_WORD, HowItEnded, Left, Unwritten

GO = b"go"  # a line of a plate (see `plate_path`): the command or the session may have begun
STARTED = b"started "  # before the process of the command, on a plate: the command has begun
INIT = b"init "
"""Begins a plate's line with the pid of the run's init and its start time in clock ticks since the boot."""
STANDS = b"stands "  # on the plate of a run that edits or removes files, before a sentence about which of them are done
EMPTY = b"empty"  # on a plate: none is left, but for dead ones that a tracer keeps, and the init of the run
ASKER, SCOPE, SESSION = b"asker ", b"scope ", b"session "
"""The first words of three lines on the plate of a login. The line ``asker`` contains the process that asked for the login
(Asker). The line ``scope`` contains the inode and the path of logind's scope. The line ``session`` contains the audit session.
"""


def socket_path(run_dir: str) -> str:
    """Return the path of the socket at which monitors connect to the daemon."""
    return f"{run_dir}/monitors.sock"


def plate_path(run_dir: str, run: str) -> str:
    """Return the path of the run's plate, a file that says where the processes of the run are. The daemon creates the plate
    before it sends the job. The monitor keeps the plate locked as long as the monitor lives.

    The first line of the plate is the path of the run's control group, or empty. The line ``go`` is added before the command
    can begin, and the line ``started`` when it has begun. The line ``init`` is there if the run has a pid namespace. The plate
    of a login also contains the lines ``asker``, ``scope`` and ``session``. The plate is stored in a file system that is empty
    after a restart of the host.
    """
    return f"{run_dir}/runs/{run}"


@dataclass(frozen=True, slots=True)
class Asker:
    """The process that asked for a login. The fields describe the process before jitd moved it to another control group.
    ``started`` is the start time of the process in clock ticks since the boot. ``since`` is the time when the process asked for
    the login, in microseconds on the monotonic clock. ``session`` and ``group`` are the audit session and the control group of
    the process at that time. An empty ``group`` means that the process had no control group.
    """

    pid: int
    started: int
    since: int
    session: int
    group: str

    def line(self) -> bytes:
        """Return this process as a line for the plate (the file about the login session)."""
        return ASKER + b"%d %d %d %d %s" % (self.pid, self.started, self.since, self.session, os.fsencode(self.group))


def asker_of(lines: Iterable[bytes]) -> Asker | None:
    """Return the process that asked for the login. ``lines`` are the lines of the plate (the file about the login session).
    Return None if no line names this process. Raises ValueError.
    """
    for line in lines:
        if line.startswith(ASKER):
            pid, started, since, session, group = line.removeprefix(ASKER).split(b" ", 4)
            return Asker(int(pid), int(started), int(since), int(session), os.fsdecode(group))
    return None


def started_at(pid: int) -> int:
    """Return the process's start in clock ticks since the boot (proc(5), ``stat``), or -1 if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return -1


def init_of(lines: Iterable[bytes]) -> tuple[int, int] | None:
    """Return the pid and the start time of the init of the run's pid namespace. ``lines`` are the lines of the plate. Return None
    if the run has no pid namespace. Raises ValueError.
    """
    for line in lines:
        if line.startswith(INIT):
            pid, started = map(int, line.removeprefix(INIT).split())
            return pid, started
    return None


def note(plate: int, line: bytes) -> None:
    """Add ``line`` to the open plate of a run (see ``plate_path``). Raises OSError."""
    os.pwrite(plate, line + b"\n", os.fstat(plate).st_size)


def plate_lines(plate: int) -> list[bytes]:
    """Return the lines of an open plate (``plate_path``), of which the first is the run's control group. Raises OSError."""
    return os.pread(plate, os.fstat(plate).st_size, 0).split(b"\n")


def outcome_path(state_dir: str, run: str) -> str:
    """Return the path of the file with the outcome of the run. The monitor stores the outcome durably in this file. The monitor
    removes the file when the daemon has confirmed the receipt of the outcome.
    """
    return f"{state_dir}/runs/{run}.json"


def recordings_directory(state_dir: str) -> str:
    return f"{state_dir}/recordings"


def copy_directory(state_dir: str, run: str) -> str:
    """Return the directory for the copy of an approved file. The copy is executed if others may change the file itself."""
    return f"{state_dir}/exec/{run}"


def write_outcome(state_dir: str, run: str, left: HowItEnded) -> None:
    """Write the outcome ``left`` of a run. When this function returns, the file, its content and its name are durable.

    Raises OSError and ValueError. After an OSError, there is no incomplete file.
    """
    path = outcome_path(state_dir, run)
    try:
        _write_whole(path + ".new", FROM_MONITOR.write(left))
        os.rename(path + ".new", path)
    except OSError:
        with suppress(OSError):
            os.unlink(path + ".new")
        raise
    sync(os.path.dirname(path))


def _write_whole(path: str, body: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.write(file, body) != len(body):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(file)
    finally:
        os.close(file)


def read_outcome(state_dir: str, run: str) -> HowItEnded | None:
    """Return the outcome that the run's monitor has written, or None without one. Raises ValueError and OSError."""
    try:
        with open(outcome_path(state_dir, run), "rb") as file:
            left = FROM_MONITOR.read(file.read(MAX_WORD))
    except FileNotFoundError:
        return None
    if not isinstance(left, Left | Unwritten):
        raise ValueError("not an outcome")
    return left
