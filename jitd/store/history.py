# SPDX-License-Identifier: Apache-2.0
"""Counts the requests, denials and runs of a person since a given time. The counts use indexes of the database.
Law: nothing here reads a document. Times in the columns are rounded down to whole seconds. Therefore a count may include events
up to one second before the given time.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from jitd.store import History

_ASKED = (
    "SELECT count(*), coalesce(sum(is_denied), 0) FROM requests INDEXED BY requests_lately WHERE person = ? AND asked_at >= ?"
)
_DENIED = (
    "SELECT count(*) FROM requests INDEXED BY requests_lately"
    " WHERE person = ? AND asked_at >= ? AND asked_at <= ? AND is_denied = 1"
)
_BESIDE = "SELECT count(*), coalesce(sum(is_denied), 0) FROM requests WHERE id = ? AND person = ? AND asked_at >= ?"
_RAN = (  # a run can start only while its grant is live
    "SELECT count(*) FROM grants INDEXED BY grants_lately"
    " CROSS JOIN runs INDEXED BY runs_lately ON runs.grant_id = grants.id"
    " WHERE grants.person = ? AND grants.ends_at >= ? AND runs.started_at >= ?"
)


def spell(at: datetime | None) -> str:
    """Return ``at`` (aware) as columns have it: 19 characters of RFC 3339 in UTC, or "" for None."""
    return "" if at is None else at.astimezone(UTC).isoformat()[:19]


MOST_PLACES = 256  # requests that `places` returns for a person
_PLACES = (
    "SELECT rowid, length(document) + coalesce((SELECT length(entries) FROM said WHERE said.id = requests.id), 0)"
    " FROM requests INDEXED BY requests_lately"
    " WHERE person = ? AND is_denied = 0 AND is_open = 0 ORDER BY asked_at DESC LIMIT ?"
)


def places(db: sqlite3.Connection, person: str, most_bytes: int) -> list[int]:
    """Return the row numbers of the latest requests of ``person`` that have ended and were not denied, newest first. Together,
    the documents and the values of these requests have at most ``most_bytes`` bytes. Raises sqlite3.Error.
    """
    found, n_bytes = [], 0
    for place, size in db.execute(_PLACES, (person, MOST_PLACES)):
        n_bytes += size
        if n_bytes > most_bytes:
            break
        found.append(place)
    return found


def count(db: sqlite3.Connection, person: str, since: datetime, beside: str) -> History:
    """See ``Store.history``. Raises sqlite3.Error."""
    when = spell(since)
    asked, denied = db.execute(_ASKED, (person, when)).fetchone()
    n_beside, denied_beside = db.execute(_BESIDE, (beside, person, when)).fetchone()
    (ran,) = db.execute(_RAN, (person, when, when)).fetchone()
    return History(asked - n_beside, denied - denied_beside, ran)


def n_denied(db: sqlite3.Connection, person: str, since: datetime, until: datetime) -> int:
    """See ``Store.n_denied``. Raises sqlite3.Error."""
    (found,) = db.execute(_DENIED, (person, spell(since), spell(until))).fetchone()
    return int(found)
