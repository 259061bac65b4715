# SPDX-License-Identifier: Apache-2.0
"""Computes the next beginning of a rule's hours, for a requester who asked outside these hours.

Law: the result is the first moment after ``at`` that is within the hours. jitd shows this moment to a requester only for a rule
that the requester can see anyway (``explaining.closest``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from jitd.core.keys.hours import DAYS, Hours

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_DAY = 24 * 60
AHEAD_DAYS = 8  # days to search. Each hour of the week comes within seven days, unless a clock change skips it


def next_hour(hours: tuple[Hours, ...], at: datetime) -> tuple[datetime, Hours] | None:
    """Return the first minute after ``at`` (aware) that is within one of ``hours``. Also return the member of ``hours`` that
    contains this minute. Return None if there is no such minute within AHEAD_DAYS.
    """
    found = ((moment, one) for one in hours for moment in _beginnings(one, at) if moment > at and one.hold_at(moment))
    return min(found, key=lambda pair: pair[0], default=None)


def _beginnings(hours: Hours, at: datetime) -> Iterator[datetime]:
    """Yield all moments at which ``hours`` may begin: the beginning of each time span, and every minute around a clock change."""
    today = at.astimezone(hours.zone).date()
    for day in (today + timedelta(days=n) for n in range(AHEAD_DAYS + 1)):
        for start, _ in hours.spans:
            if start // _DAY % 7 == day.weekday():
                for fold in (0, 1):  # an hour that the clock repeats begins twice
                    yield datetime.combine(day, time(start % _DAY // 60, start % 60, fold=fold), hours.zone).astimezone(UTC)
    begins = at.astimezone(UTC).replace(second=0, microsecond=0)
    before = begins.astimezone(hours.zone).utcoffset()
    for n in range(AHEAD_DAYS * 24):
        hour = begins + n * _HOUR
        after = (hour + _HOUR).astimezone(hours.zone).utcoffset()
        if after != before:
            yield from (hour + n_minutes * _MINUTE for n_minutes in range(61))
        before = after


def hour_in_words(moment: datetime, hours: Hours) -> str:
    """Return ``moment`` such as ``Mon 2026-11-23 08:00 CET``, in the zone of ``hours``, by its name without an abbreviation."""
    local = moment.astimezone(hours.zone)
    zone = f"{local:%Z}"
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {zone if zone.isalpha() else hours.zone}"
