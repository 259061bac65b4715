# SPDX-License-Identifier: Apache-2.0
"""Texts about break-glass. Some of the texts are lines on the page of a request. Others are sentences of ``jitd requests`` and
``jitd explain``, for example about owed reviews.

Law: pure. If there are too many owed reviews, only some sentences are returned, and the last sentence tells how many reviews
were omitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jitd.cli.answer import command_of
from jitd.cli.columns import LEAST_OF_LAST, cut_in_the_middle
from jitd.cli.instants import in_words, told
from jitd.core.wording import in_quotes
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import NOT_SHOWN, UNKNOWN, Decision, Glass, OwedReview, Request
from jitpam.wire.shown import cells

SAID = "jitd: "  # what `say` prints before each sentence
MOST_TOLD = 5  # owed reviews about which `jitd requests` prints a separate sentence


def broken(row: Request) -> Iterator[tuple[str, str]]:
    """Yield the lines (label and text) about break-glass, or none if the request does not use it."""
    glass, owed = row.break_glass, row.owed_review
    if glass is None:
        if row.breaks_glass:
            yield "break glass", "asked for, and not permitted"
        return
    yield "", ""
    yield "GLASS IS BROKEN: nobody was asked to approve this before", ""
    yield "instead of", f"rule {glass.instead_of}"
    yield "skipped", glass.skips
    if owed is None:
        within = UNKNOWN if glass.review_for is None else in_words(glass.review_for)
        yield "review", f"owed once it is permitted, within {within}"
        return
    if owed.state == "reviewed":
        by = without_realm(owed.given_by or UNKNOWN, row.realm)
        role = ", as operator" if owed.given_as == "operator" else ""
        comment = NOT_SHOWN if owed.is_narrowed else in_quotes(owed.comment)
        yield "review", f"done by {by}{role}, {told(owed.given_at)}{f': {comment}' if owed.comment else ''}"
    elif owed.state == "overdue":
        yield (
            "review",
            f"OVERDUE since {told(owed.overdue_at)}: {owed.reviewers}, or an operator, has to give it",
        )
    else:
        yield "review", f"owed by {owed.reviewers}, until {told(owed.due_at)}"
    if owed.may_give:
        yield "give it", f"jitd review {owed.id}"
    elif owed.state != "reviewed" and (owed.barred or owed.lacks):
        yield "give it", owed.barred or f"not as you are now: the rule {owed.lacks}"


def in_short(row: Request) -> Iterator[tuple[str, str]]:
    """Yield the line about break-glass for the page of an approver. Yield nothing if the request does not use break-glass."""
    glass, owed = row.break_glass, row.owed_review
    if glass is None:
        if row.breaks_glass:
            yield "GLASS", "break-glass was asked for, and is not permitted"
        return
    by = f": {owed.reviewers}" if owed else ""
    yield "GLASS", f"nobody is asked before: it skips {glass.skips}, and a review is owed{_within(glass)}{by}"


def _within(glass: Glass) -> str:
    return "" if glass.review_for is None else f" within {in_words(glass.review_for)}"


def way_by_glass(row: Decision) -> str:
    """``row`` may contain the decision that jitd would make if the person used break-glass. Return one sentence about this
    decision. Return an empty text if ``row`` does not contain this decision.
    """
    way = row.by_breaking_glass
    if way is None:
        return ""
    glass = way.break_glass
    if way.decision != "permit" or glass is None:
        return f"break glass: rule {way.rule or UNKNOWN} does not permit it now: {way.because or UNKNOWN}"
    return f"break glass: rule {way.rule} permits it without {glass.skips}, and it is reviewed{_within(glass)}"


def review_after(row: Decision) -> str:
    """Return a sentence about the review that a permit by break-glass would leave owed, or "" if there is none."""
    glass = row.break_glass
    return "" if glass is None else f"glass would be broken: it skips {glass.skips}, and is reviewed{_within(glass)}"


def owed_sentences(rows: Iterable[OwedReview], screen: int | None) -> list[str]:
    """Return sentences about the owed reviews that the viewer may give, and those of the viewer's own requests, for ``say`` on
    ``screen`` cells. Long commands are shortened to fit on a line, or left out if little would remain, unless ``screen`` is None.
    """
    told_of = [row for row in rows if row.may_give or row.mine]
    lines = [_sentence(row, screen) for row in told_of[:MOST_TOLD]]
    more = len(told_of) - MOST_TOLD
    return [*lines, f"{more} more {'review is' if more == 1 else 'reviews are'} owed: jitd reviews"] if more > 0 else lines


def _sentence(row: OwedReview, screen: int | None) -> str:
    id, overdue = row.id, " and overdue" if row.state == "overdue" else ""
    if row.mine:
        start, who, end = f"a review is owed{overdue} for your request {id}", "", f"; {row.reviewers} has to give it"
    else:
        start, who, end = (
            f"a review is owed{overdue} for request {id}",
            without_realm(row.requester, row.realm),
            f": jitd review {id}",
        )
    what = command_of(row)
    if screen is not None:
        room = screen - cells(SAID + start + _in_brackets(who, what) + end) + cells(what)
        what = "" if room < min(LEAST_OF_LAST, cells(what)) else cut_in_the_middle(what, room)
    return start + _in_brackets(who, what) + end


def _in_brackets(who: str, what: str) -> str:
    said = ": ".join(filter(None, (who, what)))
    return f" ({said})" if said else ""
