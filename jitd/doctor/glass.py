# SPDX-License-Identifier: Apache-2.0
"""Checks of broken glass: whether reviews are owed, and whether some are overdue. Law: the database is only read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from jitd.core.owed_review import OwedReviewState
from jitd.doctor.finding import Finding, count, listed, ok, weak
from jitd.doctor.host import Host
from jitd.store import StoreError
from jitd.store.opening import read_store


@dataclass(frozen=True, slots=True)
class Owed:
    """The ids of the requests whose review is owed and not late, and of those whose review is overdue."""

    in_time: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()


def examine(host: Host) -> Iterator[Finding]:
    """Yield the finding about owed reviews; nothing if the database cannot be read, which another check tells."""
    found = see(host.database, is_alone=not host.daemon.pid)
    if found is not None:
        yield reviews(found)


def see(database: Path, *, is_alone: bool) -> Owed | None:
    """Read which reviews are owed; None if the database cannot be read. ``is_alone``: no daemon uses it."""
    if not database.exists():
        return None
    try:
        with closing(read_store(database, is_alone=is_alone)) as store:
            owed = tuple(store.owed_reviews())
    except StoreError:
        return None
    late = tuple(one.id for one in owed if one.state is OwedReviewState.OVERDUE)
    return Owed(tuple(one.id for one in owed if one.id not in late), late)


# --- what follows of it ------------------------------------------------------------------------------------------------


def reviews(found: Owed) -> Finding:
    """Tell whether somebody has to look at what was done by broken glass."""
    if found.overdue:
        said = f"{count(len(found.overdue), 'review')} of broken glass overdue: {listed(list(found.overdue))}"
        mend = "jitd reviews says who has to give them; an operator who did not do it may, too: jitd review ID"
        return weak("reviews.owed", said, mend)
    if found.in_time:
        return ok("reviews.owed", f"{count(len(found.in_time), 'review')} of broken glass owed, and none overdue")
    return ok("reviews.owed", "no review of broken glass is owed")
