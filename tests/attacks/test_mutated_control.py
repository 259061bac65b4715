# SPDX-License-Identifier: Apache-2.0
"""What is nearly right on the control socket begins nothing that was not approved, and ends. ``make torture`` plays much more
of it (contrib/torture/fuzz).
"""

from __future__ import annotations

from tests.attacks.mutated_control import play
from tests.times import SEED, times


def test_no_odd_packet_begins_what_was_not_approved_or_keeps_a_run_alive() -> None:
    """THREATS S-05."""
    print(f"JITD_SEED={SEED}")
    found = play(SEED, times(20))
    assert found.faults == []
    assert {"streams: R", "streams: X", "then: hung up on"} <= found.seen.keys(), found.seen
