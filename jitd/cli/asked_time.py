# SPDX-License-Identifier: Apache-2.0
"""Makes texts for approvers about the terms that a request asks for: whether the time begins later than the approval, whether the
requester already has a lease for the same command, and what else is to hold for the run.

Law: the texts depend only on the members of a row, which describes the request, and on the reader's time zone.
"""

from __future__ import annotations

from jitd.cli.instants import in_words, local
from jitd.cli.labels import counted
from jitd.core.asked_terms import NUMBERS
from jitpam.wire.rows import MOST, UNKNOWN, Earlier, Request


def begins_and_extends(row: Request) -> str:
    """Return the end of a sentence about the time that the request in ``row`` asks for. Return an empty text if two conditions
    are met: the time begins with the approval, and the requester has no lease for the same command.
    """
    begins = f", FROM {local(row.starts_at)} ON (asked again then)" if row.starts_at else ""
    lease = row.extends
    if lease is None:
        return begins
    n_left, of = (UNKNOWN if n is None else n for n in (lease.left, lease.uses))
    left = f"{n_left} of {of} uses left, until {local(lease.ends_at)}"
    return f"{begins}; they have lease {lease.id} for the same ({lease.state}: {left}), which stays"


def in_other_words(row: Request | Earlier) -> list[str]:
    """Return the words for each number that the request in ``row`` asks for, beside its time and its uses."""
    return [
        str(one["words"]).format(in_words(n) if one["is_time"] else n)
        for name, one in NUMBERS.items()
        if one["words"] and (n := getattr(row, name)) is not None
    ]


def in_uses(uses: int | None, noun: str) -> str:
    """Return how often, if ``uses`` are asked for. ``noun`` is ``use`` or ``run``."""
    if uses == MOST:
        return f"a number of {noun}s that jitd does not say"
    return f"as many {noun}s as the rule allows" if uses is None else counted(uses, noun)


def within(seconds: int | None) -> str:
    """Return how long, if ``seconds`` are asked for."""
    if seconds == MOST:
        return "a time that jitd does not say"
    return "the time that the rule gives" if seconds is None else in_words(seconds)
