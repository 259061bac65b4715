# SPDX-License-Identifier: Apache-2.0
"""Hours as truth tables: which moments they hold at, also where the clock jumps, and which lines are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.keys.hours import read_hours
from tests.table import each_row

BERLIN = ZoneInfo("Europe/Berlin")
ZONES: dict[str, tzinfo] = {"Europe/Berlin": BERLIN, "UTC": UTC, "Australia/Lord_Howe": ZoneInfo("Australia/Lord_Howe")}
WORK = "Mon-Fri 08:00-18:00 Europe/Berlin"
NIGHT = "Mon-Fri 22:00-06:00 Europe/Berlin"
FREEZE = "Fri 16:00-Mon 06:00 Europe/Berlin"


def at(text: str, zone: tzinfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@each_row(
    ("hours", "local", "hold"),
    [
        # 2024-01-01 is a Monday
        (WORK, "2024-01-01T07:59:59.999999", False),
        (WORK, "2024-01-01T08:00", True),
        (WORK, "2024-01-05T17:59:59", True),
        (WORK, "2024-01-05T18:00", False),
        (WORK, "2024-01-06T12:00", False),
        (NIGHT, "2024-01-01T21:59", False),
        (NIGHT, "2024-01-01T22:00", True),
        (NIGHT, "2024-01-01T05:59", False),  # it would belong to Sunday
        (NIGHT, "2024-01-02T05:59", True),
        (NIGHT, "2024-01-02T06:00", False),
        (NIGHT, "2024-01-06T05:59", True),  # Friday's night
        (NIGHT, "2024-01-06T22:00", False),
        (NIGHT, "2024-01-07T03:00", False),
        ("Sun 22:00-06:00 Europe/Berlin", "2024-01-08T03:00", True),  # over the end of the week
        ("Sun 22:00-06:00 Europe/Berlin", "2024-01-07T03:00", False),
        (FREEZE, "2024-01-05T15:59", False),
        (FREEZE, "2024-01-05T16:00", True),
        (FREEZE, "2024-01-07T12:00", True),
        (FREEZE, "2024-01-08T05:59", True),
        (FREEZE, "2024-01-08T06:00", False),
        (FREEZE, "2024-01-01T05:59", True),
        ("Sat 10:00-12:00 UTC", "2024-01-06T12:30", True),  # 11:30 UTC
        ("Sat 10:00-12:00 UTC", "2024-01-06T10:30", False),  # 09:30 UTC
        ("Mon,Wed 08:00-12:00 Europe/Berlin", "2024-01-03T08:00", True),
        ("Mon,Wed 08:00-12:00 Europe/Berlin", "2024-01-02T08:00", False),
        ("Mon-Tue,Sat 08:00-12:00 Europe/Berlin", "2024-01-06T08:00", True),
        ("Sat-Mon 08:00-12:00 Europe/Berlin", "2024-01-07T08:00", True),
        ("Sat-Mon 08:00-12:00 Europe/Berlin", "2024-01-08T08:00", True),
        ("Sat-Mon 08:00-12:00 Europe/Berlin", "2024-01-02T08:00", False),
        ("Mon-Sun 00:00-24:00 Europe/Berlin", "2024-01-07T23:59:59", True),
        ("Mon 22:00-24:00 Europe/Berlin", "2024-01-01T23:59:59", True),
        ("Mon 22:00-24:00 Europe/Berlin", "2024-01-02T00:00", False),
        ("Mon 22:00-00:00 Europe/Berlin", "2024-01-01T23:59:59", True),
        ("Mon 22:00-00:00 Europe/Berlin", "2024-01-02T00:00", False),
        ("Fri 16:00-Sun 24:00 Europe/Berlin", "2024-01-07T23:59", True),
        ("Fri 16:00-Sun 24:00 Europe/Berlin", "2024-01-08T00:00", False),
        ("Mon 06:00-Fri 16:00 Europe/Berlin", "2024-01-03T00:00", True),
        ("Fri 16:00-Fri 10:00 Europe/Berlin", "2024-01-05T12:00", False),
        ("Fri 16:00-Fri 10:00 Europe/Berlin", "2024-01-05T09:59", True),
        # The clock goes forward on 2024-03-31 from 02:00 to 03:00, and back on 2024-10-27 from 03:00 to 02:00.
        ("Sun 01:00-03:00 Europe/Berlin", "2024-03-31T01:59", True),
        ("Sun 01:00-03:00 Europe/Berlin", "2024-03-31T03:00", False),
        ("Sun 02:00-03:00 Europe/Berlin", "2024-03-31T01:59", False),
        ("Sun 02:00-03:00 Europe/Berlin", "2024-03-31T03:00", False),
        ("Sun 08:00-18:00 Europe/Berlin", "2024-03-31T08:00", True),
        ("Sun 08:00-18:00 Europe/Berlin", "2024-03-31T07:59", False),
        ("Sun 08:00-18:00 Europe/Berlin", "2024-10-27T08:00", True),
        ("Sun 08:00-18:00 Europe/Berlin", "2024-10-27T18:00", False),
    ],
)
def test_when_hours_hold(hours: str, local: str, hold: bool) -> None:
    moment = at(local)
    for zone in (UTC, BERLIN, timezone(timedelta(hours=-11))):  # however the same moment is written
        assert read_hours(hours, ZONES.get).hold_at(moment.astimezone(UTC).astimezone(zone)) is hold


def test_an_hour_that_the_clock_repeats_holds_twice_and_one_it_skips_never() -> None:
    back, forward = read_hours("Sun 02:00-03:00 Europe/Berlin", ZONES.get), datetime(2024, 3, 31, tzinfo=UTC)
    assert back.hold_at(at("2024-10-27T02:30", fold=0)) and back.hold_at(at("2024-10-27T02:30", fold=1))
    assert not any(back.hold_at(forward + timedelta(minutes=minutes)) for minutes in range(-1440, 1440))
    half_an_hour = read_hours("Sun 01:30-02:00 Australia/Lord_Howe", ZONES.get)  # goes back by 30 minutes
    assert sum(half_an_hour.hold_at(datetime(2024, 4, 6, 12, tzinfo=UTC) + timedelta(minutes=n)) for n in range(360)) == 60


@given(
    st.datetimes(datetime(2023, 1, 1), datetime(2026, 1, 1)),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(0, 1440),
)
def test_hours_are_what_a_naive_reading_of_the_wall_clock_says(moment: datetime, day: int, start: int, end: int) -> None:
    if start == end or (start, end) == (0, 1440):
        return
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    text = f"{names[day]} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} Europe/Berlin"
    local = moment.replace(tzinfo=UTC).astimezone(BERLIN)
    minute, weekday = local.hour * 60 + local.minute, local.weekday()
    if end > start:
        expected = weekday == day and start <= minute < end
    else:
        expected = (weekday == day and minute >= start) or (weekday == (day + 1) % 7 and minute < end)
    assert read_hours(text, ZONES.get).hold_at(moment.replace(tzinfo=UTC)) is expected


SHAPE = 'must be like "Mon-Fri 08:00-18:00 Europe/Berlin" or "Fri 16:00-Mon 06:00 Europe/Berlin"'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Mon-Fri 08:00-18:00", "has no time zone: add one, such as Europe/Berlin or UTC"),
        ("Fri 16:00-Mon 06:00", "has no time zone: add one, such as Europe/Berlin or UTC"),
        ("Mon-Fri 08:00-18:00 Europe/Nowhere", ': there is no time zone "Europe/Nowhere"'),
        ("Fri 16:00-Mon 06:00 CEST", ': there is no time zone "CEST"'),
        ("Mon-Fri 08:00-08:00 UTC", "starts and ends at the same time: a whole day is 00:00-24:00"),
        ("Fri 16:00-Fri 16:00 UTC", 'starts and ends at the same time: the whole week is "Mon-Sun 00:00-24:00"'),
        ("Mon 00:00-Sun 24:00 UTC", 'starts and ends at the same time: the whole week is "Mon-Sun 00:00-24:00"'),
        ("Mon 24:00-06:00 UTC", ": there is no time 24:00 to start at"),
        ("Fri 24:00-Mon 06:00 UTC", ": there is no time 24:00 to start at"),
        ("Mon 06:00-25:00 UTC", ": there is no time 25:00"),
        ("Mon 06:00-24:01 UTC", ": there is no time 24:01"),
        ("Mon 06:60-08:00 UTC", ": there is no time 06:60 to start at"),
        ("Mon,Mon 08:00-12:00 UTC", "names a day twice"),
        ("Mon-Fri,Wed 08:00-12:00 UTC", "names a day twice"),
        ("Mon-Wed-Fri 08:00-12:00 UTC", ": write a span of days with a first and a last day, such as Mon-Wed"),
        ("", SHAPE),
        ("always", SHAPE),
        ("08:00-18:00 UTC", SHAPE),
        ("mon-fri 08:00-18:00 UTC", SHAPE),
        ("Monday 08:00-18:00 UTC", SHAPE),
        ("Mon 8:00-18:00 UTC", SHAPE),
        ("Mon 08:00 - 18:00 UTC", SHAPE),
        ("Mon 08.00-18.00 UTC", SHAPE),
        ("Mon 08:00-18:00  UTC ", SHAPE),
        ("Mon 08:00-18:00 UTC, Tue 08:00-18:00 UTC", SHAPE),
        ("Mon ०८:00-18:00 UTC", SHAPE),
        ("Mon 08:00-18:00\nUTC", SHAPE),
    ],
)
def test_which_hours_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_hours(text, ZONES.get)
    assert re.sub(r'^"[^"]*" ?', "", str(caught.value)) == sentence


def test_a_moment_without_a_zone_is_an_error_and_not_an_answer() -> None:
    with pytest.raises(ValueError):
        read_hours(WORK, ZONES.get).hold_at(datetime(2024, 1, 1, 12))
