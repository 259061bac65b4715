# SPDX-License-Identifier: Apache-2.0
"""Makes texts for approvers about the terms that a request asks for: whether the time begins later than the approval, whether the
requester already has a lease for the same command, and what else is to hold for the run.

Law: the texts depend only on the members of a row, which describes the request, and on the reader's time zone.
"""

from __future__ import annotations

from jitd.cli.answer import Row, words
from jitd.cli.instants import in_words, local
from jitd.core.asked_terms import NUMBERS


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


def in_other_words(row: Row) -> list[str]:
    """Return the words for each number that the request in ``row`` asks for, beside its time and its uses."""
    return [
        str(one["words"]).format(in_words(row[name]) if one["is_time"] else row[name])
        for name, one in NUMBERS.items()
        if one["words"] and isinstance(row.get(name), int)
    ]
