# SPDX-License-Identifier: Apache-2.0
"""The key ``hours``: the times of the week at which a rule applies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from jitd.core.conditions import DAYS, Hours, read_hours
from jitd.core.keys.key import Condition, Fields, Part, Stated, Verdict, World, any_of
from jitd.core.question import Question
from jitd.core.toml_table import Table
from jitd.core.wording import listed

WEEK = 7 * 24 * 60
"""The number of minutes in a week."""


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
    if any(len(found) == WEEK for found in minutes.values()):
        return True
    return narrow is not None and all(_minutes_of(hours) <= minutes.get(str(hours.zone), set()) for hours in narrow)


@cache
def _minutes_of(hours: Hours) -> frozenset[int]:
    return frozenset(minute % WEEK for start, end in hours.spans for minute in range(start, end))


HOURS = _HoursOfTheWeek()
