# SPDX-License-Identifier: Apache-2.0
"""Three real hosts that only dial out, a real nats-server, and an approver at a desk."""

from __future__ import annotations

import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contrib.fleet.hub import Hub
from jitd_fleet import nkey
from tests.fleet.stage import Fleet
from tests.marks import full
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def hub(three: Fleet) -> Iterator[Hub]:
    made = Hub(three, three.hosts, ("bob", "carol"))
    try:
        yield made.start()
    finally:
        made.close()


def listed(hub: Hub) -> dict[str, str]:
    """What waits on each host, which one list of all hosts has."""
    ids = {name: host.waits() for name, host in hub.fleet.hosts.items()}

    def is_whole() -> bool:  # a host says within two seconds that something waits
        found = hub.fleet.desk("--hosts", "@all", "requests")
        assert found.returncode == 0, found
        lines = found.stdout.splitlines()
        return all(any(id in line and hub.fleet.hosts[name].host in line for line in lines) for name, id in ids.items())

    wait_for(is_whole, what="the requests in one list")
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


@full("every day, tests/fleet/test_kills.py kills the engine at each step of an approval")
def test_an_engine_that_is_killed_and_started_again_carries_again(hub: Hub) -> None:
    db1 = hub.fleet.hosts["db1"]
    wait_for(lambda: "1 agent with an engine" in db1.jitd("status").stdout, what="the agent of db1")
    hub.kill_server()
    wait_for(lambda: "no agent with an engine, for " in db1.jitd("status").stdout, what="the loss of the engine")
    assert "jitd: not well: door\n" in db1.jitd("status").stderr and "jitd_door_agents 0" in db1.jitd("metrics").stdout
    lost = hub.fleet.desk("--hosts", "@all", "requests")
    assert lost.returncode == 1 and "the engine at 198.51.100.2:4222 cannot be reached" in lost.stderr, lost
    hub.start_server()
    wait_for(lambda: hub.fleet.desk("--hosts", "@all", "requests").returncode == 0, what="the agents")
    wait_for(lambda: "1 agent with an engine" in db1.jitd("status").stdout, what="the agent of db1")
    listed(hub)


@full("every day, tests/fleet/test_kills.py kills the engine while somebody watches")
def test_what_is_watched_goes_on_after_the_engine_was_started_again(hub: Hub) -> None:
    """THREATS F-35. Nothing was on its way, so nothing is lost."""
    web2 = hub.fleet.hosts["web2"]
    log = web2.at / "agent.log"
    first = web2.waits()
    n_before = log.read_text().count("is reached again")
    line = ["as", "bob", "jitd", "--host", "web2", "requests", "--watch"]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True, cwd="/") as held:
        assert held.stdout is not None
        try:
            assert held.stdout.readline()
            hub.kill_server()
            hub.start_server()
            wait_for(lambda: log.read_text().count("is reached again") > n_before, what="the agent to be back")
            id = web2.waits()
            seen = ""
            while id not in seen:
                seen = held.stdout.readline()
                assert seen, "it goes on"
        finally:
            held.kill()
    assert "cannot be reached" in log.read_text()
    for one in (first, id):
        web2.jitd("withdraw", one, who="alice")


def test_a_host_whose_key_was_taken_out_is_gone_and_comes_back_with_it(hub: Hub) -> None:
    """As docs/fleet.md says: the file is written again, and the server gets a SIGHUP."""
    hub.write_permissions("web2", "mail3")
    hub.reload()
    wait_for(lambda: hub.fleet.desk("--host", "db1", "requests").returncode == 125, what="db1 to be gone")
    gone = hub.fleet.desk("--hosts", "@all", "requests")
    assert gone.returncode == 1 and "no agent of db1.example.test is connected to the engine" in gone.stderr, gone
    hub.write_permissions("db1", "web2", "mail3")
    hub.reload()
    if hub.agents["db1"].poll() is not None:  # systemd would start it again
        assert "does not know the key" in (hub.fleet.hosts["db1"].at / "agent.log").read_text()
        hub.start_agent("db1")
    wait_for(lambda: hub.fleet.desk("--host", "db1", "requests").returncode == 0, what="db1")


def test_an_engine_with_another_certificate_and_a_key_that_it_does_not_know_are_told(hub: Hub) -> None:
    """THREATS F-33."""
    file = Path(pwd.getpwnam("bob").pw_dir, ".config/jitd/hosts.toml")
    key = file.with_name("nats.nk")
    known, seed = file.read_text(), key.read_text()
    try:
        file.write_text("\n".join(line for line in known.splitlines() if not line.startswith("ca = ")))
        done = hub.fleet.desk("--host", "db1", "requests")
        assert done.returncode == 125 and "has a certificate that is not accepted: " in done.stderr, done
        file.write_text(known)
        key.write_text(nkey.make())
        done = hub.fleet.desk("--host", "db1", "requests")
        assert done.returncode == 125 and "does not know the key U" in done.stderr and len(done.stderr.splitlines()) == 1, done
    finally:
        file.write_text(known)
        key.write_text(seed)
    began = time.monotonic()
    assert hub.fleet.desk("--hosts", "@all", "requests").returncode == 0
    print(f"three hosts are listed by the engine in {time.monotonic() - began:.2f} s")


def test_only_hosts_on_which_something_waits_are_asked_by_an_engine(hub: Hub) -> None:
    """THREATS F-28. A host that would be asked is told here, because its door can no longer be reached."""
    desk, web2 = hub.fleet.desk, hub.fleet.hosts["web2"]
    state = Path(pwd.getpwnam("bob").pw_dir, ".local/state/jitd")
    shutil.rmtree(state, ignore_errors=True)
    for host in hub.fleet.hosts.values():
        if ids := re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}", host.jitd("requests").stdout):
            host.jitd("withdraw", *ids, who="alice")
    first = desk("--hosts", "@all", "requests")
    assert (first.returncode, first.stdout) == (0, ""), first
    door = web2.door
    away = door.with_name("away.sock")
    door.rename(away)
    try:
        wait_for(lambda: desk("--hosts", "@all", "requests").returncode == 0, what="web2 to say that nothing waits")
        id = web2.waits()

        def is_asked() -> bool:
            told = desk("--hosts", "@all", "requests")
            return told.returncode == 1 and "the agent on web2.example.test cannot reach its door" in told.stderr

        wait_for(is_asked, what="web2 to say that something waits")
    finally:
        away.rename(door)
    wait_for(lambda: id in desk("--hosts", "@all", "requests").stdout, what="it in the list")


def test_an_agent_that_does_not_answer_the_roll_is_asked(hub: Hub) -> None:
    """THREATS F-28."""
    web2 = hub.fleet.hosts["web2"]
    assert hub.fleet.desk("--hosts", "@all", "requests").returncode == 0
    hub.stop_agent("web2")
    gone = hub.fleet.desk("--hosts", "@all", "requests")
    assert gone.returncode == 1 and "web2: not heard since " in gone.stderr, gone
    assert f"no agent of {web2.host} is connected to the engine" in gone.stderr, gone
    hub.start_agent("web2")
    assert hub.fleet.desk("--hosts", "@all", "requests").returncode == 0
