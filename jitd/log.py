# SPDX-License-Identifier: Apache-2.0
"""The daemon's own words to its log: an event, names and values. One line on standard error; where that is the journal, the
same line with each value as a field of its own (``JITD_EVENT``, ``JITD_RUN``, …).

Law: only the outer stations log, and each thing once; every value passes ``shown``, so no line can be forged.
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
    """Write ``event`` and its ``values``. A log that takes nothing (its disk is full, its reader gone) stops nobody."""
    texts = {name: shown_argument(str(value).encode("utf-8", "surrogateescape")) for name, value in values.items()}
    line = " ".join([shown(event), *(f"{name}={text}" for name, text in texts.items())])
    with suppress(OSError):
        if _journal is not None:
            fields = {f"JITD_{name.upper()}": text for name, text in texts.items()}
            _journal(line, SYSLOG_IDENTIFIER="jitd", JITD_EVENT=event, **_request_of(values), **fields)
        else:
            print(f"jitd: {line}", file=sys.stderr, flush=True)


def _request_of(values: dict[str, object]) -> dict[str, str]:
    """A run's request, so that one match finds all that the journal holds of it."""
    run = values.get("run")
    return {"JITD_REQUEST": str(run).partition(".")[0]} if run is not None and "request" not in values else {}
