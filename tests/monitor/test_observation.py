# SPDX-License-Identifier: Apache-2.0
"""The clock of an observed run, at instants that the test gives; and processes that are really held still.

Law: no test waits for a clock: instants are arguments, and processes are watched for what they do.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.executor import Ended, Held
from jitd.lifecycle.observing import SAID_EVERY
from jitd.monitor import observation
from jitd.monitor.freezing import Freezer
from jitd.monitor.housing import Housing
from jitd.monitor.observation import ENDED_AFTER, FROZEN_AFTER, IN_VAIN, SILENT_AFTER, Clock, Observation
from jitd.monitor.signalling import is_stopped
from tests.monitor.stage import Stage
from tests.monitor.test_namespace import ALICE, OWN
from tests.waiting import unread, wait_for

BOB = ("bob@EXAMPLE.TEST",)


def test_who_leaves_starts_the_clock_and_who_comes_stops_it() -> None:
    """THREATS A-18"""
    clock = Clock(100.0)
    clock.hear(BOB, 101.0)
    assert clock.alone_for(102.0) is None
    clock.hear((), 103.0)
    clock.hear((), 108.0)  # that is no news: the clock goes on
    assert clock.alone_for(109.0) == 6.0
    clock.hear(BOB, 110.0)
    assert clock.alone_for(111.0) is None


def test_a_silent_daemon_is_nobody_who_watches() -> None:
    """THREATS A-18"""
    clock = Clock(100.0)
    clock.hear(BOB, 100.0)
    assert clock.alone_for(100.0 + SILENT_AFTER) is None
    assert clock.alone_for(100.0 + FROZEN_AFTER) == FROZEN_AFTER, "counted from the last word, and not from the silence"
    assert 2 * SAID_EVERY < SILENT_AFTER, "one word may be late"


def test_a_silence_that_ends_with_nobody_is_time_without_a_watcher() -> None:
    """THREATS A-18"""
    clock = Clock(100.0)
    clock.hear(BOB, 100.0)
    clock.hear((), 109.0)
    assert clock.alone_for(110.0) == FROZEN_AFTER, "nobody knows when in the silence they left"
    prompt = Clock(100.0)
    prompt.hear(BOB, 100.0)
    prompt.hear((), 102.0)
    assert prompt.alone_for(103.0) == 1.0


class Sleeper:
    """A process below this one, which writes to a file as long as it runs."""

    def __init__(self, file: Path) -> None:
        writes = f"import time\nn=0\nwhile True:\n n+=1\n open({str(file)!r},'w').write(str(n)); time.sleep(0.01)"
        self.process = subprocess.Popen([sys.executable, "-ISc", writes])
        self.file = file

    def count(self) -> int:
        text = self.file.read_text() if self.file.exists() else ""
        return int(text or 0)


class Below(Housing):
    """A housing of one process, without a control group."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.pid = pid

    def found(self) -> set[int]:
        return {self.pid}


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Sleeper]:
    made = Sleeper(tmp_path / "n")
    wait_for(lambda: made.count() > 2)
    yield made
    made.process.kill()
    made.process.wait()


def test_a_run_is_frozen_and_then_over(sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-18"""
    at = [1000.0]
    monkeypatch.setattr(observation.time, "monotonic", lambda: at[0])
    said: list[str] = []
    run = Observation(Below(sleeper.process.pid), said.append, is_due=True)
    run.begin()
    run.hear(BOB)
    assert not run.look() and said == ["bob@EXAMPLE.TEST watches"]
    run.hear(())
    assert not run.look() and "frozen in 10 s" in said[-1]
    at[0] += FROZEN_AFTER
    assert run.look() and run.is_frozen and not run.is_over
    wait_for(lambda: is_stopped(sleeper.process.pid))
    os.kill(sleeper.process.pid, signal.SIGCONT)  # somebody continues it: it is held again
    at[0] += 1.0
    run.look()
    wait_for(lambda: is_stopped(sleeper.process.pid))
    assert not run.is_over
    run.hear(BOB)
    assert run.look() and not run.is_frozen
    n = sleeper.count()
    wait_for(lambda: sleeper.count() > n)
    run.hear(())
    at[0] += ENDED_AFTER
    assert run.look() and run.is_frozen and run.is_over


def test_a_run_that_nobody_has_to_watch_is_left_alone(sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1000.0]
    monkeypatch.setattr(observation.time, "monotonic", lambda: at[0])
    run = Observation(Below(sleeper.process.pid), lambda sentence: pytest.fail(sentence), is_due=False)
    run.begin()
    at[0] += 10 * ENDED_AFTER
    assert not run.look() and not run.is_frozen and not run.is_over


def test_what_was_stopped_before_stays_stopped(sleeper: Sleeper) -> None:
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    wait_for(lambda: is_stopped(sleeper.process.pid))
    freezer = Freezer(Below(sleeper.process.pid))
    freezer.freeze()
    freezer.thaw()
    assert is_stopped(sleeper.process.pid)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The instant that is now."""
    now = [1000.0]
    monkeypatch.setattr(observation.time, "monotonic", lambda: now[0])
    return now


def test_the_requester_reads_how_many_seconds_are_left_and_why(sleeper: Sleeper, at: list[float]) -> None:
    said: list[str] = []
    run = Observation(Below(sleeper.process.pid), said.append, is_due=True)
    run.begin()
    run.hear(BOB)
    run.look()
    at[0] += SILENT_AFTER + 0.5
    run.look()
    assert said[-1] == "jitd is silent: the command will be frozen in 5 s"
    at[0] += 1.0
    run.look()
    assert said[-1].endswith("in 5 s"), "it is said once"
    at[0] += FROZEN_AFTER
    run.look()
    assert said[-1] == "jitd is silent: the command is frozen, and will be ended in 44 s"
    run.hear(BOB)
    run.look()
    run.hear(())
    run.look()
    assert said[-2:] == ["bob@EXAMPLE.TEST watches", "nobody watches: the command will be frozen in 10 s"]
    assert len(said) == 5


def test_a_run_without_a_watcher_has_only_the_time_until_it_is_frozen(sleeper: Sleeper, at: list[float]) -> None:
    """THREATS A-18"""
    run = Observation(Below(sleeper.process.pid), lambda sentence: None, is_due=True)
    assert run.left() == math.inf
    run.begin()
    run.hear(BOB)
    assert run.left() == math.inf
    run.hear(())
    at[0] += FROZEN_AFTER - 1.0
    assert run.left() == 1.0
    at[0] += 1.0
    assert run.left() == 0.0, "also if nobody has looked yet"
    run.look()
    assert run.is_frozen and run.left() == 0.0
    run.hear(BOB)
    run.look()
    assert run.left() == math.inf


ON_HANGUP = "(trap 'echo hung > {mark}; exit' HUP; while :; do echo on > {on}; sleep 0.01; done) & wait"


def observed(stage: Stage, tmp_path: Path) -> tuple[str, int]:
    """A command that has to be watched, with a process beside it that leaves a mark if it hears a hang-up."""
    script = ON_HANGUP.format(mark=tmp_path / "hung", on=tmp_path / "on")
    job = stage.job("/bin/sh", "-c", script, observed=True)
    _, pid = stage.started(job)
    stage.wait((tmp_path / "on").exists)
    return job.run, pid


def test_what_a_frozen_command_leaves_behind_is_killed_and_hears_no_hang_up(stage: Stage, tmp_path: Path) -> None:
    """THREATS A-18"""
    run, pid = observed(stage, tmp_path)
    stage.order(stage.executor.watched, run, ())
    stage.wait(lambda: Held(run, True) in stage.reports)
    os.kill(pid, signal.SIGKILL)
    stage.wait(lambda: stage.reported(Ended, run))
    assert not (tmp_path / "hung").exists()


def test_what_a_watched_command_leaves_behind_hears_the_hang_up(patient: Stage, tmp_path: Path) -> None:
    run, pid = observed(patient, tmp_path)
    patient.executor.watched(run, BOB)  # who has not been watched for ten seconds hears none
    patient.wait(lambda: unread(patient.executor._monitors[run]) == 0)
    os.kill(pid, signal.SIGKILL)
    patient.wait(lambda: patient.reported(Ended, run))
    assert (tmp_path / "hung").exists()


TICKS = "import sys, time\nn = 0\nwhile True:\n n += 1\n open(sys.argv[1], 'w').write(str(n))\n time.sleep(0.01)"
CONTINUES = "import os, sys, time\nwhile True:\n os.kill(int(sys.argv[1]), 18)\n time.sleep(0.005)"


def test_a_frozen_command_whose_process_somebody_continues_is_ended(stage: Stage, tmp_path: Path, elsewhere: Path) -> None:
    """THREATS A-18. A user manager has moved the process out of the control group, whose freezer no signal ends."""
    tmp_path.chmod(0o777)
    for above in tmp_path.parents:
        if above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    at = tmp_path / "n"
    job = stage.job("/usr/bin/python3", "-ISc", TICKS, str(at), **OWN, observed=True)
    _, pid = stage.started(job)
    stage.wait(at.exists)
    (elsewhere / "cgroup.procs").write_text(str(pid))
    stage.order(stage.executor.watched, job.run, ())
    stage.wait(lambda: Held(job.run, True) in stage.reports)
    again = subprocess.Popen(
        [sys.executable, "-ISc", CONTINUES, str(pid)], user=ALICE, group=ALICE, extra_groups=[], stderr=subprocess.DEVNULL
    )
    try:
        n = int(at.read_text() or 0)
        because = stage.outcome(job).because
        assert int(at.read_text() or 0) - n < 500, "a twelfth of the seconds that a run may stay frozen"
        assert because == IN_VAIN
    finally:
        again.kill()
        again.wait()
