# SPDX-License-Identifier: Apache-2.0
"""What is nearly right on the wire permits nothing, breaks nothing, and is answered or hung up on. ``make torture`` says much
more of it (contrib/torture/fuzz).
"""

from __future__ import annotations

import pytest

from jitpam.wire import messages
from tests.attacks.mutated_wire import CONFIG, POLICY, Play, is_complaint, play
from tests.attacks.raw import connected, review
from tests.system.conftest import House
from tests.times import SEED, times


def test_nothing_that_is_nearly_right_is_permitted_or_breaks_anything() -> None:
    """THREATS S-05."""
    print(f"JITD_SEED={SEED}")
    faults, answers, _ = play(SEED, times(150))
    assert faults == []
    assert {"done", "item", "progress", "refused usage", "refused unknown", "refused protocol"} <= answers.keys(), answers


def test_what_is_right_in_its_scene_is_still_permitted() -> None:
    """The fuzzer's own policy: with two real approvals the very same request is approved. Then the fuzzer says so."""
    house = House(POLICY, CONFIG).start()
    try:
        fuzzer = Play(house)
        with connected(house, "alice") as alice:
            id = alice.submit("id", "twin", waits=False)
        for who in ("bob", "carol"):
            with connected(house, who) as approver:
                (row,) = approver.rows(messages.Show(id=id))
                assert isinstance(approver.ask(review(row))[-1], messages.Done)
        assert [one for one in fuzzer.end() if "was permitted" in one]
    finally:
        house.close()


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("jitd: failed fault='OverflowError: Python int too large to convert to SQLite INTEGER'", True),
        ("Traceback (most recent call last):", True),
        ("jitd: ready", False),
    ],
)
def test_a_line_about_a_fault_of_jitds_own_is_known(line: str, is_one: bool) -> None:
    assert is_complaint(line) == is_one
