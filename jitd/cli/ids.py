# SPDX-License-Identifier: Apache-2.0
"""The ids that each verb takes: those that a shell proposes, and those that the beginning of an id may stand for.

Law: a beginning stands for an id only if it has at least LEAST letters, and if exactly one id among those that the person may see
begins with it. Nothing is guessed (THREATS A-08). jitd itself takes only whole ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from jitd.cli import far
from jitd.cli.call import NotDone, called
from jitd.core.command import read_start
from jitpam.client import Connection
from jitpam.wire.messages import List
from jitpam.wire.rows import LISTED, Doubted, Edit, Edits, Login, NewFile, OwedReview, Program, Removal, Request, Things

LEAST = 4  # letters of an id that a person must type
MOST_TOLD = 10  # ids that are named if a beginning fits several


def no_beginning(start: str) -> str:
    """Return the sentence that refuses the beginning of an id where nobody looks at what it names."""
    return f"{start} is the beginning of an id: with --yes only the whole id names a request"


class Ids(NamedTuple):
    """The ids in the list ``what`` of the rows for which ``is_meant`` is true. ``kind`` says what they are the ids of.
    ``has_ended`` is true if the verb is about what has ended, too.
    """

    what: str
    kind: str
    is_meant: Callable[[Any], bool] = lambda row: True
    has_ended: bool = False

    def among(self, came: Iterable[dict[str, Any]]) -> list[str]:
        """Return the ids of the rows that came, each once."""
        rows = [LISTED[self.what].read(row) for row in came]
        return list(dict.fromkeys(row.id for row in rows if self.is_meant(row)))


def _mine(row: Request) -> bool:
    return row.mine


def may_review(row: Request) -> bool:
    """True if ``row`` is another person's request that the person may review."""
    return row.may_review and not row.mine


def _may_be_undone(row: Request) -> bool:
    """True if ``row`` is an edit of the person's that was approved. Whether it has done anything is not in a list."""
    match row.what:
        case Edit() | Edits() | NewFile() | Removal():
            return row.mine and row.state == "approved"
        case Program() | Things() | Login() | Doubted():
            return False


def _may_give(row: OwedReview) -> bool:
    return row.may_give


IDS = {
    "show": Ids("requests", "request that you may see", has_ended=True),
    "approve": Ids("requests", "open request that you may review", may_review),
    "deny": Ids("requests", "open request that you may review", may_review),
    "withdraw": Ids("requests", "open request of yours", _mine),
    "review": Ids("reviews", "owed review that you may give", _may_give),
    "jitsudo --resume": Ids("requests", "open request of yours", _mine),
    "jitsudo --undo": Ids("requests", "approved edit of yours", _may_be_undone, has_ended=True),
    "revoke": Ids("grants", "live grant that you may see"),
    "stop": Ids("runs", "live run that you may see"),
    "watch": Ids("runs", "live run that you may see"),
    "replay": Ids("runs", "run that you may see", has_ended=True),
    "unlock": Ids("locks", "lock that holds"),
    "audit pack": Ids("requests", "request that you may see", has_ended=True),
}


def whole_id(
    verb: str, typed: str, call: Callable[[], AbstractContextManager[Connection]] = called, *, is_sure: bool = False
) -> str:
    """Return the id that ``typed`` names after ``verb``, and send to its host what follows (``far.settle``). Whatever is not the
    beginning of an id is returned as it is. For a beginning, jitd is asked over the connection of ``call``; if ``is_sure`` is
    True, it names nothing. Raises UsageError, NotDone, and the errors of ``call``.
    """
    typed = far.settle(verb, typed)
    start = read_start(typed)
    if start is None:
        return typed
    if is_sure:
        raise NotDone(no_beginning(start), "usage")
    if len(start.replace("-", "")) < LEAST:
        raise NotDone(f"{typed} is too short to name anything: type at least {LEAST} letters of the id", "usage")
    ids = IDS[verb]
    with call() as daemon:
        found = [id for id in ids.among(daemon.ask(List(what=ids.what, ended=ids.has_ended))) if id.startswith(start)]
    if not found:
        listed = f"jitd {ids.what}{' --all' if ids.has_ended else ''}"
        raise NotDone(f"no {ids.kind} begins with {typed}: {listed} lists them", "unknown")
    if len(found) > 1:
        more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
        raise NotDone(f"{typed} fits {', '.join(found[:MOST_TOLD])}{more}: type more of the id", "usage")
    return found[0]
