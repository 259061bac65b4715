# SPDX-License-Identifier: Apache-2.0
"""What people read of a thing that is not taken back yet."""

from __future__ import annotations

from typing import Any

import pytest

from jitd.cli.lists import LIVE_GRANTS
from jitd.cli.past import how_it_was_taken, untaken
from jitpam.wire.rows import Grant, Holding
from tests.client.script import lines_of

HELD: dict[str, Any] = {"id": "K7QM-2XVD.2", "thing": "sudoers:wheel", "state": "taking", "taking_at": None, "not_taken": ""}
NOT_RENEWED = {"not_renewed": "kadmind is silent", "not_renewed_since": "2026-03-02T09:00:00Z"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "is being taken back"),
        ({"not_taken": "gpasswd does not answer"}, "is being taken back, but this is not done yet: gpasswd does not answer"),
        ({"taking_at": "2026-03-02T09:00:00Z", "not_taken": "no"}, "is being taken back since 2026-03-02 09:00:00 UTC ("),
        ({"state": "held", "not_renewed": ""}, "is held"),
        ({"state": "held", **NOT_RENEWED}, "is held, but not renewed since 2026-03-02 09:00:00 UTC ("),
    ],
)
def test_a_thing_that_is_being_taken_back_says_since_when_and_why_it_is_not(changes: dict[str, Any], said: str) -> None:
    assert how_it_was_taken(Holding.read(HELD | changes)).startswith(said)


def test_a_list_of_grants_says_what_is_over_and_not_taken_back() -> None:
    row = {"id": "K7QM-2XVD", "state": "revoked", "gives": ["sudoers:wheel"], "holdings": [HELD["id"]], "untaken": [HELD]}
    live = {"id": "LIVE-LIVE", "state": "active", "ends_at": "2999-01-01T00:00:00Z", "untaken": []}
    _, over, other = lines_of(LIVE_GRANTS, [row, live], None)
    assert "over, being taken back" in over and "over" not in other
    assert list(untaken(Grant.read(row))) == ["K7QM-2XVD.2: sudoers:wheel is being taken back"]
    assert list(untaken(Grant.read(live))) == []
    (said,) = untaken(Grant.read(live | {"unrenewed": [HELD | {"state": "held"} | NOT_RENEWED]}))
    assert said.startswith("K7QM-2XVD.2: sudoers:wheel is held, but not renewed since 2026-03-02 09:00:00 UTC (")
    assert said.endswith("): kadmind is silent")
