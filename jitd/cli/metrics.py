# SPDX-License-Identifier: Apache-2.0
"""The verb ``metrics``. Law: a file is whole at every moment, and says so if the daemon cannot be asked."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from jitd.cli.call import NotDone, called
from jitd.cli.exposition import openmetrics, prometheus
from jitpam.client import NoProcess, NotAuthenticated, Unreachable
from jitpam.wire.messages import Metrics

Row = dict[str, Any]


@click.command()
@click.option("--textfile", metavar="FILE", help="Write the older text format of Prometheus into FILE.")
def metrics(*, textfile: str | None) -> None:
    """Print what the daemon counts, in OpenMetrics."""
    write = openmetrics if textfile is None else prometheus
    try:
        with called() as daemon:
            lines = list(write([_up(1), *daemon.ask(Metrics())]))
    except ValueError as fault:
        raise NotDone(f"jitd has sent a metric that cannot be written: {fault}", "failed") from None
    except (Unreachable, NotAuthenticated, NoProcess):
        if textfile not in (None, "-"):  # the numbers of before must not pass for those of now
            put(Path(textfile), "".join(f"{line}\n" for line in prometheus([_up(0)])))
        raise
    text = "".join(f"{line}\n" for line in lines)
    if textfile in (None, "-"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        put(Path(textfile), text)


def _up(value: int) -> Row:
    help = "Whether the daemon has answered."
    return {"name": "jitd_up", "type": "gauge", "unit": "", "help": help, "labels": [], "samples": [["", [], value]]}


def put(file: Path, text: str) -> None:
    """Write ``text`` to ``file`` in one step: a reader finds the file of before or the new one. Raises OSError.

    Nobody else can have put a link in the place of what is written. The name of the unfinished file does not end in ``.prom``,
    and it begins with a dot, so that no collector reads it.
    """
    half = file.with_name(f".{file.name}.new")
    with suppress(FileNotFoundError):
        half.unlink()
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with open(descriptor, "wb") as out:
            out.write(text.encode())
            os.fchmod(out.fileno(), 0o644)  # whatever the umask: the account of the collector reads it
        half.rename(file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
