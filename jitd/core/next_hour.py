# SPDX-License-Identifier: Apache-2.0
"""When the hours of a rule begin next, for a requester who came outside them.

Law: pure. The moment that is told is one at which the hours hold, and no earlier one after ``at`` is. Nothing is told of a rule
that a requester would not be told of anyway (``explaining.closest``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from jitd.core.conditions import DAYS, Hours

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_DAY = 24 * 60
AHEAD_DAYS = 8
"""Number of days to search. Each hour of the week comes again within seven days, except one that is skipped when a clock is
changed.
"""


def next_hour(hours: tuple[Hours, ...], at: datetime) -> tuple[datetime, Hours] | None:
    """Return the first minute after ``at`` (aware) in which one of ``hours`` holds, and which one; None if there is none within
    AHEAD_DAYS.
    """
    found = ((moment, one) for one in hours for moment in _beginnings(one, at) if moment > at and one.hold_at(moment))
    return min(found, key=lambda pair: pair[0], default=None)


def _beginnings(hours: Hours, at: datetime) -> Iterator[datetime]:
    """Yield the moments at which ``hours`` may begin: where a span begins, and every minute around a change of the clock."""
    today = at.astimezone(hours.zone).date()
    for day in (today + timedelta(days=n) for n in range(AHEAD_DAYS + 1)):
        for start, _ in hours.spans:
            if start // _DAY % 7 == day.weekday():
                yield datetime.combine(day, time(start % _DAY // 60, start % 60), hours.zone).astimezone(UTC)
    begins = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    before = begins.astimezone(hours.zone).utcoffset()
    for n in range(AHEAD_DAYS * 24):
        hour = begins + n * _HOUR
        after = (hour + _HOUR).astimezone(hours.zone).utcoffset()
        if after != before:
            yield from (hour + n_minutes * _MINUTE for n_minutes in range(61))
        before = after


def hour_in_words(moment: datetime, hours: Hours) -> str:
    """Return ``moment`` in the zone of ``hours``, such as ``Mon 2026-11-23 08:00 CET``."""
    local = moment.astimezone(hours.zone)
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M %Z}"
