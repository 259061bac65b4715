# SPDX-License-Identifier: Apache-2.0
"""What people read about observed runs: the state of a run and who watches it, and the screen of a watcher.

Law: pure. What somebody else wrote is shown only as it is printable.
"""

from __future__ import annotations

from jitd.cli.answer import Row, printable, words

LEAVES = b"q"
"""The key that leaves a run that one watches."""


def state_of_run(row: Row) -> str:
    """Return the state of the run in ``row``, and who watches it, if it has to be watched."""
    state, by = words(row, "state"), row.get("watchers") or ()
    if not row.get("observed") or row.get("outcome"):
        return state
    if by:
        return printable(f"{state}, watched by {' and '.join(str(who) for who in by)}")
    return f"{state}, waits to be watched" if state == "starting" else f"{state}, nobody watches"


def how_to_leave(run: str) -> str:
    """Return the sentence that a watcher reads first."""
    return printable(f"you watch {run}: Ctrl-C stops it; q leaves it, and if nobody else watches it is frozen 10 s later")
