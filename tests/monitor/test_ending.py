# SPDX-License-Identifier: Apache-2.0
"""A command ends, by itself or not: stop, time, hang-up, what is left behind. Law: after the end nothing lives."""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Started
from jitd.monitor.orders import Job
from tests.monitor.stage import Client, Stage
from tests.waiting import handles

BECAUSE = "revoked by bob@EXAMPLE.ORG: wrong host"
STUBBORN = "trap '' TERM HUP INT QUIT; "
HIDERS = {
    "plain": "sleep 60",
    "one that ignores": STUBBORN + "sleep 60; sleep 60",
    "a session of its own": "setsid sleep 60 & wait",
    "a double fork": "(setsid sh -c 'sleep 60 & sleep 60' &) ; " + STUBBORN + "sleep 60; sleep 60",
    "a stopped one": "kill -STOP $$; sleep 60",
    "a stopped child": "sleep 60 & kill -STOP $!; " + STUBBORN + "wait; sleep 60",
    "many": "for i in 1 2 3 4 5 6 7 8 9; do (" + STUBBORN + "setsid sleep 60 & sleep 60) & done; wait",
    "a fork bomb": STUBBORN + "f() { while :; do (sleep 60 &) ; sleep 60 & done; }; ulimit -p 300 || exit; f & f & exec sleep 60",
}

BOMBER = 100_000 + secrets.randbelow(100_000)
"""Nobody else's number on this host: the kernel counts its processes against the limit, which dash sets by ``-p``."""


def marked(stage: Stage) -> list[int]:
    """The processes that have this stage's mark in their environment: nothing of a run can lose it by mistake."""
    mark = f"STAGE={stage.directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def shell(stage: Stage, script: str, **changes: object) -> Job:
    environment = ((b"PATH", b"/usr/bin:/bin"), (b"STAGE", os.fsencode(stage.directory)))
    return stage.job("/bin/sh", "-c", script, environment=environment, **changes)


def warm(stage: Stage) -> None:
    """The launcher is up, so that what a job's time is counted from is not its start."""
    stage.play(stage.job("/bin/true"))


@pytest.mark.parametrize("hider", HIDERS)
@pytest.mark.parametrize("kinds", [("null",) * 3, ("terminal",) * 3], ids=["pipes", "terminal"])
def test_stop_ends_all_of_it_within_five_seconds(stage: Stage, hider: str, kinds: tuple[str, ...]) -> None:
    """THREATS X-02, G-02."""
    job = shell(stage, HIDERS[hider], uid=BOMBER if hider == "a fork bomb" else 0)
    client, _ = stage.started(job, kinds)
    stage.sleep(0.4)
    began = time.monotonic()
    stage.executor.stop(job.run, BECAUSE)
    outcome = stage.outcome(job)
    assert time.monotonic() - began < 5
    assert marked(stage) == []
    assert outcome.ending is Ending.SIGNALED and outcome.number in (signal.SIGTERM, signal.SIGKILL)
    assert outcome.because == BECAUSE
    assert client.end == {"outcome": "signaled", "status": outcome.number, "because": BECAUSE}


@pytest.mark.parametrize("hider", HIDERS)
def test_without_a_control_group_all_of_it_ends_too(stage: Stage, hider: str) -> None:
    job = shell(stage, HIDERS[hider], uid=BOMBER if hider == "a fork bomb" else 0)
    stage.deny_group(job)
    stage.started(job)
    stage.sleep(0.4)
    began = time.monotonic()
    stage.executor.stop(job.run, BECAUSE)
    stage.outcome(job)
    assert time.monotonic() - began < 5
    assert marked(stage) == []


def test_the_signal_is_out_within_half_a_second(stage: Stage) -> None:
    stamp = stage.directory / "stamp"
    job = shell(stage, f"trap 'touch {stamp}; exit 42' TERM; while :; do sleep 0.01; done")
    _, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGTERM))
    began = time.time()
    stage.executor.stop(job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 42, BECAUSE)
    assert stamp.stat().st_mtime - began < 0.5, "by the file that the command made, and not by when its end was told"


def test_a_run_ends_when_its_time_is_over(stage: Stage) -> None:
    warm(stage)
    ends_at = time.clock_gettime(time.CLOCK_BOOTTIME) + 1.2
    job = shell(stage, "sleep 60", ends_at_boot=ends_at)
    stage.started(job)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGTERM, "its time is over")
    assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - ends_at < 1.5


@pytest.mark.parametrize("hider", HIDERS)
def test_its_time_ends_all_of_it(stage: Stage, hider: str) -> None:
    warm(stage)
    ends_at = time.clock_gettime(time.CLOCK_BOOTTIME) + 1.2
    job = shell(stage, HIDERS[hider], uid=BOMBER if hider == "a fork bomb" else 0, ends_at_boot=ends_at)
    stage.started(job)
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.SIGNALED and outcome.because == "its time is over"
    assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - ends_at < 5
    assert marked(stage) == []


@pytest.mark.parametrize("hider", HIDERS)
def test_a_hang_up_ends_all_of_it(stage: Stage, hider: str) -> None:
    """What does not go has five seconds, and is killed then."""
    job = shell(stage, HIDERS[hider], uid=BOMBER if hider == "a fork bomb" else 0)
    client, _ = stage.started(job, ("terminal",) * 3)
    stage.sleep(0.4)
    client.close()
    began = time.monotonic()
    outcome = stage.outcome(job, 12)
    assert outcome.ending is Ending.SIGNALED and outcome.because == "the client went away"
    assert time.monotonic() - began < 8
    assert marked(stage) == []


def test_its_time_ends_it_without_a_daemon(stage: Stage) -> None:
    warm(stage)
    job = shell(stage, "sleep 60", ends_at_boot=time.clock_gettime(time.CLOCK_BOOTTIME) + 1.2)
    client, _ = stage.started(job)
    stage.run(stage.executor.close())
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "signaled", "status": 15, "because": "its time is over"}
    stage.open()


def test_a_run_whose_time_is_over_before_it_begins_does_not_begin(stage: Stage) -> None:
    job = stage.job("/bin/true", ends_at_boot=time.clock_gettime(time.CLOCK_BOOTTIME) - 1)
    stage.start(job)
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "its time is over")


@pytest.mark.parametrize("kinds", [("null",) * 3, ("terminal",) * 3], ids=["pipes", "terminal"])
def test_a_client_that_hangs_up_ends_the_command(stage: Stage, kinds: tuple[str, ...]) -> None:
    job = shell(stage, "sleep 60")
    client, _ = stage.started(job, kinds)
    client.close()
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
    assert marked(stage) == []


def test_a_command_that_ignores_the_hang_up_has_five_seconds(stage: Stage) -> None:
    job = shell(stage, STUBBORN + "sleep 60; sleep 60")
    client, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGHUP))
    client.close()
    began = time.monotonic()
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGKILL, "the client went away")
    assert 4.5 < time.monotonic() - began < 6
    assert marked(stage) == []


def test_a_command_has_time_to_tidy_up_after_a_hang_up(stage: Stage) -> None:
    job = shell(stage, f"trap 'sleep 1; touch {stage.directory}/tidy; exit 5' HUP; while :; do sleep 0.05; done")
    client, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGHUP))
    client.close()
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5, "the client went away")
    assert (stage.directory / "tidy").exists()


@pytest.mark.parametrize("leftover", ["sleep 60", "setsid sleep 60", "nohup sleep 60"])
def test_what_is_left_behind_ends_with_it_and_the_status_comes_at_once(stage: Stage, leftover: str) -> None:
    job = shell(stage, f"{leftover} >/dev/null 2>&1 & sleep 0.1; exit 3")
    client, _ = stage.started(job)
    began = time.monotonic()
    stage.wait(lambda: client.end)
    assert time.monotonic() - began < 2
    assert client.end == {"outcome": "exited", "status": 3, "because": ""}
    assert stage.outcome(job) == Outcome(Ending.EXITED, 3)
    assert marked(stage) == []


def test_what_may_stay_stays_and_the_run_with_it_until_it_is_stopped(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 60 >/dev/null 2>&1 & exit 3", leftovers="keep")
    client = stage.go(job)
    stage.wait(lambda: client.end)
    stage.sleep(6)
    assert len(marked(stage)) == 1 and not stage.reported(Ended, job.run)
    began = time.monotonic()
    stage.executor.stop(job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 3)
    assert time.monotonic() - began < 3
    assert marked(stage) == []


def test_what_may_stay_and_ends_by_itself_ends_the_run(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 1.5 >/dev/null 2>&1 & exit 0", leftovers="keep")
    stage.go(job)
    began = time.monotonic()
    assert stage.outcome(job) == Outcome(Ending.EXITED, 0)
    assert 1 < time.monotonic() - began < 3


def test_a_hang_up_leaves_what_may_stay(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 60 >/dev/null 2>&1 & trap '' HUP; sleep 60; sleep 60", leftovers="keep")
    client, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGHUP))
    stage.sleep(0.3)
    client.close()
    stage.wait(lambda: not os.path.exists(f"/proc/{pid}"))
    stage.sleep(0.5)
    assert len(marked(stage)) == 1
    stage.executor.stop(job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGKILL, "the client went away")
    assert marked(stage) == []


def test_what_may_stay_after_a_hang_up_stays_no_longer_than_the_run_may_last(stage: Stage) -> None:
    ends_at = time.clock_gettime(time.CLOCK_BOOTTIME) + 4
    job = shell(stage, "setsid sleep 60 >/dev/null 2>&1 & sleep 60", leftovers="keep", ends_at_boot=ends_at)
    client, _ = stage.started(job)
    stage.sleep(0.3)
    client.close()
    stage.outcome(job)
    assert time.clock_gettime(time.CLOCK_BOOTTIME) < ends_at + 4 and marked(stage) == []


def test_a_key_that_ends_it_before_it_begins_ends_the_client_alike(stage: Stage) -> None:
    mark = stage.directory / "mark"
    job = shell(stage, f"touch {mark}")
    client = stage.get_ready(job, ("terminal",) * 3)
    client.send(b"I\x03")
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 128 + signal.SIGINT, "it was ended before it began")
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "not started", "status": 130, "because": "it was ended before it began"}
    assert not client.said(b"R") and not stage.reported(Started, job.run) and not mark.exists()


def test_a_key_that_crosses_the_go_ends_it_and_every_account_of_it_is_the_same(stage: Stage) -> None:
    """The kernel says which of the two came first; what must not be is a run that one calls begun and another not."""
    mark = stage.directory / "mark"
    job = shell(stage, f"touch {mark}; sleep 60")
    client = stage.get_ready(job, ("terminal",) * 3)
    (monitor,) = stage.monitors()
    os.kill(monitor, signal.SIGSTOP)
    client.send(b"I\x03")
    stage.executor.go(job.run)
    os.kill(monitor, signal.SIGCONT)
    outcome = stage.outcome(job)
    stage.wait(lambda: client.end)
    is_told_as_begun = bool(client.said(b"R")), stage.reported(Started, job.run) is not None
    if outcome.ending is Ending.NOT_STARTED:
        assert outcome == Outcome(Ending.NOT_STARTED, 128 + signal.SIGINT, "it was ended before it began")
        assert client.end == {"outcome": "not started", "status": 130, "because": "it was ended before it began"}
        assert is_told_as_begun == (False, False) and not mark.exists()
    else:
        assert outcome == Outcome(Ending.SIGNALED, signal.SIGINT)
        assert client.end == {"outcome": "signaled", "status": 2, "because": ""}
        assert is_told_as_begun == (True, True)


def test_what_is_left_has_its_five_seconds_when_the_command_yields_to_a_hang_up(stage: Stage) -> None:
    mark = stage.directory / "tidy"
    set_up = stage.directory / "set-up"
    job = shell(
        stage,
        f"(trap 'trap \"\" HUP; sleep 1; touch {mark}; exit' HUP; touch {set_up}; while :; do sleep 0.05; done) & exec sleep 60",
    )
    client, _ = stage.started(job)
    stage.wait(set_up.exists)
    client.close()
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
    assert mark.exists()


def test_the_end_of_the_host_ends_a_run_in_order(stage: Stage) -> None:
    job = shell(stage, "sleep 60")
    _, pid = stage.started(job)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, signal.SIGTERM)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGTERM, "the monitor of the run was told to end")


def test_killing_the_monitor_kills_the_command_and_it_is_told_as_lost(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 60 & sleep 60")
    _, pid = stage.started(job)
    stage.sleep(0.2)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, signal.SIGKILL)
    assert stage.outcome(job) == Outcome(Ending.LOST, 125, "its monitor was killed")
    stage.wait(lambda: not marked(stage))


def test_a_command_of_a_users_does_not_outlive_its_monitor_even_without_a_control_group(stage: Stage) -> None:
    job = stage.job("/bin/sleep", "60", uid=1077, gid=1077, groups=(1077,))
    stage.deny_group(job)
    _, pid = stage.started(job)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, signal.SIGKILL)
    stage.wait(lambda: not is_living(pid), 1)


def is_living(pid: int) -> bool:
    """False also for one that is dead and has not been waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # before it was opened, or before it was read
        return False


def test_a_stop_that_comes_twice_ends_it_once_and_for_the_first_reason(stage: Stage) -> None:
    job = shell(stage, STUBBORN + "sleep 60; sleep 60")
    _, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGTERM))
    stage.executor.stop(job.run, BECAUSE)
    stage.executor.stop(job.run, "another reason")
    assert stage.outcome(job).because == BECAUSE
    assert sum(isinstance(report, Ended) for report in stage.reports) == 1


def test_a_client_that_reads_nothing_cannot_hold_up_a_stop(stage: Stage) -> None:
    job = shell(stage, "exec yes")
    client, _ = stage.started(job, ("terminal",) * 3)
    client.stop_listening()
    stage.sleep(0.5)
    began = time.monotonic()
    stage.executor.stop(job.run, BECAUSE)
    assert stage.outcome(job).because == BECAUSE
    assert time.monotonic() - began < 5


def told(client: Client) -> bytes:
    return b"".join(packet[:1] for packet in client.packets)


def test_a_stopped_command_is_told_and_continues_when_told(stage: Stage) -> None:
    job = shell(stage, "kill -TSTP $$; exit 4")
    client = stage.go(job, ("terminal",) * 3)
    stage.wait(lambda: client.said(b"T"))
    assert client.said(b"T") == [bytes([signal.SIGTSTP])]
    client.send(b"G" + bytes([signal.SIGCONT]))
    assert stage.outcome(job) == Outcome(Ending.EXITED, 4)
    stage.wait(lambda: client.end)
    assert told(client) == b"RTX"
