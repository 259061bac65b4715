# SPDX-License-Identifier: Apache-2.0
"""A run that somebody has to watch, in a scope of systemd: it begins, freezes, thaws and ends, and so does all that it started.

Law: the kernel's own word counts: what cgroup.events says, and whether a file grows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.booted.conftest import Service, group_of, scope_of, show
from tests.marks import full
from tests.system.conftest import OF_THE_LAB, Asking, House
from tests.system.test_observed import POLICY, TICKS, Watcher, count, of_run
from tests.waiting import wait_for

TWO = 'setsid sh -c "$0" sh "$2" & ' + 'exec sh -c "$0" sh "$1"'
"""It ticks, and so does a process in a session of its own."""


def state(service: Service, id: str) -> str:
    return str(House.run_of(service, id).state)


@pytest.fixture(scope="module")
def watched(service: Service) -> Iterator[Service]:
    service.set_policy(POLICY, "lab.toml")
    assert service.jitd("reload").returncode == 0
    yield service
    service.set_policy(OF_THE_LAB, "lab.toml")
    assert service.jitd("reload").returncode == 0


def is_frozen(run: str) -> bool:
    """True if the kernel holds all of the command still."""
    return "frozen 1" in (group_of(run) / "command/cgroup.events").read_text()


def begun(service: Service, *files: Path) -> Asking:
    """A command of alice's that ticks in each of two files."""
    return service.ask("alice", "sh", "-c", TWO, TICKS, *map(str, files))


def two_files(service: Service) -> tuple[Path, Path]:
    first, second = (service.root / "said" / f"ticks-{os.urandom(4).hex()}" for _ in range(2))
    return first, second


@dataclass
class Forgotten:
    """A run whose watcher has left, and whose daemon was killed when it was frozen: was it still frozen under the next one?"""

    asking: Asking
    files: tuple[Path, Path]
    run: str
    stands_at: list[int]
    was_frozen: bool


@pytest.fixture(scope="module")
def forgotten(watched: Service) -> Forgotten:
    """Left alone before the other test, which is played while this run's minute goes by."""
    files = two_files(watched)
    asking = begun(watched, *files)
    watcher = Watcher(watched, asking.id)
    watcher.sees("tick 2")
    run = watched.run_of(asking.id)
    watcher.leave()
    wait_for(lambda: state(watched, asking.id) == "frozen")
    wait_for(lambda: is_frozen(run), what="a freezer that holds all of it")
    stands_at = [count(file) for file in files]
    before = watched.pid
    watched.kill()
    watched.until_another_serves(before)
    was_frozen = is_frozen(run) and [count(file) for file in files] == stands_at
    return Forgotten(asking, files, run, stands_at, was_frozen)


@pytest.mark.usefixtures("forgotten")
def test_an_observed_run_begins_freezes_thaws_and_ends_in_its_scope(watched: Service) -> None:
    """THREATS A-18"""
    files = two_files(watched)
    asking = begun(watched, *files)
    watched.approved(asking.id)
    wait_for(lambda: "it begins when somebody watches" in asking.err)
    assert [count(file) for file in files] == [0, 0]
    watcher = Watcher(watched, asking.id)
    watcher.sees("tick 3")
    run = watched.run_of(asking.id)
    assert show(scope_of(run), "ActiveState") == {"ActiveState": "active"}
    wait_for(lambda: all(count(file) > 2 for file in files), what="both count")
    assert not is_frozen(run)
    watcher.leave()
    wait_for(lambda: state(watched, asking.id) == "frozen")
    wait_for(lambda: is_frozen(run), what="a freezer that holds all of it")
    stands_at = [count(file) for file in files]

    def has_thawed() -> bool:
        """Until it has, both stand still."""
        counted = [count(file) for file in files]
        if is_frozen(run):  # so it was when they were counted
            assert counted == stands_at
            return False
        return True

    assert "frozen" in watched.jitd("runs").stdout and not has_thawed(), "a program takes longer than a tick"
    again = Watcher(watched, asking.id)
    wait_for(has_thawed, what="a freezer that holds nothing")
    wait_for(lambda: state(watched, asking.id) == "running")
    wait_for(lambda: all(count(file) > at + 2 for file, at in zip(files, stands_at, strict=True)), what="both go on")
    again.screen.send("\x03")
    again.sees("is gone")
    assert asking.end() != 0
    wait_for(lambda: not group_of(run).exists(), what="the end of the scope")
    wait_for(lambda: state(watched, asking.id) == "ended")
    told = ("run.observed", "run.frozen", "run.thawed", "run.ended")
    at = [record["event"] for record in of_run(watched, asking.id) if record["event"] in told]
    assert at == ["run.observed", "run.frozen", "run.observed", "run.thawed", "run.ended"]


@full("every day, another test of the file freezes a run, and tests/system/test_observed.py restarts jitd under one")
def test_a_frozen_run_outlives_its_daemon_and_stays_frozen_until_it_is_watched_or_ended(
    watched: Service, forgotten: Forgotten
) -> None:
    """THREATS A-18"""
    assert forgotten.was_frozen
    wait_for(lambda: state(watched, forgotten.asking.id) == "ended", within=120)
    assert [count(file) for file in forgotten.files] == forgotten.stands_at, "nothing of it went on while nobody watched"
    wait_for(lambda: not group_of(forgotten.run).exists(), what="the end of the scope")
    forgotten.asking.end()
