# SPDX-License-Identifier: Apache-2.0
"""What keeps a login session, beside a stand-in for sshd: beginning, end, restart, and what hides. Law: after the end nothing
lives, and nobody is touched who was not let in."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Ready, Started
from jitd.monitor.housing import group_of
from jitd.monitor.keeper import NO_SESSION, _session_of, _started_at
from jitd.monitor.orders import CANNOT, FAILED, Login
from jitd.monitor.seats import owner_of, terminal_of
from tests.monitor.stage import NOBODY, Stage, in_state
from tests.monitor.test_ending import BOMBER, HIDERS, marked
from tests.waiting import handles

BECAUSE = "revoked by bob@EXAMPLE.TEST: enough"
GONE = Outcome(Ending.NOT_STARTED, CANNOT, "the program that asked has ended")
HUNG_UP = Outcome(Ending.SIGNALED, signal.SIGHUP, BECAUSE)
LETS_IN = "read go; "
HIDDEN = {
    **{name: script for name, script in HIDERS.items() if name != "a fork bomb"},
    "one that was to outlive the login": "nohup sleep 60 >/dev/null 2>&1 & setsid nohup sleep 60 >/dev/null 2>&1 & sleep 60",
    "only what outlived the login": "(trap '' HUP; setsid sleep 60 &) ; exit 0",
    "a tmux": "tmux -L $$ -f /dev/null new-session -d 'sleep 60'; sleep 60",
    "one in a group of its own below": "d=$(sed -n 's,^0::,,p' /proc/self/cgroup); d=/sys/fs/cgroup$d/own; "
    "mkdir $d && echo $$ >$d/cgroup.procs; sleep 60",
}


class Asker:
    """A program that asks to be let in, as sshd does, and is ``script`` once it is."""

    def __init__(self, stage: Stage, script: str, uid: int = 0) -> None:
        self._stage = stage
        environment = {"PATH": "/usr/sbin:/usr/bin", "STAGE": str(stage.directory)}
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", LETS_IN + script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True, user=uid, group=uid, cwd="/",
        )  # fmt: skip
        self.pid = self.process.pid

    def let_in(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def close(self) -> None:
        for pid in marked(self._stage):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


@pytest.fixture
def asker(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Asker]:
    made = Asker(stage, *getattr(request, "param", ("exec sleep 60",)))
    yield made
    made.close()


def login_of(pid: int, **changes: Any) -> Login:
    Stage.n_runs += 1
    job = Login(f"TEST-{Stage.n_runs:04}", pid, _started_at(pid), "root", "sshd", None, "its grant has ended")
    return replace(job, **changes)


def get_ready(stage: Stage, job: Login) -> None:
    stage.start(job)  # type: ignore[arg-type]
    stage.wait(lambda: stage.reported(Ready, job.run) or stage.reported(Ended, job.run))


def begin(stage: Stage, asker: Asker, **changes: Any) -> Login:
    """Let it in, and let it go on."""
    job = login_of(asker.pid, **changes)
    get_ready(stage, job)
    stage.executor.go(job.run)
    stage.wait(lambda: stage.reported(Started, job.run))
    asker.let_in()
    return job


def outcome(stage: Stage, job: Login, for_: float = 8.0) -> Outcome:
    return stage.outcome(job, for_)  # type: ignore[arg-type]


def forget(stage: Stage, job: Login) -> None:
    stage.forget(job)  # type: ignore[arg-type]


def groups_of(job: Login) -> list[Path]:
    """The control groups that there are for a run."""
    return [Path(path) for path, _, _ in os.walk("/sys/fs/cgroup") if f"jitd-run-{job.run}" in path.rpartition("/")[2]]


def nothing_is_left_of(stage: Stage, job: Login) -> None:
    forget(stage, job)
    stage.wait(lambda: not stage.monitors() and not groups_of(job))


# --- beginning --------------------------------------------------------------------------------------------------------


def test_a_program_that_has_ended_is_not_let_in(stage: Stage, asker: Asker) -> None:
    job = login_of(asker.pid)
    asker.process.kill()
    asker.process.wait()
    get_ready(stage, job)
    assert outcome(stage, job) == GONE
    nothing_is_left_of(stage, job)


def test_another_program_with_its_number_is_not_touched(stage: Stage, asker: Asker) -> None:
    before = group_of(asker.pid)
    job = login_of(asker.pid, started=_started_at(asker.pid) - 1)
    get_ready(stage, job)
    assert outcome(stage, job) == GONE
    assert asker.process.poll() is None and group_of(asker.pid) == before
    nothing_is_left_of(stage, job)
    assert asker.process.poll() is None


def test_one_that_ends_before_it_is_let_in_has_no_session(stage: Stage, asker: Asker) -> None:
    job = login_of(asker.pid)
    get_ready(stage, job)
    asker.process.kill()
    assert outcome(stage, job) == GONE
    nothing_is_left_of(stage, job)


def test_who_is_let_in_is_in_a_control_group_before_that(stage: Stage, asker: Asker) -> None:
    job = login_of(asker.pid)
    get_ready(stage, job)
    assert str(group_of(asker.pid)).endswith("/command") and f"jitd-run-{job.run}" in str(group_of(asker.pid))


def test_who_is_refused_in_the_end_is_put_back_and_lives(stage: Stage, asker: Asker) -> None:
    """As ``ssh -N`` does under a failed session: it holds nothing, and is nobody's to end."""
    before = group_of(asker.pid)
    job = login_of(asker.pid)
    get_ready(stage, job)
    stage.executor.stop(job.run, BECAUSE)
    assert outcome(stage, job) == Outcome(Ending.NOT_STARTED, CANNOT, BECAUSE)
    assert group_of(asker.pid) == before
    nothing_is_left_of(stage, job)
    assert asker.process.poll() is None


def test_who_cannot_be_put_into_a_control_group_is_not_let_in(stage: Stage, asker: Asker) -> None:
    before = group_of(asker.pid)
    job = login_of(asker.pid)
    stage.deny_group(job)  # type: ignore[arg-type]
    get_ready(stage, job)
    refused = Outcome(Ending.NOT_STARTED, FAILED, "the session could not be put into a control group")
    assert outcome(stage, job) == refused and group_of(asker.pid) == before and asker.process.poll() is None


def test_a_daemon_that_goes_away_during_the_start_lets_nobody_in(stage: Stage, asker: Asker) -> None:
    """After ten seconds; nothing else was promised to anybody."""
    before = group_of(asker.pid)
    job = login_of(asker.pid)
    get_ready(stage, job)
    stage.run(stage.executor.close())
    stage.reports.clear()
    stage.wait(lambda: group_of(asker.pid) == before, 13)
    stage.open()
    stage.run(stage.executor.find([job.run]))
    because = "the daemon went away before the session had begun"
    assert outcome(stage, job) == Outcome(Ending.NOT_STARTED, FAILED, because)
    nothing_is_left_of(stage, job)


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asker", [(script,) for script in HIDDEN.values()] + [(HIDERS["a fork bomb"], BOMBER)], indirect=True,
    ids=[*HIDDEN, "a fork bomb"],
)  # fmt: skip
def test_stop_ends_all_of_the_session_within_five_seconds(stage: Stage, asker: Asker) -> None:
    """THREATS G-02."""
    job = begin(stage, asker)
    stage.sleep(0.6)
    assert marked(stage), "something of it lives"
    began = time.monotonic()
    stage.executor.stop(job.run, BECAUSE)
    assert outcome(stage, job) == HUNG_UP
    asker.process.wait(1)
    assert marked(stage) == [] and time.monotonic() - began < 5
    nothing_is_left_of(stage, job)


def test_the_person_reads_why_before_the_terminal_is_hung_up(stage: Stage) -> None:
    screen = pexpect.spawn("/bin/sh", ["-c", "stty -echo; read go; trap '' HUP; while :; do sleep 1; done"], encoding="utf-8")
    job = login_of(screen.pid)
    get_ready(stage, job)
    stage.executor.go(job.run)
    stage.wait(lambda: stage.reported(Started, job.run))
    screen.sendline("go")
    stage.wait(lambda: handles(screen.pid, signal.SIGHUP))
    stage.executor.stop(job.run, BECAUSE)
    stage.sleep(0.1)
    assert screen.isalive(), "it has a moment to go through what the terminal hangs on"
    screen.expect(f"jitd: this session ends: {BECAUSE}\r+\n", timeout=1)
    assert outcome(stage, job) == HUNG_UP
    screen.close(force=True)
    nothing_is_left_of(stage, job)


ELSEWHERE = """
import fcntl, os, struct, sys, time
place, number = sys.argv[1], int(sys.argv[2])
found = -1
while found != number:
    master = os.open(f"{place}/ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, 0x40045431, struct.pack("i", 0))
    found = struct.unpack("I", fcntl.ioctl(master, 0x80045430, bytes(4)))[0]
os.open(f"{place}/{number}", os.O_RDWR)
os.setuid(65534)
time.sleep(60)
"""
"""Somebody with terminals of their own (devpts, in a mount namespace) takes the one with another person's number."""


def test_nothing_is_written_on_another_persons_terminal_of_the_same_number(stage: Stage) -> None:
    master, theirs = os.openpty()
    place = stage.directory / "pts"
    place.mkdir()
    own = f"mount -t devpts -o newinstance,ptmxmode=0666 devpts {place}"
    number = os.ttyname(theirs).rpartition("/")[2]
    asker = Asker(stage, f"setsid -w unshare -m sh -c '{own} && exec python3 -c \"$0\" {place} {number}' '{ELSEWHERE}'")
    try:
        job = begin(stage, asker)
        stage.wait(lambda: (NOBODY, os.ttyname(theirs)) in {(owner_of(pid), terminal_of(pid)) for pid in marked(stage)})
        stage.executor.stop(job.run, BECAUSE)
        assert outcome(stage, job) == HUNG_UP
        assert select.select([master], [], [], 0)[0] == []
    finally:
        asker.close()
        os.close(master)
        os.close(theirs)


def test_a_terminal_that_takes_nothing_delays_no_end(stage: Stage) -> None:
    screen = pexpect.spawn("/bin/sh", ["-c", "stty -echo; read go; exec yes"])
    job = login_of(screen.pid)
    get_ready(stage, job)
    stage.executor.go(job.run)
    screen.sendline("go")
    stage.wait(lambda: stage.reported(Started, job.run))
    stage.sleep(0.3)
    began = time.monotonic()
    stage.executor.stop(job.run, BECAUSE)
    assert outcome(stage, job) == HUNG_UP and time.monotonic() - began < 2
    screen.close(force=True)


def test_a_session_that_ends_by_itself_has_ended(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    asker.process.terminate()
    assert outcome(stage, job) == Outcome(Ending.EXITED, 0)
    nothing_is_left_of(stage, job)


@pytest.mark.parametrize("asker", [("setsid sh -c 'trap \"\" HUP; sleep 1.2' & exit",)], indirect=True)
def test_what_stays_after_the_logout_keeps_it_listed_until_it_is_gone(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    asker.process.wait(2)
    stage.sleep(0.5)
    assert stage.reported(Ended, job.run) is None and marked(stage)
    assert outcome(stage, job) == Outcome(Ending.EXITED, 0) and not marked(stage)
    nothing_is_left_of(stage, job)


def test_the_end_of_its_time_ends_it_where_that_is_the_rule(stage: Stage, asker: Asker) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    job = begin(stage, asker, ends_at_boot=now + 1.0)
    assert outcome(stage, job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "its grant has ended")
    assert time.clock_gettime(time.CLOCK_BOOTTIME) >= now + 1.0 and not marked(stage)
    nothing_is_left_of(stage, job)


def test_the_audit_session_finds_whoever_has_left_the_control_group(stage: Stage) -> None:
    """As a user manager's scope takes one in (systemd-run --user --scope), or root moves itself."""
    elsewhere = Path("/sys/fs/cgroup/elsewhere")
    elsewhere.mkdir(exist_ok=True)
    moves = (
        f"echo 0 >/proc/self/loginuid; sleep 0.4; (echo 0 >{elsewhere}/cgroup.procs; trap '' HUP; setsid sleep 60 &); sleep 60"
    )
    asker = Asker(stage, moves)
    try:
        job = begin(stage, asker)
        stage.wait(lambda: (elsewhere / "cgroup.procs").read_text())
        if _session_of(asker.pid) == NO_SESSION or _session_of(asker.pid) == _session_of(os.getpid()):
            pytest.skip("this kernel keeps no audit sessions")
        stage.executor.stop(job.run, BECAUSE)
        assert outcome(stage, job) == HUNG_UP and marked(stage) == []
        nothing_is_left_of(stage, job)
    finally:
        asker.close()
        stage.wait(lambda: "populated 0" in (elsewhere / "cgroup.events").read_text())
        elsewhere.rmdir()


# --- what is killed ---------------------------------------------------------------------------------------------------


def keeper_of(stage: Stage) -> int:
    (found,) = stage.monitors()
    return found


@pytest.mark.parametrize("asker", [(HIDERS["many"],)], indirect=True)
def test_a_keeper_that_is_killed_takes_the_session_with_it(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    stage.sleep(0.3)
    os.kill(keeper_of(stage), signal.SIGKILL)
    assert outcome(stage, job) == Outcome(Ending.LOST, FAILED, "its monitor was killed")
    stage.wait(lambda: not marked(stage), 2)
    nothing_is_left_of(stage, job)


def test_a_keeper_that_is_killed_before_the_go_has_let_nobody_in(stage: Stage, asker: Asker) -> None:
    job = login_of(asker.pid)
    get_ready(stage, job)
    os.kill(keeper_of(stage), signal.SIGKILL)
    assert outcome(stage, job).ending is Ending.NOT_STARTED
    nothing_is_left_of(stage, job)


def test_a_keeper_that_is_told_to_end_ends_the_session_first(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    os.kill(keeper_of(stage), signal.SIGTERM)
    assert outcome(stage, job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "what keeps the session was told to end")
    assert not marked(stage)
    nothing_is_left_of(stage, job)


def test_the_next_daemon_finds_the_session_and_can_end_it(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    stage.restart()
    assert stage.run(stage.executor.find([job.run])) == [job.run]
    stage.wait(lambda: in_state(stage, job.run) == "running")
    assert asker.process.poll() is None
    stage.executor.stop(job.run, BECAUSE)
    assert outcome(stage, job) == HUNG_UP and not marked(stage)
    nothing_is_left_of(stage, job)


def test_a_session_that_ended_while_no_daemon_was_there_is_told_to_the_next(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    stage.run(stage.executor.close())
    stage.reports.clear()
    asker.process.terminate()
    stage.sleep(0.5)
    stage.open()
    stage.run(stage.executor.find([job.run]))
    assert outcome(stage, job) == Outcome(Ending.EXITED, 0)
    nothing_is_left_of(stage, job)


def test_forty_sessions_leave_no_descriptor_and_no_process(stage: Stage) -> None:
    launcher = stage.launcher

    def held() -> int:
        return len(os.listdir("/proc/self/fd")) + len(os.listdir(f"/proc/{launcher}/fd"))

    before = -1
    for n in range(40):
        asker = Asker(stage, "sleep 60")
        job = begin(stage, asker)
        stage.executor.stop(job.run, BECAUSE)
        assert outcome(stage, job) == HUNG_UP
        nothing_is_left_of(stage, job)
        asker.close()
        stage.clients.pop().close()
        if n == 5:
            stage.sleep(0.5)  # the launcher has made its next monitor, which is a descriptor more
            before = held()
    stage.wait(lambda: held() <= before)
