# SPDX-License-Identifier: Apache-2.0
"""The verbs about one request: ``show``, ``approve``, ``deny``, ``withdraw``.

Law: an approval carries the fingerprint of the request that was printed, in full, before the question. The answer yes is typed
on a terminal or given by ``--yes``; it is never read from a pipe.
"""

from __future__ import annotations

import click

from jitd.cli.answer import Row, answer_json, exact, printable, say, words
from jitd.cli.brief import brief
from jitd.cli.call import NotDone, called, called_as_reviewer
from jitd.cli.page import OPEN, page
from jitd.cli.question import can_ask, is_answered_yes
from jitd.cli.reading import put, put_all, screen
from jitpam.client import Connection
from jitpam.wire.messages import Review, Show, Withdraw


def _fetch(daemon: Connection, id: str) -> Row:
    for row in list(daemon.ask(Show(id=id))):
        return row
    raise NotDone(f"there is no {id}", "unknown")


def _fingerprint(row: Row) -> bytes:
    try:
        return bytes.fromhex(row["fingerprint"])
    except (KeyError, TypeError, ValueError):
        raise NotDone(f"{words(row, 'id')} is not a request", "unknown") from None


@click.command()
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(id: str, *, as_json: bool) -> None:
    """Show everything about one request, and its outcome."""
    with called() as daemon:
        row = _fetch(daemon, id)
    if as_json:
        answer_json([exact(row)])
    else:
        put_all(page(row, screen()))


@click.command()
@click.argument("id")
@click.option("--comment", default="", help="Told to the requester, and recorded.")
@click.option("--yes", "is_sure", is_flag=True, help="Ask nothing (for scripts). The request is still printed.")
def approve(id: str, *, comment: str, is_sure: bool) -> None:
    """Show a request, ask, and approve exactly what was shown."""
    with called_as_reviewer() as daemon:
        row = _fetch(daemon, id)
        fingerprint = _fingerprint(row)
        id = words(row, "id")
        if row.get("state") in OPEN:
            if not is_sure:
                _must_be_reviewable(row)
            # What cannot be printed raises: then no review is sent.
            if is_sure:
                put_all(page(row, screen()))
            else:
                put(brief(row, screen()), below=2)
            if not is_sure and not is_answered_yes(f"\napprove {printable(id)}? type yes: "):
                raise NotDone(f"request {id} is not approved: nothing was sent")
        say(daemon.do(Review(id=id, verdict="approve", fingerprint=fingerprint, comment=comment)) or f"request {id} is approved")


def _must_be_reviewable(row: Row) -> None:
    """Raise NotDone if ``row`` says that the daemon would refuse the review, and UsageError if there is no terminal to ask on."""
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
    if not can_ask():
        raise click.UsageError("there is no terminal to ask on; with --yes nothing is asked")


@click.command()
@click.argument("id")
@click.option("--reason", required=True, help="Why: told to the requester, and recorded.")
def deny(id: str, *, reason: str) -> None:
    """Deny a request; that ends it."""
    if not reason.strip():
        raise click.UsageError("--reason is empty: say why, for the requester")
    with called_as_reviewer() as daemon:
        row = _fetch(daemon, id)
        said = daemon.do(Review(id=words(row, "id"), verdict="deny", fingerprint=_fingerprint(row), comment=reason))
        say(said or f"request {words(row, 'id')} is denied")


@click.command()
@click.argument("id")
def withdraw(id: str) -> None:
    """Take back a request of your own."""
    with called(with_ticket=True) as daemon:
        say(daemon.do(Withdraw(id=id)) or f"request {id} is withdrawn")
