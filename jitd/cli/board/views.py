# SPDX-License-Identifier: Apache-2.0
"""The lists of the board: their columns, the keys that work on a row of each, and the row that is selected.

Law: pure. A selection is of an id, and never of a place: a row that comes or goes moves no selection to another row while its own
row is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jitd.cli.answer import Row, words
from jitd.cli.lists import LIVE_GRANTS, LIVE_LOCKS, LIVE_RUNS, WAITING, Columns, none
from jitd.cli.naming import awaits_me
from jitd.cli.reviewing import REVIEWS

VOLATILE = frozenset({"cpu_ms", "memory"})
"""Members of a row that change while nothing of it does."""


@dataclass(frozen=True)
class View:
    """One list. ``what`` is its name in the protocol. ``keys`` are the letters that do something with its rows."""

    what: str
    title: str
    columns: Columns
    keys: tuple[tuple[str, str], ...]
    has_pages: bool = True
    """True if ``jitd show`` has a page about each row."""


VIEWS = (
    View("requests", "waits", WAITING, (("a", "approve"), ("d", "deny"))),
    View("reviews", "reviews", REVIEWS, (("g", "give the review"),)),
    View("grants", "grants", LIVE_GRANTS, (("r", "revoke"),)),
    View("runs", "runs", LIVE_RUNS, (("w", "watch"), ("s", "stop"))),
    View("locks", "locks", LIVE_LOCKS, (("l", "lock somebody"), ("u", "unlock")), has_pages=False),
)
"""In the order of their keys, 1 to 5."""


def ordered(what: str, rows: Sequence[Row]) -> list[Row]:
    """Return ``rows`` of the list ``what`` as the board has them: of requests those that wait for the viewer first, then the
    oldest first.
    """
    if what != "requests":
        return list(rows)
    return sorted(rows, key=lambda row: (not awaits_me(row), words(row, "submitted_at"), words(row, "id")))


def empty(what: str) -> str:
    """Return the sentence for an empty list of ``what``."""
    return "no review is owed, as far as you may see" if what == "reviews" else none(what, ended=False)


def is_same(row: Row | None, other: Row | None) -> bool:
    """True if both rows are there, and nothing has changed from one to the other."""
    if row is None or other is None:
        return False
    return all(row.get(name) == other.get(name) for name in (row.keys() | other.keys()) - VOLATILE)


def found(rows: Sequence[Row], id: str) -> Row | None:
    """Return the row with that ``id``; None if there is none."""
    return next((row for row in rows if words(row, "id") == id), None)


def moved(rows: Sequence[Row], id: str, by: int) -> str:
    """Return the id of the row that is ``by`` rows below the one with ``id``; empty if there are no rows. Without a row with
    ``id`` the first one is selected.
    """
    ids = [words(row, "id") for row in rows]
    if not ids:
        return ""
    return ids[min(max(ids.index(id) + by, 0), len(ids) - 1)] if id in ids else ids[0]


def selected(rows: Sequence[Row], before: Sequence[Row], id: str) -> str:
    """Return the id that is selected in ``rows``, where ``id`` was in ``before``: the same while it is there; else that of the
    row which now has its place.
    """
    if found(rows, id) is not None or not rows:
        return id if rows else ""
    places = [at for at, row in enumerate(before) if words(row, "id") == id]
    return words(rows[min(places[0] if places else 0, len(rows) - 1)], "id")
