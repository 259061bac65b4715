# SPDX-License-Identifier: Apache-2.0
"""Finds the request that a person has named. The person types a whole id or the beginning of an id.

Law: the beginning of an id must have at least four letters. Among the open requests that the person may review, exactly one id
must begin with it. The module never guesses an id, and offers no word such as "latest". With ``--yes``, a whole id is required,
because nobody looks at the request before it is approved (THREATS A-08).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jitd.cli import far
from jitd.cli.answer import Row, say, words
from jitd.cli.assent import what
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.hosts import Far
from jitd.cli.ids import LEAST, no_beginning
from jitd.cli.terminal_size import width
from jitd.core.command import read_start
from jitpam.wire.messages import List
from jitpam.wire.rows import Request


class Named(NamedTuple):
    """The id of a request, and the host on which it is if that is another one."""

    id: str
    far: Far | None


def named(typed: Iterable[str], *, is_sure: bool) -> list[Named]:
    """Return the whole ids for the ids in ``typed``, without duplicates. If ``is_sure`` is False, a person may also type the
    beginning of an id.

    If a typed beginning is too short, or if it is not the beginning of exactly one request's id, print the possible requests and
    raise NotDone. If ``is_sure`` is True and only the beginning of an id was typed, raise NotDone and print nothing. In both
    cases, the exit status in NotDone is the status for wrong usage. If a beginning was typed and ``is_sure`` is False, the
    function asks jitd for the requests. Then it may also raise the errors of ``connect``.
    """
    found: list[Named] = []
    rows: dict[Far | None, list[Row]] = {}
    for one in typed:
        id, there = far.split(one)
        start = read_start(id)
        if start is not None:
            if is_sure:
                raise NotDone(no_beginning(start), "usage")
            with far.at(there):
                if there not in rows:
                    rows[there] = reviewable()
                id = _whole(start, rows[there])
        if (each := Named(id, there)) not in found:
            found.append(each)
    return found


def reviewable() -> list[Row]:
    """Return the open requests that the person may review. The oldest request comes first. Raises the errors of ``connect``, and
    NotDone if rules name the person, who may review nothing.
    """
    with called_as_reviewer() as daemon:
        rows = list(daemon.ask(asked := List(what="requests", ended=False)))
        far.saw(daemon, (asked, rows))
    found = oldest_first(rows)
    for because in () if found else barred(rows):
        raise NotDone(because, "forbidden")
    return found


def barred(rows: Iterable[Row]) -> list[str]:
    """Return why the person, whom rules of ``rows`` name, may not review them: each reason once."""
    return list(dict.fromkeys(words(row, "barred") for row in rows if row.get("barred") and not row.get("may_review")))


def oldest_first(rows: Iterable[Row]) -> list[Row]:
    """Return those of ``rows`` that the person may review. The oldest request comes first."""
    return sorted(filter(may_review, rows), key=lambda row: str(row.get("submitted_at")))


def may_review(row: Row) -> bool:
    """True if ``row`` is another person's request that the person may review."""
    return bool(row.get("may_review")) and not row.get("mine")


def awaits_me(row: Row) -> bool:
    """True if the request in ``row`` waits for this person. There are two cases: the person's approval is still needed, or the
    person may now only deny the request.
    """
    if not may_review(row) or row.get("state") != "pending":
        return False
    return bool(row.get("awaits_me", True) or row.get("lacks") or row.get("barred"))


def _whole(start: str, rows: list[Row]) -> str:
    """Raises NotDone if ``start`` is too short, or if it is not the beginning of exactly one id."""
    found = [row for row in rows if words(row, "id").startswith(start)]
    n_letters = len(start.replace("-", ""))
    if len(found) == 1 and n_letters >= LEAST:
        return words(found[0], "id")
    for row in found or rows:
        say(f"{words(row, 'id')}: {words(row, 'account')} asks for {what(Request.read(row), (width() or 200) - 40)}")
    if n_letters < LEAST:
        raise NotDone(f"{start} is too short to name a request: type at least {LEAST} letters of its id", "usage")
    if found:
        raise NotDone(f"{start} fits all of these {len(found)} requests: type more of the id", "usage")
    else_ = "you may review those above" if rows else "you may review none"
    raise NotDone(f"no open request that you may review begins with {start}: {else_}", "usage")
