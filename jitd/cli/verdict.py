# SPDX-License-Identifier: Apache-2.0
"""One review of one request, as ``jitd approve``, its walk and ``jitd deny`` give it: what is fetched, checked and sent.

Law: an approval carries the fingerprint of the row that was shown. Nobody is asked about a request that the daemon would not let
them approve.
"""

from __future__ import annotations

from jitd.cli.answer import Row, printable, words
from jitd.cli.call import NotDone
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
