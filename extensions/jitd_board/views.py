# SPDX-License-Identifier: Apache-2.0
"""The lists of the board. Each list has columns, keys that act on its rows, and a selected row.

Law: pure. A row is selected by its host and its id, and never by its position. While the selected row exists, it stays selected,
even if other rows appear or disappear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jitd.cli.answer import command_of, printable
from jitd.cli.columns import cut, cut_in_the_middle, padded
from jitd.cli.findings import damage_of, grade_of
from jitd.cli.instants import left
from jitd.cli.lists import LIVE_GRANTS, LIVE_LOCKS, LIVE_RUNS, WAITING, Columns, none, style
from jitd.cli.naming import awaits_me
from jitd.cli.reviewing import REVIEWS
from jitd.cli.walk import Key, key
from jitd.cli.who import reason
from jitd.core.grade import Damage, Grade
from jitpam.wire.rows import UNKNOWN, Doubted, Listed, Request
from jitpam.wire.shown import cells

VOLATILE = frozenset({"cpu_ms", "memory", "n_processes"})  # change in a row although nothing happens to the grant or run
BINDING = ("id", "state", "fingerprint")
"""Members of which one must change in a list's row: each use of a lease changes some of the others, for example."""


@dataclass(frozen=True)
class View:
    """One list: its name in the protocol (``what``), and the letters that act on its rows (``keys``)."""

    what: str
    title: str
    columns: Columns[Any]
    keys: tuple[tuple[str, str], ...]
    has_pages: bool = True  # true if `jitd show` has a page about each row of the list
    is_ended_here: bool = False  # true if the actions on the rows of this list can only end or remove something


VIEWS = (
    View("requests", "waits", WAITING, (("a", "approve"), ("d", "deny"), ("v", "view"), ("s", "skip"))),
    View("reviews", "reviews", REVIEWS, (("g", "give the review"),)),
    View("grants", "grants", LIVE_GRANTS, (("r", "revoke"),), is_ended_here=True),
    View("runs", "runs", LIVE_RUNS, (("w", "watch"), ("s", "stop")), is_ended_here=True),
    View("locks", "locks", LIVE_LOCKS, (("l", "lock somebody"), ("u", "unlock")), has_pages=False, is_ended_here=True),
)
"""The lists of the board. The keys 1 to 5 show the first to the fifth list."""


def ordered(rows: Sequence[Listed]) -> list[Listed]:
    """Return ``rows``, which are of one list, in the order of the board. Only requests are sorted. Requests that wait for the
    viewer come first, and then all others. Each of these groups begins with its oldest request.
    """
    requests = [row for row in rows if isinstance(row, Request)]
    return [*sorted(requests, key=lambda row: (not awaits_me(row), row.submitted_at or UNKNOWN, row.id))] or [*rows]


HEADS = ("ID", "LEFT", "", "WHO", "HOST", "COMMAND", "REASON")
MARKS = {Grade.GIVES.word: "!!", Grade.LEADS.word: "!", Grade.CHANGES.word: "!", Grade.READS.word: "!", Grade.UNKNOWN.word: "?"}
WITH_REASON = 60  # minimum number of cells for a line that has room for a reason
MOST_OF_HOST = 16  # cells for a host in the line of a request


def request_lines(rows: Sequence[Request], width: int, labels: Mapping[str, str] | None = None) -> list[str]:
    """Return one line of ``width`` cells for the head, and one for each of ``rows``, which are requests. A command and a reason
    that have no room are shortened. If the rows are of many hosts, ``labels`` maps these to what stands in the column HOST.
    """
    cells_of = [_cells_of(row, labels or {}) for row in rows]
    n_who, n_host = (max([len(HEADS[at]), *(cells(texts[at]) for texts in cells_of)]) for at in (3, 4))
    widths = [9, 7, 2, min(12, n_who), *([min(MOST_OF_HOST, n_host)] if labels else [])]
    room = width - sum(widths) - len(widths)
    n_reason = room * 2 // 5 if width >= WITH_REASON else 0
    n_command = room - n_reason - bool(n_reason)
    lines = []
    for texts in [list(HEADS), *cells_of]:
        start = " ".join(padded(cut(text, size), size) for text, size in zip(texts[: len(widths)], widths, strict=True))
        command, reason = cut_in_the_middle(texts[5], n_command), cut(texts[6], n_reason) if n_reason else ""
        line = f"{start} {padded(command, n_command)} {reason}".rstrip()
        if cells(line) > width:  # a terminal may draw the marks of what was cut wider, and the end of the reason has to be there
            line = f"{start} {command}{' ' * (n_command - cells(command))} {reason}".rstrip()
        lines.append(line)
    return lines


def style_of(row: Listed) -> str | None:
    return style(row) or ("danger" if isinstance(row, Request) and _mark(row) == "!!" else None)


def _mark(row: Request) -> str:
    is_loud = isinstance(row.what, Doubted) or row.breaks_glass or damage_of(row) != Damage.NONE.word
    return "!!" if is_loud else MARKS.get(grade_of(row), "")


def _cells_of(row: Request, labels: Mapping[str, str]) -> list[str]:
    why = f"asking {' '.join(row.gatekeepers) or UNKNOWN}" if row.asking_at else reason(row, UNKNOWN)
    who = f"{row.account}{' (mine)' if row.mine else ''}"
    asked = " ".join(row.gives) or command_of(row)
    texts = row.id, left(row.expires_at), _mark(row), who, labels.get(row.host, ""), asked, why
    return [printable(text) for text in texts]


def empty(what: str) -> str:
    """Return the sentence that the board shows if the list ``what`` is empty."""
    return "no review is owed, as far as you may see" if what == "reviews" else none(what, ended=False)


def is_same(what: str, row: Listed | None, other: Listed | None) -> bool:
    """True if ``row`` and ``other`` both exist, and are equal in all values that matter for an answer. The rows are from the
    list ``what``, and have the same key.

    In the lists of grants, runs and locks, only the members in BINDING are compared. If all members were compared, a person
    could change the row of their own grant or run again and again. Another person may want to end this grant or run, and each
    change would close the question to this other person.
    """
    if row is None or other is None:
        return False
    if any(view.what == what and view.is_ended_here for view in VIEWS):
        return all(row.came.get(name) == other.came.get(name) for name in BINDING)
    return _lasting(row) == _lasting(other)


def _lasting(row: Listed) -> dict[str, Any]:
    """Return ``row`` without what changes although the request stays the same, such as the remaining uses of a lease."""
    lasting = {name: value for name, value in row.came.items() if name not in VOLATILE}
    if isinstance(row, Request) and row.extends:
        return lasting | {"extends": {name: value for name, value in row.extends.came.items() if name != "left"}}
    return lasting


def found(rows: Sequence[Listed], wanted: Key | None) -> Listed | None:
    return next((row for row in rows if key(row) == wanted), None)


def moved(rows: Sequence[Listed], at: Key | None, by: int) -> Key | None:
    """Find the row with the key ``at``, and return the key of the row that is ``by`` rows below it. If there is no such row,
    return the key of the first one. Return None if there are no rows.
    """
    keys = [key(row) for row in rows]
    if not keys:
        return None
    return keys[min(max(keys.index(at) + by, 0), len(keys) - 1)] if at in keys else keys[0]


def selected(rows: Sequence[Listed], before: Sequence[Listed], at: Key | None) -> Key | None:
    """Return the key of the row that is selected in ``rows``: that of ``at`` while it exists, and else what is now in its place.
    ``before`` are the rows before the change.
    """
    if found(rows, at) is not None or not rows:
        return at if rows else None
    places = [place for place, row in enumerate(before) if key(row) == at]
    return key(rows[min(places[0] if places else 0, len(rows) - 1)])
