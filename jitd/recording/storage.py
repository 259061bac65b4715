# SPDX-License-Identifier: Apache-2.0
"""The files of recordings: their names, their access rights, their size, and which are to be removed.

Law: a name is made of a checked run id and of nothing else. A file is made once, for its owner alone, in a directory that nobody
else can use. A recording that is still being written is never removed. A pure function decides which are to be removed.
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
DAY = 24 * 60 * 60


class RecordingError(Exception):
    """The recording cannot be made, or cannot go on. The argument is a sentence."""


class Kept(NamedTuple):
    """One recording. ``size`` is in bytes. ``ended_at`` is its last change, in seconds since 1970. ``is_live``: still written.

    ``number`` is the place of its run among all runs of the record, 0 if the run is not in it. ``person`` is the run's requester.
    """

    run: str
    size: int
    ended_at: float
    is_live: bool
    number: int = 0
    person: str = ""


def sentence_of(fault: OSError) -> str:
    """Return the system's words for ``fault``."""
    return fault.strerror or os.strerror(fault.errno or errno.EIO)


def name_of(run: str) -> str:
    """Return the name of the file for a run's recording. Raises ValueError if ``run`` is not a run's id."""
    if not RUN_ID.fullmatch(run):
        raise ValueError("this is not a run's id")
    return run + SUFFIX


def run_of(name: str) -> str | None:
    """Return the run whose recording has this file name; None if it is not the name of a recording."""
    run = name.removesuffix(SUFFIX)
    return run if run != name and RUN_ID.fullmatch(run) else None


def open_directory(directory: str, *, make: bool) -> int:
    """Return a descriptor of the directory. If it is missing, ``make`` says whether to make it first.

    Raises RecordingError if the directory is a link, belongs to another user, or is open to other users.
    """
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700)
        found = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as fault:
        raise RecordingError(f"the directory of recordings cannot be opened: {sentence_of(fault)}") from None
    status = os.fstat(found)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        os.close(found)
        raise RecordingError("the directory of recordings is open to others than its owner")
    return found


def create(directory: str, run: str) -> int:
    """Make the file for the recording of ``run``, and return its descriptor. Raises RecordingError.

    The file is locked as long as this descriptor is open.
    """
    try:
        name = name_of(run)
    except ValueError as fault:
        raise RecordingError(str(fault)) from None
    above = open_directory(directory, make=True)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o600, dir_fd=above)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
    except OSError as fault:
        raise RecordingError(f"the recording cannot be made: {sentence_of(fault)}") from None
    finally:
        os.close(above)
    return file


def open_recording(directory: str, run: str) -> int:
    """Return a descriptor from which to read the recording of ``run``. Raises FileNotFoundError, RecordingError, ValueError."""
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


def survey(directory: str) -> list[Kept]:
    """Return all recordings, the oldest first; none if the directory is missing. Raises RecordingError."""
    if not os.path.lexists(directory):
        return []
    above = open_directory(directory, make=False)
    try:
        runs = [run for name in os.listdir(above) if (run := run_of(name)) is not None]
    finally:
        os.close(above)
    kept = []
    for run in runs:
        with suppress(FileNotFoundError):
            file = open_recording(directory, run)
            try:
                status = os.fstat(file)
                kept.append(Kept(run, status.st_size, status.st_mtime, is_live(file)))
            finally:
                os.close(file)
    return sorted(kept, key=lambda one: (one.ended_at, one.run))


def usage(kept: Iterable[Kept]) -> int:
    """Return the bytes that these recordings take together."""
    return sum(one.size for one in kept)


def _in_order(kept: Iterable[Kept]) -> list[Kept]:
    """Return recordings in the order of the record. Their times do not tell the order: clocks are set, and files are touched."""
    return sorted(kept, key=lambda one: (one.number, one.ended_at, one.run))


def aged(kept: Iterable[Kept], now: float, days: int) -> frozenset[str]:
    """Return the runs whose recordings ended more than ``days`` before ``now`` (seconds since 1970). Pure.

    A recording is never taken to be older than one before it in the record, whatever the clock said when it was written.
    """
    found, latest = set(), 0.0
    for one in _in_order(kept):
        latest = max(latest, min(one.ended_at, now))
        if not one.is_live and now - latest > days * DAY:
            found.add(one.run)
    return frozenset(found)


def outdated(kept: Iterable[Kept], old: Container[str], *, quota: int | None) -> list[Kept]:
    """Return which recordings to remove: those of ``old`` runs, then as many as are needed to get down to ``quota`` bytes.

    Each time the person whose recordings take the most bytes loses the oldest. So nobody loses a recording in favour of a person
    who has more. A live recording stays, and counts. ``quota`` None: no limit. Pure.
    """
    going: list[Kept] = []
    ended: dict[str, deque[Kept]] = {}
    held: Counter[str] = Counter()
    for one in _in_order(kept):
        if one.run in old and not one.is_live:
            going.append(one)
            continue
        held[one.person] += one.size
        if not one.is_live:
            ended.setdefault(one.person, deque()).append(one)
    while quota is not None and ended and held.total() > quota:
        most = max(ended, key=lambda person: (held[person], person))
        one = ended[most].popleft()
        if not ended[most]:
            del ended[most]
        held[most] -= one.size
        going.append(one)
    return going


def remove(directory: str, run: str) -> bool:
    """Remove the recording of ``run``. False if there is none, or if it is live after all. Raises RecordingError."""
    try:
        file = open_recording(directory, run)
    except FileNotFoundError:
        return False
    above = -1
    try:
        above = open_directory(directory, make=False)
        if is_live(file):
            return False
        os.unlink(name_of(run), dir_fd=above)
    except OSError as fault:
        raise RecordingError(f"the recording cannot be removed: {sentence_of(fault)}") from None
    finally:
        os.close(file)
        if above >= 0:
            os.close(above)
    return True
