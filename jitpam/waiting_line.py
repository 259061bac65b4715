# SPDX-License-Identifier: Apache-2.0
"""The line that ``jitsudo`` redraws while its request waits: how long it has waited, how long it may, who has approved, what is
owed, and who is asked.

Law: pure. A line is never wider than the room that it is given, and it is printable. What matters
least is left out first: names of those who are asked, then of those who approved.
"""

from __future__ import annotations

from jitpam.wire.shown import reshown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jitpam.wire.messages import Progress

_NARROW = "\u0300"
"""The first character that may not be one column wide: such characters are counted as two columns."""
LEAST = 60
"""Columns of the narrowest terminal for which the line is made."""


def waiting_line(waited: float, left: float | None, news: Progress | None, realm: str, room: int) -> str:
    """Return the line for a request that has waited for ``waited`` seconds, and expires in ``left`` seconds (None: not known).
    ``news`` is the last that jitd said of it. ``realm`` is left out of the names of its people. ``room`` is in columns.
    """
    line = f"jitsudo: waiting {_clock(waited)}"
    time_left = "" if left is None else f", {_about(left)} left"
    for people in (*_people(news, realm), ""):
        if width(line + time_left + people) <= room:
            return line + time_left + people
    return _cut(line, room)


def _people(news: Progress | None, realm: str) -> list[str]:
    """Return what may be said of people, the longest first: with the names of those who are asked, without them, what is owed
    alone.
    """
    if news is None:
        return []
    by = _listed([_without(realm, name) for name in news.answered or []], "and")
    given = f"; approved by {by}" if by else ""
    owes = reshown(news.owes)
    if not owes:
        return [given]
    n, _, whom = owes.partition(" ")
    if " or " in owes or " and " in owes:
        owed = f"; still owed: {owes}" if by else f"; owed: {owes}"
    else:
        owed = f"; {n} more from {whom}" if by else f"; {n} from {whom}"
    names = (
        "" if news.asked is None or by else _listed([_without(realm, name) for name in news.asked], "or") or "nobody at present"
    )
    return [f"{given}{owed} ({names})" if names else given + owed, given + owed, owed]


def _without(realm: str, name: str) -> str:
    name = reshown(name)
    return name.removesuffix(f"@{realm}") if realm else name


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


def width(text: str) -> int:
    """Return the columns that ``text`` takes at most."""
    return sum(1 if character < _NARROW else 2 for character in text)


def _cut(text: str, room: int) -> str:
    """Return ``text``, or its beginning with three dots, so that it takes ``room`` columns at most."""
    if width(text) <= room:
        return text
    while text and width(text) + 3 > room:
        text = text[:-1]
    return (text + "...")[: max(0, room)]
