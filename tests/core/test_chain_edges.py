# SPDX-License-Identifier: Apache-2.0
"""The chain by itself: one spelling for one value, and the time in a record."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from jitd.core.chain import GENESIS, Seal, canonical, seal, time_of

DEEP = b"[" * 100_000


def test_before_the_first_record_are_32_bytes_of_nothing() -> None:
    assert Seal(0, b"\0" * 32) == GENESIS


def test_a_seal_is_over_its_number_the_seal_before_and_the_digest_of_the_bytes() -> None:
    one, two = (hashlib.sha256(body).digest() for body in (b"one", b"two"))
    first = hashlib.sha256(b"jitd chain 2\n" + b"\0" * 7 + b"\1" + b"\0" * 32 + one).digest()
    second = hashlib.sha256(b"jitd chain 2\n" + b"\0" * 7 + b"\2" + first + two).digest()
    assert seal(GENESIS, b"one") == Seal(1, first)
    assert seal(Seal(1, first), b"two") == Seal(2, second)


def test_a_value_is_spelled_in_ascii_sorted_and_without_blanks() -> None:
    assert canonical({"b": [1, 2.5, None], "a": {"\u00e4": True}}) == b'{"a":{"\\u00e4":true},"b":[1,2.5,null]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_never_recorded(number: float) -> None:
    with pytest.raises(ValueError):
        canonical({"a": number})


def test_a_record_tells_its_boot_and_the_time_on_that_boots_clock() -> None:
    assert time_of(b'{"boot_id":"b","boot":"12.500000"}') == ("b", 12.5)


@pytest.mark.parametrize(
    "content", [{}, {"boot": "1"}, {"boot_id": "b"}, {"boot_id": "b", "boot": None}, {"boot_id": "b", "boot": "x"}, [], None, 5]
)
def test_a_record_that_does_not_tell_its_time_is_a_fault(content: Any) -> None:
    with pytest.raises(ValueError):
        time_of(json.dumps(content).encode())


@pytest.mark.parametrize("body", [b"", b"{", DEEP, b"\xff"])
def test_what_is_no_record_has_no_time(body: bytes) -> None:
    with pytest.raises(ValueError):
        time_of(body)
