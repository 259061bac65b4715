# SPDX-License-Identifier: Apache-2.0
"""``--at``: which moment is meant, in the user's own zone, also where the clock jumps; and what is refused."""

from __future__ import annotations

import time
from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.amounts import UsageError
from jitpam.appointment import here, in_utc, in_words, read_moment
from tests.zones import berlin

__all__ = ["berlin"]
pytestmark = pytest.mark.usefixtures("berlin")


def utc(text: str) -> int:
    return timegm(time.strptime(text, "%Y-%m-%d %H:%M"))


NOW = utc("2026-11-22 09:30")  # 10:30 in Berlin


@pytest.mark.parametrize(
    ("typed", "now", "means"),
    [
        ("22:00", NOW, "2026-11-22 21:00"),
        ("10:31", NOW, "2026-11-22 09:31"),
        ("10:30", NOW, "2026-11-23 09:30"),  # this minute has begun: it is tomorrow's
        ("09:00", NOW, "2026-11-23 08:00"),
        ("00:00", NOW, "2026-11-22 23:00"),
        ("09:00", utc("2026-12-31 12:00"), "2027-01-01 08:00"),
        ("2026-11-23 22:00", NOW, "2026-11-23 21:00"),
        ("2026-11-23T22:00:00Z", NOW, "2026-11-23 22:00"),
        ("12:00", utc("2027-03-27 12:00"), "2027-03-28 10:00"),  # the clock is put forward that night
    ],
)
def test_a_time_is_the_next_one_of_the_users_own_clock(typed: str, now: int, means: str) -> None:
    assert read_moment(typed.encode(), now) == utc(means)


@pytest.mark.parametrize(
    ("typed", "because"),
    [
        ("", "nothing is not a time"),
        ("soon", "soon is not a time"),
        ("9:00", "is not a time"),
        ("24:00", "is not a time"),
        ("22:60", "is not a time"),
        ("٢٢:٠٠", "is not a time"),
        ("-1:00", "is not a time"),
        ("2026-11-22 10:29", "is over already"),
        ("2026-11-22T09:30:00Z", "is over already"),
        ("2026-13-01 10:00", "is not a time"),
        ("2027-02-29 10:00", "is not a time of that day"),
        ("2027-03-28 02:30", "is not a time of that day"),  # the clock skips it
        ("2026-11-23 22:00:00", "is not a time"),
        ("2026-11-23T22:00:00+01:00", "is not a time"),
        ("9999-12-31 23:59 ", "is not a time"),
    ],
)
def test_what_is_no_time_to_come_is_refused(typed: str, because: str) -> None:
    with pytest.raises(UsageError, match=because):
        read_moment(typed.encode(), NOW)


@given(st.binary(max_size=24) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}", fullmatch=True).map(str.encode))
def test_any_words_are_a_time_to_come_or_refused(typed: bytes) -> None:
    try:
        assert read_moment(typed, NOW) > NOW
    except UsageError as fault:
        assert str(fault)


def test_a_time_is_spelled_for_messages_and_for_people() -> None:
    at = utc("2026-11-22 21:00")
    assert (in_utc(at), in_words(at)) == ("2026-11-22T21:00:00Z", "Sun 2026-11-22 22:00 CET")


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-11-22T21:00:59Z", "Sun 2026-11-22 22:00 CET"),
        ("2026-07-22T23:30:00Z", "Thu 2026-07-23 01:30 CEST"),
        ("2038-01-19T03:14:08Z", "Tue 2038-01-19 04:14 CET"),
        ("2026-11-22 21:00:00", "2026-11-22 21:00:00"),
        ("2026-13-22T21:00:00Z", "2026-13-22T21:00:00Z"),
        (None, "None"),
    ],
)
def test_a_time_of_the_daemon_is_shown_in_the_zone_of_the_user_or_as_it_is(instant: object, shown: str) -> None:
    assert here(instant) == shown
