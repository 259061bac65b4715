# SPDX-License-Identifier: Apache-2.0
"""Makes the lines of ``jitd show`` about the notices that were sent for a request. Law: if a channel has failed to send a
notice, there is always a line about this channel.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import Row
from jitd.cli.instants import told as at

_WORDS = {"waits": "that it waits", "reminder": "again", "decided": "how it ended", "break_glass": "that the glass was broken"}
_WORDS |= {"overdue": "that its review is overdue", "reviewed": "that it was reviewed"}
_WORDS |= {"not_taken": "that a thing cannot be taken back", "taken": "that the thing is taken back"}
MOST_NAMED = 5


def notices(row: Row) -> Iterator[tuple[str, str]]:
    """Yield the lines about the notices for the request in ``row``. There are lines about notices that were sent, and about
    notices that could not be sent. Each line is a label and a text.
    """
    for channel in row.get("notices") or ():
        name = str(channel["channel"])
        events: dict[str, list[dict[str, str]]] = {}
        for mark in channel["told"]:
            events.setdefault(str(mark["event"]), []).append(mark)
        for event, marks in events.items():
            what = _WORDS.get(event.partition("-")[0], "that they may approve it, too")
            yield "told", f"by {name}{_people(marks)}: {what}, {at(marks[-1]['at'])}"
        if channel["failing"]:
            yield "not told", f"by {name}: {channel['failing']}; jitd tries again"


def _people(marks: list[dict[str, str]]) -> str:
    named = [mark["to"] for mark in marks if mark["to"]]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f", {', '.join(named[:MOST_NAMED])}{more}" if named else ""
