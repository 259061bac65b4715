# SPDX-License-Identifier: Apache-2.0
"""The verbs about break-glass. With break-glass, a run begins without the usual approvals. Somebody must review the run
afterwards. The verb ``review`` records such a review. The verb ``reviews`` lists the reviews that are still owed.

Law: the whole request was on the screen before the question is asked, and the review contains the fingerprint of this request.
The answer yes must be typed on a terminal, or be given by ``--yes``. The answer is never read from a pipe.
"""

from __future__ import annotations

import click

from jitd.cli.answer import answer, answer_json, command_of, exact, printable, say
from jitd.cli.call import NotDone, called_as_reviewer, done_by
from jitd.cli.everywhere import everywhere
from jitd.cli.ids import whole_id
from jitd.cli.instants import age, left
from jitd.cli.lists import Columns, lines_of, whose
from jitd.cli.page import page
from jitd.cli.question import can_ask, is_answered_yes
from jitd.cli.reading import Reading, put_all
from jitd.cli.terminal_size import width
from jitd.cli.verdict import fetched, message_of
from jitd.cli.who import reason
from jitpam.client import Connection
from jitpam.wire.messages import List
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import UNKNOWN, OwedReview, Request

REVIEWS: Columns[OwedReview] = {
    "ID": lambda row: row.id,
    "STATE": lambda row: row.state,
    "AGE": lambda row: age(row.begun_at),
    "LEFT": lambda row: left(row.due_at) if row.state == "owed" else UNKNOWN,
    "REQUESTER": whose,
    "HOST": lambda row: row.host,
    "BY": lambda row: without_realm(row.given_by, row.realm) if row.given_by else row.reviewers,
    "REASON": lambda row: reason(row, UNKNOWN),
    "COMMAND": command_of,
}


@click.command()
@click.option("--all", "ended", is_flag=True, help="Also list the reviews that were given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def reviews(*, ended: bool, as_json: bool) -> None:
    """List the reviews that are owed after somebody broke glass, as far as you may see them."""
    with everywhere() as hosts:
        (rows,) = hosts.answers(List(what="reviews", ended=ended))
        if as_json:
            answer_json(exact(rows))
        elif rows:
            for line in lines_of(REVIEWS, list(map(OwedReview.read, rows)), width()):
                answer(line)
        if not rows:
            none = "no glass was ever broken, as far as you may see" if ended else "no review is owed, as far as you may see"
            say(hosts.nothing(none))


@click.command()
@click.argument("id")
@click.option("--comment", default="", help="What you found: told to the requester, and recorded.")
@click.option("--yes", "is_sure", is_flag=True, help="Ask nothing (for scripts). The request is still printed.")
def review(id: str, *, comment: str, is_sure: bool) -> None:
    """Show what somebody did with break-glass, ask, and record that you have reviewed it."""
    id = whole_id("review", id, called_as_reviewer, is_sure=is_sure)
    with called_as_reviewer() as daemon:
        row = fetched(daemon, id)
        id, owed = row.id, row.owed_review
        if owed is None:
            raise NotDone(f"no review is owed for request {id}", "not_done")
        if is_sure or not owed.may_give:
            if owed.may_give:
                put_all(page(row, width()))
            say(given(daemon, row, comment))
            return
    if not can_ask():
        raise click.UsageError("there is no terminal for the question: give --yes to answer yes in advance")
    is_read = Reading(lambda width: page(row, width)).is_read_through()
    if not is_read or not is_answered_yes(f"\nhave you reviewed {printable(id)}? type yes: "):
        raise NotDone(f"request {id} is not reviewed: nothing was sent")
    with called_as_reviewer() as daemon:  # no connection stays open while the person reads
        say(given(daemon, row, comment))


def given(daemon: Connection, row: Request, comment: str) -> str:
    """Send the review of the request in ``row``, and return a sentence about it. Raises NotDone and RefusedByDaemon."""
    message, by = message_of(daemon, row, "reviewed", comment)
    with done_by(daemon):
        said = daemon.do(message)
    return (said or f"request {row.id} is reviewed") + by
