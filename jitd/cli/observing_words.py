# SPDX-License-Identifier: Apache-2.0
"""Texts about observed runs. An observed run may continue only while somebody watches it. One text describes the state of such a
run and names its watchers. The other text is the first sentence on a watcher's screen.

Law: pure. Texts from other people are shown only in printable form.
"""

from __future__ import annotations

from jitd.cli.answer import printable
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import Run

LEAVES = b"q"  # stops watching, and not the run. But if nobody else watches it, the run is soon frozen


def state_of_run(row: Run) -> str:
    """Return the state of the run in ``row``, in words. If somebody must watch the run, add the names of its watchers."""
    if not row.observed or row.outcome:
        return row.state
    if row.watchers:
        return printable(f"{row.state}, watched by {' and '.join(without_realm(who, row.realm) for who in row.watchers)}")
    return f"{row.state}, waits to be watched" if row.state == "starting" else f"{row.state}, nobody watches"


def how_to_leave(run: str) -> str:
    """Return a watcher's first sentence: which key stops the run, and which only the watching."""
    return printable(f"you watch {run}: Ctrl-C stops it; q leaves it, and if nobody else watches it is frozen 10 s later")
