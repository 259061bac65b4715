# SPDX-License-Identifier: Apache-2.0
"""Shows the history of a request as lines of its page. Also describes how runs and holdings ended.

Law: the history begins with the oldest event. If a run or a holding has not ended, it is never shown as ended. A holding is a
thing that a person got under a grant.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.audit.sentences import left_behind
from jitd.cli.authenticated import in_short
from jitd.cli.instants import local, told
from jitd.cli.labels import Labelled
from jitd.core.wording import in_quotes
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import NOT_SHOWN, UNKNOWN, Grant, Holding, Request, Run, Verdict


def history(row: Request) -> Iterator[Labelled]:
    """Yield lines about the events of the request in ``row``. The oldest event comes first. After the events, yield lines about
    the present state of the request's grant, things and runs. If nothing has happened since the submission, yield nothing.
    """
    events: list[tuple[str, int, str]] = []

    def happened(at: object, what: str) -> None:
        if at:
            events.append((str(at), len(events), what))

    happened(row.submitted_at, f"submitted by {without_realm(row.requester, row.realm)}")
    for review in row.reviews:
        happened(review.at, review_in_words(review, row.realm))
    grant = row.grant
    if grant:
        happened(grant.issued_at, f"grant {grant.id} issued: {number(grant.uses)} to use until {local(grant.ends_at)}")
    for run in row.runs:
        happened(run.started_at or run.starting_at, f"run {run.id} began")
        happened(run.ended_at, f"run {run.id} {how_it_ended(run)}")
    for held in row.holdings:
        thing = f"{held.thing} ({held.id})"
        happened(held.given_at, f"{thing} given until {local(held.until)}")
        happened(held.ended_at, f"{thing} {how_it_was_taken(held)}")
    # the only event is the submission, which is already at the top of the page
    if len(events) < 2:
        return
    yield "", ""
    yield "HISTORY", ""
    for at, _, what in sorted(events):
        yield "*", f"{local(at)}  {what}"
    if grant:
        ended = f": {grant.ended_because}" if grant.ended_because else ""
        yield "grant now", f"{grant.state}, {number(grant.left)} of {number(grant.uses)} uses left{ended}"
    for run in row.runs:
        if run.traces and (left := left_behind(run.traces.came)):
            yield "left elsewhere", f"by run {run.id}: {left}"
        yield from zip(("its check", *[""] * len(run.said)), run.said, strict=False)
    for held in row.holdings:
        if not held.outcome:
            yield "given now", f"{held.thing} ({held.id}) {how_it_was_taken(held)}"
    for run in row.runs:
        if not run.outcome:
            yield "running now", f"run {run.id}, {run.state}, pid {number(run.pid)}"


def number(n: int | None) -> str:
    """Return ``n``, or what stands on a page for a number that a row does not have."""
    return UNKNOWN if n is None else str(n)


def review_in_words(review: Verdict, realm: object) -> str:
    """Return a text about a review of a request: the verdict, the reviewer, how the reviewer had authenticated, and the
    reviewer's comment. ``realm`` is the realm of the reader.
    """
    said = f": {NOT_SHOWN if review.is_narrowed else in_quotes(review.comment)}" if review.comment else ""
    word = "approved" if review.verdict == "approve" else "denied"
    void = "" if review.counts else f" (does not count: {review.void or 'locked'})"
    proved = f" (PROVED {review.proved})" if review.proved else in_short(review.authentication, review.way)
    return f"{word} by {without_realm(review.by, realm)}{proved}{said}{void}"


def how_it_was_taken(held: Holding) -> str:
    """A holding is a thing that jitd gave to somebody. Return a text about the end of the holding ``held``. If the holding
    has not ended, return a text about its present state.
    """
    outcome = held.outcome
    if outcome is None:
        if held.state == "taking":
            return how_it_is_being_taken(held)
        unrenewed = f", but {how_it_is_not_renewed(held)}" if held.not_renewed else ""
        return {"giving": "is being given", "held": f"is held{unrenewed}"}.get(held.state, "")
    because = f": {outcome.because}" if outcome.because else ""
    ended = {"taken": "taken back", "left": "taken back, as far as it can be"}.get(outcome.ending, "not given")
    return f"{ended}{because}"


def how_it_is_being_taken(held: Holding) -> str:
    """Return a text about the thing in ``held``, which jitd is now taking back. The text tells since when. If jitd cannot take
    the thing back yet, the text also gives the reason.
    """
    since = f" since {told(held.taking_at)}" if held.taking_at else ""
    why = f", but this is not done yet: {held.not_taken}" if held.not_taken else ""
    return f"is being taken back{since}{why}"


def how_it_is_not_renewed(held: Holding) -> str:
    """Return a text about the thing in ``held``, whose grant in the KDC jitd cannot renew at the moment."""
    return f"not renewed since {told(held.not_renewed_since)}: {held.not_renewed}"


def untaken(row: Grant) -> Iterator[str]:
    """Yield a sentence for each thing of the grant in ``row`` that jitd has not taken back yet, or cannot renew."""
    for held in (*row.untaken, *row.unrenewed):
        yield f"{held.id}: {held.thing} {how_it_was_taken(held)}"


def how_it_ended(run: Run) -> str:
    """Return a text about the outcome of a run. If the run has not ended, return a text about its beginning."""
    outcome = run.outcome
    if outcome is None:
        return f"since {told(run.started_at or run.starting_at)}"
    because = f": {outcome.because}" if outcome.because else ""
    match outcome.ending:
        case "exited":
            return f"exited with {number(outcome.number)}{because}"
        case "signaled":
            return f"ended by signal {number(outcome.number)}{because}"
        case ending:
            return f"{ending}{because}"
