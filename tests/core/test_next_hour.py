# SPDX-License-Identifier: Apache-2.0
"""When the hours of a rule begin next: compared with a look at every minute, also where a clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.explaining import closest
from jitd.core.keys.hours import DAYS, Hours, read_hours
from jitd.core.next_hour import AHEAD_DAYS, hour_in_words, next_hour
from tests.core.house import ALICE, BOB, deny, hours, permit, policy, question

BERLIN = ZoneInfo("Europe/Berlin")
ZONES: dict[str, tzinfo] = {"Europe/Berlin": BERLIN, "UTC": UTC, "Australia/Lord_Howe": ZoneInfo("Australia/Lord_Howe")}
NAMED: dict[str, tzinfo] = {**ZONES, "America/St_Johns": ZoneInfo("America/St_Johns")}
NIGHT = datetime(2024, 1, 3, 23, 0, tzinfo=UTC)  # a Wednesday


def read(text: str) -> Hours:
    return read_hours(text, NAMED.get)


def by_every_minute(some: tuple[Hours, ...], at: datetime) -> datetime | None:
    minute = at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    for n in range(AHEAD_DAYS * 24 * 60):
        moment = minute + timedelta(minutes=n)
        if any(one.hold_at(moment) for one in some):
            return moment
    return None


@pytest.mark.parametrize(
    ("texts", "at", "begins"),
    [
        (("Mon-Fri 08:00-18:00 UTC",), "2024-01-03T23:00", "Thu 2024-01-04 08:00 UTC"),
        (("Mon-Fri 08:00-18:00 UTC",), "2024-01-05T18:00", "Mon 2024-01-08 08:00 UTC"),
        (("Mon-Fri 08:00-18:00 Europe/Berlin",), "2024-01-03T23:00", "Thu 2024-01-04 08:00 CET"),
        (("Mon 08:00-09:00 UTC", "Sat 10:00-11:00 UTC"), "2024-01-03T23:00", "Sat 2024-01-06 10:00 UTC"),
        (("Wed 20:00-22:00 UTC",), "2024-01-03T23:00", "Wed 2024-01-10 20:00 UTC"),
        # the clock skips 02:00 to 03:00 on 2024-03-31, and repeats it on 2024-10-27
        (("Sun 02:30-04:00 Europe/Berlin",), "2024-03-30T12:00", "Sun 2024-03-31 03:00 CEST"),
        (("Sun 02:00-02:30 Europe/Berlin",), "2024-10-27T00:45", "Sun 2024-10-27 02:00 CET"),
        (("Sun 01:30-02:30 Europe/Berlin",), "2024-10-27T00:45", "Sun 2024-10-27 02:00 CET"),
        (("Sun 02:31-02:45 Europe/Berlin",), "2024-10-27T00:20", "Sun 2024-10-27 02:31 CEST"),
        (("Sun 02:31-02:45 Europe/Berlin",), "2024-10-27T00:50", "Sun 2024-10-27 02:31 CET"),
        (("Sun 02:31-02:45 Europe/Berlin",), "2024-10-27T01:10", "Sun 2024-10-27 02:31 CET"),
        # hours of one week that are skipped come a week later
        (("Sun 02:00-03:00 Europe/Berlin",), "2024-03-30T12:00", "Sun 2024-04-07 02:00 CEST"),
        # a clock that was changed at a minute past midnight: it skipped 00:01 to 01:01 on 2011-03-13
        (("Sun 00:30-02:00 America/St_Johns",), "2011-03-12T12:00", "Sun 2011-03-13 01:01 NDT"),
    ],
)
def test_the_next_hour_is_said_in_the_zone_of_the_rule(texts: tuple[str, ...], at: str, begins: str) -> None:
    some, moment = tuple(map(read, texts)), datetime.fromisoformat(at).replace(tzinfo=UTC)
    found = next_hour(some, moment)
    assert found is not None and hour_in_words(*found) == begins
    assert found[0] == by_every_minute(some, moment), "and it is a whole minute"


def test_hours_that_never_come_are_not_said() -> None:
    assert next_hour((), NIGHT) is None


def test_hours_that_do_not_come_within_eight_days_are_not_said() -> None:
    """They are skipped on 2024-03-31, in two days, and come again in nine."""
    assert AHEAD_DAYS == 8
    assert next_hour((read("Sun 02:00-03:00 Europe/Berlin"),), datetime(2024, 3, 29, 12, tzinfo=UTC)) is None


class Leaping(tzinfo):
    """A clock that leaps from 02:00 to 04:00 on one Sunday, and from 02:00 to 03:00 on the next."""

    LEAPS = ((datetime(2024, 1, 7, 2), timedelta(hours=2)), (datetime(2024, 1, 14, 0), timedelta(hours=1)))

    def utcoffset(self, when: datetime | None) -> timedelta:
        assert when is not None
        ahead = timedelta(0)
        for moment, leap in self.LEAPS:
            ahead += leap if when.replace(tzinfo=None) >= moment + ahead + leap else timedelta(0)
        return ahead

    def dst(self, when: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, when: datetime | None) -> str:
        return "LEAP"

    def fromutc(self, when: datetime) -> datetime:
        return when + sum((leap for moment, leap in self.LEAPS if when.replace(tzinfo=None) >= moment), timedelta(0))


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        ("2024-01-07T12:00", "Sun 2024-01-14 03:00 LEAP"),
        ("2024-01-06T06:00", "Sun 2024-01-14 03:00 LEAP"),  # after seven days and eighteen hours
        ("2024-01-06T00:00", "Sun 2024-01-14 03:00 LEAP"),  # after eight days
        ("2024-01-05T20:00", None),  # after eight days and four hours
    ],
)
def test_hours_that_begin_where_a_clock_leaps_are_found_within_eight_days(at: str, begins: str | None) -> None:
    some = (read_hours("Sun 02:30-03:10 Leaping", {"Leaping": Leaping()}.get),)
    found = next_hour(some, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert (None if found is None else hour_in_words(*found)) == begins


CLOCK = st.tuples(st.integers(0, 23), st.sampled_from([0, 1, 30, 59])).map(lambda two: f"{two[0]:02}:{two[1]:02}")
SPANS = st.tuples(st.sampled_from(DAYS), CLOCK, CLOCK, st.sampled_from(sorted(ZONES))).filter(lambda four: four[1] != four[2])
AROUND = st.sampled_from(["2024-03-30T20:00", "2024-10-26T20:00", "2024-04-06T12:00", "2024-10-05T12:00", "2024-01-05T12:00"])


@given(st.lists(SPANS, min_size=1, max_size=3), AROUND, st.integers(0, 30 * 60))
def test_it_is_the_first_minute_that_a_look_at_every_minute_finds(spans: list[tuple[str, ...]], around: str, after: int) -> None:
    some = tuple(read(f"{day} {start}-{end} {zone}") for day, start, end, zone in spans)
    at = datetime.fromisoformat(around).replace(tzinfo=UTC) + timedelta(minutes=after)
    expected = by_every_minute(some, at)
    found = next_hour(some, at)
    if not any(one.hold_at(at) for one in some):  # it is asked only for a rule whose hours do not hold
        assert (None if found is None else found[0]) == expected


OFFICE = hours("Mon-Fri 08:00-18:00 UTC")


def opens(*made: object, **asked: object) -> list[str]:
    return [near.opens for near in closest(policy(*made), question(ALICE, **asked), NIGHT)]  # type: ignore[arg-type]


def test_a_requester_is_told_the_hour_only_if_nothing_else_is_in_the_way() -> None:
    assert opens(permit(**OFFICE)) == ["Thu 2024-01-04 08:00 UTC"]
    assert opens(permit(run_as=("postgres",), **OFFICE)) == [""], "another account is in the way as well"
    assert opens(permit(lasts_for=60, **OFFICE), lasts_for=3600) == [""], "it would be denied for its length then"
    assert opens(permit(who=("group:ops",), **OFFICE)) == [], "the rule is about others"
    assert [near.opens for near in closest(policy(permit(**OFFICE)), question(BOB), NIGHT)] == []


def test_what_denies_say_of_that_hour_is_not_told() -> None:
    assert opens(permit(**OFFICE), deny(**hours("Thu 00:00-24:00 UTC"))) == opens(permit(**OFFICE))


def test_a_zone_without_an_abbreviation_is_named() -> None:
    moment = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    for name, zone in (("Asia/Dubai", "Asia/Dubai"), ("Europe/Berlin", "CET")):
        hours = read_hours(f"Mon-Fri 09:00-18:00 {name}", lambda name: ZoneInfo(name))
        assert hour_in_words(moment, hours).endswith(f" {zone}")
