# SPDX-License-Identifier: Apache-2.0
"""Three real hosts that only dial out, a real nats-server, and an approver at a desk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fleet.hub import Hub
from tests.fleet.stage import Fleet
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def hub(three: Fleet) -> Iterator[Hub]:
    made = Hub(three, ("bob", "carol"))
    try:
        yield made.start()
    finally:
        made.close()


def listed(hub: Hub) -> dict[str, str]:
    """What waits on each host, which one list of all hosts has."""
    ids = {name: host.waits() for name, host in hub.fleet.hosts.items()}
    found = hub.fleet.desk("--hosts", "@all", "requests")
    assert found.returncode == 0, found
    for name, id in ids.items():
        assert any(id in line and hub.fleet.hosts[name].host in line for line in found.stdout.splitlines()), found
    return ids


def waiting(hub: Hub, name: str, words: str) -> str:
    """The id of what waits on the host, by its words."""

    def id() -> str | None:
        lines = hub.fleet.desk("--host", name, "requests").stdout.splitlines()
        return next((line.split()[0] for line in lines if words in line), None)

    return str(wait_for(id, what=f"{words} on {name}"))


def test_what_waits_on_hosts_that_only_dial_out_is_listed_and_approved_and_runs(hub: Hub) -> None:
    with ThreadPoolExecutor() as pool:
        ran = pool.submit(hub.fleet.hosts["db1"].sudo, "alice", "echo", "ran on db1")
        ids = listed(hub)
        id = waiting(hub, "db1", "ran on db1")
        assert hub.fleet.desk("approve", "--yes", f"{id}@db1").returncode == 0
        assert ran.result().stdout == "ran on db1\n"
    done = hub.fleet.desk("approve", "--yes", *(f"{id}@{name}" for name, id in ids.items()))
    assert done.returncode == 0, done
    for name, id in ids.items():
        assert hub.fleet.hosts[name].state_of(id) == "approved"


def test_an_engine_that_is_killed_and_started_again_carries_again(hub: Hub) -> None:
    hub.kill_server()
    lost = hub.fleet.desk("--hosts", "@all", "requests")
    assert lost.returncode == 1 and "the engine at 198.51.100.1:4222 cannot be reached" in lost.stderr, lost
    hub.start_server()
    wait_for(lambda: hub.fleet.desk("--hosts", "@all", "requests").returncode == 0, what="the agents")
    listed(hub)
