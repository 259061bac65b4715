# SPDX-License-Identifier: Apache-2.0
"""The daemon's log. A log entry is an event with named values. Each entry is one line on standard error. If standard error is
connected to the journal, each value is also a field (``JITD_EVENT``, ``JITD_RUN``, …).

Law: only the outermost functions write to the log. Each fact is logged only once. Every value is escaped by ``shown``, so that
nobody can forge a line of the log.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from jitpam.wire.shown import shown, shown_argument

_journal: Callable[..., None] | None = None


def use_journal() -> None:
    """From now on, also write the values as fields to the journal. Do nothing if standard error is not connected to the journal
    (systemd.exec(5), JOURNAL_STREAM).
    """
    global _journal
    status = os.fstat(2)
    if os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}":
        from systemd import journal

        _journal = journal.send


def log(event: str, **values: object) -> None:
    """Write ``event`` and its ``values``. A failure to write the log (the disk is full, or the reader is gone) does not raise an
    exception.
    """
    texts = {name: shown_argument(str(value).encode("utf-8", "surrogateescape")) for name, value in values.items()}
    line = " ".join([shown(event), *(f"{name}={text}" for name, text in texts.items())])
    with suppress(OSError):
        if _journal is not None:
            fields = {f"JITD_{name.upper()}": text for name, text in texts.items()}
            _journal(line, SYSLOG_IDENTIFIER="jitd", JITD_EVENT=event, **_request_of(values), **fields)
        else:
            print(f"jitd: {line}", file=sys.stderr, flush=True)


def _request_of(values: dict[str, object]) -> dict[str, str]:
    """Return a field with the id of the request to which the run in ``values`` belongs. With this field, one search in the
    journal finds all entries about the request.
    """
    run = values.get("run")
    return {"JITD_REQUEST": str(run).partition(".")[0]} if run is not None and "request" not in values else {}
