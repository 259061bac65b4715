# SPDX-License-Identifier: Apache-2.0
"""The verb ``audit pack``. Law: no file is replaced, and a pack that did not arrive whole leaves none behind."""

from __future__ import annotations

import os
import sys
from binascii import a2b_base64
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import click

from jitd.cli.answer import Row, say, words
from jitd.cli.call import NotDone, called
from jitd.cli.ids import whole_id
from jitpam.wire.messages import Pack
from jitpam.wire.shown import shown


@click.command()
@click.argument("id", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE", help="Write it here, or to a pipe (-).")
@click.option("--no-recordings", is_flag=True, help="Leave the recordings of the runs out.")
def pack(*, id: str, out: Path | None, no_recordings: bool) -> None:
    """Write all that the record knows of one action into a zip that proves itself (operators, auditors and root).

    ID is a request, a grant or a run. Without --out, the file is jitd-ID.zip. The pack is recorded.
    """
    is_piped = out is not None and str(out) == "-"
    if is_piped and sys.stdout.isatty():
        raise click.UsageError("a pack is not for a terminal: use --out FILE, or a pipe")
    id = whole_id("audit pack", id)
    if is_piped:
        import tempfile  # with what it imports, it takes longer than the other verbs of the record
        from shutil import copyfileobj

        with tempfile.TemporaryFile() as whole:
            _fetch(id, whole, is_with_recordings=not no_recordings)
            whole.seek(0)
            copyfileobj(whole, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    place = out or Path(f"jitd-{shown(id.encode('utf-8', 'surrogateescape')).replace('/', '_')}.zip")
    try:
        _write(id, place, is_with_recordings=not no_recordings)
    except FileExistsError:
        raise NotDone(f"{place} exists already: name another file with --out") from None
    except OSError as fault:
        raise NotDone(f"cannot write {place}: {fault.strerror}") from None
    say(f"{place} shows what you may see of {id}, so keep it as you would keep the record; its README.txt says how to check it")


def _write(id: str, place: Path, *, is_with_recordings: bool) -> None:
    """Write the pack into the new file ``place``. Raises OSError; then there is no file."""
    number = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(number, "w+b") as whole:
            _fetch(id, whole, is_with_recordings=is_with_recordings)
            whole.flush()
            os.fsync(whole.fileno())
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def _fetch(id: str, file: BinaryIO, *, is_with_recordings: bool) -> None:
    from jitd.audit.strict_json import Wrong
    from jitd_evidence.pack.zipped import Zip

    with called() as daemon:
        zipped = Zip(file)
        try:
            for name, rows in groupby(daemon.ask(Pack(id=id, recordings=is_with_recordings)), lambda row: words(row, "file")):
                zipped.add(name, _pieces(rows))
            zipped.end()
        except Wrong as fault:
            raise NotDone(f"the pack cannot be written: {fault}") from None


def _pieces(rows: Iterator[Row]) -> Iterator[bytes]:
    for row in rows:
        yield a2b_base64(words(row, "data", ""))
