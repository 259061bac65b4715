# SPDX-License-Identifier: Apache-2.0
"""A hang-up reaches all of a command at one moment. Law: no part of it goes on because another has ended before it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.monitor import signalling
from jitd.monitor.housing import descendants, group_of, own_group
from jitd.monitor.signalling import hang_up_all
from tests.marks import direct, full
from tests.monitor.hiders import marked, shell
from tests.monitor.stage import Stage
from tests.monitor.test_keeper import Asker, begin, forget, outcome
from tests.times import times
from tests.waiting import PATIENCE, status_of, wait_for

AT_ONCE = 20
HUNG_UP = Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
WAITING = {
    "a script": "sleep 600; touch {mark}",
    "a script in a script": "sh -c 'sleep 600; touch {mark}'; touch {mark}",
    "for a session of its own": "setsid -w sleep 600; touch {mark}",
    "for what it has started before": "sleep 600 & wait; touch {mark}",
    "for a job": "set -m; sleep 600; touch {mark}",
}
"""Scripts that go on when a command has ended, and leave a mark then."""


@pytest.fixture
def niced(stage: Stage) -> Iterator[Stage]:
    """A stage whose monitors get the processor after everybody else, and so are interrupted wherever they are."""
    stage.is_launcher_as_new = False
    launcher = stage.launcher
    before = os.getpriority(os.PRIO_PROCESS, launcher)
    everybody = {launcher} | descendants(launcher)
    for pid in everybody:
        with contextlib.suppress(ProcessLookupError):  # a monitor of the test before ends
            os.setpriority(os.PRIO_PROCESS, pid, 10)
    yield stage
    for pid in {launcher} | descendants(launcher):
        with contextlib.suppress(ProcessLookupError):  # a monitor's end is told before it comes
            os.setpriority(os.PRIO_PROCESS, pid, before)


def sleepers(pid: int) -> list[int]:
    """Who sleeps below a process."""
    return [below for below in descendants(pid) if is_sleep(below)]


def all_of(pid: int) -> set[int]:
    return {pid} | descendants(pid)


def is_sleep(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0")
    except OSError:
        return False


PIPES, TERMINAL = ("null",) * 3, ("terminal",) * 3


@pytest.mark.parametrize(
    ("has_group", "kinds"),
    [
        pytest.param(True, PIPES, id="a control group-pipes"),
        pytest.param(True, TERMINAL, id="a control group-terminal"),
        pytest.param(False, PIPES, id="none-pipes", marks=direct),
        pytest.param(
            False,
            TERMINAL,
            id="none-terminal",
            marks=[direct, full("every day, there is no control group with pipes, and one with a terminal")],
        ),
    ],
)
def test_no_script_goes_on_when_it_is_hung_up(niced: Stage, kinds: tuple[str, ...], has_group: bool) -> None:
    """THREATS X-20."""
    for _ in range(times(1)):
        wrong = hang_up_many(niced, kinds, has_group=has_group)
        assert wrong == []


def hang_up_many(stage: Stage, kinds: tuple[str, ...], *, has_group: bool) -> list[object]:
    """What was not as it should be of AT_ONCE scripts that are hung up all at once."""
    played = []
    for n in range(AT_ONCE):
        name = list(WAITING)[n % len(WAITING)]
        mark = stage.directory / f"mark-{n}"
        job = shell(stage, WAITING[name].format(mark=mark))
        if not has_group:
            stage.deny_group(job)
        client, pid = stage.started(job, kinds)
        played.append((name, job, client, pid, mark))
    for _, _, _, pid, _ in played:
        stage.wait(lambda pid=pid: sleepers(pid), PATIENCE)  # type: ignore[misc]
    for _, _, client, _, _ in played:
        client.close()
    outcomes = [(name, stage.outcome(job), mark.exists()) for name, job, _, _, mark in played]
    for _, job, client, _, mark in played:
        stage.forget(job)
        stage.clients.remove(client)
        mark.unlink(missing_ok=True)
    assert marked(stage) == []
    return [told for told in outcomes if told[1:] != (HUNG_UP, False)]


def test_no_script_of_a_login_goes_on_when_its_session_is_ended(niced: Stage) -> None:
    for _ in range(times(1)):
        played = []
        for n in range(AT_ONCE):
            mark = niced.directory / f"mark-{n}"
            script = list(WAITING.values())[n % len(WAITING)].format(mark=mark)
            asker = Asker(niced, 'sh -c "$SCRIPT"; exit', SCRIPT=script)
            played.append((asker, begin(niced, asker), mark))
        for asker, _, _ in played:
            niced.wait(lambda pid=asker.pid: sleepers(pid), PATIENCE)  # type: ignore[misc]
        for _, job, _ in played:
            niced.executor.stop(job.run, "enough")
        outcomes = [outcome(niced, job) for _, job, _ in played]
        assert outcomes == [Outcome(Ending.SIGNALED, signal.SIGHUP, "enough")] * AT_ONCE
        assert [mark for _, _, mark in played if mark.exists()] == [] and marked(niced) == []
        for asker, job, _ in played:
            asker.close()
            forget(niced, job)


OWN_GROUP = "/sys/fs/cgroup$(sed -n 's,^0::,,p' /proc/self/cgroup)"


def command_group(pid: int) -> Path:
    found = group_of(pid)
    assert found is not None
    return Path(found)


def test_who_has_left_the_control_group_is_hung_up_with_the_others(niced: Stage) -> None:
    elsewhere = Path("/sys/fs/cgroup/elsewhere")
    elsewhere.mkdir()
    mark = niced.directory / "mark"
    try:
        for _ in range(times(5)):
            script = f"(echo 0 >{elsewhere}/cgroup.procs; exec sleep 600); touch {mark}"
            client, pid = niced.started(job := shell(niced, script))
            niced.wait(lambda pid=pid: sleepers(pid), PATIENCE)  # type: ignore[misc]
            assert command_group(sleepers(pid)[0]) == elsewhere
            client.close()
            assert niced.outcome(job, 60) == HUNG_UP
            assert not mark.exists() and marked(niced) == []
    finally:
        wait_for(lambda: "populated 0" in (elsewhere / "cgroup.events").read_text())
        elsewhere.rmdir()


@pytest.mark.parametrize("own", ["", "/own"], ids=["its own group", "one below"])
def test_a_command_that_has_frozen_itself_ends_too(stage: Stage, own: str) -> None:
    """The group that we made is thawed, as the stopped are continued; in one of its own making it ends frozen."""
    makes = f"mkdir {OWN_GROUP}{own}; echo $$ >{OWN_GROUP}{own}/cgroup.procs; " if own else ""
    client, pid = stage.started(job := shell(stage, f"{makes}echo 1 >{OWN_GROUP}/cgroup.freeze; sleep 600"))
    group = stage.wait(lambda: is_frozen(found := command_group(pid)) and found, PATIENCE)
    assert str(group).endswith(f"/command{own}")
    client.close()
    assert stage.outcome(job) == HUNG_UP
    assert marked(stage) == []


def is_frozen(group: Path) -> bool:
    return "frozen 1" in (group / "cgroup.events").read_text().splitlines()


def test_a_monitor_that_is_killed_while_all_is_frozen_leaves_nothing(stage: Stage) -> None:
    _, pid = stage.started(job := shell(stage, "setsid sleep 600 & sleep 600; sleep 600"))
    stage.wait(lambda: len(sleepers(pid)) == 2, PATIENCE)
    group = command_group(pid)
    (group / "cgroup.freeze").write_text("1")
    wait_for(lambda: is_frozen(group))
    (monitor,) = stage.monitors()
    os.kill(monitor, signal.SIGKILL)
    assert stage.outcome(job) == Outcome(Ending.LOST, 125, "its monitor was killed")
    stage.wait(lambda: not marked(stage), PATIENCE)


# --- by itself -------------------------------------------------------------------------------------------------------


@pytest.fixture
def group() -> Iterator[Path]:
    made = Path(f"{own_group()}/hung-up")
    made.mkdir()
    yield made
    (made / "cgroup.kill").write_text("1")
    wait_for(lambda: "populated 0" in (made / "cgroup.events").read_text())
    made.rmdir()


@pytest.fixture
def sleeper(group: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sh", "-c", f"echo 0 >{group}/cgroup.procs; trap '' HUP; exec sleep 600"]) as process:
        wait_for(lambda: is_sleep(process.pid))
        yield process
        process.kill()


def is_still(pid: int) -> bool:
    """Stopped, or to stop before it executes anything more."""
    return state_of(pid) == "T" or bool(int(status_of(pid)["ShdPnd"], 16) >> signal.SIGSTOP - 1 & 1)


def state_of(pid: int) -> str:
    return status_of(pid)["State"][0]


def in_group(group: Path) -> set[int]:
    return {int(line) for line in (group / "cgroup.procs").read_text().split()}


@pytest.mark.parametrize("fails_at", range(1, 7))
def test_who_was_held_still_is_let_go_whatever_fails(group: Path, sleeper: subprocess.Popen[bytes], fails_at: int) -> None:
    """Looked for the n-th time it fails, and never again."""
    n_looked = 0

    def find() -> set[int]:
        nonlocal n_looked
        n_looked += 1
        if n_looked == fails_at:
            raise OSError
        return {sleeper.pid}

    with contextlib.suppress(OSError):
        hang_up_all(find, [str(group)])
    assert n_looked >= fails_at
    assert not is_frozen(group) and (group / "cgroup.freeze").read_text() == "0\n"
    assert wait_for(lambda: state_of(sleeper.pid) == "S")


def test_all_are_held_still_when_the_first_is_signalled(
    group: Path, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS X-20."""
    monkeypatch.setattr(signalling, "FROZEN_WITHIN", PATIENCE)
    with subprocess.Popen(["sh", "-c", "trap '' HUP; exec sleep 600"]) as outside:
        wait_for(lambda: is_sleep(outside.pid))
        seen = []

        def find() -> set[int]:
            seen.append((is_frozen(group), is_still(outside.pid)))
            return {sleeper.pid, outside.pid}

        assert hang_up_all(find, [str(group)]) == {sleeper.pid, outside.pid}
        outside.kill()
    assert (True, True) in seen and not is_frozen(group)


def test_a_group_that_cannot_be_frozen_is_stopped(group: Path, sleeper: subprocess.Popen[bytes]) -> None:
    seen = []

    def find() -> set[int]:
        seen.append(is_still(sleeper.pid))
        return {sleeper.pid}

    assert hang_up_all(find, [f"{group}/nowhere"]) == {sleeper.pid}
    assert True in seen and wait_for(lambda: state_of(sleeper.pid) == "S")


def test_nobody_freezes_themselves(group: Path, sleeper: subprocess.Popen[bytes]) -> None:
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            (group / "cgroup.procs").write_text("0")
            hang_up_all(lambda: {sleeper.pid}, [str(group)])
            os._exit(7)
        os._exit(8)
    waited = wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0] and "ended" or is_frozen(group) and "frozen")
    assert waited == "ended"


def test_a_process_that_was_stopped_is_continued_and_takes_the_hang_up(group: Path) -> None:
    with subprocess.Popen(["sh", "-c", f"echo 0 >{group}/cgroup.procs; kill -STOP $$; sleep 600"]) as stopped:
        wait_for(lambda: state_of(stopped.pid) == "T")
        hang_up_all(lambda: in_group(group), [str(group)])
        assert stopped.wait(PATIENCE) == -signal.SIGHUP


def test_all_are_stopped_then_hung_up_then_continued_and_children_never_while_their_parents_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shell with job control goes on when it sees that its job has stopped, and su stops itself."""
    sent: list[tuple[int, int]] = []
    send = signal.pidfd_send_signal

    def note(handle: int, number: int) -> None:
        (line,) = (line for line in Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines() if line.startswith("Pid:"))
        sent.append((number, int(line.split()[1])))
        send(handle, number)

    monkeypatch.setattr(signal, "pidfd_send_signal", note)
    with subprocess.Popen(["sh", "-c", "sh -c 'sleep 600; :'; :"]) as top:
        (sleeper,) = wait_for(lambda: sleepers(top.pid))
        (middle,) = descendants(top.pid) - {sleeper}
        assert hang_up_all(partial(all_of, top.pid)) == {top.pid, middle, sleeper}
        assert top.wait(PATIENCE) == -signal.SIGHUP
    downwards = [top.pid, middle, sleeper]
    assert sent[:3] == [(signal.SIGSTOP, pid) for pid in downwards]
    assert sorted(sent[3:6]) == sorted((signal.SIGHUP, pid) for pid in downwards)
    assert sent[6:] == [(signal.SIGCONT, pid) for pid in reversed(downwards) if (signal.SIGCONT, pid) in sent[6:]]
    assert (signal.SIGCONT, top.pid) in sent[6:]
