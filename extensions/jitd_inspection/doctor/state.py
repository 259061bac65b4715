# SPDX-License-Identifier: Apache-2.0
"""Checks of the state directory: its file system, the database, the record and the recordings.

Law: the checks open the database only for reading, and never block a writer. Sizes are in bytes, and times are in seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.audit.chain_walk import walk
from jitd.audit.countersigned import convictions, sentence, stored
from jitd.audit.countersigned import differs as differs_from
from jitd.audit.countersigned import file_of as countersignatures_in
from jitd.audit.findings import Flaw, Report
from jitd.audit.verify import rows_of, verify
from jitd.core.chain import GENESIS, Seal
from jitd.core.holding import Holding
from jitd.core.thing import is_service_ticket
from jitd.files import mounts
from jitd.monitor.places import recordings_directory
from jitd.recording.storage import DAY, run_of
from jitd.store import OtherSchema, Store, StoreError
from jitd.store.opening import file_of, read_store
from jitd_inspection.doctor import files
from jitd_inspection.doctor.finding import Result, bad, count, ok, unknown, weak, word
from jitd_inspection.doctor.host import Host

MOST_PROVED = 5_000  # newest entries of the record that are verified
MIB = 1 << 20
DAMAGED = ("not a database", "malformed", "not a jitd database")  # said of a file with wrong content, by SQLite and by the store
LITTLE, TOO_LITTLE = 1024 * MIB, 64 * MIB
FEW, TOO_FEW = 20_000, 1_000  # free inodes: with fewer than these, the finding is weak, or bad
SLOW_SYNC = 0.2
OLD_WITNESS = 86400  # age at which a countersignature is old
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "gfs2", "ocfs2", "glusterfs", "fuse.sshfs", "lustre"}
)
PASSING = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system of the state directory. ``kind`` is the type of the file system in mountinfo. ``inodes`` is None if the
    number of inodes is not limited.

    ``synced_in`` is the duration of fsync(2) in seconds. If fsync failed, ``synced_in`` is None, and ``why_not`` is the reason.
    """

    kind: str
    free: int
    inodes: int | None
    is_readonly: bool
    synced_in: float | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The result of reading the database. The record has ``n`` entries, and the last ``n_proved`` entries were verified.

    ``cannot_read`` says why the database cannot be read. It is empty if the database can be read. ``is_other`` says that another
    version of jitd has made it. ``is_broken`` says how the record was altered. It is empty if no alteration was found.
    """

    n: int = 0
    n_proved: int = 0
    cannot_read: str = ""
    is_broken: str = ""
    is_missing: bool = False
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness has countersigned last: record ``number``, at the time ``at`` (seconds since 1970), and ``n_newer`` records
    are newer. ``differs`` says that it has seen another record, or has convicted this host, or is empty. If it has countersigned
    nothing, ``number`` is 0. ``witness`` is its name, or the fingerprint of its key.
    """

    witness: str
    number: int = 0
    at: float = 0.0
    n_newer: int = 0
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The recordings: their bytes, their number, and the days since the last change of the oldest one."""

    size: int = 0
    n: int = 0
    oldest_days: float = 0.0


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings about the state directory and the recordings in it."""
    directory = host.config.state
    if not directory.is_dir():
        yield bad("state.directory", f"there is no {directory}", "the daemon makes it", command=host.start)
        return
    yield files.above("state.directory", files.see_above(host.database))
    found = see_file_system(directory)
    yield from file_system(str(directory), found)
    limits = host.config.recordings
    yield from recordings(see_kept(directory), found.free, limits.mib_in_all * MIB, limits.days, str(host.file))


def examine_record(host: Host) -> Iterator[Result]:
    if os.path.lexists(host.database):
        yield files.secret("state.secret", files.see(host.database), "the database")
    found = prove(host.database, is_alone=not host.daemon.pid)
    yield from record(str(host.database), found, room_of(host.config.state) if found.cannot_read else "")
    if not found.cannot_read and not found.is_missing:
        yield from witnesses(see_witnesses(host), time.time())


def see_file_system(state: Path) -> FileSystem:
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


def room_of(state: Path) -> str:
    """Return why nothing can be written to the state directory, or "". SQLite reads nothing without room for its log."""
    room = os.statvfs(state)
    if room.f_flag & os.ST_RDONLY:
        return f"{state} is mounted read-only"
    if room.f_bavail * room.f_frsize < TOO_LITTLE:
        return f"the file system of {state} is full"
    if room.f_files and room.f_favail < TOO_FEW:
        return f"the file system of {state} has no room for more files"
    return ""


def _sync(state: Path) -> None:
    """Flush the earlier writes of other processes to the disk (fsync(2)). This function itself writes nothing. Raises OSError."""
    for path, flags in ((file_of(state), os.O_RDONLY), (state, os.O_RDONLY | os.O_DIRECTORY)):
        with suppress(FileNotFoundError):
            descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def kind_of(path: Path) -> str:
    """Return the type of the file system of ``path``."""
    real, kind, longest = os.path.realpath(os.fsencode(path)), "", -1
    for mount in mounts.of_process().values():
        is_above = mount.point == b"/" or real == mount.point or real.startswith(mount.point + b"/")
        if is_above and len(mount.point) >= longest:  # if two mounts are on one directory, the later mount counts
            longest, kind = len(mount.point), mount.kind
    return kind


def prove(database: Path, *, is_alone: bool) -> Record:
    """Read the database, and verify its record. ``is_alone`` is true if no daemon uses the database."""
    if not database.exists():
        return Record(is_missing=True)
    try:
        with closing(read_store(database, is_alone=is_alone)) as store:
            head, found = store.head(), list[Flaw]()
            n_proved = head.number
            if head.number > MOST_PROVED:
                n_proved = _prove_tail(store, head, found.append)
            else:
                verify(store, found.append)
            return Record(head.number, n_proved, is_broken=str(found[0]) if found else "")
    except StoreError as fault:
        return Record(cannot_read=str(fault), is_other=isinstance(fault, OtherSchema))


def _prove_tail(store: Store, head: Seal, report: Report) -> int:
    """Verify the last MOST_PROVED entries of the record. The digest of the entry before these entries is not verified. ``head``
    has the number and the digest of the newest entry. Return the number of verified entries.
    """
    first, start = head.number - MOST_PROVED, GENESIS
    for number, _, digest in store.records(after=first - 1):
        start = Seal(number, digest)
        break
    return sum(1 for _ in walk(lambda: rows_of(store, start.number), report, start))


def see_witnesses(host: Host) -> list[Witnessed]:
    """Return what each witness in the settings has countersigned last. Raises OSError, StoreError."""
    keys = host.config.record.witnesses
    newest = stored(countersignatures_in(host.config.state), keys)
    convicted = convictions(countersignatures_in(host.config.state), keys)
    found = []
    with closing(read_store(host.database, is_alone=not host.daemon.pid)) as store:
        head = store.head()
        for key in keys:
            line, conviction = newest.get(key), convicted.get(key)
            differs = "" if line is None else differs_from(line, head, store.records(line.number - 1))
            if conviction is not None and not differs:
                at = conviction.at.timestamp()
                found.append(Witnessed(conviction.witness, conviction.number, at, differs=sentence(conviction)))
            elif line is None:
                found.append(Witnessed(key.fingerprint))
            else:
                found.append(Witnessed(line.witness, line.number, line.at.timestamp(), head.number - line.number, differs))
    return found


def policy_in_force(database: Path) -> str | None:
    """Return the digest of the policy in force, which the newest entry of the record names, or None if it is not known."""
    with suppress(StoreError, ValueError, AttributeError), closing(read_store(database)) as store:
        for body in store.newest():
            digest = json.loads(body).get("policy")
            return digest if isinstance(digest, str) and digest else None
    return None


def live_runs(database: Path, *, is_alone: bool) -> set[str]:
    """Return the ids of the runs that are live according to the record. Raises StoreError."""
    with closing(read_store(database, is_alone=is_alone)) as store:
        return {run.id for run in store.runs()}


def given_still(database: Path) -> list[Holding]:
    """Return the open holdings but service tickets, which the KDC ends; none if the record cannot be read, which another check
    reports. A daemon may use ``database``: then a log is beside it, and is read.
    """
    with suppress(StoreError, OSError), closing(read_store(database, is_alone=True)) as store:
        return [one for one in store.holdings() if not is_service_ticket(one.thing)]
    return []


def see_kept(state: Path) -> Kept:
    """Examine the recordings, including recordings that are still being written. No recording is opened."""
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


# --- conclusions -------------------------------------------------------------------------------------------------------


def file_system(state: str, found: FileSystem) -> Iterator[Result]:
    """Judge the file system of the state directory."""
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
        yield bad("state.sync", f"what is written to {state} may be lost, as fsync fails: {found.why_not}", disk)
    elif found.synced_in > SLOW_SYNC:
        yield weak("state.sync", f"the disk of {state} took {found.synced_in:.1f} s to write: every event waits for that", disk)
    else:
        yield ok("state.sync", f"fsync takes {found.synced_in * 1000:.0f} ms")


def record(database: str, found: Record, no_room: str = "") -> Iterator[Result]:
    """Check that the database can be read and its record is unaltered. ``no_room`` says why nothing can be written, or is ""."""
    keep = f"stop jitd, keep a copy of {database} with its -wal as evidence, and tell security"
    if found.is_missing:
        mend = "the daemon makes it when it starts for the first time"
        yield unknown("state.database", f"there is no {database} yet", mend)
        return
    if found.cannot_read:
        said = f"the database cannot be read: {found.cannot_read}"
        if no_room and not any(word in found.cannot_read for word in DAMAGED):
            yield unknown("state.database", f"{said}; {no_room}", "correct that first, and leave the database as it is")
            return
        if found.is_other:  # the sentence says what to do
            yield bad("state.database", said, f"{database} and its -wal belong together; no backup helps")
            return
        yield bad("state.database", said, f"{keep}; then put the last backup in its place")
        return
    yield ok("state.database", f"{database} can be read")
    if found.is_broken:
        said = f"the record is damaged, or somebody has changed it: {found.is_broken}"
        yield bad("record.whole", said, f"{keep}; jitd audit verify says where")
    elif found.n_proved < found.n:
        said = f"the last {found.n_proved} of {found.n} records are unchanged; jitd audit verify checks all"
        yield ok("record.whole", said)
    else:
        yield ok("record.whole", f"the record is complete and unchanged ({count(found.n, 'record')})")


def witnesses(found: list[Witnessed], now: float) -> Iterator[Result]:
    """Check what witnesses have countersigned, and when. ``now`` is in seconds since 1970."""
    if not found:
        yield ok("record.witness", "no witness countersigns the record ([record] witnesses)")
    for one in found:
        age = now - one.at
        if not one.number:
            said = f"the witness {one.witness} has countersigned nothing"
            yield weak("record.witness", said, "feed it, as the chapter Witnesses of jitd-audit(8) says")
        elif one.differs:
            mend = "stop jitd, keep a copy of the database with its -wal as evidence, and tell security"
            yield bad("record.witness", one.differs, mend)
        elif one.n_newer and age > OLD_WITNESS:
            newer = f"{count(one.n_newer, 'newer record')} {'is' if one.n_newer == 1 else 'are'} there"
            said = f"{one.witness} has countersigned nothing for {age / 86400:.0f} days, and {newer}"
            yield weak("record.witness", said, "feed it by hand, and read what it says: the chapter Witnesses of jitd-audit(8)")
        else:
            told = f"{age / 86400:.0f} days" if age > OLD_WITNESS else f"{age / 3600:.0f} h"
            told = told if age >= 3600 else f"{age / 60:.0f} min"
            yield ok("record.witness", f"{one.witness} has countersigned record {one.number}, {told} ago")


def recordings(found: Kept, free: int, quota: int, days: int, settings: str) -> Iterator[Result]:
    """Compare the quota of the recordings with the free space, and the age of the oldest recording with the retention in days."""
    growth = max(0, quota - found.size)
    if growth > free - TOO_LITTLE:
        fits = max(1, (found.size + max(0, free - LITTLE)) // MIB)
        said = f"recordings may grow by {growth // MIB} MiB, and only {free // MIB} MiB are free"
        yield weak("recordings.quota", said, f"make room, or write into {settings}: [recordings] mib_in_all = {fits}")
    else:
        said = f"there is room for all recordings (at most {quota // MIB} MiB; now {found.size // MIB})"
        yield ok("recordings.quota", said)
    if found.oldest_days > days + 2:
        said = f"the oldest recording is {found.oldest_days:.0f} days old, and none may be older than {days}"
        mend = "the daemon removes them each hour while it runs: see its log (journalctl -u jitd)"
        yield weak("recordings.retention", said, mend)
    else:
        yield ok("recordings.retention", f"no recording is kept longer than {days} days")
