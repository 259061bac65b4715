# SPDX-License-Identifier: Apache-2.0
"""A run with a group that its account is not a member of: the command has the group, and cannot pass it on."""

from __future__ import annotations

from typing import Any

from jitd.core.run import Ending
from tests.monitor.stage import Stage

ALICE, GIVEN = 4001, 60
OF_ALICE: dict[str, Any] = {
    "user": "alice",
    "uid": ALICE,
    "gid": ALICE,
    "groups": (ALICE, GIVEN),
    "requester_uid": ALICE,
    "given_gid": GIVEN,
}
PROBE = """
cd "$(mktemp -d)" && trap 'rm -r "$PWD"' EXIT && cp /usr/bin/id id && id -g && id -G && stat -c %g id
grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status
chmod 755 id && ! chmod g+s id && ! chgrp games id && stat -c %a:%g id
"""


def test_a_command_with_a_given_group_has_it_beside_its_own_and_is_confined(stage: Stage) -> None:
    """THREATS X-29."""
    said = stage.capture("/bin/sh", "-c", PROBE, **OF_ALICE).decode()
    lines = [line for line in said.splitlines() if "Operation not permitted" not in line]
    assert lines == [f"{ALICE}", f"{ALICE} {GIVEN}", f"{ALICE}", "NoNewPrivs:\t0", "Seccomp:\t2", f"755:{ALICE}"]


def test_a_command_of_which_a_given_group_is_the_own_one_is_not_executed(stage: Stage) -> None:
    """THREATS X-30."""
    _, outcome = stage.play(stage.job("/bin/true", **OF_ALICE | {"gid": GIVEN}))
    assert outcome.ending is Ending.NOT_STARTED
