# SPDX-License-Identifier: Apache-2.0
"""Makes the rows of ``jitd show`` about the notices of a request. Law: requesters learn who was told, unless the rule limits who
may read the contents of its requests (``visible_to``). They never learn why somebody could not be told.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitd.core.notice import is_of_waiting
from jitd.store import Told
from jitd.verbs.rows import instant
from jitpam.wire import rows
from jitpam.wire.shown import shown


def notice_row(channel: str, marks: Sequence[Told], why_not: str, *, is_named: bool, is_told_all: bool) -> rows.Notice:
    """Return the row of one channel. This row tells which notices the channel sent, and to whom. If the channel has not reached
    everybody, the field ``failing`` tells why. If ``is_told_all`` is False, as for a requester, the row contains no reason
    for a failure, and no names but, if ``is_named`` is True, those of the people who could approve.
    """
    told = tuple(
        rows.Told(
            event=m.event,
            to=shown(m.address) if is_told_all or (is_named and is_of_waiting(m.event)) else "",
            at=instant(m.at),
        )
        for m in marks
    )
    failing = shown(why_not) if is_told_all or not why_not else "not everybody could be told yet"
    return rows.Notice(channel=channel, told=told, failing=failing)
