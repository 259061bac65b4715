# SPDX-License-Identifier: Apache-2.0
"""``jitsudo --at`` the whole way: approved now by the people's own commands, run later, over a daemon that is killed between.

Law: nothing runs before its time. tests/daemon/test_later_grants.py has the clocks that were moved: no test moves a real one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from jitd.core.request import RequestState
from tests.system.conftest import House
from tests.waiting import wait_for

SOON = 12
"""Seconds until the time that is asked for. A host that is slower than this tries less; it fails nothing."""


def in_utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("is_killed", [False, True], ids=["one daemon", "two daemons"])
def test_what_is_approved_for_later_runs_in_its_time_whether_the_daemon_was_killed_or_not(house: House, is_killed: bool) -> None:
    then = int(time.time()) + SOON
    asking = house.ask("alice", "--at", in_utc(then), "--for=10m", "id", "-u")
    id = asking.id
    assert f"from {in_utc(then)}" in house.jitd("show", id, who="bob").stdout
    house.approved(id)
    wait_for(lambda: house.request_of(id).state is RequestState.APPROVED, what="the approval")
    if is_killed:
        house.restart()
    listed, found = house.jitd("grants", who="alice").stdout, house.rows("runs", "--all", who="alice")
    if time.time() < then:
        assert "BEGINS" in listed and all(row["request"] != id for row in found)
    assert asking.end() == 0 and asking.out == "0\n", asking.err
    (began,) = [row for row in house.at_rest().records() if row["event"] == "run.starting" and row["detail"].get("request") == id]
    assert datetime.fromisoformat(began["at"]).timestamp() >= then


def test_what_is_revoked_before_its_time_never_runs(house: House) -> None:
    asking = house.ask("alice", "--at", in_utc(int(time.time()) + SOON), "--for=10m", "id", "-u")
    id = asking.id
    house.approved(id)
    wait_for(lambda: house.request_of(id).state is RequestState.APPROVED, what="the approval")
    assert house.jitd("revoke", id, who="bob").returncode == 0
    assert asking.end() != 0 and asking.out == ""
    assert all(row["request"] != id for row in house.rows("runs", "--all"))
