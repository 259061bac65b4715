# SPDX-License-Identifier: Apache-2.0
"""What a run has handed to others when it is ended from outside: its processes are ended, units and entries are told of.

Law: a process that is nobody's of the run is this test's own, and lives.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.core.run import Ending
from jitd.monitor import strays
from jitd.monitor.strays import Strays, started_at
from tests.monitor.stage import NOBODY, Stage
from tests.waiting import PATIENCE, is_living, wait_for

BECAUSE = "revoked by bob@EXAMPLE.ORG"
Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Processes that are children of ours, as those of atd are its own: below no monitor."""
    made: list[subprocess.Popen[bytes]] = []

    def start(*environment: str) -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen(["sleep", "600"], env=dict(pair.split("=", 1) for pair in environment)))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


def test_a_process_with_the_requests_mark_that_was_started_since_is_ended_and_no_other(stage: Stage, spawn: Spawn) -> None:
    """THREATS X-21: as at(1) has it, which keeps the environment of who asked."""
    job = stage.job("/bin/sleep", "600")
    mark = f"JITSUDO_REQUEST={job.request}"
    before = spawn(mark)
    wait_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK") > started_at(before.pid) + 1)
    stage.started(job)
    its_own = [spawn(mark), spawn("A=1", mark, "B=2")]
    others = [spawn(f"{mark}9"), spawn(f"X{mark}"), spawn(f"A={mark}"), spawn("JITSUDO_REQUEST=K7QM-2XVD"), spawn()]
    stage.order(stage.executor.stop, job.run, BECAUSE)
    stage.outcome(job)
    assert [process.wait(PATIENCE) for process in its_own] == [-9, -9]
    assert all(is_living(process.pid) for process in (before, *others))


def test_what_a_command_leaves_elsewhere_lives_when_it_ends_by_itself(stage: Stage, spawn: Spawn) -> None:
    """THREATS X-21: the honest use: a job for later is what the command was for."""
    job = stage.job("/bin/cat")
    reading, writing = os.pipe()
    stage.started(job, ("pipe", "null", "null"), [reading, stage.null(), stage.null()])
    os.close(reading)
    later = spawn(f"JITSUDO_REQUEST={job.request}")
    os.close(writing)
    assert stage.outcome(job).ending is Ending.EXITED
    assert is_living(later.pid)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of units and of entries that are nobody's but ours."""
    for name in ("units", "transient", "cron.d"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(strays, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(strays, "TRANSIENT", str(tmp_path / "transient"))
    monkeypatch.setattr(strays, "ENTRIES", (str(tmp_path / "cron.d"), str(tmp_path / "gone")))
    monkeypatch.setattr(strays, "TABLES", (os.__file__, "/nowhere"))
    return tmp_path


def test_units_and_entries_that_came_since_are_told_of(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-21."""
    older = places / "units/invocation:older.service"
    older.symlink_to("0" * 32)
    wait_for(lambda: time.time() > older.lstat().st_ctime + 0.1)
    since = Strays("K7QM-2XVD", "K7QM-2XVD", 0)
    assert since.may_live() == "", "what is older is not told of"
    (places / "units/invocation:x.service").symlink_to("0" * 32)
    (places / "units/invocation:jitd-run-K7QM-2XVD.2.scope").symlink_to("0" * 32)
    (places / "units/log-level-max:y.service").symlink_to("info")
    for name in ("x.service", "x.service.d", "jitd-run-K7QM-2XVD.2.scope"):
        (places / "transient" / name).touch()
    assert since.may_live() == "1 unit begun by it may live: x.service"
    (places / "cron.d/job").touch()
    (places / "cron.d/.placeholder").touch()
    (places / "cron.d/below").mkdir()
    entry = f"1 entry of at or cron made meanwhile may run: {places}/cron.d/job"
    assert since.may_live() == f"1 unit begun by it may live: x.service, and {entry}"
    for number in range(10):
        (places / f"transient/a{number}.timer").touch()
    names = ", ".join(f"a{number}.timer" for number in range(8))
    assert since.may_live() == f"11 units begun by it may live: {names} and 3 more, and {entry}"
    older.unlink()
    now = time.time()
    for jump in (-3600, 3600):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        assert since.may_live().startswith("11 units"), "whatever the wall clock says by now"


def test_what_is_told_is_told_where_it_was_ended_and_fits_into_a_word(places: Path) -> None:
    """THREATS X-21."""
    (places / "units/invocation:x.service").symlink_to("0" * 32)
    one, left = Strays("R", "R", 0), strays.Left("signaled", 15, "y" * 5000)
    assert one.tell(left) is left
    one.end_with(strays.Housing())
    told = one.tell(left)
    assert (told.ending, told.number) == ("signaled", 15)
    assert told.because == "y" * 400 + "…; 1 unit begun by it may live: x.service"


def test_who_keeps_the_look_waiting_hides_nobody(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-21: a process whose memory is of a file system that does not answer: it is anybody's, and is passed over."""
    since = Strays("R", "K7QM-2XVD", NOBODY)
    its_own = spawn("JITSUDO_REQUEST=K7QM-2XVD")
    silent = [spawn() for _ in range(2)]
    forever = threading.Event()
    has_mark = Strays._has_mark

    def wait_for_the_silent(self: Strays, pid: int) -> bool:
        return forever.wait() if pid in [one.pid for one in silent] else has_mark(self, pid)

    monkeypatch.setattr(strays, "PATIENCE", 0.5)
    monkeypatch.setattr(strays, "uid_of", lambda pid: 4005 if pid in [one.pid for one in silent] else 0)
    monkeypatch.setattr(Strays, "_has_mark", wait_for_the_silent)
    try:
        assert since.find() == {its_own.pid} == since.find()
        silent += [spawn() for _ in range(9)]
        assert since.find() == {its_own.pid}, "and so many of them"
    finally:
        forever.set()


def test_on_a_busy_host_a_slow_look_hides_nobody(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-21: a look that goes on after the first wait is no look that is kept waiting."""
    since = Strays("R", "K7QM-2XVD", NOBODY)
    its_own = [spawn("JITSUDO_REQUEST=K7QM-2XVD") for _ in range(2)]
    has_mark, join = Strays._has_mark, threading.Thread.join

    def wait_longer_then(thread: threading.Thread, timeout: float | None = None) -> None:
        join(thread, PATIENCE if since._n_waits else timeout)

    def wait_once(self: Strays, pid: int) -> bool:
        wait_for(lambda: pid != its_own[0].pid or self._n_waits)
        return has_mark(self, pid)

    monkeypatch.setattr(strays, "uid_of", lambda pid: 0 if pid in [one.pid for one in its_own] else 4005)
    monkeypatch.setattr(Strays, "_has_mark", wait_once)
    monkeypatch.setattr(threading.Thread, "join", wait_longer_then)
    assert since.find() == {one.pid for one in its_own}
