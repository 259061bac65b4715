# SPDX-License-Identifier: Apache-2.0
"""``jitsudo --at`` the whole way: approved now by the people's own commands, run later, over a daemon that is killed between.

Law: nothing runs before its time. tests/daemon/test_later_grants.py has the clocks that were moved: no test moves a real one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from jitd.cli.instants import local
from jitd.core.request import RequestState
from tests.system.conftest import Asking, House
from tests.waiting import wait_for

SOON = (12, 45)
"""Seconds until the time that is asked for: the second for a host that is too slow to do in the first what comes before."""


def in_utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def approved_for(house: House, then: int) -> Asking:
    """What alice has asked for, for that time, and bob has approved."""
    asking = house.ask("alice", "--at", in_utc(then), "--for=10m", "id", "-u")
    assert f"FROM {local(in_utc(then))} ON" in house.jitd("show", asking.id, who="bob").stdout
    house.approved(asking.id)
    wait_for(lambda: house.request_of(asking.id).state is RequestState.APPROVED, what="the approval")
    return asking


@pytest.mark.parametrize("is_killed", [False, True], ids=["one daemon", "two daemons"])
def test_what_is_approved_for_later_runs_in_its_time_whether_the_daemon_was_killed_or_not(house: House, is_killed: bool) -> None:
    for soon in SOON:
        then = int(time.time()) + soon
        asking = approved_for(house, then)
        id = asking.id
        if is_killed:
            house.restart()
        listed, found = house.jitd("grants", who="alice").stdout, house.rows("runs", "--all", who="alice")
        is_before = time.time() < then
        assert asking.end() == 0 and asking.out == "0\n", asking.err
        if is_before:
            break
    assert is_before and "BEGINS" in listed and all(row["request"] != id for row in found)
    (began,) = [row for row in house.at_rest().records() if row["event"] == "run.starting" and row["detail"].get("request") == id]
    assert datetime.fromisoformat(began["at"]).timestamp() >= then


def test_what_is_revoked_before_its_time_never_runs(house: House) -> None:
    for soon in SOON:
        then = int(time.time()) + soon
        asking = approved_for(house, then)
        id = asking.id
        revoked = house.jitd("revoke", id, who="bob").returncode
        is_before = time.time() < then
        status = asking.end()
        if is_before:
            break
    assert is_before and (revoked, asking.out) == (0, "") and status != 0
    assert all(row["request"] != id for row in house.rows("runs", "--all"))
