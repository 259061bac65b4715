# SPDX-License-Identifier: Apache-2.0
"""Texts about break-glass. Some of the texts are lines on the page of a request. Others are sentences of ``jitd requests`` and
``jitd explain``, for example about owed reviews.

Law: pure. If there are too many owed reviews, only some sentences are returned, and the last sentence tells how many reviews
were omitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jitd.cli.answer import Row, command_of, words
from jitd.cli.columns import LEAST_OF_LAST, cut_in_the_middle
from jitd.cli.instants import in_words, told
from jitd.cli.principals import spelled
from jitpam.wire.principals import without_realm
from jitpam.wire.shown import cells

SAID = "jitd: "  # what `say` prints before each sentence
MOST_TOLD = 5  # owed reviews about which `jitd requests` prints a separate sentence


def broken(row: Row) -> Iterator[tuple[str, str]]:
    """Yield the lines about break-glass for the page of the request ``row``. Each line is a label and a text. Yield nothing if
    the request does not use break-glass.
    """
    glass, owed = row.get("break_glass"), row.get("owed_review")
    if not isinstance(glass, dict):
        if row.get("breaks_glass"):
            yield "break glass", "asked for, and not permitted"
        return
    yield "", ""
    yield "GLASS IS BROKEN: nobody was asked to approve this before", ""
    yield "instead of", f"rule {words(glass, 'instead_of')}"
    yield "skipped", words(glass, "skips")
    if not isinstance(owed, dict):
        for_ = glass.get("review_for")
        yield "review", f"owed once it is permitted, within {in_words(for_) if isinstance(for_, int) else '-'}"
        return
    state = words(owed, "state")
    if state == "reviewed":
        by = without_realm(words(owed, "given_by"), row.get("realm"))
        role = ", as operator" if owed.get("given_as") == "operator" else ""
        said = f": {words(owed, 'comment')}" if owed.get("comment") else ""
        yield (
            "review",
            f"done by {by}{role}, {told(owed.get('given_at'))}{said}",
        )
    elif state == "overdue":
        yield (
            "review",
            f"OVERDUE since {told(owed.get('overdue_at'))}: {words(owed, 'reviewers')}, or an operator, has to give it",
        )
    else:
        yield "review", f"owed by {words(owed, 'reviewers')}, until {told(owed.get('due_at'))}"
    if owed.get("may_give"):
        yield "give it", f"jitd review {words(owed, 'id')}"
    elif state != "reviewed" and (owed.get("barred") or owed.get("lacks")):
        yield "give it", words(owed, "barred", f"not as you are now: the rule {words(owed, 'lacks')}")


def in_short(row: Row) -> Iterator[tuple[str, str]]:
    """Yield the line about break-glass for the page of an approver. Yield nothing if the request does not use break-glass."""
    glass, owed = row.get("break_glass"), row.get("owed_review")
    if not isinstance(glass, dict):
        if row.get("breaks_glass"):
            yield "GLASS", "break-glass was asked for, and is not permitted"
        return
    within = f" within {in_words(glass['review_for'])}" if isinstance(glass.get("review_for"), int) else ""
    by = f": {words(owed, 'reviewers')}" if isinstance(owed, dict) else ""
    yield "GLASS", f"nobody is asked before: it skips {words(glass, 'skips')}, and a review is owed{within}{by}"


def way_by_glass(row: Row) -> str:
    """``row`` may contain the decision that jitd would make if the person used break-glass. Return one sentence about this
    decision. Return an empty text if ``row`` does not contain this decision.
    """
    way = row.get("by_breaking_glass")
    if not isinstance(way, dict):
        return ""
    glass = way.get("break_glass")
    if way.get("decision") != "permit" or not isinstance(glass, dict):
        return f"break glass: rule {words(way, 'rule')} does not permit it now: {words(way, 'because')}"
    for_ = glass.get("review_for")
    within = f" within {in_words(for_)}" if isinstance(for_, int) else ""
    return f"break glass: rule {words(way, 'rule')} permits it without {words(glass, 'skips')}, and it is reviewed{within}"


def review_after(row: Row) -> str:
    """If the decision in ``row`` is a permit by break-glass, return one sentence about the review that would be owed afterwards.
    Otherwise return an empty text.
    """
    glass = row.get("break_glass")
    if not isinstance(glass, dict):
        return ""
    for_ = glass.get("review_for")
    within = f" within {in_words(for_)}" if isinstance(for_, int) else ""
    return f"glass would be broken: it skips {words(glass, 'skips')}, and is reviewed{within}"


def owed_sentences(rows: Iterable[Row], screen: int | None) -> list[str]:
    """``rows`` contains owed reviews. Return sentences about two kinds of them: reviews that the viewer may give, and reviews of
    the viewer's own requests. The sentences are printed by ``say`` on a terminal that is ``screen`` cells wide. Long commands are
    shortened, so that a sentence fits on one line. They are left out if little would remain of them. If ``screen`` is None,
    nothing is shortened.
    """
    told_of = [row for row in rows if row.get("may_give") or row.get("mine")]
    lines = [_sentence(row, screen) for row in told_of[:MOST_TOLD]]
    more = len(told_of) - MOST_TOLD
    return [*lines, f"{more} more {'review is' if more == 1 else 'reviews are'} owed: jitd reviews"] if more > 0 else lines


def _sentence(row: Row, screen: int | None) -> str:
    id, overdue = words(row, "id"), " and overdue" if words(row, "state") == "overdue" else ""
    if row.get("mine"):
        start, who, end = f"a review is owed{overdue} for your request {id}", "", f"; {words(row, 'reviewers')} has to give it"
    else:
        start, who, end = f"a review is owed{overdue} for request {id}", spelled(row), f": jitd review {id}"
    what = command_of(row)
    if screen is not None:
        room = screen - cells(SAID + start + _in_brackets(who, what) + end) + cells(what)
        what = "" if room < min(LEAST_OF_LAST, cells(what)) else cut_in_the_middle(what, room)
    return start + _in_brackets(who, what) + end


def _in_brackets(who: str, what: str) -> str:
    said = ": ".join(filter(None, (who, what)))
    return f" ({said})" if said else ""
