# SPDX-License-Identifier: Apache-2.0
"""The page that an approver reads before they answer the question. For an ordinary request, this page fits on one screen. The
module ``page`` makes a longer page that shows everything.

Law: the page shows all values that limit the run, except the most usual values, and it shortens no value. Therefore two
different requests never look the same. The page also omits a line if the other lines already contain its information.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import Row, quoted, words
from jitd.cli.authenticated import UNKNOWN, age_in_words, authenticated
from jitd.cli.colour import Painted
from jitd.cli.instants import ago, left
from jitd.cli.labels import Line, laid_out, members
from jitd.cli.owed import asks, others_asked, still_owed
from jitd.cli.past import review_in_words
from jitd.cli.summary import summary
from jitd.cli.what import (
    SEEN,
    STREAMS,
    asked_for,
    command_without_scripts,
    directory,
    file,
    held,
    is_anothers,
    is_login,
    operands,
    pairs,
    script,
    streams,
    terms,
    what_happens,
)
from jitd.cli.who import reason, whence, without_ticket
from jitd.core.wording import groups

USUAL = {
    "asked for": ("one run", "one use"),
    "recorded": ("what it writes to a terminal, if it has one",),
    "files": ("those that others may change are refused, or bound to their content",),
    "left behind": ("processes that it leaves behind end with it",),
    "time limit": ("NONE but the end of its grant",),
    "streams": ("all three are a terminal",),
}
"""Maps the label of a line to the usual texts of this line. If a line has one of these texts, the page omits the line."""
DETAILS = frozenset({"to the KDC", "how", "ticket has", "encrypted by"})
"""Labels of lines about a ticket. The module ``page`` makes a longer page that shows all these lines. The short page of this
module has a single line in their place.
"""


def brief(row: Row, screen: int | None, place: str = "") -> list[Painted]:
    """Return the lines of the page that an approver reads. ``screen`` is the width of the terminal in cells. If ``screen`` is
    None, no line is folded. ``place`` is printed first. If there are several requests, ``place`` is the position of this request,
    such as ``1 of 3:``.
    """
    return laid_out(_lines(row, place), screen)


def _lines(row: Row, place: str) -> Iterator[Line]:
    yield f"{place}{_head(row)}", ""
    yield from summary(row)
    yield from _owed(row)
    for label, text in (*_what(row), *terms(row)):
        if (label or text) and label != "ON WHAT TERMS" and text not in USUAL.get(label, ()):
            yield label, text
    yield "fingerprint", words(row, "fingerprint")
    yield from _who(row)
    yield "WHAT THE REQUESTER SAYS: nobody has checked this", ""
    yield "reason", reason(row)


def _head(row: Row) -> str:
    state = words(row, "state")
    text = f"request {words(row, 'id')}{'' if state == 'pending' else f': {state}'}, asked {ago(row.get('submitted_at'))}"
    return f"{text}, {left(row['expires_at'])} left" if row.get("expires_at") else text


def _owed(row: Row) -> Iterator[Line]:
    """Yield the lines about the approvals and gatekeepers that the rule demands, and about the reviews so far. If the viewer may
    only deny the request, also yield a line about this.
    """
    owes = still_owed(row).removesuffix(" approvals").removesuffix(" approval") if members(row, "reviews") else "all"
    yield "rule", f"{words(row, 'rule', 'none decided yet')}: {asks(row)}; {owes} still owed"
    yield from others_asked(row)
    for review in members(row, "reviews"):
        if isinstance(review, dict):
            yield "so far", review_in_words(review)
    if row.get("lacks"):
        yield "you", f"may only deny it: its rule {words(row, 'lacks')}"


def _what(row: Row) -> Iterator[Line]:
    """Yield the lines that describe what would be run or given. If jitd knows for certain which command would run, these lines
    are fewer than the lines on the long page (module ``page``).
    """
    if row.get("gives") or row.get("doubt") or is_login(row):
        yield from what_happens(row)
        return
    yield "WHAT WOULD RUN", ""
    yield "command", command_without_scripts(row)
    for at, argument in enumerate(members(row, "argv")):
        yield from script(at, str(argument))
    yield from file(row)
    yield "as", f"{words(row, 'run_as')}, group {words(row, 'run_as_group')}, in {directory(row)}"
    yield from held(row)
    yield from operands(row)
    if row.get("variables"):
        yield from pairs("variable", members(row, "variables"), "")
    if not is_anothers(row):
        locale = " ".join(f"{pair[0]}={quoted(str(pair[1]))}" for pair in members(row, "locale") if len(pair) == 2)
        if locale:
            yield "locale", locale
        yield from _streams(row)
    yield "asked for", asked_for(row)


def _streams(row: Row) -> Iterator[Line]:
    """Yield the lines about the file descriptors 0 to 2. If all three descriptors are of the same kind, yield only one line."""
    kinds = [str(kind) for kind in members(row, "streams")]
    if not kinds:
        yield "streams", "known when it is run"
    elif len(kinds) == len(STREAMS) and len(set(kinds)) == 1:
        yield "streams", f"all three are {SEEN.get(kinds[0], kinds[0])}"
    else:
        yield from streams(row)


def _who(row: Row) -> Iterator[Line]:
    yield "WHO ASKS: jitd has checked this", ""
    known = groups([str(group) for group in members(row, "groups")], len(members(row, "group_ids")))
    name, account = words(row, "requester"), words(row, "account")
    is_alike = name.partition("@")[0] == account
    yield "requester", f"{name}{'' if is_alike else f', account {account}'}, uid {words(row, 'uid')}, in {known}"
    yield from without_ticket(row)
    yield from _authenticated(row)
    yield from whence(row)


def _authenticated(row: Row) -> Iterator[Line]:
    """Yield the lines that tell how the person authenticated. If the ticket is as trustworthy as usual, yield only one line."""
    lines = list(authenticated(row.get("authentication")))
    how = next((text for label, text in lines if label == "how"), "").partition(";")[0]
    if how:
        said = f"; how is {how}" if how == UNKNOWN else f", {how}"
        yield "to the KDC", f"{age_in_words(row['authentication'])} before asking{said}"
    for label, text in lines:
        if label == "no proof":
            yield label, "the first ticket was issued WITHOUT a proof, to anybody who asks"
        elif label not in DETAILS:
            yield label, text
