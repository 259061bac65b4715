# SPDX-License-Identifier: Apache-2.0
"""The cluster of docs/fleet.md, with the files, the approver and the terms of the rule that the page shows: three servers, a host
at one of them, and a desk at another one.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contrib.fleet.hub import Hub
from contrib.fleet.stage import HERE, REALM, Host, Machine, Stage
from tests.fleet.stage import POLICY
from tests.waiting import wait_for

HOST = "db17.example.org"
PAGE = (Path(__file__).parents[2] / "docs/fleet.md").read_text()
CONFIG = f"""
realms = ["{REALM}"]
host = "{HOST}"
[door]
listen = true
"""
PUBLIC = r"\bU[A-Z2-7]{55}\b"


def of_page(begin: str) -> str:
    """The block of the page that begins so."""
    found = re.search(rf"^```\n({re.escape(begin)}(?:.*\n)*?)```\n", PAGE, re.MULTILINE)
    assert found is not None, begin
    return found[1]


class Cluster(Hub):
    """Its settings are those of contrib/fleet, with other keys."""

    desk_asks: tuple[str, ...] = ()
    """The servers that the desk names, if they are others than those of the page."""

    @property
    def urls(self) -> list[str]:
        return [f"tls://{machine.host}:4222" for machine in self.machines]

    def settings(self, host: Host) -> str:
        return (HERE / "door.toml").read_text()

    def table(self) -> str:
        text = (HERE / "hosts.toml").read_text().partition("[prod.keys]")[0]
        named = [f"tls://{server}:4222" for server in self.desk_asks]
        return re.sub("(?m)^nats = .*$", f"nats = {named}", text) if named else text

    def table_with_keys(self, names: tuple[str, ...]) -> str:
        keys = iter([self.public("db17"), self.public("bob")])
        return re.sub(PUBLIC, lambda _: next(keys), (HERE / "hosts.toml").read_text())

    def at_desk(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert self.desk is not None
        line = self.desk.inside("as", "bob", "jitd", *words)
        return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/")

    def asked(self, *words: str) -> str:
        """The id of a request of alice for ``words``, which waits."""
        line = self.hosts["db17"].inside("as", "alice", "jitsudo", "--no-wait", *words)
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, cwd="/")
        found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", done.stdout + done.stderr)
        assert found is not None, done
        return found[0]

    def server_of(self, host: str) -> str:
        """The server to which the agent of a host is connected by now."""
        line = self.hosts[host].inside("ss", "-Htn", "state", "established", "dport", "=", ":4222")
        peers = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        names = {f"{machine.address}:4222": machine.name for machine in self.machines if machine.name in self.servers}
        return next((names[peer] for peer in peers if peer in names), "")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    stage = Stage()
    desk = Machine(stage.at / "desk", "desk.example.org", "198.51.100.5")
    approvers = of_page('[approvers."bob@').replace("EXAMPLE.ORG", REALM)
    rule = re.sub("(?m)^approvals = .*\n", of_page("approvals = "), POLICY)
    host = Host(stage.at / "db17", HOST, "198.51.100.11", config=f"{CONFIG}{approvers}", policy=rule)
    made = None
    try:
        stage.start_network()
        made = Cluster(stage, {"db17": host}, ("bob",), desk=desk, n=3)
        names = {machine.host: machine.address for machine in made.machines}
        for machine in (desk, host):
            machine.knows(names)
            machine.boot()
        yield made.start()
    finally:
        if made is not None:
            made.close()
        desk.stop()
        host.close()
        stage.close()


def test_the_files_that_an_administrator_copies_are_those_of_the_page() -> None:
    for name in ("nats.conf", "door.toml", "hosts.toml"):
        text = (HERE / name).read_text()
        shown = re.sub(r"\A(#.*\n)+", "", text)
        assert shown != text and f"```\n{shown}```\n" in PAGE, name


def test_what_waits_is_listed_and_approved_by_another_server_and_again_after_the_hosts_own_is_killed(cluster: Cluster) -> None:
    first = wait_for(lambda: cluster.server_of("db17"), what="the server of db17")
    host = cluster.hosts["db17"]
    cluster.desk_asks = tuple(machine.host for machine in cluster.machines if machine.name != first)
    cluster.tell_desk("bob")

    id = cluster.asked("echo", "by two servers")
    listed = cluster.at_desk("--hosts", "@prod", "requests")
    assert any(id in line and HOST in line for line in listed.stdout.splitlines()), listed
    with ThreadPoolExecutor() as pool:
        line = host.inside("as", "alice", "jitsudo", "--resume", id)
        ran = pool.submit(subprocess.run, line, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
        done = cluster.at_desk("approve", "--yes", f"{id}@db17")
        assert done.returncode == 0, done
        assert ran.result().stdout == "by two servers\n", ran.result()

    cluster.kill_server(first)
    second = wait_for(lambda: cluster.server_of("db17"), what="another server of db17")
    assert second != first
    cluster.desk_asks = ()
    cluster.tell_desk("bob")
    id = cluster.asked("echo", "again")
    wait_for(lambda: cluster.at_desk("--host", "db17", "requests").returncode == 0, what="db17 by another server")
    listed = cluster.at_desk("--hosts", "@prod", "requests")
    assert any(id in line and HOST in line for line in listed.stdout.splitlines()), listed
    assert cluster.at_desk("approve", "--yes", f"{id}@db17").returncode == 0
