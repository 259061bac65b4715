# SPDX-License-Identifier: Apache-2.0
"""The verb ``metrics``. Law: a file is whole at every moment, and says so if the daemon cannot be asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from jitd.cli.call import NotDone, called
from jitd.cli.whole_file import put
from jitd_sinks.verbs.exposition import openmetrics, prometheus
from jitpam.client import NoProcess, NotAuthenticated, Unreachable
from jitpam.wire.messages import Metrics

Row = dict[str, Any]
FOR_COLLECTORS = 0o644  # the mode of the file: the account of the collector reads it


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
        if textfile is not None:  # the numbers of before must not pass for those of now
            _write(prometheus([_up(0)]), textfile)
        raise
    _write(lines, textfile or "-")


def _write(lines: Iterable[str], file: str) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    if file == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    else:
        put(Path(file), text, FOR_COLLECTORS)


def _up(value: int) -> Row:
    help = "Whether the daemon has answered."
    return {"name": "jitd_up", "type": "gauge", "unit": "", "help": help, "labels": [], "samples": [["", [], value]]}
