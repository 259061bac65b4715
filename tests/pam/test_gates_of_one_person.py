# SPDX-License-Identifier: Apache-2.0
"""The real su and sudo of one person, as many as the person may have. Law: whoever was not let in has run nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.pam.programs import BY_NAME, POLICY, Gated

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    with Gated(POLICY, "[limits]\nconnections_per_uid = 2\n") as made:
        yield made


def test_su_and_sudo_that_wait_are_the_persons_who_has_started_them(gated: Gated) -> None:
    """THREATS S-17: they act as root, which has no limit. Who has too many of them keeps out nobody else."""
    waiting = [gated.type("alice", BY_NAME[name]) for name in ("su -c", "sudo")]
    ids = [one.id for one in waiting]
    for name in ("su -c", "sudo", "doas"):
        gated.type("alice", BY_NAME[name]).is_kept_out("you have too many connections to jitd: end some, and try again")
    gated.type("carol", BY_NAME["su -c"]).is_let_in()
    gated.type("carol", BY_NAME["sudo"]).is_let_in()
    root = gated.run("root", "su", "alice", "-c", "exit 7")
    assert root.returncode == 7, "what root itself starts is not counted"
    for id, one in zip(ids, waiting, strict=True):
        gated.approved(id)
        one.is_let_in()
    again = gated.type("alice", BY_NAME["doas"])
    gated.approved(again.id)
    again.is_let_in()
