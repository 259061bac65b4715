# SPDX-License-Identifier: Apache-2.0
"""Makes a text for approvers about the time that a request asks for. The text says if the time begins later than the approval,
and if the requester already has a lease for the same command.

Law: the text depends only on the members of a row, which describes the request, and on the reader's time zone.
"""

from __future__ import annotations

from jitd.cli.answer import Row, words
from jitd.cli.instants import local


def begins_and_extends(row: Row) -> str:
    """Return the end of a sentence about the time that the request in ``row`` asks for. Return an empty text if two conditions
    are met: the time begins with the approval, and the requester has no lease for the same command.
    """
    begins = f", FROM {local(row['starts_at'])} ON (asked again then)" if row.get("starts_at") else ""
    lease = row.get("extends")
    if not isinstance(lease, dict):
        return begins
    left = f"{words(lease, 'left')} of {words(lease, 'uses')} uses left, until {local(lease.get('ends_at'))}"
    return f"{begins}; they have lease {words(lease, 'id')} for the same ({words(lease, 'state')}: {left}), which stays"
