# SPDX-License-Identifier: Apache-2.0
"""The verbs of witnesses: ``audit witness`` on another machine, and on the host ``audit digests``, which feeds it, and
``audit countersigned``, which takes its countersignatures. Law: none of them needs a daemon. ``witness`` needs no settings
either, and reads only its directory and standard input.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import sys
import syslog
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from jitd.cli.answer import answer, printable, say
from jitd.cli.call import NOT_DONE, NotDone
from jitd.cli.house import config_option
from jitd.cli.instants import span
from jitd.cli.numbers import record_number

if TYPE_CHECKING:
    from jitd.audit.forms import Conviction, Countersignature, RecordLine
    from jitd.core.public_key import PublicKey
    from jitd.settings.config import Config
    from jitd_evidence.witness_directory import WitnessDirectory

MOST_LINE = 8 << 20  # bytes of a line that is read. A longer line is passed over.
MOST_NAMED = 8  # unknown hosts that are named, and lines that cannot be read
MOST_UNSIGNED = 1024  # a host signs its record after 64 records or a second. Under load it may be late.
CONTRADICTION = "has signed two records that cannot both be true"
SILENT = 86400  # time after which a host that was not fed is silent, in seconds


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--list", "is_list", is_flag=True, help="Read nothing, and list the hosts and their last countersignatures.")
def witness(*, directory: Path, is_list: bool) -> int:
    """Countersign the records of other hosts.

    Reads lines of "jitd audit digests" or of a sink from standard input. DIRECTORY/allowed_signers names the hosts and their
    keys. Prints the newest countersignature of each host that was read about.
    """
    from jitd.audit.key_file import KeyFileError
    from jitd.settings.host import host_name
    from jitd_evidence.witness_directory import DirectoryError, WitnessDirectory

    try:
        with WitnessDirectory(directory, host_name()) as kept:
            return _list(kept) if is_list else _feed(kept, sys.stdin.buffer)
    except (DirectoryError, KeyFileError) as fault:
        raise NotDone(f"audit: {fault}") from None
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise NotDone(f"audit: {fault.filename or directory}: {fault.strerror}") from None


def _feed(directory: WitnessDirectory, stream: IO[bytes]) -> int:
    from jitd.audit.forms import Conviction, Countersignature

    if not directory.hosts:
        raise NotDone(f"audit: {directory.directory}/allowed_signers names no host: add the line of each host to it")
    feeds: dict[str, _OfHost] = {}
    unknown: dict[str, None] = {}
    n_unread = 0
    for number, line in _lines(stream):
        if isinstance(line, str):
            n_unread += 1
            if n_unread <= MOST_NAMED:
                _tell(f"line {number} {line}")
        elif isinstance(line, Countersignature | Conviction):
            continue
        elif line.host in directory.hosts:
            if line.host not in feeds:
                feeds[line.host] = _OfHost(directory, line.host)
            feeds[line.host].walk.take(line)
        elif len(unknown) < MOST_NAMED:
            unknown[line.host] = None
    if n_unread > MOST_NAMED:
        _tell(f"{n_unread - MOST_NAMED} more lines cannot be read")
    for host in unknown:
        _tell(f"{host} is not named in {directory.directory}/allowed_signers")
    if not feeds:
        raise NotDone("audit: nothing was read about a host that this witness knows")
    faults = {host: fault for host, feed in feeds.items() if (fault := feed.conclude())}
    for host, fault in faults.items():
        _tell(f"{host}: {fault}")
    for feed in feeds.values():
        if feed.says is not None:
            answer(feed.says.line())
    return NOT_DONE if n_unread or unknown or faults else 0


def _tell(sentence: str) -> None:
    """Tell the log of this machine, and the feeder, who may be the host that is accused, and may have hung up."""
    syslog.openlog("jitd", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_ALERT, printable(f"witness: {sentence}"))
    say(f"audit: {sentence}")


class _OfHost:
    """One feed about one host. ``says`` is the newest countersignature. If the host was convicted, it is its conviction."""

    def __init__(self, directory: WitnessDirectory, host: str) -> None:
        from jitd_evidence.witness import Walk

        self._directory, self._host = directory, host
        self.says: Countersignature | Conviction | None = None
        self._head, self._heard = directory.head(host), directory.heard(host)
        head = None if self._head is None else self._head.signed
        self._earlier = directory.earlier(host) if head is None else None
        keys, earlier_keys = directory.keys(host), directory.earlier_keys(host)
        self.walk = Walk(keys, head, lambda number: directory.kept(host, number), self._earlier, earlier_keys)

    def conclude(self) -> str:
        """Countersign what can be countersigned. Return what is wrong, or an empty text."""
        from jitd_evidence.witness_directory import DirectoryError

        try:
            return self._conclude()
        except (DirectoryError, OSError) as fault:
            if self.walk.fork is None:
                return f"nothing was stored or countersigned: {fault}"
            return f"{CONTRADICTION}, and the proof cannot be stored: {fault}; keep what was fed"

    def _conclude(self) -> str:
        walk, directory, host = self.walk, self._directory, self._host
        now = datetime.now(UTC).replace(microsecond=0)
        proof = "" if self._heard is None else self._heard.proof
        if walk.fork is not None and not proof:
            proof = directory.convict(host, walk.fork, now).name
        if proof:
            self.says = directory.conviction(host)
            return f"{CONTRADICTION}, and is not countersigned any more: see {directory.directory / proof}/README"
        fault = walk.fault
        kept = self._head
        if walk.accepted is not None:
            kept = directory.countersign(host, walk.accepted, self._head, now)
            if self._earlier is not None and not walk.goes_on:
                number = self._earlier.checkpoint.number
                fault = fault or f"its record does not contain record {number}, which was countersigned under its earlier key"
        elif not fault:
            fault = self._nothing_new()
        if walk.n_unsigned > MOST_UNSIGNED:
            fault = fault or f"its last {walk.n_unsigned} records are not signed"
        directory.note(host, now, fault)
        self.says = None if kept is None else kept.countersignature
        return fault

    def _nothing_new(self) -> str:
        newest = self.walk.newest
        if not newest:
            return "the feed has no checkpoint of it"
        if self._head is None or newest == self._head.signed.checkpoint.number:
            return ""
        head = self._head.countersignature
        return (
            f"its record ends with {newest}, and {head.number} was countersigned at {head.at:%Y-%m-%d %H:%M:%S} UTC:"
            " this feed is old, or the host has gone back to an older state"
        )


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, RecordLine | Conviction | str]]:
    """Yield the number and the meaning of each line of jitd in ``stream``. In place of a line that cannot be read, yield the
    end of a sentence about it.
    """
    from jitd.audit.forms import find

    number = 0
    while line := stream.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MOST_LINE)
            yield number, f"is longer than {MOST_LINE >> 20} MiB"
            continue
        try:
            found = find(line.decode("utf-8"))
        except UnicodeDecodeError:
            yield number, "is not text in UTF-8"
        except ValueError as fault:
            yield number, str(fault)
        else:
            if found is not None:
                yield number, found


def _list(directory: WitnessDirectory) -> int:
    """Print the hosts. Return the exit status, which is 0 only if all is well with each of them."""
    status = 0
    now = datetime.now(UTC)
    for host in sorted(directory.hosts):
        head, heard = directory.head(host), directory.heard(host)
        words = "never countersigned"
        if head is not None:
            age = (now - head.countersignature.at).total_seconds()
            words = f"record {head.countersignature.number} was countersigned {span(age)} ago"
        silent_for = SILENT if heard is None else (now - heard.at).total_seconds()
        if heard is not None and heard.proof:
            words = f"{CONTRADICTION}: see {directory.directory / heard.proof}/README"
        elif heard is not None:
            words += f"; last fed {span(silent_for)} ago" + (f": {heard.fault}" if heard.fault else "")
        if heard is None or heard.fault or heard.proof or silent_for >= SILENT:
            status = NOT_DONE
        answer(f"{host}  {words}")
    return status


@click.command()
@click.option(
    "--since", callback=record_number, help="Begin after record N, and not after the last countersigned one.", metavar="N"
)
@config_option
def digests(*, since: int | None, config: Path | None) -> None:
    """Print the digests and the signed checkpoints of the record, for a witness (as root).

    Begins after the last record that every witness of the settings has countersigned.
    """
    from jitd.audit.countersigned import file_of as countersignatures
    from jitd.audit.countersigned import stored
    from jitd.store import StoreError
    from jitd.store.opening import file_of, read_store

    settings = _settings(config)
    _be_root(settings.state)
    newest = stored(countersignatures(settings.state), settings.record.witnesses)
    seen = [newest[one].number if one in newest else 0 for one in settings.record.witnesses]
    begin = min(seen, default=0) if since is None else since
    try:
        with closing(read_store(file_of(settings.state))) as store:
            head = store.head().number
            records = (
                (number, 0, _proof(settings.host, number, body, seal)) for number, body, seal in store.records(after=begin)
            )
            checkpoints = ((one.number, 1, one.line()) for one in store.checkpoints(after=min(begin, head) - 1))
            for _, _, line in heapq.merge(records, checkpoints):
                answer(line)
    except StoreError as fault:
        raise NotDone(f"audit: {fault}") from None
    if since is None and max(seen, default=0) > head:
        raise NotDone(
            f"audit: record {max(seen)} was countersigned, and the record ends with {head}: an older state was restored"
        )


def _proof(host: str, number: int, body: bytes, seal: bytes) -> str:
    """Return the line with which a witness follows the chain over a record: its digest, or a record about a new key itself."""
    from jitd.audit.forms import Digest, Record
    from jitd.audit.keys import may_rotate

    if may_rotate(body):
        return Record(host, number, seal, body, json.loads(body)).line()
    return Digest(host, number, hashlib.sha256(body).digest()).line()


@click.command()
@click.argument("file", metavar="FILE", type=click.File("rb"))
@config_option
def countersigned(*, file: IO[bytes], config: Path | None) -> None:
    """Store the countersignatures of the settings' witnesses (as root).

    FILE has what "jitd audit witness" has printed; - is standard input.
    """
    from jitd.audit import countersigned as kept
    from jitd.audit.forms import Conviction, Countersignature
    from jitd.store import StoreError
    from jitd.store.opening import file_of, read_store

    settings = _settings(config)
    _be_root(settings.state)
    witnesses = settings.record.witnesses
    found: dict[PublicKey, Countersignature | Conviction] = {}
    for number, line in _lines(file):
        if isinstance(line, Countersignature | Conviction) and line.host == settings.host:
            key = kept.signed_by(line, witnesses)
            if key is None:
                raise NotDone(f"audit: line {number} is not signed by a witness that the settings name ([record] witnesses)")
            found[key] = line
    if not found:
        raise NotDone(f"audit: nothing was read that a witness has countersigned for {settings.host}")
    place = kept.file_of(settings.state)
    try:
        kept.add(place, found, witnesses)
    except OSError as fault:
        raise NotDone(f"audit: {place} cannot be written: {fault.strerror}") from None
    for line in found.values():
        if isinstance(line, Conviction):
            raise NotDone(f"audit: {kept.sentence(line)}")
    signed = [line for line in found.values() if isinstance(line, Countersignature)]
    try:
        with closing(read_store(file_of(settings.state))) as store:
            for line in signed:
                if because := kept.differs(line, store.head(), store.records(line.number - 1)):
                    raise NotDone(f"audit: {because}")
    except StoreError as fault:
        raise NotDone(f"audit: {fault}") from None
    for line in signed:
        answer(f"{line.witness} has countersigned record {line.number} at {line.at:%Y-%m-%d %H:%M:%S} UTC")


def _be_root(state: Path) -> None:
    """Raise NotDone if this process may not read the record in the directory ``state``."""
    try:
        os.listdir(state)
    except OSError as fault:
        why = "only root may read it, so be root" if isinstance(fault, PermissionError) else fault.strerror
        raise NotDone(f"audit: {state} cannot be read: {why}", "forbidden") from None


def _settings(config: Path | None) -> Config:
    from jitd.core.toml_document import ConfigError
    from jitd.settings.config import load

    try:
        return load(config)
    except ConfigError as error:
        raise NotDone(f"audit: the settings cannot be read: {error.faults[0]}") from None
