# SPDX-License-Identifier: Apache-2.0
"""The verb ``audit verify``. Law: it works without the daemon, and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitd.cli.answer import answer, say
from jitd.cli.call import NOT_DONE, NotDone
from jitd.cli.house import config_option
from jitd.cli.progress import Bar
from jitd.cli.recorded import read_time

if TYPE_CHECKING:
    from jitd.audit.allowed_signers import NamedKey
    from jitd.audit.findings import Flaw
    from jitd.audit.heads import Heads, Signed
    from jitd.audit.verify import Readers
    from jitd.lifecycle.integrity import Noted
    from jitd.settings.config import Config
    from jitd.store import Store

SQLITE = b"SQLite format 3\x00"  # how a file of SQLite begins (https://www.sqlite.org/fileformat.html#magic_header_string)
MOST_LINE = 1 << 26  # bytes of a line. A longer line is read in parts, and jitd writes none so long.
MOST_KEYS = 1 << 20  # bytes of a file of public keys
MOST_TOLD = 100  # findings that are printed. The others are counted.
ALONE = 64 << 20  # a database with fewer bytes is read by one process, in about a second
MOST_PROCESSES = 8
CLAIMED = "unsigned claim"  # `Wrong.CLAIMED`. It accuses nobody, so what signatures prove is printed beside it

ONLY_ROOT = (
    "audit: only root can read the record in place; operators and auditors verify an export: "
    "jitd audit export >FILE, then jitd audit verify FILE"
)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--checkpoints",
    "others",
    multiple=True,
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="What a sink, a collector or a witness has of this record.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The public keys that count, one a line.",
)
@click.option(
    "--since", callback=read_time, metavar="TIME", help="Only the records from this time on: 7d (ago), 22:00, 2026-11-23."
)
@config_option
def verify(*, file: Path | None, others: tuple[Path, ...], keys: tuple[Path, ...], since: int | None, config: Path | None) -> int:
    """Prove that the record in FILE (or in the live database) is complete and unchanged. FILE is a copy of a database, an export,
    or what a sink has written.
    """
    from jitd.recording.storage import RecordingError
    from jitd.store import StoreError

    given = [key for one in keys for key in _keys(one)]
    told = _Told()
    try:
        if file is not None and not _is_database(file):
            if since is not None:
                raise click.UsageError(f"--since is about a database, and {file} is none: jitd audit export has --since, too")
            return _verify_lines(file, others, given, told)
        return _verify_database(file, others, given, told, since, config)
    except (StoreError, RecordingError) as fault:
        told.bar.clear()
        raise NotDone(f"audit: {fault}") from None
    except OSError as fault:
        told.bar.clear()
        raise NotDone(f"audit: {fault.filename or file} cannot be read: {fault.strerror}", "unknown") from None


class _Told:
    """Prints findings, and counts them."""

    def __init__(self) -> None:
        self.n = 0
        self.is_accused = False
        self.bar = Bar("audit", "records")

    def __call__(self, finding: Flaw) -> None:
        self.n += 1
        self.is_accused |= str(finding.wrong) != CLAIMED
        if self.n <= MOST_TOLD:
            self.bar.clear()
            say(f"audit: {finding}")

    def end(self) -> int:
        """Return the exit status."""
        self.bar.clear()
        if self.n > MOST_TOLD:
            say(f"audit: and {self.n - MOST_TOLD} more")
        return NOT_DONE if self.n else 0


def _verify_database(
    file: Path | None, others: Iterable[Path], given: list[NamedKey], told: _Told, since: int | None, config: Path | None
) -> int:
    from jitd.audit import recordings
    from jitd.audit.heads import Heads
    from jitd.audit.verify import verify as walk
    from jitd.audit.verify import verify_later
    from jitd.lifecycle.integrity import Noted
    from jitd.monitor.places import recordings_directory
    from jitd.store.opening import file_of, read_store

    heads, settings, is_given = Heads(), None, bool(given)
    if file is None:
        settings = _settings(config)
        if os.geteuid() != 0 and not os.access(settings.state, os.R_OK | os.X_OK):
            raise NotDone(ONLY_ROOT, "forbidden")
        file = file_of(settings.state)
        recorded = recordings_directory(str(settings.state))
        # All else is read before the database, because the daemon may append records between the two reads.
        runs = recordings.runs_in(recorded)
        _add_noted(heads, Noted(settings.socket.parent / "head"))
        given += _add_witnesses(heads, settings)
        _add_lines(heads, others, settings.host)
    file.open("rb").close()
    with _reading(file, is_whole=since is None) as readers, closing(read_store(file)) as store:
        if settings is None:
            _add_lines(heads, others, _host_of(store))
        if since is None:
            n_passed_over = 0
            verified = walk(store, told, heads=heads, given=given, progress=told.bar.show, readers=readers)
        else:
            verified, n_passed_over = verify_later(store, since, told, heads=heads, given=given, progress=told.bar.show)
        if settings is not None:
            recordings.compare(recorded, runs, store.run, told)
    status = told.end()
    if not told.is_accused:
        number, head = verified.head.number, verified.head.digest.hex()
        which = f"records {n_passed_over + 1} to {number}" if n_passed_over else f"{number} records"
        answer(f"audit: {which}, chain whole, head {head}")
        _answer_signed(verified.signed, is_given=is_given)
    if n_passed_over:
        answer(f"audit: not looked at: records 1 to {n_passed_over}, and what is stored of them alone (--since)")
    return status


@contextmanager
def _reading(file: Path, *, is_whole: bool) -> Iterator[Readers | None]:
    """Yield processes that read ``file`` side by side, or None if one is enough, as for the newest records alone."""
    from jitd.audit.side_by_side import Processes
    from jitd.store.opening import read_store

    n = min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
    if not is_whole or n == 1 or file.stat().st_size < ALONE:
        yield None
        return
    try:
        made = Processes(lambda: closing(read_store(file)), n)
    except OSError:  # the host has no room for more processes
        yield None
        return
    with closing(made):
        yield made


def _verify_lines(file: Path, others: Iterable[Path], given: list[NamedKey], told: _Told) -> int:
    from jitd.audit.lines import verify_lines

    beside = (line for other in others for line in _lines(other))
    found = verify_lines(_lines(file, told.bar), told, others=beside, given=given)
    status = told.end()
    if not found:
        raise NotDone(f"audit: {file}: there is no record of jitd in it")
    if not told.is_accused:
        for one in found:
            n, of = one.n_shown, one.last - one.first + 1
            shown = "" if n == of else f" ({n} of them as they were sealed, and the digests of the others)"
            answer(f"audit: {one.host}: records {one.first} to {one.last}{shown}, chain whole")
            _answer_signed(one.signed, is_given=bool(given))
    return status


def _answer_signed(signed: Signed, *, is_given: bool) -> None:
    from jitd.audit.sshsig import fingerprint

    newest = signed.newest
    if newest is None or newest.key is None:
        return
    answer(f"audit: signed up to record {newest.number}, {newest.at:%Y-%m-%d %H:%M:%S} UTC, by {fingerprint(newest.key)}")
    if not is_given:
        answer("audit: the record itself names this key; with --key FILE, only a key that you have from elsewhere counts")


def _add_noted(heads: Heads, noted: Noted) -> None:
    from jitd.audit.heads import Head

    head = noted.read()
    if head is not None and head.number:
        heads.add(Head(head.number, head.digest, None, "", None, None, str(noted.file)))


def _add_witnesses(heads: Heads, settings: Config) -> list[NamedKey]:
    """Add the countersignatures that this host has, and return the keys of its witnesses."""
    from jitd.audit.allowed_signers import NamedKey
    from jitd.audit.countersigned import file_of, stored
    from jitd.audit.forms import COUNTERSIGNATURE_NAMESPACE

    witnesses, file = settings.record.witnesses, file_of(settings.state)
    for line in stored(file, witnesses).values():
        heads.add_signed(line, str(file))
    return [NamedKey(key.blob[-32:], (), (COUNTERSIGNATURE_NAMESPACE,)) for key in witnesses]


def _host_of(store: Store) -> str:
    for checkpoint in store.checkpoints():
        return checkpoint.host
    return ""


def _add_lines(heads: Heads, files: Iterable[Path], host: str) -> None:
    from jitd.audit.lines import add_to

    for file in files:
        if not add_to(heads, _lines(file), host):
            raise NotDone(f"audit: {file}: there is nothing in it about {host or 'this record'}")


def _lines(file: Path, bar: Bar | None = None) -> Iterator[tuple[str, str]]:
    with click.open_file(str(file), "rb") as stream:
        size = 0 if str(file) == "-" else file.stat().st_size
        n_read = number = 0
        while line := stream.readline(MOST_LINE):
            number += 1
            n_read += len(line)
            if bar is not None and not number % 1000:
                bar.show(number, max(number, number * size // n_read))
            yield f"{file}:{number}", line.decode("utf-8", "replace")


def _keys(file: Path) -> tuple[NamedKey, ...]:
    from jitd.audit.keys import read_keys

    try:
        with file.open("rb") as stream:
            return read_keys(stream.read(MOST_KEYS).decode("utf-8", "replace"))
    except OSError as fault:
        raise NotDone(f"audit: {file} cannot be read: {fault.strerror}", "unknown") from None
    except ValueError as fault:
        raise NotDone(f"audit: {file}: {fault}", "usage") from None


def _is_database(file: Path) -> bool:
    if str(file) == "-":
        return False
    with file.open("rb") as stream:
        begins = stream.read(len(SQLITE))
    return begins == SQLITE or file.suffix == ".db"


def _settings(config: Path | None) -> Config:
    from jitd.core.toml_document import ConfigError
    from jitd.settings.config import load

    try:
        return load(config)
    except ConfigError as error:
        raise NotDone(f"cannot tell where the database is: {error.faults[0]}") from None
