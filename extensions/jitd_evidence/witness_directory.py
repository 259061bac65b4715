# SPDX-License-Identifier: Apache-2.0
"""The directory of a witness: its own key, the hosts' keys that its administrator has named, the checkpoints that it has
countersigned, and the proofs against hosts.

Law: no name that a host chooses becomes a path. A checkpoint is on the disk before its countersignature is given out. After a
number was countersigned, neither this number nor a lower one is ever countersigned again.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jitd.audit.forms import Checkpoint, Conviction, Countersignature, Digest, is_name, read
from jitd.audit.key_file import key_in
from jitd.audit.sshsig import public_line, read_public, sign
from jitd.files import durable
from jitd_evidence.witness import Fork, Signed

KEY, PUBLIC_KEY, HOSTS, DATABASE = "key", "key.pub", "allowed_signers", "witness.db"  # names of files in the directory
CONVICTION = "conviction"  # the name of the file of a proof with what the host is told
UNFINISHED = ".fork.new"  # the name of a proof that is being written
SPARED = timedelta(minutes=1)  # of the checkpoints that are countersigned within this time, one is kept
MOST_HOSTS = 1 << 20  # bytes of HOSTS
SCHEMA = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE kept (
    host TEXT NOT NULL, trusted BLOB NOT NULL, number INTEGER NOT NULL,
    at TEXT NOT NULL, key BLOB NOT NULL, checkpoint TEXT NOT NULL, countersignature TEXT NOT NULL,
    PRIMARY KEY (host, trusted, number)
) WITHOUT ROWID;
CREATE TABLE heard (
    host TEXT NOT NULL, trusted BLOB NOT NULL, at TEXT NOT NULL, fault TEXT NOT NULL, proof TEXT NOT NULL,
    PRIMARY KEY (host, trusted)
) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA};
COMMIT;
"""
_OF_HOST = "WHERE host = ? AND trusted = ?"
_NAMESPACES = f'namespaces="{Checkpoint.NAMESPACE}"'
_HOST_LINE = re.compile(r'jitd@([!-~]+)\s+(?:namespaces="([a-z,-]+)"\s+)?(.+)')
"""A line of HOSTS, as ``jitd audit key --allowed-signers`` prints it."""


class DirectoryError(Exception):
    """The directory cannot be used. The text is a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that was countersigned."""

    signed: Signed
    countersignature: Countersignature


@dataclass(frozen=True, slots=True)
class Heard:
    """The last feed of a host: when it came (aware), and what was wrong with it, if anything. ``proof`` is the name of the
    directory with the proof that the host has signed two records, or empty.
    """

    at: datetime
    fault: str = ""
    proof: str = ""


class WitnessDirectory:
    """``name`` tells this machine's witness from others. ``hosts`` have the keys (32 bytes) that the administrator wrote."""

    def __init__(self, directory: Path, name: str) -> None:
        """Open ``directory``. Make what is missing in it, and itself. Raises DirectoryError, KeyFileError, OSError."""
        self.directory, self.name = directory, name
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise DirectoryError(
                f"{directory} must belong to the account that runs this, and only this account may write in it: be this account"
            )
        self._key = key_in(directory / KEY)
        line = f"{public_line(self._key.public_key().public_bytes_raw(), name)}\n"
        if not (directory / PUBLIC_KEY).exists():
            durable.store(directory / PUBLIC_KEY, line.encode("ascii"))
            (directory / PUBLIC_KEY).chmod(0o644)
        self.hosts = _read_hosts(directory / HOSTS)
        with self._told():
            self._db = sqlite3.connect(directory / DATABASE, isolation_level=None, timeout=30.0)
            os.chmod(directory / DATABASE, 0o600)
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.execute("PRAGMA synchronous = FULL")
            (schema,) = self._db.execute("PRAGMA user_version").fetchone()
            if schema == 0:
                self._make_tables()
            elif schema != SCHEMA:
                raise DirectoryError(f"{directory / DATABASE} was written by another version of jitd")

    def _make_tables(self) -> None:
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.OperationalError:  # another process has made them
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if self._db.execute("PRAGMA user_version").fetchone() != (SCHEMA,):
                raise

    def __enter__(self) -> WitnessDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- what is kept ----------------------------------------------------------------------------------------------------

    def head(self, host: str) -> Kept | None:
        """Return the newest checkpoint of ``host`` that was countersigned."""
        with self._told():
            return self._one(f"{_OF_HOST} ORDER BY number DESC LIMIT 1", *self._of(host))

    def kept(self, host: str, number: int) -> Signed | None:
        """Return the checkpoint ``number`` of ``host``, if it was countersigned and kept."""
        with self._told():
            found = self._one(f"{_OF_HOST} AND number = ?", *self._of(host), number)
        return None if found is None else found.signed

    def earlier(self, host: str) -> Signed | None:
        """Return the newest checkpoint of ``host`` that was countersigned under a key that was named before."""
        with self._told():
            found = self._one("WHERE host = ? AND trusted != ? ORDER BY at DESC, number DESC LIMIT 1", *self._of(host))
        return None if found is None else found.signed

    def earlier_keys(self, host: str) -> list[bytes]:
        """Return the keys that have signed for ``host`` at that time."""
        with self._told():
            rows = self._db.execute("SELECT DISTINCT key FROM kept WHERE host = ? AND trusted != ?", self._of(host)).fetchall()
        return [bytes(key) for (key,) in rows]

    def keys(self, host: str) -> list[bytes]:
        """Return the keys that have signed for ``host``, in their order. The administrator has named the first."""
        query = f"SELECT key FROM kept {_OF_HOST} GROUP BY key ORDER BY min(number)"
        with self._told():
            found = [bytes(key) for (key,) in self._db.execute(query, self._of(host))]
        return list(dict.fromkeys([self.hosts[host], *found]))

    def heard(self, host: str) -> Heard | None:
        """Return what is known of the last feed of ``host``."""
        with self._told():
            row = self._db.execute(f"SELECT at, fault, proof FROM heard {_OF_HOST}", self._of(host)).fetchone()
        return None if row is None else Heard(datetime.fromisoformat(row[0]), row[1], row[2])

    # --- what is written -------------------------------------------------------------------------------------------------

    def countersign(self, host: str, signed: Signed, before: Kept | None, at: datetime) -> Kept:
        """Countersign ``signed`` at the time ``at`` (aware). ``before`` is the head from which the digests lead to it. Raises
        DirectoryError if the host has another head by now, or has been convicted, or if the clock has gone back.
        """
        checkpoint = signed.checkpoint
        if before is not None and at < before.countersignature.at:
            raise DirectoryError(
                f"the clock of this machine is before the last countersignature ({before.countersignature.at:%c})"
            )
        made = Countersignature(self.name, host, checkpoint.number, checkpoint.seal, at)
        armored = sign(self._key, Countersignature.NAMESPACE, made.signed.encode("ascii"))
        kept = Kept(signed, Countersignature(self.name, host, checkpoint.number, checkpoint.seal, at, armored))
        row = (*self._of(host), checkpoint.number, at.isoformat(), signed.key, checkpoint.line(), kept.countersignature.line())
        with self._writing():
            heard = self.heard(host)
            if self.head(host) != before or (heard is not None and heard.proof):
                raise DirectoryError(f"another feed of {host} came at the same time: feed this one again")
            self._spare(host, at)
            self._db.execute("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return kept

    def _spare(self, host: str, at: datetime) -> None:
        """Forget the last checkpoint if it is not much newer than the one before, so a feed without a pause fills no disk."""
        query = f"SELECT number, at FROM kept {_OF_HOST} ORDER BY number DESC LIMIT 2"
        rows = self._db.execute(query, self._of(host)).fetchall()
        times = [datetime.fromisoformat(at) for _, at in rows]
        if len(times) == 2 and times[0] - times[1] < SPARED and at - times[1] < SPARED:
            self._db.execute(f"DELETE FROM kept {_OF_HOST} AND number = ?", (*self._of(host), rows[0][0]))

    def note(self, host: str, at: datetime, fault: str) -> None:
        """Note when the last feed of ``host`` came, and what was wrong with it. A proof stays."""
        with self._writing():
            self._db.execute(
                "INSERT INTO heard VALUES (?, ?, ?, ?, '') ON CONFLICT DO UPDATE SET at = excluded.at, fault = excluded.fault",
                (*self._of(host), at.isoformat(), fault),
            )

    def convict(self, host: str, fork: Fork, at: datetime) -> Path:
        """Write the proof into a new directory, and countersign nothing more of ``host``. Return the directory."""
        with self._writing():
            shutil.rmtree(self.directory / UNFINISHED, ignore_errors=True)  # a process that was killed has left it
            unfinished = self.directory / UNFINISHED
            unfinished.mkdir(mode=0o700)
            try:
                witness = public_line(self._key.public_key().public_bytes_raw(), self.name)
                proof = proof_of(host, fork, self._countersignature(host, fork), witness)
                for name, content in (*proof, (CONVICTION, f"{self._conviction(host, fork, at).line()}\n")):
                    with open(unfinished / name, "xb") as stream:
                        stream.write(content.encode("ascii"))
                        stream.flush()
                        os.fsync(stream.fileno())
                durable.sync(unfinished)
                place = self._put(unfinished)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            self._db.execute(
                "INSERT INTO heard VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET proof = excluded.proof",
                (*self._of(host), at.isoformat(), "", place.name),
            )
        return place

    def _conviction(self, host: str, fork: Fork, at: datetime) -> Conviction:
        first = fork.first.checkpoint
        made = Conviction(self.name, host, first.number, first.seal, at)
        return replace(made, signature=sign(self._key, Conviction.NAMESPACE, made.signed.encode("ascii")))

    def conviction(self, host: str) -> Conviction | None:
        """Return what ``host`` is told about its conviction. Return None if it was not convicted, or if the proof was moved."""
        heard = self.heard(host)
        if heard is None or not heard.proof:
            return None
        try:
            found = read((self.directory / heard.proof / CONVICTION).read_text("ascii"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, Conviction) and found.host == host else None

    def _put(self, unfinished: Path) -> Path:
        """Give the directory the next name that is free."""
        number = 1
        while (place := self.directory / f"fork-{number}").exists():
            number += 1
        unfinished.rename(place)
        durable.sync(self.directory)
        return place

    def _countersignature(self, host: str, fork: Fork) -> Countersignature | None:
        found = self._one(f"{_OF_HOST} AND number = ?", *self._of(host), fork.first.checkpoint.number)
        return None if found is None or found.signed != fork.first else found.countersignature

    # --- the database ----------------------------------------------------------------------------------------------------

    def _of(self, host: str) -> tuple[str, bytes]:
        return host, self.hosts[host]

    def _one(self, where: str, *values: str | bytes | int) -> Kept | None:
        row = self._db.execute(f"SELECT key, checkpoint, countersignature FROM kept {where}", values).fetchone()
        if row is None:
            return None
        checkpoint, countersignature = read(row[1]), read(row[2])
        if not isinstance(checkpoint, Checkpoint) or not isinstance(countersignature, Countersignature):
            raise DirectoryError(f"{self.directory / DATABASE} is damaged")
        return Kept(Signed(checkpoint, bytes(row[0])), countersignature)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise DirectoryError(f"{self.directory / DATABASE}: {fault}") from fault

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _read_hosts(file: Path) -> Mapping[str, bytes]:
    """Read the hosts and their keys (ssh-keygen(1), ALLOWED SIGNERS). A list of names, a pattern or a second key of a host is not
    needed here, and refused. Raises DirectoryError, OSError.
    """
    try:
        with file.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
                raise DirectoryError(f"{file}: others can change this file: only its owner may write in it")
            text = stream.read(MOST_HOSTS).decode("ascii")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise DirectoryError(f"{file}: has characters that are not ASCII") from None
    hosts: dict[str, bytes] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found_line = _HOST_LINE.fullmatch(line)
        host, namespaces, rest = found_line.groups() if found_line else ("", "", "")
        if not is_name(host) or re.search(r"[*?!,\"]", host):
            raise DirectoryError(f"{file}, line {number}: must begin with jitd@ and the name of one host")
        if namespaces is not None and Checkpoint.NAMESPACE not in namespaces.split(","):
            raise DirectoryError(f"{file}, line {number}: this key may not sign checkpoints")
        try:
            key = read_public(rest)
        except ValueError as fault:
            raise DirectoryError(f"{file}, line {number}: {fault}") from None
        if host in hosts:
            raise DirectoryError(f"{file}, line {number}: {host} has a key already")
        hosts[host] = key
    return hosts


# --- the proof -----------------------------------------------------------------------------------------------------------

_READ_ME = """\
{host}, or somebody who could use its key, has signed two statements about its record that cannot both be true.

Both statements are signed. With this directory alone, ssh-keygen of OpenSSH checks both:

    ssh-keygen -Y verify -f allowed_signers -I jitd@{host} -n {namespace} -s first.sig < first
    ssh-keygen -Y verify -f allowed_signers -I jitd@{host} -n {namespace} -s second.sig < second

The key in allowed_signers is {host}'s. Compare it with what was written down when the host was set up.
{why}"""
_SAME = """\
Both name the number {number}, and two seals. The seal of a record is computed from this record and all before it. So one of
the two records was written instead of the other.
"""
_LATER = """\
The first names the seal of record {number}. The second is about a later record, and rests on another record {number}: the seal in
the file apart. Each line of the file digests has the number and the digest of one record after it, and

    seal = SHA-256("jitd chain 2\\n", the number in 8 bytes, the seal of the record before, the digest of the record)

leads from the seal in apart, and over all lines of digests, to the seal in second. Nobody can find a second way to a seal. So the
record number {number} that {host} signed first is not the one on which its later record rests.
"""
_SEEN = """\
The witness {witness} had countersigned the first at {at}:

    ssh-keygen -Y verify -f witness -I {witness} -n {namespace} -s countersignature.sig < countersignature
"""


def proof_of(host: str, fork: Fork, seen: Countersignature | None, witness: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file of a proof. ``seen`` is the countersignature of the first checkpoint, if there
    is one, and ``witness`` is the line of the witness's public key.
    """
    first, second = fork.first.checkpoint, fork.second.checkpoint
    why = (_LATER if fork.apart else _SAME).format(host=host, number=first.number)
    if seen is not None:
        why += "\n" + _SEEN.format(witness=seen.witness, at=_time(seen.at), namespace=Countersignature.NAMESPACE)
        yield "witness", f'{seen.witness} namespaces="{Countersignature.NAMESPACE}" {witness}\n'
        yield from _signed("countersignature", seen)
    yield "README", _READ_ME.format(host=host, namespace=Checkpoint.NAMESPACE, why=f"\n{why}")
    keys = dict.fromkeys((fork.first.key, fork.second.key))
    yield "allowed_signers", "".join(f"jitd@{host} {_NAMESPACES} {public_line(key, '')}\n" for key in keys)
    yield from _signed("first", first)
    yield from _signed("second", second)
    if fork.apart:
        yield "apart", f"{fork.apart.hex()}\n"
        digests = (fork.digests[at : at + 32] for at in range(0, len(fork.digests), 32))
        yield "digests", "".join(f"{Digest(host, n, one).line()}\n" for n, one in enumerate(digests, first.number + 1))
    if fork.changes:
        yield "changes", "".join(f"{record.line()}\n" for record in fork.changes)


def _signed(name: str, line: Checkpoint | Countersignature) -> Iterable[tuple[str, str]]:
    yield name, line.signed
    yield f"{name}.sig", line.signature


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
