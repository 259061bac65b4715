# SPDX-License-Identifier: Apache-2.0
"""One review of one request, as ``jitd approve``, its walk and ``jitd deny`` give it: what is fetched, shown and sent.

Law: an approval carries the fingerprint of the row that was shown. Nobody is asked about a request that the daemon would not let
them approve.
"""

from __future__ import annotations

import shutil
import sys

from jitd.cli.answer import Row, answer, printable, say, words
from jitd.cli.call import NotDone
from jitd.cli.page import page
from jitpam.client import Connection
from jitpam.wire.messages import Review, Show


def fetched(daemon: Connection, id: str) -> Row:
    """Return the row of the request ``id``. Raises NotDone and RefusedByDaemon."""
    for row in list(daemon.ask(Show(id=id))):
        return row
    raise NotDone(f"there is no {id}", "unknown")


def fingerprint_of(row: Row) -> bytes:
    """Return the fingerprint that stands in ``row``. Raises NotDone if ``row`` is not that of a request."""
    try:
        return bytes.fromhex(row["fingerprint"])
    except (KeyError, TypeError, ValueError):
        raise NotDone(f"{words(row, 'id')} is not a request", "unknown") from None


def sent(daemon: Connection, row: Row, verdict: str, comment: str) -> str:
    """Send the ``verdict`` about exactly what stands in ``row``. Return what it did, as a sentence. Raises NotDone and
    RefusedByDaemon.
    """
    id = words(row, "id")
    said = daemon.do(Review(id=id, verdict=verdict, fingerprint=fingerprint_of(row), comment=comment))
    return said or f"request {id} is {'approved' if verdict == 'approve' else 'denied'}"


def must_be_approvable(row: Row) -> None:
    """Raise NotDone if ``row`` says that the daemon would refuse the approval."""
    id = words(row, "id")
    if row.get("mine"):
        raise NotDone(f"request {id} is your own: somebody else has to review it", "forbidden")
    if not row.get("may_review", True):
        raise NotDone(f"you may not review request {id}: its rule names neither you nor a group that you are in", "forbidden")
    if row.get("state") == "screening":
        names = " and ".join(str(name) for name in row.get("gatekeepers") or ())
        raise NotDone(f"request {id} cannot be reviewed yet: {names or 'a gatekeeper'} is being asked")
    if row.get("lacks"):
        raise NotDone(f"you may not approve request {id}: its rule {printable(words(row, 'lacks'))}", "forbidden")


def screen() -> int | None:
    """Return the cells of a line of the terminal on standard output; None if that is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def put(lines: list[str], *, below: int = 1) -> bool:
    """Print ``lines``. True if they do not fit on the terminal together with ``below`` lines after them: then nobody knows
    whether the first of them was read. False if standard output is not a terminal. Raises OSError if they cannot be printed.
    """
    for line in lines:
        answer(line)
    sys.stdout.flush()  # this raises if the request cannot be printed: then no review is sent
    return sys.stdout.isatty() and len(lines) + below > shutil.get_terminal_size().lines


def put_page(row: Row) -> bool:
    """Print everything about ``row``. True if not all of it is on the screen."""
    lines = page(row, screen())
    is_unread = put(lines, below=2)
    if is_unread:
        say(f"that is {len(lines)} lines: scroll up to read all of them")
    return is_unread
