# SPDX-License-Identifier: Apache-2.0
"""Tells an approver about the requested time: whether it begins later than the approval, and whether it extends a lease.

Law: pure. The text is made only from the members of a row.
"""

from __future__ import annotations

from jitd.cli.answer import Row, words


def begins_and_extends(row: Row) -> str:
    """Return the end of a sentence about the time that the request in ``row`` asks for. The text is empty if the time begins with
    the approval and no lease is extended.
    """
    begins = f", FROM {row['starts_at']} ON (asked again then)" if row.get("starts_at") else ""
    lease = row.get("extends")
    if not isinstance(lease, dict):
        return begins
    left = f"{words(lease, 'left')} of {words(lease, 'uses')} uses left, until {words(lease, 'ends_at')}"
    return f"{begins}; they have lease {words(lease, 'id')} for the same ({words(lease, 'state')}: {left}), which stays"
