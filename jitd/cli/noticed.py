# SPDX-License-Identifier: Apache-2.0
"""Makes the lines of ``jitd show`` about the notices that were sent for a request. Law: if a channel has failed to send a
notice, there is always a line about this channel.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.instants import told as at
from jitpam.wire.rows import Request, Told

_WORDS = {"waits": "that it waits", "reminder": "again", "decided": "how it ended", "break_glass": "that the glass was broken"}
_WORDS |= {"overdue": "that its review is overdue", "reviewed": "that it was reviewed"}
_WORDS |= {"not_taken": "that a thing cannot be taken back", "taken": "that the thing is taken back"}
MOST_NAMED = 5


def notices(row: Request) -> Iterator[tuple[str, str]]:
    """Yield the lines about the notices for the request in ``row``. There are lines about notices that were sent, and about
    notices that could not be sent. Each line is a label and a text.
    """
    for channel in row.notices:
        events: dict[str, list[Told]] = {}
        for mark in channel.told:
            events.setdefault(mark.event, []).append(mark)
        for event, marks in events.items():
            what = _WORDS.get(event.partition("-")[0], "that they may approve it, too")
            yield "told", f"by {channel.channel}{_people(marks)}: {what}, {at(marks[-1].at)}"
        if channel.failing:
            yield "not told", f"by {channel.channel}: {channel.failing}; jitd tries again"


def _people(marks: list[Told]) -> str:
    named = [mark.to for mark in marks if mark.to]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f", {', '.join(named[:MOST_NAMED])}{more}" if named else ""
