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
from jitd.cli.answer import say
from jitd.cli.assent import what
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.hosts import Far
from jitd.cli.ids import LEAST, may_review, no_beginning
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
    rows: dict[Far | None, list[Request]] = {}
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


def reviewable() -> list[Request]:
    """Return the open requests that the person may review. The oldest request comes first. Raises the errors of ``connect``, and
    NotDone if rules name the person, who may review nothing.
    """
    with called_as_reviewer() as daemon:
        came = list(daemon.ask(message := List(what="requests", ended=False)))
        far.saw(daemon, (message, came))
    found = oldest_first(asked := list(map(Request.read, came)))
    for because in () if found else barred(asked):
        raise NotDone(because, "forbidden")
    return found


def barred(rows: Iterable[Request]) -> list[str]:
    """Return why the person, whom rules of ``rows`` name, may not review them: each reason once."""
    return list(dict.fromkeys(row.barred for row in rows if row.barred and not row.may_review))


def oldest_first(rows: Iterable[Request]) -> list[Request]:
    """Return those of ``rows`` that the person may review. The oldest request comes first."""
    return sorted(filter(may_review, rows), key=lambda row: str(row.submitted_at))


def awaits_me(row: Request) -> bool:
    """True if the request waits for this person: their approval is needed, or they may now only deny it."""
    return may_review(row) and row.state == "pending" and (row.awaits_me or bool(row.lacks or row.barred))


def _whole(start: str, rows: list[Request]) -> str:
    """Raises NotDone if ``start`` is too short, or if it is not the beginning of exactly one id."""
    found = [row for row in rows if row.id.startswith(start)]
    n_letters = len(start.replace("-", ""))
    if len(found) == 1 and n_letters >= LEAST:
        return found[0].id
    for row in found or rows:
        say(f"{row.id}: {row.account} asks for {what(row, (width() or 200) - 40)}")
    if n_letters < LEAST:
        raise NotDone(f"{start} is too short to name a request: type at least {LEAST} letters of its id", "usage")
    if found:
        raise NotDone(f"{start} fits all of these {len(found)} requests: type more of the id", "usage")
    else_ = "you may review those above" if rows else "you may review none"
    raise NotDone(f"no open request that you may review begins with {start}: {else_}", "usage")
