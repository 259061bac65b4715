# SPDX-License-Identifier: Apache-2.0
"""Durations (THREATS G-03): what reads, what does not, and that spelling and reading agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.duration import LONGEST, duration_in_words, read_duration, spell_duration
from tests.table import each_row


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1d2h3m4s", 93784),
        ("1h0m5s", 3605),
        ("0h1s", 1),
        ("007s", 7),
        ("3650d", LONGEST),
        ("315360000s", LONGEST),
    ],
)
def test_what_is_a_duration(text: str, seconds: int) -> None:
    assert read_duration(text) == seconds


@each_row(
    "text",
    [
        "",
        "0s",
        "0d0h0m0s",
        "-1s",
        "+1s",
        "1",
        "15",
        "s",
        "m15",
        "1.5h",
        "1,5h",
        "1e3s",
        "1h 30m",
        " 1h",
        "1h ",
        "1h\n",
        "30m1h",
        "1m1m",
        "1H",
        "1w",
        "1y",
        "1ms",
        "NaN",
        "inf",
        "infs",
        "0x10s",
        "1_0s",
        "１５m",
        "१५m",
        "1s\0",
        "315360001s",
        "3651d",
        "3650d1s",
        "999999999d",
        "9223372036854775807s",
        "9223372036854775808s",
        "18446744073709551616s",
        "106752d",
        "9" * 10000 + "s",
        "forever",
        "PT15M",
    ],
)
def test_what_is_none(text: str) -> None:
    """THREATS G-03."""
    assert read_duration(text) is None


@given(st.integers(1, LONGEST))
def test_what_is_spelled_reads_back(seconds: int) -> None:
    assert read_duration(spell_duration(seconds)) == seconds


@given(st.text("0123456789dhms", max_size=12))
def test_what_reads_lies_within_the_bounds(text: str) -> None:
    seconds = read_duration(text)
    assert seconds is None or 1 <= seconds <= LONGEST


def test_words() -> None:
    assert duration_in_words(900) == "15 minutes"
    assert duration_in_words(3660) == "1 hour 1 minute"
    assert duration_in_words(86401) == "1 day 1 second"
