# SPDX-License-Identifier: Apache-2.0
"""The state directory: its file system, the database, the record, the recordings. Law: pure; sizes are bytes, times seconds."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, ok, unknown, weak, word

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


def file_system(state: str, found: FileSystem) -> list[Finding]:
    """Where the state is."""
    findings = []
    elsewhere = f"move {state} to a local disk (stop jitd, copy, set state in jitd.toml)"
    if found.kind in NETWORK:
        findings.append(bad("state.local", f"{state} is on a network ({found.kind}), where SQLite's log is not safe", elsewhere))
    elif found.kind in PASSING:
        findings.append(
            bad("state.local", f"{state} is in memory ({found.kind}): the record is gone with the next boot", elsewhere)
        )
    else:
        findings.append(ok("state.local", f"{state} is on a local file system ({found.kind})"))
    room = f"make room on the file system of {state}: without it jitd refuses everything"
    if found.is_readonly:
        findings.append(bad("state.space", f"{state} is mounted read-only", command=f"mount -o remount,rw {word(state)}"))
    elif found.free < TOO_LITTLE:
        findings.append(bad("state.space", f"only {found.free // MIB} MiB are free for {state}", room))
    elif found.free < LITTLE:
        findings.append(weak("state.space", f"only {found.free // MIB} MiB are free for {state}", room))
    else:
        findings.append(ok("state.space", f"{found.free // MIB} MiB are free for {state}"))
    if found.inodes is not None and found.inodes < FEW:
        level = bad if found.inodes < TOO_FEW else weak
        findings.append(level("state.inodes", f"only {found.inodes} more files can be made in {state}", room))
    else:
        findings.append(ok("state.inodes", f"files can be made in {state}"))
    findings.append(_sync(state, found))
    return findings


def _sync(state: str, found: FileSystem) -> Finding:
    look = "see the kernel's log (dmesg) for faults of the disk"
    if found.synced_in is None:
        return bad("state.sync", f"what is written to {state} cannot be made to last: {found.why_not}", look)
    if found.synced_in > SLOW_SYNC:
        return weak("state.sync", f"the disk of {state} took {found.synced_in:.1f} s to write: every event waits for that", look)
    return ok("state.sync", f"fsync takes {found.synced_in * 1000:.0f} ms")


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


def record(database: str, found: Record) -> list[Finding]:
    """Can the database be read, and does the record hold?"""
    keep = f"stop jitd, keep a copy of {database} with its -wal as evidence, and tell security"
    if found.is_missing:
        return [unknown("state.database", f"there is no {database} yet", "the daemon makes it when it starts for the first time")]
    if found.cannot_read:
        return [
            bad(
                "state.database",
                f"the database cannot be read: {found.cannot_read}",
                f"{keep}; then put the last backup in its place",
            )
        ]
    findings = [ok("state.database", f"{database} can be read")]
    if found.is_broken:
        return [
            *findings,
            bad("record.whole", f"the record does not hold: {found.is_broken}", f"{keep}; jitd audit verify says where"),
        ]
    if found.n_proved < found.n:
        said = f"the last {found.n_proved} of {found.n} records hold; jitd audit verify proves all"
    else:
        said = f"the record holds ({found.n} record{'' if found.n == 1 else 's'})"
    return [*findings, ok("record.whole", said)]


@dataclass(frozen=True, slots=True)
class Kept:
    """Recordings: bytes they take, how many; ``oldest_days`` is the age of the oldest that nobody writes any more."""

    size: int = 0
    n: int = 0
    oldest_days: float = 0.0


def recordings(found: Kept, free: int, quota: int, days: int, settings: str) -> list[Finding]:
    """The quota against what is free, and whether somebody keeps to the retention."""
    findings = []
    growth = max(0, quota - found.size)
    if growth > free - TOO_LITTLE:
        fits = max(1, (found.size + max(0, free - LITTLE)) // MIB)
        findings.append(
            weak("recordings.quota", f"recordings may grow by {growth // MIB} MiB, and only {free // MIB} MiB are free",
                 f"make room, or write into {settings}: [recordings] mib_in_all = {fits}")
        )  # fmt: skip
    else:
        findings.append(
            ok("recordings.quota", f"there is room for all recordings (at most {quota // MIB} MiB; now {found.size // MIB})")
        )
    if found.oldest_days > days + 2:
        findings.append(
            weak("recordings.retention", f"the oldest recording is {found.oldest_days:.0f} days old, and {days} is the most",
                 "the daemon removes them each hour while it runs: see its log (journalctl -u jitd)")
        )  # fmt: skip
    else:
        findings.append(ok("recordings.retention", f"no recording is kept longer than {days} days"))
    return findings
