# SPDX-License-Identifier: Apache-2.0
"""The daemon's log of its own doings. A log entry is an event with named values. Each entry is one line on standard error. If
standard error is connected to the journal, each value is also a field (``JITD_EVENT``, ``JITD_RUN``, …).

Law: only the outermost functions write to the log. Each fact is logged only once: what is in the record is not logged here
(``sinks.host_log``). Every value is escaped by ``shown``, so that nobody can forge a line of the log. The log waits for nobody
if its reader is the journal: a line that the journal does not take is lost, and the next one says how many were.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from jitd.journal import Journal
from jitpam.wire.shown import shown, shown_argument

_journal: Journal | None = None
_n_lost = 0


def use_journal() -> None:
    """From now on, write values as fields to the journal, too, if standard error is connected to it (systemd.exec(5))."""
    global _journal
    status = os.fstat(2)
    if os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}":
        _journal = Journal()


def log(event: str, **values: object) -> None:
    """Write ``event`` with ``values``. Raises nothing, even if the disk is full or the reader gone."""
    texts = {name: shown_argument(str(value).encode("utf-8", "surrogateescape")) for name, value in values.items()}
    line = " ".join([shown(event), *(f"{name}={text}" for name, text in texts.items())])
    if _journal is None:
        with suppress(OSError):
            print(f"jitd: {line}", file=sys.stderr, flush=True)
        return
    fields = {f"JITD_{name.upper()}": text for name, text in texts.items()}
    _send(_journal, line, {"JITD_EVENT": event, **_request_of(values), **fields})


def _send(journal: Journal, line: str, fields: dict[str, str]) -> None:
    global _n_lost
    try:
        if _n_lost:
            journal.send(f"lines of this log that the journal did not take: {_n_lost}")
            _n_lost = 0
        journal.send(line, fields=fields)
    except OSError:
        _n_lost += 1


def _request_of(values: dict[str, object]) -> dict[str, str]:
    """Return the id of the run's request, so that one search in the journal finds all entries about the request."""
    run = values.get("run")
    return {"JITD_REQUEST": str(run).partition(".")[0]} if run is not None and "request" not in values else {}
