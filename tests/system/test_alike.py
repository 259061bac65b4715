# SPDX-License-Identifier: Apache-2.0
"""What the requester and the approver are told of a request that repeats another, and of one whose client is gone."""

from __future__ import annotations

import os
import signal

from tests.system.conftest import House
from tests.waiting import wait_for


def test_a_second_request_for_the_same_says_that_one_waits(house: House) -> None:
    first = house.sudo("alice", "--no-wait", "echo", "same")
    id = first.stdout.strip()
    assert "asks for the same" not in first.stderr
    again = house.sudo("alice", "--no-wait", "echo", "same")
    assert again.returncode == 0 and f"{id} asks for the same and waits: jitsudo --resume={id}" in again.stderr
    second = again.stdout.strip()
    asked = house.ask("alice", "echo", "same")
    wait_for(lambda: f"{second} asks for the same and waits: jitsudo --resume={second}" in asked.err)
    assert house.show(asked.id)["alike"] == [id, second] and house.show(id)["alike"] == [second, asked.id]
    last = house.sudo("alice", "--no-wait", "echo", "same")
    assert f"{asked.id} asks for the same and waits: another jitsudo of yours waits for it" in last.stderr
    other = house.sudo("alice", "--no-wait", "echo", "other")
    assert "asks for the same" not in other.stderr and house.show(other.stdout.strip())["alike"] == []
    for each in (id, second, last.stdout.strip(), other.stdout.strip()):
        assert house.jitd("withdraw", each, who="alice").returncode == 0
    assert house.approve(asked.id).returncode == 0
    assert asked.end() == 0 and asked.out == "same\n", "nothing is refused"


def test_a_request_whose_client_did_not_come_back_yet_says_so(house: House) -> None:
    asked = house.ask("alice", "echo", "ran")
    left = house.sudo("alice", "--no-wait", "true").stdout.strip()
    assert house.show(asked.id)["gone"] is False and house.show(left)["gone"] is False
    os.kill(asked.process.pid, signal.SIGSTOP)
    house.restart()
    assert house.show(asked.id, who="bob")["gone"] is True and house.show(left, who="bob")["gone"] is False
    assert {row["id"]: row["gone"] for row in house.rows("requests", who="bob")} == {asked.id: True, left: False}
    os.kill(asked.process.pid, signal.SIGCONT)
    wait_for(lambda: not house.show(asked.id)["gone"])
    assert house.approve(asked.id).returncode == 0
    assert asked.end() == 0 and asked.out == "ran\n"
    assert house.jitd("withdraw", left, who="alice").returncode == 0


def test_who_is_killed_while_jitd_is_away_is_gone_and_an_approval_starts_nothing(house: House) -> None:
    asked = house.at_rest().ask("alice", "echo", "ran")
    id = asked.id
    house.kill()
    asked.process.kill()
    house.start()
    assert house.show(id)["gone"] is True
    assert house.approve(id).returncode == 0
    assert house.show(id)["gone"] is False and house.rows("runs") == []
    resumed = house.ask("alice", f"--resume={id}")
    assert resumed.end() == 0 and resumed.out == "ran\n"
