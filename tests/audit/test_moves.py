# SPDX-License-Identifier: Apache-2.0
"""The moves of lives by the names that records have, and what a stored grant may be beside the record of its issue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.events import EVENTS
from jitd.audit.moves import Illegal, Step, fault_of, held_of, wider
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


ISSUED: dict[str, Any] = {
    "at": "2026-03-02T09:00:00.250000+00:00", "boot": "1000.250000",
    "detail": {"holder": "alice@X", "uses": 2, "ends_at": "2026-03-02T10:00:00.250000+00:00"},
}  # fmt: skip
STORED = {
    "holder": {"principal": "alice@X"}, "uses": 2, "left": 0, "ends_at": "2026-03-02T10:00:00.250000Z", "begins_at": None,
    "ends_boot": 4600.25, "terms": {"timeout_for": None},
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
        ({}, {"ends_boot": 4599.0}, ""),
        ({}, {"ends_boot": 4600.252}, "on the boot clock"),
        ({}, {"ends_boot": None}, "on the boot clock"),
    ],
)
def test_a_stored_grant_is_as_it_was_issued_or_stricter(told: dict[str, Any], stored: dict[str, Any], said: str) -> None:
    """THREATS A-36."""
    issued = ISSUED | {"detail": ISSUED["detail"] | told}
    found = wider(issued, held_of(ISSUED), STORED | stored)
    assert (said in found) and bool(found) is bool(said), found


def test_no_more_is_given_back_than_was_taken() -> None:
    """THREATS A-36. Of one use for several things, each may end without having been given."""
    held = held_of(ISSUED)
    with pytest.raises(Illegal, match="gives back a use that was not taken"):
        held.take(Step(-1, "None", None, "", "", False))


@pytest.mark.parametrize(("at", "is_good"), [("09:29:59", False), ("09:30:00", True), ("09:59:59", True), ("10:00:00", False)])
def test_a_grant_for_later_is_used_between_its_times(at: str, is_good: bool) -> None:
    """THREATS A-36. Both bounds are of the calendar, for jitd as well."""
    detail = {"uses": 1, "holder": "alice@X", "begins_at": "2026-03-02T09:30:00+00:00", "ends_at": "2026-03-02T10:00:00+00:00"}
    held = held_of(ISSUED | {"detail": detail})
    step = Step(1, "None", 9e9, f"2026-03-02T{at}+00:00", "alice@X", True)
    if is_good:
        held.take(step)
    else:
        with pytest.raises(Illegal, match="is not between"):
            held.take(step)


@pytest.mark.parametrize(("actor", "is_own", "is_good"), [
    ("local:alice", True, True),
    ("alice/admin@X", True, False),
    ("alice/admin@X", False, True),
])  # fmt: skip
def test_the_account_of_the_holder_uses_a_grant_as_far_as_jitd_lets_it(actor: str, is_own: bool, is_good: bool) -> None:
    """THREATS A-36. A request without a ticket uses a lease of its account, and any principal of the account may resume it."""
    step, held = Step(1, "None", 1000.5, "", actor, is_own), held_of(ISSUED)
    if is_good:
        held.take(step)
    else:
        with pytest.raises(Illegal, match="'alice@X' by 'alice/admin@X'"):
            held.take(step)
