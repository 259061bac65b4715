# SPDX-License-Identifier: Apache-2.0
"""The verb of witnesses, ``audit witness``. Law: it needs no daemon and no settings, and reads only its directory and standard
input.
"""

from __future__ import annotations

import sys
import syslog
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from jitd.cli.answer import answer, printable, say
from jitd.cli.call import NOT_DONE, NotDone
from jitd.cli.instants import span

if TYPE_CHECKING:
    from jitd.audit.forms import Line
    from jitd.audit.witness_directory import WitnessDirectory

MOST_LINE = 8 << 20
"""Maximum number of bytes of a line that is read. A longer line is passed over."""
MOST_NAMED = 8
"""Maximum number of unknown hosts that are named."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--list", "is_list", is_flag=True, help="Read nothing, and list the hosts and their last countersignatures.")
def witness(*, directory: Path, is_list: bool) -> int:
    """Countersign the records of other hosts (not as root).

    Reads lines of "jitd audit digests" or of a sink from standard input. DIRECTORY/allowed_signers names the hosts and their
    keys. Prints the newest countersignature of each host that was read about.
    """
    from jitd.audit.key_file import KeyFileError
    from jitd.audit.witness_directory import DirectoryError, WitnessDirectory
    from jitd.settings.host import host_name

    try:
        with WitnessDirectory(directory, host_name()) as kept:
            return _list(kept) if is_list else _feed(kept, sys.stdin.buffer)
    except (DirectoryError, KeyFileError) as fault:
        raise NotDone(f"audit: {fault}") from None


def _feed(directory: WitnessDirectory, stream: IO[bytes]) -> int:
    from jitd.audit.forms import Countersignature

    if not directory.hosts:
        raise NotDone(f"audit: {directory.directory}/allowed_signers names no host: add a line with its name and its key")
    feeds: dict[str, _OfHost] = {}
    unknown: dict[str, None] = {}
    is_whole = True
    for number, line in _lines(stream):
        if isinstance(line, str):
            is_whole = _tell(f"line {number} {line}")
        elif isinstance(line, Countersignature):
            continue
        elif line.host in directory.hosts:
            if line.host not in feeds:
                feeds[line.host] = _OfHost(directory, line.host)
            feeds[line.host].walk.take(line)
        elif len(unknown) < MOST_NAMED:
            unknown[line.host] = None
    for host in unknown:
        is_whole = _tell(f"{host} is not named in {directory.directory}/allowed_signers")
    if not feeds:
        raise NotDone("audit: nothing was read about a host that this witness knows")
    for host, feed in feeds.items():
        if fault := feed.conclude():
            is_whole = _tell(f"{host}: {fault}")
    return 0 if is_whole else NOT_DONE


def _tell(sentence: str) -> bool:
    """Tell who feeds, and the log of this machine: who feeds may be the host that is accused. Return False."""
    say(f"audit: {sentence}")
    syslog.openlog("jitd", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_ALERT, printable(f"witness: {sentence}"))
    return False


class _OfHost:
    """One feed about one host."""

    def __init__(self, directory: WitnessDirectory, host: str) -> None:
        from jitd.audit.witness import Walk

        self._directory, self._host = directory, host
        self._head, self._heard = directory.head(host), directory.heard(host)
        head = None if self._head is None else self._head.signed
        self._earlier = directory.earlier(host) if head is None else None
        keys, earlier_keys = directory.keys(host), directory.earlier_keys(host)
        self.walk = Walk(keys, head, lambda number: directory.kept(host, number), self._earlier, earlier_keys)

    def conclude(self) -> str:
        """Countersign what can be countersigned, and print the newest countersignature. Return what is wrong, or nothing."""
        walk, directory, host = self.walk, self._directory, self._host
        now = datetime.now(UTC).replace(microsecond=0)
        proof = "" if self._heard is None else self._heard.proof
        if walk.fork is not None and not proof:
            proof = directory.convict(host, walk.fork, now).name
        if proof:
            place = directory.directory / proof
            return f"has signed two records that cannot both be true, and is not countersigned any more: see {place}/README"
        fault = walk.fault
        kept = self._head
        if walk.accepted is not None:
            kept = directory.countersign(host, walk.accepted, self._head, now)
            if self._earlier is not None and not walk.goes_on:
                number = self._earlier.checkpoint.number
                fault = fault or f"its record does not contain record {number}, which was countersigned under its earlier key"
        elif not fault:
            fault = self._nothing_new()
        directory.note(host, now, fault)
        if kept is not None:
            answer(kept.countersignature.line())
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


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Line | str]]:
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
    """Print the hosts. Return the exit status."""
    status = 0
    now = datetime.now(UTC)
    for host in sorted(directory.hosts):
        head, heard = directory.head(host), directory.heard(host)
        words = "never countersigned"
        if head is not None:
            at = head.countersignature.at
            words = f"record {head.countersignature.number} was countersigned {span((now - at).total_seconds())} ago"
        if heard is not None and heard.proof:
            words = f"has signed two records that cannot both be true: see {directory.directory / heard.proof}/README"
        elif heard is not None:
            words += f"; last fed {span((now - heard.at).total_seconds())} ago"
            words += f": {heard.fault}" if heard.fault else ""
        if heard is None or heard.fault or heard.proof:
            status = NOT_DONE
        answer(f"{host}  {words}")
    return status
