# SPDX-License-Identifier: Apache-2.0
"""The daemon's log: an event, and names with values. Each entry is one line on standard error. If standard error is the journal,
each value is a field too (``JITD_EVENT``, ``JITD_RUN``, …).

Law: only the outermost functions log, and they log each thing once. Every value passes ``shown``, so that no line can be forged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from jitpam.wire.shown import shown, shown_argument

_journal: Callable[..., None] | None = None


def use_journal() -> None:
    """Write fields to the journal from now on, if standard error leads there (systemd.exec(5), JOURNAL_STREAM)."""
    global _journal
    status = os.fstat(2)
    if os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}":
        from systemd import journal

        _journal = journal.send


def log(event: str, **values: object) -> None:
    """Write ``event`` and its ``values``. A log that cannot be written (full disk, reader gone) raises nothing."""
    texts = {name: shown_argument(str(value).encode("utf-8", "surrogateescape")) for name, value in values.items()}
    line = " ".join([shown(event), *(f"{name}={text}" for name, text in texts.items())])
    with suppress(OSError):
        if _journal is not None:
            fields = {f"JITD_{name.upper()}": text for name, text in texts.items()}
            _journal(line, SYSLOG_IDENTIFIER="jitd", JITD_EVENT=event, **_request_of(values), **fields)
        else:
            print(f"jitd: {line}", file=sys.stderr, flush=True)


def _request_of(values: dict[str, object]) -> dict[str, str]:
    """Return the field with the request of a run, so that one match in the journal finds all entries about the request."""
    run = values.get("run")
    return {"JITD_REQUEST": str(run).partition(".")[0]} if run is not None and "request" not in values else {}
