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

VOLATILE = frozenset({"cpu_ms", "memory", "n_processes"})
"""Members of a row that change while nothing of it does."""
BINDING = ("id", "state", "fingerprint")
"""Members by which a row that may be ended stays the same. Whoever uses a lease changes the others as often as they like."""


@dataclass(frozen=True)
class View:
    """One list. ``what`` is its name in the protocol. ``keys`` are the letters that do something with its rows."""

    what: str
    title: str
    columns: Columns
    keys: tuple[tuple[str, str], ...]
    has_pages: bool = True
    """True if ``jitd show`` has a page about each row."""
    is_ended_here: bool = False
    """True if the questions about its rows only take something away."""


VIEWS = (
    View("requests", "waits", WAITING, (("a", "approve"), ("d", "deny"))),
    View("reviews", "reviews", REVIEWS, (("g", "give the review"),)),
    View("grants", "grants", LIVE_GRANTS, (("r", "revoke"),), is_ended_here=True),
    View("runs", "runs", LIVE_RUNS, (("w", "watch"), ("s", "stop")), is_ended_here=True),
    View("locks", "locks", LIVE_LOCKS, (("l", "lock somebody"), ("u", "unlock")), has_pages=False, is_ended_here=True),
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


def is_same(what: str, row: Row | None, other: Row | None) -> bool:
    """True if both rows of the list ``what`` are there, and nothing has changed from one to the other that an answer is about.

    A row that may be ended is the same while its BINDING is. Nobody keeps a question closed by which they would be stopped.
    """
    if row is None or other is None:
        return False
    if any(view.what == what and view.is_ended_here for view in VIEWS):
        return all(row.get(name) == other.get(name) for name in BINDING)
    return _lasting(row) == _lasting(other)


def _lasting(row: Row) -> Row:
    """Return what of ``row`` changes only if somebody asks for something else. Of a lease the uses that are left do not count:
    each use changes them.
    """
    lasting = {name: value for name, value in row.items() if name not in VOLATILE}
    if isinstance(lease := row.get("extends"), dict):
        lasting["extends"] = {name: value for name, value in lease.items() if name != "left"}
    return lasting


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
