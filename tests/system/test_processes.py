# SPDX-License-Identifier: Apache-2.0
"""docs/processes.md, beside a run: which processes there are below the daemon, as whom, in which control group, holding what.

Law: the kernel is asked, and there is no process below the daemon that the page does not have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.descriptors import links
from tests.system.conftest import House
from tests.waiting import is_at_rest, status_of, wait_for

POLICY = """
[[permit]]
name = "free"
who = ["group:dba"]
run_as = ["eve"]
commands = [["**"]]
run = { record = "all" }
"""
ALICE, EVE = 4001, 4005


@dataclass(frozen=True)
class Process:
    """A process, as proc(5) has it. ``group`` is its control group, empty where there is no hierarchy of version 2."""

    pid: int
    parent: int
    session: int
    uids: frozenset[int]
    groups: frozenset[int]
    capabilities: int
    seccomp: int
    group: str
    opened: tuple[str, ...]

    @classmethod
    def of(cls, pid: int) -> Process:
        """Raises OSError if it has ended."""
        status = status_of(pid)
        session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3]
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        return cls(
            pid,
            int(status["PPid"]),
            int(session),
            frozenset(map(int, status["Uid"].split())),
            frozenset(map(int, [*status["Gid"].split(), *status["Groups"].split()])),
            int(status["CapEff"], 16),
            int(status["Seccomp"]),
            next((line[3:] for line in lines if line.startswith("0::")), ""),
            tuple(links(pid).values()),
        )

    @property
    def is_roots(self) -> bool:
        """True if all its user ids are 0 and it has capabilities."""
        return self.uids == {0} and self.capabilities != 0

    @property
    def is_eves(self) -> bool:
        """True if it has eve's ids and groups, and nothing else."""
        return self.uids == {EVE} and self.groups == {EVE} and self.capabilities == 0


def below(pid: int) -> Iterator[Process]:
    """All that descends from ``pid``, parents first."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield Process.of(int(child))
        yield from below(int(child))


@pytest.fixture
def running(own_house: Callable[..., House]) -> Iterator[tuple[House, str]]:
    """A recorded run of alice's as eve, with a pipe for its input; and the run's id."""
    house = own_house(POLICY).start()
    reading, writing = os.pipe()
    house.ask("alice", "-u", "eve", "cat", stdin=reading)
    os.close(reading)
    run = wait_for(lambda: next((run for run in house.kept("runs") if run.pid), None), what="the run")
    wait_for(lambda: has_all(house), what="the spare monitor, with its holder, and that nobody is on the way to what it does")
    yield house, run.id
    os.close(writing)
    wait_for(lambda: not os.listdir(f"{house.root}/run/runs"), what="the end of the run and of its monitor")


def has_all(house: House) -> bool:
    """Whether there is a spare, and all below the daemon sleep. A pump is forked as root before the command begins, and takes its
    ids and closes what it does not need by itself.
    """
    assert house.process is not None
    try:
        return len(spare(house)) == 2 and all(is_at_rest(one.pid) for one in below(house.process.pid))
    except OSError:  # one has ended meanwhile
        return False


def spare(house: House) -> list[Process]:
    """The monitor that waits for a job, and its holder."""
    plate = f"{house.root}/run/runs/"
    found = list(below(house.launcher))
    monitors = [one for one in found if one.parent == house.launcher and not any(name.startswith(plate) for name in one.opened)]
    return [*monitors, *(one for one in found if one.parent in {monitor.pid for monitor in monitors})]


def test_below_the_daemon_there_is_what_the_page_says_and_nothing_else(running: tuple[House, str]) -> None:
    house, id = running
    assert house.process is not None
    everything = {one.pid: one for one in below(house.process.pid)}
    launcher = everything.pop(house.launcher)
    assert launcher.parent == house.process.pid and launcher.is_roots and launcher.seccomp == 0
    for one in spare(house):
        assert everything.pop(one.pid).is_roots
    (monitor,) = (one for one in everything.values() if f"{house.root}/run/runs/{id}" in one.opened)
    del everything[monitor.pid]
    assert monitor.parent == launcher.pid and monitor.is_roots and monitor.session == monitor.pid
    assert monitor.capabilities == launcher.capabilities
    assert all(one.parent == monitor.pid for one in everything.values()), "holder, command and pumps are the monitor's children"

    command = everything.pop(house.run_of(id).pid or 0)
    assert command.is_eves and len(command.opened) == 3, command.opened
    (holder,) = (one for one in everything.values() if one.is_roots)
    del everything[holder.pid]
    assert not any("socket" in name and name in monitor.opened for name in holder.opened)
    pumps = list(everything.values())
    assert len(pumps) == 3 and all(one.is_eves and one.session == one.pid for one in pumps)
    assert sorted(len(one.opened) for one in pumps) == [3, 3, 6], "input: the other end of its pipe, and a pipe"

    if command.group:
        assert command.group.endswith(f"/jitd-run-{id}/command")
        assert {one.group for one in pumps} == {command.group}
        assert monitor.group == holder.group == launcher.group


def test_the_client_is_the_persons_and_has_no_capability(running: tuple[House, str]) -> None:
    house, _ = running
    (asking,) = house._clients
    client = Process.of(asking.pid)
    assert client.uids == {ALICE} and client.capabilities == 0
    assert not any(re.search(r"jitd\.db|keytab", name) for name in client.opened)


def test_the_daemon_holds_what_the_page_says(running: tuple[House, str]) -> None:
    house, _ = running
    assert house.process is not None
    daemon = Process.of(house.process.pid)
    assert daemon.is_roots
    for name in ("state/jitd.db", "state/lock", "run/lock", "run/head"):
        assert f"{house.root}/{name}" in daemon.opened, name
    assert not any(name.endswith("keytab") for name in daemon.opened)
    for one in below(daemon.pid):
        assert not any(name.startswith(f"{house.root}/state/jitd.db") for name in one.opened)
