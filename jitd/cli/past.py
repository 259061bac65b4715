# SPDX-License-Identifier: Apache-2.0
"""What has happened to a request, as lines of its page, and the ends of runs and things in words.

Law: the oldest event comes first. What goes on now is not called ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import Row, words
from jitd.cli.authenticated import in_short
from jitd.cli.instants import told
from jitd.cli.labels import Line, members


def history(row: Row) -> Iterator[Line]:
    """Yield the lines about what has happened to the request, oldest first, as far as ``row`` tells."""
    events: list[tuple[str, int, str]] = []

    def happened(at: object, what: str) -> None:
        if at:
            events.append((str(at), len(events), what))

    happened(row.get("submitted_at"), f"submitted by {words(row, 'requester')}")
    for review in members(row, "reviews"):
        if isinstance(review, dict):
            happened(review.get("at"), review_in_words(review))
    grant = row.get("grant")
    if isinstance(grant, dict):
        id = words(grant, "id")
        happened(grant.get("issued_at"), f"grant {id} issued: {words(grant, 'uses')} to use until {words(grant, 'ends_at')}")
    for run in members(row, "runs"):
        if isinstance(run, dict):
            id = words(run, "id")
            happened(run.get("started_at") or run.get("starting_at"), f"run {id} began")
            happened(run.get("ended_at"), f"run {id} {how_it_ended(run)}")
    for held in members(row, "holdings"):
        if isinstance(held, dict):
            thing = f"{words(held, 'thing')} ({words(held, 'id')})"
            happened(held.get("given_at"), f"{thing} given until {words(held, 'until')}")
            happened(held.get("ended_at"), f"{thing} {how_it_was_taken(held)}")
    if len(events) < 2:  # the only event is the submission, which stands at the top of the page already
        return
    yield "", ""
    yield "HISTORY", ""
    for at, _, what in sorted(events):
        yield "*", f"{at}  {what}"
    if isinstance(grant, dict):
        ended = f": {grant['ended_because']}" if grant.get("ended_because") else ""
        yield "grant now", f"{words(grant, 'state')}, {words(grant, 'left')} of {words(grant, 'uses')} uses left{ended}"
    for held in members(row, "holdings"):
        if isinstance(held, dict) and not held.get("outcome"):
            yield "given now", f"{words(held, 'thing')} ({words(held, 'id')}) {how_it_was_taken(held)}"
    for run in members(row, "runs"):
        if isinstance(run, dict) and not run.get("outcome"):
            yield "running now", f"run {words(run, 'id')}, {words(run, 'state')}, pid {words(run, 'pid')}"


def review_in_words(review: Row) -> str:
    """Return who said what to a request, and how that person had authenticated."""
    said = f': "{review["comment"]}"' if review.get("comment") else ""
    word = "approved" if review.get("verdict") == "approve" else "denied"
    void = " (does not count: locked)" if review.get("counts") is False else ""
    proved = f" (PROVED {review['proved']})" if review.get("proved") else in_short(review.get("authentication"))
    return f"{word} by {words(review, 'by')}{proved}{said}{void}"


def how_it_was_taken(held: Row) -> str:
    """Return the outcome of a holding in words, or what is done with it now."""
    outcome = held.get("outcome")
    if not isinstance(outcome, dict):
        return {"giving": "is being given", "held": "is held", "taking": "is being taken back"}.get(words(held, "state"), "")
    because = f": {outcome['because']}" if outcome.get("because") else ""
    ended = {"taken": "taken back", "left": "taken back, as far as it can be"}.get(words(outcome, "ending"), "not given")
    return f"{ended}{because}"


def how_it_ended(run: Row) -> str:
    """Return a run's outcome in words; or, if the run has not ended, since when it runs."""
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
