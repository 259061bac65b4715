# SPDX-License-Identifier: Apache-2.0
"""A process of a run is one of the run also in a control group to which logind has moved it."""

from __future__ import annotations

import pwd

from tests.booted.conftest import Service
from tests.waiting import wait_for


def test_su_leaves_the_control_group_of_a_run_and_not_the_run(service: Service) -> None:
    """THREATS A-21: su - opens a session of bob's, with a scope of its own."""
    assert service.run("bob", "klist", "-s").returncode == 0
    wanted = service.ask("alice", "id", "-u")
    before = wait_for(lambda: (row := service.show(wanted.id))["state"] == "pending" and row, what="a request that waits")
    bob = f"KRB5CCNAME=FILE:/tmp/krb5cc_{pwd.getpwnam('bob').pw_uid} JITD_SOCKET={service.socket}"
    script = f"su - bob -c 'cat /proc/self/cgroup; {bob} jitd approve --yes {wanted.id}'; echo approve $?"
    shell = service.ask("alice", "sh", "-c", script)
    assert service.approve(shell.id, "carol").returncode == 0
    assert shell.end() == 0
    assert "approve 3" in shell.out and "may act as bob in run" in shell.err, (shell.out, shell.err)
    assert {**service.show(wanted.id), "alike": before["alike"]} == before
    assert service.approve(wanted.id, "bob").returncode == 0
    assert wanted.end() == 0
