# SPDX-License-Identifier: Apache-2.0
"""A command ends, by itself or not: stop, time, hang-up, what is left behind. Law: after the end nothing lives."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Started
from jitd.monitor.orders import nanoseconds
from tests.marks import alike, direct, full, timed
from tests.monitor.hiders import (
    HIDERS,
    STUBBORN,
    Hidden,
    Together,
    asleep,
    begun_for,
    is_set_up,
    marked,
    now,
    rows_of,
    shell,
    uid_of,
)
from tests.monitor.stage import Client, Stage
from tests.waiting import PATIENCE, handles, is_living, status_of, wait_for

BECAUSE = "revoked by bob@EXAMPLE.ORG: wrong host"

ASLEEP = 'until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done; '
"""The shell waits until its last background process has executed sleep(1)."""


def outlived(names: str) -> str:
    return f'processes that outlived the command are ended: {names} (a rule keeps them with run.leftovers = "keep")'


@pytest.fixture(scope="module")
def together() -> Iterator[Together]:
    made = Together()
    yield made
    made.stage.close()


OF_EVERY_DAY = ("plain", "one that ignores", "a session of its own", "a stopped one")
REST = tuple(hider for hider in HIDERS if hider not in OF_EVERY_DAY)
hiders = pytest.mark.parametrize("hider", HIDERS)
SOME = [
    *OF_EVERY_DAY,
    *(
        pytest.param(hider, marks=full("every day, a stop ends each of these commands, and this ends half of them"))
        for hider in REST
    ),
]
KINDS = {"pipes": ("null",) * 3, "terminal": ("terminal",) * 3}


@pytest.fixture(scope="module")
def stopped(together: Together, request: pytest.FixtureRequest) -> Callable[[str], dict[str, Hidden]]:
    """What became of those with such streams: they are stopped together, once."""
    kept: dict[str, dict[str, Hidden]] = {}

    def of(streams: str) -> dict[str, Hidden]:
        if streams not in kept:
            kept[streams] = all_stopped(together, rows_of(request, streams=streams), KINDS[streams])
        return kept[streams]

    return of


@pytest.fixture(scope="module")
def stopped_without_a_group(together: Together, request: pytest.FixtureRequest) -> dict[str, Hidden]:
    return all_stopped(together, rows_of(request), KINDS["pipes"], has_group=False)


def all_stopped(together: Together, rows: list[str], kinds: tuple[str, ...], **more: Any) -> dict[str, Hidden]:
    together.played = {}
    for hider in rows:
        together.begin(hider, kinds, **more)
    together.set_up()
    for each in together.played.values():
        together.stage.order(together.stage.executor.stop, each.job.run, BECAUSE)
    return together.end()


@pytest.fixture(scope="module")
def hung_up(together: Together, request: pytest.FixtureRequest) -> dict[str, Hidden]:
    together.played = {}
    for hider in rows_of(request):
        together.begin(hider, KINDS["terminal"])
    together.set_up()
    for each in together.played.values():
        each.client.close()
    return together.end()


@pytest.fixture(scope="module")
def over(together: Together, request: pytest.FixtureRequest) -> dict[str, Hidden]:
    together.played = {}
    for hider in rows_of(request):
        job, client = begun_for(together.stage, 4.0, HIDERS[hider], b"HIDER=" + hider.encode(), uid=uid_of(hider))
        together.played[hider] = Hidden(job, client, f"HIDER={hider}")
    return together.end()


@pytest.mark.parametrize(
    ("streams", "hider"),
    [
        *(("pipes", hider) for hider in HIDERS),
        *(("terminal", hider) for hider in OF_EVERY_DAY),
        *(
            pytest.param("terminal", hider, marks=full("every day, a stop ends each of these commands with pipes"))
            for hider in REST
        ),
    ],
)
def test_stop_ends_all_of_it(stopped: Callable[[str], dict[str, Hidden]], streams: str, hider: str) -> None:
    """THREATS X-02, G-02: those who ignore SIGTERM are killed two seconds later, whatever else they sleep for."""
    each = stopped(streams)[hider]
    assert each.left == []
    assert each.outcome.ending is Ending.SIGNALED and each.outcome.number in (signal.SIGTERM, signal.SIGKILL)
    assert each.outcome.because == BECAUSE
    assert each.client.end == {"outcome": "signaled", "status": each.outcome.number, "because": BECAUSE}


@hiders
@direct
def test_without_a_control_group_all_of_it_ends_too(stopped_without_a_group: dict[str, Hidden], hider: str) -> None:
    each = stopped_without_a_group[hider]
    assert each.left == [] and each.outcome.because == BECAUSE


@pytest.mark.parametrize("hider", SOME)
def test_its_time_ends_all_of_it(over: dict[str, Hidden], hider: str) -> None:
    each = over[hider]
    assert each.outcome.ending is Ending.SIGNALED and each.outcome.because == "its time is over"
    assert each.job.ends_at_boot_ns is not None and nanoseconds(now()) >= each.job.ends_at_boot_ns
    assert each.left == []


@pytest.mark.parametrize("hider", SOME)
def test_a_hang_up_ends_all_of_it(hung_up: dict[str, Hidden], hider: str) -> None:
    """What does not go has five seconds, and is killed then."""
    each = hung_up[hider]
    assert each.outcome.ending is Ending.SIGNALED and each.outcome.because == "the client went away"
    assert each.left == []


@timed("jitd-revoke(8): a stop ends all of a run within five seconds")
@pytest.mark.parametrize("hider", ["plain", "one that ignores", "many"])
def test_a_stop_takes_less_than_five_seconds(stage: Stage, hider: str) -> None:
    job = shell(stage, HIDERS[hider])
    stage.started(job)
    wait_for(lambda: is_set_up(stage, hider))
    began = time.monotonic()
    stage.order(stage.executor.stop, job.run, BECAUSE)
    stage.outcome(job)
    assert time.monotonic() - began < 5


@timed("docs/threats.md, G-02: the signal is out in half a second")
def test_the_signal_is_out_within_half_a_second(stage: Stage) -> None:
    stamp = stage.directory / "stamp"
    job = shell(stage, f"trap 'touch {stamp}; exit 42' TERM; while :; do sleep 0.01; done")
    _, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGTERM))
    began = time.time()
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 42, BECAUSE)
    assert stamp.stat().st_mtime - began < 0.5, "by the file that the command made, and not by when its end was told"


@timed("G-01: a run ends with the time of its grant")
def test_a_run_ends_as_soon_as_its_time_is_over(stage: Stage) -> None:
    stage.play(stage.job("/bin/true"))
    ends_at = now() + 1.2
    job = shell(stage, "sleep 60", ends_at_boot_ns=nanoseconds(ends_at))
    stage.started(job)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGTERM, "its time is over")
    assert 0 <= now() - ends_at < 1.5


@alike
def test_its_time_ends_it_without_a_daemon(stage: Stage) -> None:
    _, client = begun_for(stage, 2.0, "sleep 60")
    stage.run(stage.executor.close())
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "signaled", "status": 15, "because": "its time is over"}
    stage.open()


def test_a_run_whose_time_is_over_before_it_begins_does_not_begin(stage: Stage) -> None:
    job = stage.job("/bin/true", ends_at_boot_ns=nanoseconds(now() - 1))
    stage.start(job)
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "its time is over")


@pytest.mark.parametrize("kinds", [("null",) * 3, ("terminal",) * 3], ids=["pipes", "terminal"])
def test_a_client_that_hangs_up_ends_the_command(stage: Stage, kinds: tuple[str, ...]) -> None:
    job = shell(stage, "sleep 60")
    client, _ = stage.started(job, kinds)
    client.close()
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
    assert marked(stage) == []


@alike
def test_a_command_that_ignores_the_hang_up_has_five_seconds(stage: Stage) -> None:
    job = shell(stage, STUBBORN + "sleep 60; sleep 60")
    client, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGHUP))
    began = time.monotonic()
    client.close()
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGKILL, "the client went away")
    assert 5 <= time.monotonic() - began < 100, "its sleeps take 120"
    assert marked(stage) == []


@alike
def test_a_command_has_time_to_tidy_up_after_a_hang_up(patient: Stage) -> None:
    job = shell(patient, f"trap 'sleep 1; touch {patient.directory}/tidy; exit 5' HUP; while :; do sleep 0.05; done")
    client, pid = patient.started(job)
    patient.wait(lambda: handles(pid, signal.SIGHUP))
    client.close()
    assert patient.outcome(job) == Outcome(Ending.EXITED, 5, "the client went away")
    assert (patient.directory / "tidy").exists()


@pytest.mark.parametrize("leftover", ["sleep 60", "setsid sleep 60", "nohup sleep 60"])
def test_what_is_left_behind_ends_with_it_and_the_status_comes_at_once(stage: Stage, leftover: str) -> None:
    job = shell(stage, f"{leftover} >/dev/null 2>&1 & {ASLEEP}exit 3")
    client, _ = stage.started(job)
    stage.wait(lambda: client.end)
    told = outlived("sleep")
    assert client.end == {"outcome": "exited", "status": 3, "because": told}
    assert stage.outcome(job) == Outcome(Ending.EXITED, 3, told)
    assert marked(stage) == []


@alike
def test_only_some_of_many_that_are_left_behind_are_named(stage: Stage) -> None:
    client = stage.go(shell(stage, f"for i in 1 2 3 4 5; do setsid sleep 60 >/dev/null 2>&1 & {ASLEEP}done; exit 0"))
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "exited", "status": 0, "because": outlived("sleep, sleep, sleep and 2 more")}


@alike
def test_nothing_is_said_of_a_command_that_leaves_nothing(stage: Stage) -> None:
    client = stage.go(shell(stage, "sleep 0 & wait; exit 3"))
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "exited", "status": 3, "because": ""}


@alike
def test_the_status_comes_before_what_is_left_behind_has_ended(patient: Stage) -> None:
    job = shell(patient, f"(trap '' HUP; exec sleep 60) & {ASLEEP}exit 3")
    client = patient.go(job)
    patient.wait(lambda: client.end)
    assert client.end == {"outcome": "exited", "status": 3, "because": outlived("sleep")}
    assert patient.reported(Ended, job.run) is None
    (left,) = patient.wait(lambda: asleep(patient))
    os.kill(left, signal.SIGKILL)
    assert patient.outcome(job) == Outcome(Ending.EXITED, 3, outlived("sleep"))


def test_what_may_stay_stays_and_the_run_with_it_until_it_is_stopped(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 60 >/dev/null 2>&1 & exit 3", leftovers="keep")
    client = stage.go(job)
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "exited", "status": 3, "because": ""}, "it does not end, so nothing is said"
    stage.sleep(6)  # what may not stay has five
    assert len(marked(stage)) == 1 and not stage.reported(Ended, job.run)
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 3)
    assert marked(stage) == []


def test_what_may_stay_and_ends_by_itself_ends_the_run(stage: Stage) -> None:
    file = stage.directory / "end"
    job = shell(stage, f"setsid sh -c 'until [ -e {file} ]; do sleep 0.05; done' >/dev/null 2>&1 & exit 0", leftovers="keep")
    client = stage.go(job)
    stage.wait(lambda: client.end and marked(stage))  # a process that is being executed shows no environment
    assert not stage.reported(Ended, job.run)
    file.touch()
    assert stage.outcome(job) == Outcome(Ending.EXITED, 0)


@alike
def test_a_hang_up_leaves_what_may_stay(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 60 >/dev/null 2>&1 & trap '' HUP; sleep 60; sleep 60", leftovers="keep")
    client, pid = stage.started(job)
    wait_for(lambda: len(asleep(stage)) == 2)
    client.close()
    stage.wait(lambda: not os.path.exists(f"/proc/{pid}") and len(marked(stage)) == 1)
    stage.sleep(0.5)
    assert len(marked(stage)) == 1, "and it stays"
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGKILL, "the client went away")
    assert marked(stage) == []


@alike
def test_what_may_stay_after_a_hang_up_stays_no_longer_than_the_run_may_last(stage: Stage) -> None:
    for seconds in (5.0, 15.0, 45.0):  # on a busy host the time can be over before the client goes
        job, client = begun_for(stage, seconds, "setsid sleep 600 >/dev/null 2>&1 & sleep 600", leftovers="keep")
        stage.wait(lambda job=job: len(asleep(stage)) == 2 or stage.reported(Ended, job.run))  # type: ignore[misc]
        client.close()
        if stage.outcome(job, 3 * PATIENCE).because != "its time is over":
            break
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
    assert job.ends_at_boot_ns is not None and job.ends_at_boot_ns <= nanoseconds(now()) and marked(stage) == []


@alike
def test_a_key_that_ends_it_before_it_begins_ends_the_client_alike(stage: Stage) -> None:
    mark = stage.directory / "mark"
    job = shell(stage, f"touch {mark}")
    client = stage.get_ready(job, ("terminal",) * 3)
    client.send(b"I\x03")
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 128 + signal.SIGINT, "it was ended before it began")
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "not started", "status": 130, "because": "it was ended before it began"}
    assert not client.said(b"R") and not stage.reported(Started, job.run) and not mark.exists()


@alike
def test_a_key_that_crosses_the_go_ends_it_and_every_account_of_it_is_the_same(stage: Stage) -> None:
    """The kernel says which of the two came first; what must not be is a run that one calls begun and another not. The command
    is no shell: dash loses a SIGINT that comes while it begins a program (vfork(2)).
    """
    mark = stage.directory / "mark"
    job = stage.job("/usr/bin/tee", str(mark))
    client = stage.get_ready(job, ("terminal",) * 3)
    (monitor,) = stage.monitors()
    os.kill(monitor, signal.SIGSTOP)
    client.send(b"I\x03")
    stage.order(stage.executor.go, job.run)
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


@alike
def test_a_stop_between_the_go_and_the_exec_says_why(stage: Stage) -> None:
    """Whoever would execute the command stands still meanwhile. The client must not end as by a signal of its own."""
    job = shell(stage, "sleep 60")
    client = stage.get_ready(job, ("terminal",) * 3)
    (monitor,) = stage.monitors()
    for pid in Path(f"/proc/{monitor}/task/{monitor}/children").read_text().split():
        os.kill(int(pid), signal.SIGSTOP)
    stage.order(stage.executor.go, job.run)
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, BECAUSE)
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "not started", "status": 126, "because": BECAUSE}


@alike
def test_what_is_left_has_its_five_seconds_when_the_command_yields_to_a_hang_up(patient: Stage) -> None:
    mark = patient.directory / "tidy"
    set_up = patient.directory / "set-up"
    job = shell(
        patient,
        f"(trap 'trap \"\" HUP; sleep 1; touch {mark}; exit' HUP; touch {set_up}; while :; do sleep 0.05; done) & exec sleep 60",
    )
    client, _ = patient.started(job)
    patient.wait(set_up.exists)
    client.close()
    assert patient.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
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
    wait_for(lambda: len(asleep(stage)) == 2)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, signal.SIGKILL)
    assert stage.outcome(job) == Outcome(Ending.LOST, 125, "its monitor was killed")
    stage.wait(lambda: not marked(stage))


@direct
def test_a_command_of_a_users_does_not_outlive_its_monitor_even_without_a_control_group(stage: Stage) -> None:
    job = stage.job("/bin/sleep", "60", uid=1077, gid=1077, groups=(1077,))
    stage.deny_group(job)
    _, pid = stage.started(job)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, signal.SIGKILL)
    stage.wait(lambda: not is_living(pid))


@direct
@pytest.mark.parametrize(("namespace", "told"), [("never", "; processes that the command has started may live"), ("always", "")])
def test_what_may_outlive_a_killed_monitor_without_a_control_group_is_told(stage: Stage, namespace: str, told: str) -> None:
    """THREATS X-28"""
    job = shell(stage, "(setsid sleep 60 &); sleep 60; true", uid=1077, gid=1077, groups=(1077,), namespace=namespace)
    stage.deny_group(job)
    _, pid = stage.started(job)
    wait_for(lambda: len(asleep(stage)) == 2)
    os.kill(int(status_of(pid)["PPid"]), signal.SIGKILL)
    try:
        assert stage.outcome(job) == Outcome(Ending.LOST, 125, f"its monitor was killed{told}")
        assert bool(asleep(stage)) is bool(told)
    finally:
        for each in asleep(stage):
            os.kill(each, signal.SIGKILL)


def test_a_stop_that_comes_twice_ends_it_once_and_for_the_first_reason(stage: Stage) -> None:
    job = shell(stage, STUBBORN + "sleep 60; sleep 60")
    _, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGTERM))
    stage.order(stage.executor.stop, job.run, BECAUSE)
    stage.order(stage.executor.stop, job.run, "another reason")
    assert stage.outcome(job).because == BECAUSE
    assert sum(isinstance(report, Ended) for report in stage.reports) == 1


@alike
def test_a_client_that_reads_nothing_cannot_hold_up_a_stop(stage: Stage) -> None:
    job = shell(stage, "exec yes")
    client, _ = stage.started(job, ("terminal",) * 3)
    client.stop_listening()
    stage.sleep(0.5)  # until nothing more goes into the socket
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job).because == BECAUSE


def told(client: Client) -> bytes:
    return b"".join(packet[:1] for packet in client.packets)


@alike
def test_a_stopped_command_is_told_and_continues_when_told(stage: Stage) -> None:
    job = shell(stage, "kill -TSTP $$; exit 4")
    client = stage.go(job, ("terminal",) * 3)
    stage.wait(lambda: client.said(b"T"))
    assert client.said(b"T") == [bytes([signal.SIGTSTP])]
    client.send(b"G" + bytes([signal.SIGCONT]))
    assert stage.outcome(job) == Outcome(Ending.EXITED, 4)
    stage.wait(lambda: client.end)
    assert told(client) == b"RTX"
