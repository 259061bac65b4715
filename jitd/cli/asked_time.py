# SPDX-License-Identifier: Apache-2.0
"""What an approver reads about the time that is asked for: when it begins, if that is later, and which lease it extends.

Law: pure. The texts are those of a row.
"""

from __future__ import annotations

from jitd.cli.answer import Row, words


def begins_and_extends(row: Row) -> str:
    """Return the end of a sentence about the time that ``row`` asks for; empty if it begins with the approval, and is new."""
    begins = f", FROM {row['starts_at']} ON (asked again then)" if row.get("starts_at") else ""
    lease = row.get("extends")
    if not isinstance(lease, dict):
        return begins
    left = f"{words(lease, 'left')} of {words(lease, 'uses')} uses left, until {words(lease, 'ends_at')}"
    return f"{begins}; they have lease {words(lease, 'id')} for the same ({words(lease, 'state')}: {left}), which stays"
