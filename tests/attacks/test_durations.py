# SPDX-License-Identifier: Apache-2.0
"""Durations and counts on the wire that overflow, end before they begin, or are no numbers (THREATS G-03).

Law: each is refused or breaks the connection, and nothing was submitted, granted or locked by it.
"""

from __future__ import annotations

import json

import pytest

from jitpam.wire import messages
from jitpam.wire.coding import encode
from tests.attacks.raw import connected, submission
from tests.system.conftest import House

TOO_FAR = [0, -1, 2**31 + 1, 2**32, 2**53 - 1, 1 - 2**53, 315360001]
NO_NUMBERS = [
    "9007199254740992",
    "9223372036854775808",
    "-9007199254740992",
    "1.5",
    "1e3",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "true",
    '"60"',
    "[60]",
    "{}",
    "0x10",
    "060",
    "18446744073709551616",
]


def _is_untouched(house: House, before: int) -> None:
    assert not house.rows("grants", "--all") and not house.rows("locks", "--all")
    assert len(house.rows("requests", "--all")) == before


@pytest.mark.parametrize("number", TOO_FAR)
@pytest.mark.parametrize("field", ["lasts_for", "uses", "timeout_for"])
def test_a_number_out_of_bounds_is_refused_and_nothing_is_submitted(house: House, field: str, number: int) -> None:
    """THREATS G-03."""
    before = len(house.rows("requests", "--all"))
    with connected(house, "alice") as raw:
        code, text = raw.refusal(submission("true", **{field: number}))
    assert code in ("usage", "denied"), (code, text)
    assert not house.rows("grants", "--all")
    ended = [row["state"] for row in house.rows("requests", "--all")[before:]]
    assert ended in ([], ["denied"]), "refused as nonsense, or denied by the rule's own bound"


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("field", ["lasts_for", "timeout_for"])
def test_what_is_no_number_breaks_the_connection(house: House, field: str, text: str) -> None:
    """THREATS G-03."""
    before = len(house.rows("requests", "--all"))
    with connected(house, "alice") as raw:
        body = encode(submission("true", **{field: 987654321})).replace(b"987654321", text.encode())
        raw.send(raw.seal(body))
        assert raw.is_closed()
    _is_untouched(house, before)


@pytest.mark.parametrize("number", [*TOO_FAR, 2**31])
def test_a_lock_has_an_end_that_comes_or_none(house: House, number: int) -> None:
    """THREATS G-03."""
    with connected(house, "root") as raw:
        code, _ = raw.refusal(messages.Lock(whom="user", name="eve", lasts_for=number, reason="x"))
    assert code == "usage"
    assert not house.rows("locks", "--all")


def test_the_bounds_themselves_are_what_the_rule_says(house: House) -> None:
    """The other side: the rule's hour is granted, a second more is not."""
    with connected(house, "alice") as raw:
        code, text = raw.refusal(submission("true", lasts_for=3601))
        assert code == "denied" and "at most 1h" in text
        raw.say(submission("true", lasts_for=3600, waits=False))
        heard = raw.hear()
        assert isinstance(heard, messages.Progress) and heard.state == "pending", json.dumps(str(heard))
