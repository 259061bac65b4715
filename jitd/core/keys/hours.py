# SPDX-License-Identifier: Apache-2.0
"""The key ``hours``: the times of the week at which a rule applies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache

from jitd.core.keys.key import Condition, Fields, Part, Stated, Verdict, World, any_of
from jitd.core.question import Question
from jitd.core.toml_table import Table
from jitd.core.wording import listed

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_NAME = "|".join(DAYS)
_CLOCK = r"([0-9]{2}):([0-9]{2})"
_DAILY = re.compile(rf"((?:{_NAME})(?:[-,](?:{_NAME}))*) +{_CLOCK}-{_CLOCK} +(\S+)")
_ACROSS = re.compile(rf"({_NAME}) +{_CLOCK}-({_NAME}) +{_CLOCK} +(\S+)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of the week. ``spans`` contains the beginning and the end of each span, in minutes since Monday 00:00. The end is the
    first minute after the span. If a span continues after Sunday 24:00, its end is larger than the number of minutes in a week.

    The spans are compared with the local time in the time zone ``zone``. At the beginning of summer time, the local clock skips
    an hour, so this hour never matches. At the end of summer time, the local clock repeats an hour, so this hour matches twice.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    zone: tzinfo

    def hold_at(self, at: datetime) -> bool:
        if at.utcoffset() is None:
            raise ValueError("the moment has no time zone")
        local = at.astimezone(self.zone)
        minute = local.weekday() * _DAY + local.hour * 60 + local.minute
        return any(start <= moment < end for start, end in self.spans for moment in (minute, minute + _WEEK))


def read_hours(text: str, zone_of: Callable[[str], tzinfo | None]) -> Hours:
    """Parse ``Mon-Fri 08:00-18:00 ZONE``, ``Sat,Sun 22:00-06:00 ZONE``, where a span begins on each day and may end on the next,
    or ``Fri 16:00-Mon 06:00 ZONE``. ``zone_of`` returns the time zone of a name. Raises ValueError with a sentence.
    """
    shape = '"Mon-Fri 08:00-18:00 Europe/Berlin" or "Fri 16:00-Mon 06:00 Europe/Berlin"'
    if match := _DAILY.fullmatch(text):
        start, end = _minute(text, match[2], match[3], is_end=False), _minute(text, match[4], match[5], is_end=True)
        if start == end:
            raise ValueError(f'"{text}" starts and ends at the same time: a whole day is 00:00-24:00')
        spans = tuple((day * _DAY + start, day * _DAY + end + (_DAY if end < start else 0)) for day in _days(text, match[1]))
    elif match := _ACROSS.fullmatch(text):
        start = DAYS.index(match[1]) * _DAY + _minute(text, match[2], match[3], is_end=False)
        end = DAYS.index(match[4]) * _DAY + _minute(text, match[5], match[6], is_end=True)
        if start % _WEEK == end % _WEEK:
            raise ValueError(f'"{text}" starts and ends at the same time: the whole week is "Mon-Sun 00:00-24:00"')
        spans = ((start, end + (_WEEK if end < start else 0)),)
    elif _DAILY.fullmatch(f"{text} UTC") or _ACROSS.fullmatch(f"{text} UTC"):
        raise ValueError(f'"{text}" has no time zone: add one, such as Europe/Berlin or UTC')
    else:
        raise ValueError(f'"{text}" must be like {shape}')
    name = match[match.re.groups]
    zone = zone_of(name)
    if zone is None:
        raise ValueError(f'"{text}": there is no time zone "{name}"')
    return Hours(text, spans, zone)


def _minute(text: str, hour: str, minute: str, *, is_end: bool) -> int:
    value = int(hour) * 60 + int(minute)
    if int(minute) > 59 or value > _DAY or (value == _DAY and not is_end):
        raise ValueError(f'"{text}": there is no time {hour}:{minute}' + ("" if is_end else " to start at"))
    return value


def _days(text: str, days: str) -> list[int]:
    found = []
    for part in days.split(","):
        names = part.split("-")
        if len(names) > 2:
            raise ValueError(f'"{text}": write a span of days with a first and a last day, such as Mon-Wed')
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        found += [day % 7 for day in range(first, last + 1 + (7 if last < first else 0))]
    if len(set(found)) != len(found):
        raise ValueError(f'"{text}" names a day twice')
    return found


@dataclass(frozen=True, kw_only=True)
class WithHours(Stated):
    """``hours`` has spans of the week. None means always."""

    hours: tuple[Hours, ...] | None = None


class _HoursOfTheWeek(Condition[WithHours]):
    names = ("hours",)
    row = "hours"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        if "hours" not in table.values:
            return {}
        return {"hours": table.words("hours", (), lambda text: read_hours(text, world.zone_of))}

    def holds(self, rule: WithHours, question: Question, at: datetime) -> bool:
        return rule.hours is None or any(hours.hold_at(at) for hours in rule.hours)

    def wants(self, rule: WithHours) -> str:
        return any_of(None if rule.hours is None else tuple(hours.text for hours in rule.hours), "any time")

    def found(self, rule: WithHours, question: Question, at: datetime) -> str:
        local = (at.astimezone(hours.zone) for hours in rule.hours or ())
        return " or ".join(dict.fromkeys(f"{DAYS[here.weekday()]} {here:%H:%M %Z}" for here in local))

    def phrases(self, rule: WithHours) -> Iterator[tuple[Part, str]]:
        if rule.hours is not None:
            yield Part.CIRCUMSTANCES, listed(tuple(hours.text for hours in rule.hours), "or")

    def covers(self, wide: WithHours, narrow: WithHours) -> bool:
        return covers_hours(wide.hours, narrow.hours)


def covers_hours(wide: Sequence[Hours] | None, narrow: Sequence[Hours] | None) -> bool:
    """True if ``wide`` contains every minute of ``narrow``. None means all hours of the week. If the time zones differ, the
    result is True only if ``wide`` covers the whole week in one zone.
    """
    if wide is None:
        return True
    minutes: dict[str, set[int]] = {}
    for hours in wide:
        minutes.setdefault(str(hours.zone), set()).update(_minutes_of(hours))
    if any(len(found) == _WEEK for found in minutes.values()):
        return True
    return narrow is not None and all(_minutes_of(hours) <= minutes.get(str(hours.zone), set()) for hours in narrow)


@cache
def _minutes_of(hours: Hours) -> frozenset[int]:
    return frozenset(minute % _WEEK for start, end in hours.spans for minute in range(start, end))


HOURS = _HoursOfTheWeek()
