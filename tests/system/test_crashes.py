# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named point of a request's path: each with its stated outcome (docs/crashes.md). ``make torture`` goes on from
there, at any call of the kernel's and with any victim.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jitd.daemon import BOOTED
from jitd.store.sqlite import SqliteStore
from tests.descriptors import links
from tests.marks import direct
from tests.system.clients import Client, ready
from tests.system.conftest import House
from tests.system.crashes import no_monitor_of_a_run, play
from tests.system.crashpoints import BIRTH, EXECED, POINTS, STATUS, Point, after
from tests.system.halting import Halt
from tests.system.killing import launcher_of, monitor_of
from tests.system.walks import walk
from tests.times import SEED, times
from tests.waiting import is_at_rest, status_of, wait_for

N_WALKED = times(3)

LANES = 3
"""Points that are played at one time, each lane with a daemon of its own."""


def is_alone(point: Point) -> bool:
    """Whether nothing else may be played meanwhile: under systemd all daemons share the launcher, and it is held or killed."""
    return BOOTED.is_dir() and "launcher" in (point.follows, point.victim)


class Lane:
    """A house for many trials; a new one after a trial that found something, so that no other is judged by that."""

    def __init__(self) -> None:
        self._house: House | None = None

    def play(self, point: Point) -> list[str]:
        """What was not as ``point`` has it."""
        try:
            faults = play(self.house(), point)
        except Exception:
            faults = [traceback.format_exc()]
        if faults:
            self.close()
        return faults

    def house(self) -> House:
        self._house = self._house or ready()
        return self._house

    def close(self) -> None:
        house, self._house = self._house, None
        if house is not None:
            try:
                house.verify()
            finally:
                house.close()


@pytest.fixture(scope="module")
def lane() -> Iterator[Lane]:
    made = Lane()
    yield made
    made.close()


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Point → what was not as it has it, for each that is asked for. Played beforehand, as most of it is waiting."""
    asked = (getattr(item, "callspec", None) for item in request.session.items)
    chosen = [each.params["point"] for each in asked if each and isinstance(each.params.get("point"), Point)]
    slowest_first = sorted(chosen, key=lambda point: not point.is_slow)
    played: dict[str, list[str]] = {}

    def live(points: Iterator[Point]) -> None:
        lane = Lane()
        try:
            while (point := next(points, None)) is not None:
                played[point.name] = lane.play(point)
        finally:
            lane.close()

    beside = iter([point for point in slowest_first if not is_alone(point)])
    with ThreadPoolExecutor(LANES) as pool:
        for each in [pool.submit(live, beside) for _ in range(LANES)]:
            each.result()
    live(filter(is_alone, slowest_first))
    return played


def at_each_point(*, of_monitors: bool) -> pytest.MarkDecorator:
    """Those at which a monitor is killed, or the others."""
    points = [point for point in POINTS if (point.victim == "monitor") == of_monitors]
    played = [pytest.param(point, marks=() if point.meets_executor else direct) for point in points]
    return pytest.mark.parametrize("point", played, ids=lambda point: point.name.replace(" ", "-"))


@at_each_point(of_monitors=True)
def test_a_monitor_is_killed_at_a_named_point(played: dict[str, list[str]], lane: Lane, point: Point) -> None:
    """THREATS X-13."""
    assert (played[point.name] if point.name in played else lane.play(point)) == []


@at_each_point(of_monitors=False)
def test_somebody_else_is_killed_at_a_named_point(played: dict[str, list[str]], lane: Lane, point: Point) -> None:
    """THREATS X-13."""
    assert (played[point.name] if point.name in played else lane.play(point)) == []


def test_a_command_is_executed_when_its_record_is_in_the_database(lane: Lane) -> None:
    """THREATS L-02: seen by another process, at the moment of its exec."""
    house = lane.house()
    with Halt(wait_for(lambda: launcher_of(house)), (after(EXECED),), is_deep=True) as halt:
        asked = Client(house, "alice", "jitsudo", "sh", "-c", f"exit {STATUS}")
        assert halt.reached()
        store = SqliteStore.reading(house.database)
        try:
            (run,) = store.runs()
            assert any(b'"run.starting"' in body and f'"{run.id}"'.encode() in body for body in store.newest())
        finally:
            store.close()
    assert asked.end() == STATUS


def is_connected(pid: int) -> bool:
    """True if a process has a socket: a client has none while it waits for the daemon."""
    return any(to.startswith("socket:") for to in links(pid).values())


def rests(*pids: int) -> dict[str, str]:
    """Each thread of these processes with how often it has slept so far; nothing while one of them does not sleep."""
    try:
        threads = [f"{pid}/task/{name}" for pid in pids for name in os.listdir(f"/proc/{pid}/task")]
        slept = {thread: status_of(thread)["voluntary_ctxt_switches"] for thread in threads}
        return slept if all(map(is_at_rest, threads)) else {}
    except OSError:  # one of them has ended meanwhile
        return {}


def test_a_client_that_comes_back_before_its_run_has_ended_waits_for_its_use(lane: Lane) -> None:
    """THREATS X-13: its first run never began, as the daemon was killed; but its monitor has not said so yet."""
    house = lane.house()
    assert house.process is not None
    no_monitor_of_a_run(house)
    asked = Client(house, "alice", "jitsudo", "bash", "-c", f"exit {STATUS}")
    id = wait_for(lambda: asked.id)
    with Halt(house.process.pid, (after(BIRTH),)) as halt:
        Client(house, "bob", "jitd", "approve", id, "--yes")
        assert halt.reached() == house.process.pid
        plate = (house.root / "run/runs" / id).stat().st_ino
        wait_for(lambda: f":{plate} " in Path("/proc/locks").read_text(), what="a monitor that has claimed it")
        monitor = monitor_of(house, launcher_of(house))
        os.kill(monitor, signal.SIGSTOP)
        house.kill()
    try:
        wait_for(lambda: not is_connected(asked.process.pid), what="the end of the client's first connection")
        house.start()

        def has_been_heard() -> bool:
            """The client is connected, and all that came of it is over: nobody sleeps anew between two looks."""
            if asked.process.poll() is not None:
                return True
            assert house.process is not None
            before = rests(house.process.pid, asked.process.pid) if is_connected(asked.process.pid) else {}
            time.sleep(0.05)
            return bool(before) and before == rests(house.process.pid, asked.process.pid)

        wait_for(has_been_heard, what="the client's second connection")
        assert asked.process.poll() is None, asked.err
    finally:
        os.kill(monitor, signal.SIGCONT)
    assert asked.end() == STATUS, asked.err
    house.verify()


def test_somebody_is_killed_at_a_call_that_nobody_has_named(lane: Lane) -> None:
    """THREATS X-13."""
    print(f"JITD_SEED={SEED}")
    faults = [fault for n in range(N_WALKED) for fault in walk(lane.house(), POINTS, SEED + n)]
    assert faults == []
