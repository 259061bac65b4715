# SPDX-License-Identifier: Apache-2.0
"""Counts of the open requests, unused grants and live runs of each person. The counts are needed before each request, so they
are kept in memory.
Law: objects are noted by their id, so noting an object twice has no additional effect. The counts are correct as long as only
this store writes to the database. After a failed commit, all counts are dropped, and the database is queried again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jitd.core.grant import Grant
from jitd.core.request import Request
from jitd.store import Life


@dataclass(slots=True)
class Had:
    """The current objects of one person, under all of the person's accounts. ``open`` contains the ids of the open requests.
    ``unused`` contains the ids of the live grants that still have all their uses. ``running`` maps the id of a live grant to the
    number of its live runs or holdings. A grant that has none is not in ``running``.
    """

    open: set[str]
    unused: set[str]
    running: dict[str, int]


class Tally:
    """The counts in memory, for each person (``Subject.person``) whose counts were needed."""

    def __init__(self) -> None:
        self._known: dict[str, Had] = {}

    def of(self, person: str, count: Callable[[str], Had]) -> Had:
        """Return the person's counts, read from the database by ``count`` if they are not in memory."""
        if (had := self._known.get(person)) is None:
            had = self._known[person] = count(person)
        return had

    def note(self, after: Life) -> None:
        """Update the counts from ``after``, just committed: requests and grants, which name live runs and holdings."""
        match after:
            case Request() if had := self._known.get(after.requester.person):
                _keep(had.open, after.id, is_one=after.is_open)
            case Grant() if had := self._known.get(after.holder.person):
                _keep(had.unused, after.id, is_one=is_unused(after))
                had.running.pop(after.id, None)
                if after.is_live and after.living:
                    had.running[after.id] = len(after.living)


def is_unused(grant: Grant) -> bool:
    """True if the grant is live and still has all its uses."""
    return grant.is_live and grant.left == grant.uses


def _keep(ids: set[str], id: str, *, is_one: bool) -> None:
    if is_one:
        ids.add(id)
    else:
        ids.discard(id)
