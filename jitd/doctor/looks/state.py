# SPDX-License-Identifier: Apache-2.0
"""The state directory and what is in it. Law: the database is opened to be read; a lock that a writer may want is never taken."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from jitd.audit.verify import Finding as Disagreement
from jitd.audit.verify import verify
from jitd.core.chain import GENESIS, Broken, Seal, follow
from jitd.doctor.checks.state import FileSystem, Kept, Record
from jitd.monitor.places import recordings_directory
from jitd.recording.storage import DAY, run_of
from jitd.store import StoreError
from jitd.store.sqlite import SqliteStore

MOST_PROVED = 5_000
"""Records that are proved with all that they tell of; of a longer record only the last so many are looked at."""


def file_system(state: Path) -> FileSystem:
    """Where the directory is."""
    room = os.statvfs(state)
    began = time.monotonic()
    synced_in, why_not = None, ""
    try:
        _sync(state)
        synced_in = time.monotonic() - began
    except OSError as fault:
        why_not = fault.strerror or "it fails"
    inodes = room.f_favail if room.f_files else None
    return FileSystem(kind_of(state), room.f_bavail * room.f_frsize, inodes, bool(room.f_flag & os.ST_RDONLY), synced_in, why_not)


def _sync(state: Path) -> None:
    """Have the disk write what was written before; nothing is, here."""
    for path, flags in ((state / "jitd.db", os.O_RDONLY), (state, os.O_RDONLY | os.O_DIRECTORY)):
        with suppress(FileNotFoundError):
            descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def kind_of(path: Path) -> str:
    """The type of the file system that ``path`` is on, as /proc/self/mountinfo has it (proc(5))."""
    real, kind, longest = os.path.realpath(path), "", -1
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        mount = before.split(" ")[4].replace("\\040", " ")
        is_above = mount == "/" or real == mount or real.startswith(mount + "/")
        if is_above and len(mount) >= longest:  # of two on one place the later one counts
            longest, kind = len(mount), after.split(" ")[0]
    return kind


def record(database: Path, *, is_alone: bool) -> Record:
    """How reading and proving it went. ``is_alone``: no daemon runs on it."""
    if not database.exists():
        return Record(is_missing=True)
    try:
        store = SqliteStore.reading(database, is_alone=is_alone)
    except StoreError as fault:
        return Record(cannot_read=str(fault))
    try:
        head = store.head()
        try:
            if head.number > MOST_PROVED:
                return Record(head.number, _prove_tail(store, head))
            verify(store.records(), store.documents())
            return Record(head.number, head.number)
        except (Broken, Disagreement) as fault:
            return Record(head.number, is_broken=str(fault))
    except StoreError as fault:
        return Record(cannot_read=str(fault))
    finally:
        store.close()


def _prove_tail(store: SqliteStore, head: Seal) -> int:
    """Follow the last MOST_PROVED records from the seal before them. Raises Broken."""
    first, start = head.number - MOST_PROVED, GENESIS
    for number, _, digest in store.records(after=first - 1):
        start = Seal(number, digest)
        break
    return sum(1 for _ in follow(store.records(after=start.number), start))


def policy_in_force(database: Path) -> str | None:
    """The digest of the policy that the newest record was made under: a daemon records each policy that it begins to go by."""
    try:
        store = SqliteStore.reading(database)
    except StoreError:
        return None
    try:
        for body in store.newest():
            found = json.loads(body).get("policy")
            return found if isinstance(found, str) and found else None
    except (StoreError, ValueError, AttributeError):
        pass
    finally:
        store.close()
    return None


def live_runs(database: Path, *, is_alone: bool) -> set[str]:
    """The ids of the runs that live, as the record has it. Raises StoreError."""
    store = SqliteStore.reading(database, is_alone=is_alone)
    try:
        return {run.id for run in store.runs()}
    finally:
        store.close()


def kept(state: Path) -> Kept:
    """The recordings; what is written to just now is counted, and not looked into."""
    directory = recordings_directory(str(state))
    n, size, oldest = 0, 0, time.time()
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if run_of(entry.name) is None:
                continue
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                n, size, oldest = n + 1, size + status.st_size, min(oldest, status.st_mtime)
    return Kept(size, n, (time.time() - oldest) / DAY)
