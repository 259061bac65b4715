# SPDX-License-Identifier: Apache-2.0
"""The moves of lives by the names that records have, and what a stored grant may be beside the record of its issue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.events import EVENTS
from jitd.audit.moves import fault_of, wider
from jitd.core.moves import MOVES, NOTHING, ROLES

GOLDEN = Path(__file__).parents[1] / "core/golden/records"


def test_each_record_that_a_jitd_has_written_is_a_move() -> None:
    """Records of 0.1.0 have the same events, states and roles: the golden file keeps their bytes."""
    found = [json.loads(line.partition(" ")[2]) for line in GOLDEN.read_text("ascii").splitlines()]
    lives = [one for one in found if "id" in one]
    assert {one["event"] for one in lives} == set(ROLES) and len(lives) > 60
    for one in lives:
        assert "" in (fault_of(NOTHING, one), fault_of(None, one)), one["event"]


def test_a_move_is_an_event_of_the_record_and_each_such_event_of_a_life_is_a_move() -> None:
    moves = {event for rows in MOVES.values() for row in rows.values() for event in row}
    assert moves == set(ROLES) == {name for name in EVENTS if name.partition(".")[0] in MOVES}


ISSUED = {"detail": {"holder": "alice@X", "uses": 2, "ends_at": "2026-03-02T10:00:00.250000+00:00"}}
STORED = {
    "holder": {"principal": "alice@X"}, "uses": 2, "left": 0, "ends_at": "2026-03-02T10:00:00.250000Z", "begins_at": None,
    "terms": {"timeout_for": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "stored", "said"),
    [
        ({}, {}, ""),
        ({}, {"ends_at": "2026-03-02T10:00:01Z"}, "ends_at"),
        ({}, {"ends_at": None}, "ends_at"),
        ({"begins_at": "2026-03-02T09:30:00+00:00"}, {"begins_at": "2026-03-02T09:30:00Z"}, ""),
        ({"begins_at": "2026-03-02T09:30:00+00:00"}, {}, "begins_at"),
        ({}, {"terms": {"timeout_for": 60}}, ""),  # a record of 0.1.0, or a later use under a stricter rule
        ({"timeout_for": 60}, {"terms": {"timeout_for": 60}}, ""),
        ({"timeout_for": 60}, {"terms": {"timeout_for": 59}}, ""),
        ({"timeout_for": 60}, {"terms": {"timeout_for": 61}}, "permits runs of 61 s, where 60 s were granted"),
        ({"timeout_for": 60}, {"terms": {"timeout_for": None}}, "permits runs of None s"),
        ({"timeout_for": 60}, {"terms": []}, "permits runs of None s"),
        ({"timeout_for": "60"}, {"terms": {"timeout_for": 60}}, "permits runs"),
        ({"uses": None}, {"uses": None}, "uses left"),
        ({}, {"holder": None}, "is of None"),
    ],
)
def test_a_stored_grant_is_as_it_was_issued_or_stricter(told: dict[str, Any], stored: dict[str, Any], said: str) -> None:
    """THREATS A-36."""
    found = wider({"detail": ISSUED["detail"] | told}, STORED | stored)
    assert (said in found) and bool(found) is bool(said), found
