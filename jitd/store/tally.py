# SPDX-License-Identifier: Apache-2.0
"""Counts, for each account, of open requests, unused grants and live runs. The counts are needed before each request, so they are
kept in memory.

Law: the numbers are kept by id, so that noting an object twice changes nothing. The numbers are right as long as only this store
writes to the database. After a failed commit all numbers are forgotten, and the database is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jitd.core.grant import Grant
from jitd.core.request import Request
from jitd.store import Life


@dataclass(slots=True)
class Had:
    """What one account has: open requests, live grants of which no use was taken, and how many runs are live under each live
    grant.
    """

    open: set[str]
    unused: set[str]
    running: dict[str, int]


class Tally:
    """The counts of the accounts that were asked about."""

    def __init__(self) -> None:
        self._known: dict[int, Had] = {}

    def of(self, uid: int, count: Callable[[int], Had]) -> Had:
        """Return what the account has now. ``count`` asks the database."""
        if (had := self._known.get(uid)) is None:
            had = self._known[uid] = count(uid)
        return had

    def note(self, after: Life) -> None:
        """Update the counts from ``after``, a request, grant or run that was just committed to the database."""
        match after:
            case Request() if had := self._known.get(after.requester.uid):
                _keep(had.open, after.id, is_one=after.is_open)
            case Grant() if had := self._known.get(after.holder.uid):
                _keep(had.unused, after.id, is_one=is_unused(after))
                had.running.pop(after.id, None)
                if after.is_live and after.living:
                    had.running[after.id] = len(after.living)


def is_unused(grant: Grant) -> bool:
    """True for a live grant of which no use was taken."""
    return grant.is_live and grant.left == grant.uses


def _keep(ids: set[str], id: str, *, is_one: bool) -> None:
    if is_one:
        ids.add(id)
    else:
        ids.discard(id)
