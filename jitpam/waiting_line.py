# SPDX-License-Identifier: Apache-2.0
"""The line that ``jitsudo`` redraws while its request waits. This line shows how long the request has waited, for whose
approvals, who has approved or could approve, and how much time is left.

Law: pure. A line is printable, and never wider than ``room`` columns. If there is not enough room, the people in parentheses are
counted, then left out, and then the approvals.
"""

from __future__ import annotations

from jitpam.wire.principals import without_realm
from jitpam.wire.shown import cells, reshown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jitpam.wire.messages import Progress


def waiting_line(waited: float, left: float | None, news: Progress | None, realm: str, room: int) -> str:
    """Return the line for a request that has waited for ``waited`` seconds and expires in ``left`` seconds. ``left`` is None if
    the time is not known. ``news`` is jitd's last message about the request. ``realm`` is the realm of the reader, which is left
    out where the rest of a principal is clear. ``room`` is the available number of columns.
    """
    line = f"jitsudo: waiting {_clock(waited)}"
    time_left = "" if left is None else f"; {_about(left)} left"
    for approvals in (*_approvals(news, realm), ""):
        if cells(line + approvals + time_left) <= room:
            return line + approvals + time_left
    return _cut(line, room)


def _approvals(news: Progress | None, realm: str) -> list[str]:
    """The longest first, with people in parentheses. The last one tells only which approvals are still needed."""
    if news is None:
        return []
    by = [without_realm(reshown(name), realm) for name in news.answered or []]
    owes = reshown(news.owes)
    n, _, whom = owes.partition(" ")
    if " or " in owes or " and " in owes:
        owed = f" for {owes}"
    elif owes:
        owed = f" for {n} more from {whom}" if by else f" for {n} {'approval' if n == '1' else 'approvals'} from {whom}"
    else:
        owed = ""
    if owes and news.asked == []:
        people = ["nobody at present"]
    elif by:
        people = [f"approved by {text}" for text in _listed(by, "and")]
    else:
        people = _listed([*map(reshown, news.asked or [])], "or") if owes else []
    return [*(f"{owed} ({text})" for text in people), owed]


def _listed(words: list[str], last: str) -> list[str]:
    """Return ``words`` in one text, and in a shorter one with the first word and the number of the others."""
    if len(words) < 3:
        return [f" {last} ".join(words)] if words else []
    return [f"{', '.join(words[:-1])} {last} {words[-1]}", f"{words[0]} {last} {len(words) - 1} more"]


def _clock(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{hours}:' if hours else ''}{minutes:02}:{left:02}"


def _about(seconds: float) -> str:
    left = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if left >= 2 * size:
            return f"{left // size} {unit}"
    return f"{left} s"


def _cut(text: str, room: int) -> str:
    """Return ``text`` if it fits into ``room`` columns. If ``text`` does not fit, return its beginning and three dots."""
    if cells(text) <= room:
        return text
    while text and cells(text) + 3 > room:
        text = text[:-1]
    return (text + "...")[: max(0, room)]
