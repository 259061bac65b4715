# SPDX-License-Identifier: Apache-2.0
"""The line that ``jitsudo`` redraws while its request waits. This line shows how long the request has waited, how much time is
left, who has approved, which approvals are still needed, and who could approve.

Law: pure. A line is printable, and never wider than ``room`` columns. If there is not enough room, the names of possible
approvers are left out first. Next, the names of people who have approved are left out.
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
    time_left = "" if left is None else f", {_about(left)} left"
    for people in (*_people(news, realm), ""):
        if cells(line + time_left + people) <= room:
            return line + time_left + people
    return _cut(line, room)


def _people(news: Progress | None, realm: str) -> list[str]:
    """Return the possible texts about people, the longest first. The first text has the names of possible approvers, and the
    second text does not have these names. The last text tells only which approvals are still needed.
    """
    if news is None:
        return []
    by = _listed([without_realm(reshown(name), realm) for name in news.answered or []], "and")
    given = f"; approved by {by}" if by else ""
    owes = reshown(news.owes)
    if not owes:
        return [given]
    n, _, whom = owes.partition(" ")
    if " or " in owes or " and " in owes:
        owed = f"; still needs {owes}" if by else f"; needs {owes}"
    else:
        owed = f"; {n} more from {whom}" if by else f"; {n} from {whom}"
    names = "" if news.asked is None or by else _listed([*map(reshown, news.asked)], "or") or "nobody at present"
    return [f"{given}{owed} ({names})" if names else given + owed, given + owed, owed]


def _listed(words: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


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
