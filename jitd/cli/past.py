# SPDX-License-Identifier: Apache-2.0
"""Shows the history of a request as lines of its page. Also describes how runs and holdings ended.

Law: the history begins with the oldest event. If a run or a holding has not ended, it is never shown as ended. A holding is a
thing that a person got under a grant.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.audit.sentences import left_behind
from jitd.cli.answer import Row, words
from jitd.cli.authenticated import in_short
from jitd.cli.instants import local, told
from jitd.cli.labels import Line, members
from jitd.cli.principals import spelled
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import Verdict


def history(row: Row) -> Iterator[Line]:
    """Yield lines about the events of the request in ``row``. The oldest event comes first. After the events, yield lines about
    the present state of the request's grant, things and runs. If nothing has happened since the submission, yield nothing.
    """
    events: list[tuple[str, int, str]] = []

    def happened(at: object, what: str) -> None:
        if at:
            events.append((str(at), len(events), what))

    happened(row.get("submitted_at"), f"submitted by {spelled(row)}")
    for review in members(row, "reviews"):
        if isinstance(review, dict):
            happened(review.get("at"), review_in_words(review, row.get("realm")))
    grant = row.get("grant")
    if isinstance(grant, dict):
        id = words(grant, "id")
        happened(grant.get("issued_at"), f"grant {id} issued: {words(grant, 'uses')} to use until {local(grant.get('ends_at'))}")
    for run in members(row, "runs"):
        if isinstance(run, dict):
            id = words(run, "id")
            happened(run.get("started_at") or run.get("starting_at"), f"run {id} began")
            happened(run.get("ended_at"), f"run {id} {how_it_ended(run)}")
    for held in members(row, "holdings"):
        if isinstance(held, dict):
            thing = f"{words(held, 'thing')} ({words(held, 'id')})"
            happened(held.get("given_at"), f"{thing} given until {local(held.get('until'))}")
            happened(held.get("ended_at"), f"{thing} {how_it_was_taken(held)}")
    # the only event is the submission, which is already at the top of the page
    if len(events) < 2:
        return
    yield "", ""
    yield "HISTORY", ""
    for at, _, what in sorted(events):
        yield "*", f"{local(at)}  {what}"
    if isinstance(grant, dict):
        ended = f": {grant['ended_because']}" if grant.get("ended_because") else ""
        yield "grant now", f"{words(grant, 'state')}, {words(grant, 'left')} of {words(grant, 'uses')} uses left{ended}"
    for run in members(row, "runs"):
        if isinstance(run, dict) and (left := left_behind(run.get("traces"))):
            yield "left elsewhere", f"by run {words(run, 'id')}: {left}"
    for held in members(row, "holdings"):
        if isinstance(held, dict) and not held.get("outcome"):
            yield "given now", f"{words(held, 'thing')} ({words(held, 'id')}) {how_it_was_taken(held)}"
    for run in members(row, "runs"):
        if isinstance(run, dict) and not run.get("outcome"):
            yield "running now", f"run {words(run, 'id')}, {words(run, 'state')}, pid {words(run, 'pid')}"


def review_in_words(review: Row, realm: object) -> str:
    """Return a text about a review of a request: the verdict, the reviewer, how the reviewer had authenticated, and the
    reviewer's comment. ``realm`` is the realm of the reader.
    """
    said = f": {words(review, 'comment')}" if review.get("comment") else ""
    word = "approved" if review.get("verdict") == "approve" else "denied"
    because = words(review, "void") if review.get("void") else "locked"
    void = f" (does not count: {because})" if review.get("counts") is False else ""
    proved = (
        f" (PROVED {review['proved']})"
        if review.get("proved")
        else in_short(Verdict.read(review).authentication, Verdict.read(review).way)
    )
    return f"{word} by {without_realm(words(review, 'by'), realm)}{proved}{said}{void}"


def how_it_was_taken(held: Row) -> str:
    """A holding is a thing that jitd gave to somebody. Return a text about the end of the holding ``held``. If the holding
    has not ended, return a text about its present state.
    """
    outcome = held.get("outcome")
    if not isinstance(outcome, dict):
        if words(held, "state") == "taking":
            return how_it_is_being_taken(held)
        unrenewed = f", but {how_it_is_not_renewed(held)}" if held.get("not_renewed") else ""
        return {"giving": "is being given", "held": f"is held{unrenewed}"}.get(words(held, "state"), "")
    because = f": {outcome['because']}" if outcome.get("because") else ""
    ended = {"taken": "taken back", "left": "taken back, as far as it can be"}.get(words(outcome, "ending"), "not given")
    return f"{ended}{because}"


def how_it_is_being_taken(held: Row) -> str:
    """Return a text about the thing in ``held``, which jitd is now taking back. The text tells since when. If jitd cannot take
    the thing back yet, the text also gives the reason.
    """
    since = f" since {told(held['taking_at'])}" if held.get("taking_at") else ""
    why = f", but this is not done yet: {words(held, 'not_taken')}" if held.get("not_taken") else ""
    return f"is being taken back{since}{why}"


def how_it_is_not_renewed(held: Row) -> str:
    """Return a text about the thing in ``held``, whose grant in the KDC jitd cannot renew at the moment."""
    return f"not renewed since {told(held.get('not_renewed_since'))}: {words(held, 'not_renewed')}"


def untaken(row: Row) -> Iterator[str]:
    """Yield a sentence for each thing of the grant in ``row`` that jitd has not taken back yet, or cannot renew."""
    for held in (*members(row, "untaken"), *members(row, "unrenewed")):
        if isinstance(held, dict):
            yield f"{words(held, 'id')}: {words(held, 'thing')} {how_it_was_taken(held)}"


def how_it_ended(run: Row) -> str:
    """Return a text about the outcome of a run. If the run has not ended, return a text about its beginning."""
    outcome = run.get("outcome")
    if not isinstance(outcome, dict):
        return f"since {told(run.get('started_at') or run.get('starting_at'))}"
    number = words(outcome, "number")
    because = f": {outcome['because']}" if outcome.get("because") else ""
    match outcome.get("ending"):
        case "exited":
            return f"exited with {number}{because}"
        case "signaled":
            return f"ended by signal {number}{because}"
        case ending:
            return f"{ending}{because}"
