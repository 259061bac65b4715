# SPDX-License-Identifier: Apache-2.0
"""Who was told of a request, as rows of ``jitd show``. Law: a requester learns that people were told, and not who they are."""

from __future__ import annotations

from jitd.store import Told
from jitd.verbs.rows import Row, instant
from jitpam.wire.shown import shown


def notice_row(channel: str, marks: list[Told], why_not: str, *, is_told_all: bool) -> Row:
    """Return the row of one channel: what it told, to whom, and why it told somebody nothing yet (``failing``). Without
    ``is_told_all``, for a requester, persons have no name and a failure has no reason.
    """
    told = [{"event": m.event, "to": shown(m.address) if is_told_all else "", "at": instant(m.at)} for m in marks]
    failing = shown(why_not) if is_told_all or not why_not else "not everybody could be told yet"
    return {"channel": channel, "told": told, "failing": failing}
