# SPDX-License-Identifier: Apache-2.0
"""The state directory: its file system, the database, the record, the recordings.

Law: the database is opened to be read; a lock that a writer may want is never taken. Sizes are bytes, times seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.audit.verify import Finding as Disagreement
from jitd.audit.verify import verify
from jitd.core.chain import GENESIS, Broken, Seal, follow
from jitd.doctor import files
from jitd.doctor.finding import Finding, bad, count, ok, unknown, weak, word
from jitd.doctor.host import Host
from jitd.monitor.places import recordings_directory
from jitd.recording.storage import DAY, run_of
from jitd.store import Store, StoreError
from jitd.store.opening import file_of, read_store

MOST_PROVED = 5_000
"""Records that are proved with all that they tell of; of a longer record only the last so many are looked at."""
MIB = 1 << 20
LITTLE, TOO_LITTLE = 1024 * MIB, 64 * MIB
FEW, TOO_FEW = 20_000, 1_000
"""Inodes."""
SLOW_SYNC = 0.2
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "gfs2", "ocfs2", "glusterfs", "fuse.sshfs", "lustre"}
)
PASSING = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class FileSystem:
    """``kind`` as in mountinfo; ``inodes`` None where there is no number; ``synced_in`` None if fsync(2) failed: ``why_not``."""

    kind: str
    free: int
    inodes: int | None
    is_readonly: bool
    synced_in: float | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """How reading the database went: of ``n`` records the last ``n_proved`` were proved.

    One of two sentences may say why not: ``cannot_read`` of the database, ``is_broken`` of the record.
    """

    n: int = 0
    n_proved: int = 0
    cannot_read: str = ""
    is_broken: str = ""
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """Recordings: bytes they take, how many; ``oldest_days`` is the age of the oldest that nobody writes any more."""

    size: int = 0
    n: int = 0
    oldest_days: float = 0.0


def examine(host: Host) -> Iterator[Finding]:
    """The state directory."""
    directory = host.config.state
    if not directory.is_dir():
        yield bad("state.directory", f"there is no {directory}", "the daemon makes it", command=host.start)
        return
    yield files.above("state.directory", files.see_above(host.database))
    found = see_file_system(directory)
    yield from file_system(str(directory), found)
    limits = host.config.recordings
    yield from recordings(see_kept(directory), found.free, limits.mib_in_all * MIB, limits.days, str(host.file))


def examine_record(host: Host) -> Iterator[Finding]:
    """The database."""
    if os.path.lexists(host.database):
        yield files.secret("state.secret", files.see(host.database), "the database")
    yield from record(str(host.database), prove(host.database, is_alone=not host.daemon.pid))


def see_file_system(state: Path) -> FileSystem:
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
    for path, flags in ((file_of(state), os.O_RDONLY), (state, os.O_RDONLY | os.O_DIRECTORY)):
        with suppress(FileNotFoundError):
            descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def kind_of(path: Path) -> str:
    """The type of the file system that ``path`` is on."""
    real, kind, longest = os.path.realpath(path), "", -1
    for _, mount, mounted in mounts():
        is_above = mount == "/" or real == mount or real.startswith(mount + "/")
        if is_above and len(mount) >= longest:  # of two on one place the later one counts
            longest, kind = len(mount), mounted
    return kind


def mounts() -> Iterator[tuple[str, str, str]]:
    """What is mounted of a file system, where, and its type, as /proc/self/mountinfo has them (proc(5))."""
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        root, place = before.split(" ")[3:5]
        yield root, place.replace("\\040", " "), after.split(" ")[0]


def prove(database: Path, *, is_alone: bool) -> Record:
    """How reading and proving it went. ``is_alone``: no daemon runs on it."""
    if not database.exists():
        return Record(is_missing=True)
    try:
        with closing(read_store(database, is_alone=is_alone)) as store:
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


def _prove_tail(store: Store, head: Seal) -> int:
    """Follow the last MOST_PROVED records from the seal before them. Raises Broken."""
    first, start = head.number - MOST_PROVED, GENESIS
    for number, _, digest in store.records(after=first - 1):
        start = Seal(number, digest)
        break
    return sum(1 for _ in follow(store.records(after=start.number), start))


def policy_in_force(database: Path) -> str | None:
    """The digest of the policy that the newest record was made under: a daemon records each policy that it begins to go by."""
    with suppress(StoreError, ValueError, AttributeError), closing(read_store(database)) as store:
        for body in store.newest():
            digest = json.loads(body).get("policy")
            return digest if isinstance(digest, str) and digest else None
    return None


def live_runs(database: Path, *, is_alone: bool) -> set[str]:
    """The ids of the runs that live, as the record has it. Raises StoreError."""
    with closing(read_store(database, is_alone=is_alone)) as store:
        return {run.id for run in store.runs()}


def see_kept(state: Path) -> Kept:
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


# --- what follows of it ------------------------------------------------------------------------------------------------


def file_system(state: str, found: FileSystem) -> Iterator[Finding]:
    """Where the state is."""
    elsewhere = f"move {state} to a local disk (stop jitd, copy, set state in jitd.toml)"
    if found.kind in NETWORK:
        yield bad("state.local", f"{state} is on a network ({found.kind}), where SQLite's log is not safe", elsewhere)
    elif found.kind in PASSING:
        yield bad("state.local", f"{state} is in memory ({found.kind}): the record is gone with the next boot", elsewhere)
    else:
        yield ok("state.local", f"{state} is on a local file system ({found.kind})")
    room = f"make room on the file system of {state}: without it jitd refuses everything"
    free = f"{found.free // MIB} MiB are free for {state}"
    if found.is_readonly:
        yield bad("state.space", f"{state} is mounted read-only", command=f"mount -o remount,rw {word(state)}")
    elif found.free < TOO_LITTLE:
        yield bad("state.space", f"only {free}", room)
    elif found.free < LITTLE:
        yield weak("state.space", f"only {free}", room)
    else:
        yield ok("state.space", free)
    if found.inodes is None or found.inodes >= FEW:
        yield ok("state.inodes", f"files can be made in {state}")
    else:
        level = bad if found.inodes < TOO_FEW else weak
        yield level("state.inodes", f"only {found.inodes} more files can be made in {state}", room)
    disk = "see the kernel's log (dmesg) for faults of the disk"
    if found.synced_in is None:
        yield bad("state.sync", f"what is written to {state} cannot be made to last: {found.why_not}", disk)
    elif found.synced_in > SLOW_SYNC:
        yield weak("state.sync", f"the disk of {state} took {found.synced_in:.1f} s to write: every event waits for that", disk)
    else:
        yield ok("state.sync", f"fsync takes {found.synced_in * 1000:.0f} ms")


def record(database: str, found: Record) -> Iterator[Finding]:
    """Can the database be read, and does the record hold?"""
    keep = f"stop jitd, keep a copy of {database} with its -wal as evidence, and tell security"
    if found.is_missing:
        mend = "the daemon makes it when it starts for the first time"
        yield unknown("state.database", f"there is no {database} yet", mend)
        return
    if found.cannot_read:
        said = f"the database cannot be read: {found.cannot_read}"
        yield bad("state.database", said, f"{keep}; then put the last backup in its place")
        return
    yield ok("state.database", f"{database} can be read")
    if found.is_broken:
        yield bad("record.whole", f"the record does not hold: {found.is_broken}", f"{keep}; jitd audit verify says where")
    elif found.n_proved < found.n:
        yield ok("record.whole", f"the last {found.n_proved} of {found.n} records hold; jitd audit verify proves all")
    else:
        yield ok("record.whole", f"the record holds ({count(found.n, 'record')})")


def recordings(found: Kept, free: int, quota: int, days: int, settings: str) -> Iterator[Finding]:
    """The quota against what is free, and whether somebody keeps to the retention."""
    growth = max(0, quota - found.size)
    if growth > free - TOO_LITTLE:
        fits = max(1, (found.size + max(0, free - LITTLE)) // MIB)
        said = f"recordings may grow by {growth // MIB} MiB, and only {free // MIB} MiB are free"
        yield weak("recordings.quota", said, f"make room, or write into {settings}: [recordings] mib_in_all = {fits}")
    else:
        said = f"there is room for all recordings (at most {quota // MIB} MiB; now {found.size // MIB})"
        yield ok("recordings.quota", said)
    if found.oldest_days > days + 2:
        said = f"the oldest recording is {found.oldest_days:.0f} days old, and {days} is the most"
        mend = "the daemon removes them each hour while it runs: see its log (journalctl -u jitd)"
        yield weak("recordings.retention", said, mend)
    else:
        yield ok("recordings.retention", f"no recording is kept longer than {days} days")
