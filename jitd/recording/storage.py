# SPDX-License-Identifier: Apache-2.0
"""Manages the files of recordings: names, access rights, sizes, and the removal of old recordings.

Law: a file name contains only a checked run id. A file is created only once. Only the owner of a file can use the file and the
directory of recordings. A recording that is still being written is never removed. A pure function chooses the recordings to
remove.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections import Counter, deque
from collections.abc import Container, Iterable
from contextlib import suppress
from typing import NamedTuple

from jitd.recording.form import RUN_ID

SUFFIX = ".recording"
UNNAMED = "."  # the first character of a file's name while the file is not locked yet. `run_of` accepts no such name.
DAY = 24 * 60 * 60
BLOCK = 512  # the unit of `st_blocks`, in bytes (stat(2))


class RecordingError(Exception):
    """The recording cannot be started, or cannot be continued. The argument is a sentence."""


class Kept(NamedTuple):
    """One recording. ``size`` is in bytes: what the recording takes of the disk, which is several times its content if that is
    short. ``ended_at`` is the time of the file's last change, in seconds since 1970. ``is_live`` is True if the recording is
    still being written.

    ``number`` is the position of the run among all runs in the record. ``number`` is 0 if the record does not contain the run.
    ``person`` is the requester of the run.
    """

    run: str
    size: int
    ended_at: float
    is_live: bool
    number: int = 0
    person: str = ""


def sentence_of(fault: OSError) -> str:
    return fault.strerror or os.strerror(fault.errno or errno.EIO)


def name_of(run: str) -> str:
    """Return the name of the file for a run's recording. Raises ValueError if ``run`` is not the id of a run."""
    if not RUN_ID.fullmatch(run):
        raise ValueError("this is not a run's id")
    return run + SUFFIX


def run_of(name: str) -> str | None:
    """Return the run whose recording has the file name ``name``. Return None if ``name`` is not the name of a recording."""
    run = name.removesuffix(SUFFIX)
    return run if run != name and RUN_ID.fullmatch(run) else None


def open_directory(directory: str, *, make: bool) -> int:
    """Return a descriptor of the directory. If ``make`` is True, create a missing directory first.

    Raises FileNotFoundError if the directory is missing and ``make`` is False. Raises RecordingError if the directory is a link,
    if it belongs to another user, or if other users can use it.
    """
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700)
        found = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as fault:
        if isinstance(fault, FileNotFoundError) and not make:
            raise
        raise RecordingError(f"the directory of recordings cannot be opened: {sentence_of(fault)}") from None
    status = os.fstat(found)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        os.close(found)
        raise RecordingError("the directory of recordings must belong to this user, and other users must not have access")
    return found


def create(directory: str, run: str) -> int:
    """Create the file for the recording of ``run``, and return its descriptor. Raises RecordingError.

    The file is locked as long as this descriptor is open. It gets its name only after it is locked. So a reader never finds a new
    recording that is not locked yet, which would look like one that has ended.
    """
    try:
        name = name_of(run)
    except ValueError as fault:
        raise RecordingError(str(fault)) from None
    above = open_directory(directory, make=True)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(UNNAMED + name, flags, 0o600, dir_fd=above)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _refuse_second(name, above)  # a second monitor of this run would have failed at the hidden name until now
            os.rename(UNNAMED + name, name, src_dir_fd=above, dst_dir_fd=above)
        except BaseException:
            os.close(file)
            os.unlink(UNNAMED + name, dir_fd=above)
            raise
    except OSError as fault:
        raise RecordingError(f"the recording cannot be made: {sentence_of(fault)}") from None
    finally:
        os.close(above)
    return file


def _refuse_second(name: str, above: int) -> None:
    with suppress(FileNotFoundError):
        os.stat(name, dir_fd=above, follow_symlinks=False)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def open_recording(directory: str, run: str) -> int:
    """Return a descriptor for reading the recording of ``run``. Raises FileNotFoundError, RecordingError, ValueError."""
    above = open_directory(directory, make=False)
    try:
        file = os.open(name_of(run), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as fault:
        raise RecordingError(f"the recording cannot be read: {sentence_of(fault)}") from None
    finally:
        os.close(above)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise RecordingError("the recording is not a regular file")
    return file


def is_live(file: int) -> bool:
    """True while a process writes the recording that is open as ``file``."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def runs_in(directory: str) -> list[str]:
    """Return the runs that have recordings. Return an empty list if the directory is missing. Raises RecordingError."""
    if not os.path.lexists(directory):
        return []
    above = open_directory(directory, make=False)
    try:
        return [run for name in os.listdir(above) if (run := run_of(name)) is not None]
    finally:
        os.close(above)


def look_at(directory: str, runs: Iterable[str]) -> list[Kept]:
    """Return the recordings of ``runs`` that are still there, the oldest first. Raises RecordingError."""
    kept = []
    for run in runs:
        with suppress(FileNotFoundError):
            file = open_recording(directory, run)
            try:
                status = os.fstat(file)
                size = max(status.st_size, status.st_blocks * BLOCK)
                kept.append(Kept(run, size, status.st_mtime, is_live(file)))
            finally:
                os.close(file)
    return sorted(kept, key=lambda one: (one.ended_at, one.run))


def usage(kept: Iterable[Kept]) -> int:
    """Return the total number of bytes of these recordings."""
    return sum(one.size for one in kept)


def _in_order(kept: Iterable[Kept]) -> list[Kept]:
    """In the order of the record, and not by file times, because people can set clocks and change file times."""
    return sorted(kept, key=lambda one: (one.number, one.ended_at, one.run))


def aged(kept: Iterable[Kept], now: float, days: int) -> frozenset[str]:
    """Return the runs whose recordings ended more than ``days`` before ``now`` (seconds since 1970). Pure.

    The time of a recording is the latest of several file times: the time of this recording's file, and the times of all earlier
    recordings in the record. Therefore the order of the record decides, even if a clock was wrong.
    """
    found, latest = set(), 0.0
    for one in _in_order(kept):
        latest = max(latest, min(one.ended_at, now))
        if not one.is_live and now - latest > days * DAY:
            found.add(one.run)
    return frozenset(found)


def outdated(kept: Iterable[Kept], old: Container[str], *, quota: int | None) -> list[Kept]:
    """Return the recordings to remove. First, the recordings of the runs in ``old`` are chosen. Then further recordings are
    chosen until the remaining recordings have at most ``quota`` bytes. A live recording is not removed.

    Each step finds the person whose ended recordings have the most bytes, and chooses this person's oldest recording. So a person
    with many bytes loses their own recordings first. Live recordings cost only their own person: at most as many bytes of this
    person's ended recordings as the live ones have. Therefore all recordings together can have more than ``quota`` bytes while
    some are live. If ``quota`` is None, there is no limit. Pure.
    """
    going: list[Kept] = []
    ended: dict[str, deque[Kept]] = {}
    held: Counter[str] = Counter()
    live: Counter[str] = Counter()
    for one in _in_order(kept):
        if one.is_live:
            live[one.person] += one.size
        elif one.run in old:
            going.append(one)
        else:
            ended.setdefault(one.person, deque()).append(one)
            held[one.person] += one.size
    if quota is None:
        return going

    def remove_oldest(person: str) -> None:
        one = ended[person].popleft()
        held[person] -= one.size
        going.append(one)

    while held.total() > quota:
        remove_oldest(max(held, key=lambda person: (held[person], person)))
    for person in sorted(live):
        stays = held[person] - live[person]
        while ended.get(person) and held[person] > stays and held.total() + live[person] > quota:
            remove_oldest(person)
    return going


def remove(directory: str, run: str) -> bool:
    """Remove the recording of ``run``. Return False if there is none, or it is live. Raises RecordingError."""
    try:
        above = open_directory(directory, make=False)
    except FileNotFoundError:
        return False
    file = -1
    try:
        with suppress(FileNotFoundError):
            os.unlink(UNNAMED + name_of(run), dir_fd=above)  # a process that was killed in ``create`` has left it
        file = open_recording(directory, run)
        if is_live(file):
            return False
        os.unlink(name_of(run), dir_fd=above)
    except FileNotFoundError:
        return False
    except OSError as fault:
        raise RecordingError(f"the recording cannot be removed: {sentence_of(fault)}") from None
    finally:
        os.close(above)
        if file >= 0:
            os.close(file)
    return True
