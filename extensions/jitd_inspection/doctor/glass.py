# SPDX-License-Identifier: Apache-2.0
"""Checks of break-glass (emergency actions without the required approvals). The checks find reviews that are owed, and reviews
that are overdue. Law: the database is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from jitd.core.owed_review import OwedReviewState
from jitd.store import StoreError
from jitd.store.opening import read_store
from jitd_inspection.doctor.finding import Result, count, listed, ok, weak
from jitd_inspection.doctor.host import Host


@dataclass(frozen=True, slots=True)
class Owed:
    """The requests with an owed review, ``in_time`` or ``overdue``."""

    in_time: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()


def examine(host: Host) -> Iterator[Result]:
    """Yield the finding about owed reviews, or nothing if the database cannot be read, which another check reports."""
    found = see(host.database, is_alone=not host.daemon.pid)
    if found is not None:
        yield reviews(found)


def see(database: Path, *, is_alone: bool) -> Owed | None:
    """Return the reviews that are owed, or None if the database cannot be read. ``is_alone``: no daemon uses it."""
    if not database.exists():
        return None
    try:
        with closing(read_store(database, is_alone=is_alone)) as store:
            owed = tuple(store.owed_reviews())
    except StoreError:
        return None
    late = tuple(one.id for one in owed if one.state is OwedReviewState.OVERDUE)
    return Owed(tuple(one.id for one in owed if one.id not in late), late)


# --- conclusions -------------------------------------------------------------------------------------------------------


def reviews(found: Owed) -> Result:
    """Report whether somebody still has to review a break-glass action."""
    if found.overdue:
        said = f"{count(len(found.overdue), 'review')} of broken glass overdue: {listed(list(found.overdue))}"
        mend = "jitd reviews names the reviewers; an operator who did not break the glass may also review: jitd review ID"
        return weak("reviews.owed", said, mend)
    if found.in_time:
        return ok("reviews.owed", f"{count(len(found.in_time), 'review')} of broken glass owed, and none overdue")
    return ok("reviews.owed", "no review of broken glass is owed")
