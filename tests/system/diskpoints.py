# SPDX-License-Identifier: Apache-2.0
"""The places where a disk can fail, and what then has to be so: the second list of docs/crashes.md.

Law: each place is tried in each of its ways, and after each of them the same daemon serves the next request as soon as the
disk is well again.
"""

from __future__ import annotations

from dataclasses import dataclass

FULL, READ_ONLY, EIO = "full", "read-only", "EIO"
WAYS = (FULL, READ_ONLY, EIO)


@dataclass(frozen=True)
class Place:
    """``name`` is what cannot be written; ``ways`` is how."""

    name: str
    outcome: str
    ways: tuple[str, ...] = WAYS


PLACES = (
    Place(
        "the database, at a request",
        "nothing is permitted, and nothing runs; the client ends with 125",
    ),
    Place(
        "the database, at an approval",
        "the approver ends with 1 or 125, and nothing is decided; the request goes on waiting; approved again, it runs once",
    ),
    Place(
        "the database, when a command has ended",
        "the client has its status at once; the monitor keeps the outcome; it is recorded within 2 s after the disk is well",
    ),
    Place(
        "the database, at any one of its writes",
        "the request runs and is recorded, or the client ends with 125 and nothing has run",
        ways=("ENOSPC", READ_ONLY, EIO),
    ),
    Place(
        "the database, when its log is carried over",
        "requests go on; what is committed is in the log, and the log is carried over later",
        ways=(EIO,),
    ),
    Place(
        "the replay cache",
        "nobody but local root is let in; others end with 125, and the sentence does not blame the ticket",
    ),
    Place(
        "the file of a run in /run/jitd/runs",
        "the run is recorded as not started, and its use is given back; the client ends with 125 or 126",
    ),
    Place(
        "the copy of a file that others may change",
        "the run is recorded as not started, and no copy is left; the client ends with 125",
    ),
    Place(
        "the outcome of a run",
        "the client has its status at once; the monitor tells the daemon the outcome, and the daemon records it",
    ),
    Place(
        "the outcome of a run, and the daemon is killed",
        "the monitor stays alive, remembers the outcome, and tells it to the next daemon",
    ),
    Place(
        "the recording, at its beginning",
        "the run is recorded as not started; the client ends with 125",
    ),
    Place(
        "the recording, later",
        "nothing more is passed on; the command is ended; the record says why",
        ways=(FULL, EIO),
    ),
    Place(
        "the daemon's own log",
        "the daemon goes on serving",
        ways=(FULL,),
    ),
    Place(
        "the database, when the daemon starts",
        "the daemon ends with 1 and a sentence, or it serves; when the disk is well, it starts",
    ),
)
