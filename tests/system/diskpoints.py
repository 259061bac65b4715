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
        "the database, when a request is stored",
        "nothing is permitted, and nothing runs; the client ends with status 125",
    ),
    Place(
        "the database, when an approval is stored",
        "the approver ends with status 1 or 125, and nothing is decided; the request still waits; "
        "after a second approval, the command runs once",
    ),
    Place(
        "the database, when a command has ended",
        "the client gets the exit status at once; the monitor keeps the outcome; "
        "the outcome is recorded within 2 s after the disk works again",
    ),
    Place(
        "the database, at any one of its writes",
        "the request runs and is recorded, or the client ends with status 125 and nothing has run",
        ways=("ENOSPC", READ_ONLY, EIO),
    ),
    Place(
        "the database, when its log is copied into it",
        "requests continue; the committed data are in the log, and the log is copied into the database later",
        ways=(EIO,),
    ),
    Place(
        "the replay cache",
        "only local root is accepted; other clients end with status 125, "
        "with a message that does not name the ticket as the cause",
    ),
    Place(
        "the file of a run in /run/jitd/runs",
        "the run is recorded as not started, and its use of the grant is not counted; the client ends with status 125 or 126",
    ),
    Place(
        "the copy of a file that others may change",
        "the run is recorded as not started, and no copy is left; the client ends with status 125",
    ),
    Place(
        "the outcome of a run",
        "the client gets the exit status at once; the monitor tells the daemon the outcome, and the daemon records it",
    ),
    Place(
        "the outcome of a run, after the daemon was killed",
        "the monitor stays alive, remembers the outcome, and tells it to the next daemon",
    ),
    Place(
        "the recording, when it begins",
        "the run is recorded as not started; the client ends with status 125",
    ),
    Place(
        "the recording, while the command runs",
        "the monitor passes on no further output and ends the command; the record contains the reason",
        ways=(FULL, EIO),
    ),
    Place(
        "the daemon's own log",
        "the daemon continues to serve requests",
        ways=(FULL,),
    ),
    Place(
        "the database, when the daemon starts",
        "the daemon ends with status 1 and a message, or it serves requests; when the disk works again, the daemon starts",
    ),
)
