# SPDX-License-Identifier: Apache-2.0
"""Which request is meant by what was typed: a whole id, or the beginning of one.

Law: a beginning names a request only if it has four letters, and fits exactly one open request that the person may review.
Nothing is guessed: "the latest" is no name. With ``--yes``, where nobody looks, only a whole id names anything (THREATS A-08).
"""

from __future__ import annotations

from collections.abc import Iterable

from jitd.cli.answer import Row, say, words
from jitd.cli.assent import what
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.reading import screen
from jitd.core.command import read_start
from jitpam.wire.messages import List

LEAST = 4
"""Letters of the shortest beginning that names a request."""


def named(typed: Iterable[str], *, is_sure: bool) -> list[str]:
    """Return the ids that were ``typed``, each once. If only a prefix was typed, the whole id is used, unless ``is_sure``.

    Raises NotDone with the status of wrong usage if a beginning is too short, or does not name exactly one request. The
    candidates are printed then. Raises as ``connect`` if jitd has to be asked for them.
    """
    ids: list[str] = []
    rows: list[Row] | None = None
    for one in typed:
        id, start = one, read_start(one)
        if start is not None:
            if is_sure:
                raise NotDone(f"{start} is the beginning of an id: with --yes only the whole id names a request", "usage")
            if rows is None:
                rows = reviewable()
            id = _whole(start, rows)
        if id not in ids:
            ids.append(id)
    return ids


def reviewable() -> list[Row]:
    """Return the open requests that the person may review, oldest first. Raises as ``connect``."""
    with called_as_reviewer() as daemon:
        rows = [row for row in list(daemon.ask(List(what="requests", ended=False))) if may_review(row)]
    return sorted(rows, key=lambda row: str(row.get("submitted_at")))


def may_review(row: Row) -> bool:
    """True if ``row`` is a request of somebody else that the person may review."""
    return bool(row.get("may_review")) and not row.get("mine")


def awaits_me(row: Row) -> bool:
    """True if ``row`` waits for the person: their approval would bring it forward, or they could at least deny it."""
    if not may_review(row) or row.get("state") != "pending":
        return False
    return bool(row.get("awaits_me", True) or row.get("lacks"))


def _whole(start: str, rows: list[Row]) -> str:
    """Return the one id among ``rows`` that begins with ``start``. Raises NotDone."""
    found = [row for row in rows if words(row, "id").startswith(start)]
    n_letters = len(start.replace("-", ""))
    if len(found) == 1 and n_letters >= LEAST:
        return words(found[0], "id")
    for row in found or rows:
        say(f"{words(row, 'id')}: {words(row, 'account')} asks for {what(row, (screen() or 200) - 40)}")
    if n_letters < LEAST:
        raise NotDone(f"{start} is too short to name a request: type at least {LEAST} letters of its id", "usage")
    if found:
        raise NotDone(f"{start} may be any of these {len(found)} requests: type more of the id", "usage")
    else_ = "you may review those above" if rows else "you may review none"
    raise NotDone(f"no open request that you may review begins with {start}: {else_}", "usage")
