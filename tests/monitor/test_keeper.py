# SPDX-License-Identifier: Apache-2.0
"""What keeps a login session, beside a stand-in for sshd: beginning, end, restart, and what hides. Law: after the end nothing
lives, and nobody is touched who was not let in."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Ready, Started, Trouble, monitors
from jitd.monitor.belongings import NO_SESSION, session_of
from jitd.monitor.housing import group_of
from jitd.monitor.orders import CANNOT, FAILED, FROM_LAUNCHER, Login, Unborn, nanoseconds
from jitd.monitor.places import GO, note, plate_path, started_at
from jitd.monitor.seats import owner_of, terminal_of
from tests.marks import alike, direct, timed
from tests.monitor.hiders import BOMBER, HIDERS, is_set_up, marked, rows_of
from tests.monitor.stage import NOBODY, Stage, in_state
from tests.on_terminal import OnTerminal
from tests.waiting import PATIENCE, wait_for

BECAUSE = "revoked by bob@EXAMPLE.TEST: enough"
GONE = Outcome(Ending.NOT_STARTED, CANNOT, "the program that asked has ended")
HUNG_UP = Outcome(Ending.SIGNALED, signal.SIGHUP, BECAUSE)
KEEPER_KILLED = Outcome(Ending.LOST, FAILED, "the keeper of the session was killed")
LETS_IN = "read go; "
HIDDEN = {
    **HIDERS,
    "one that was to outlive the login": "nohup sleep 600 >/dev/null 2>&1 & setsid nohup sleep 600 >/dev/null 2>&1 & sleep 600",
    "only what outlived the login": "(trap '' HUP; setsid sleep 600 &) ; exit 0",
    "a tmux": "tmux -L $$ -f /dev/null new-session -d 'sleep 600'; sleep 600",
    "one in a group of its own below": "d=$(sed -n 's,^0::,,p' /proc/self/cgroup); d=/sys/fs/cgroup$d/own; "
    "mkdir $d && echo $$ >$d/cgroup.procs; sleep 600",
}


class Asker:
    """A program that asks to be let in, as sshd does, and is ``script`` once it is."""

    def __init__(self, stage: Stage, script: str, uid: int = 0, **more: str) -> None:
        self._stage = stage
        environment = {"PATH": "/usr/sbin:/usr/bin", "STAGE": str(stage.directory), **more}
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", LETS_IN + script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True, user=uid, group=uid, cwd="/",
        )  # fmt: skip
        self.pid = self.process.pid

    def let_in(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the session may have been ended before
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
    job = Login(f"TEST-{Stage.n_runs:04}", pid, started_at(pid), "root", "sshd", None, "its grant has ended")
    return replace(job, **changes)


def get_ready(stage: Stage, job: Login) -> None:
    stage.start(job)  # type: ignore[arg-type]
    stage.wait(lambda: stage.reported(Ready, job.run) or stage.reported(Ended, job.run))


def begin(stage: Stage, asker: Asker, **changes: Any) -> Login:
    """Let it in, and let it go on."""
    job = login_of(asker.pid, **changes)
    get_ready(stage, job)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: stage.reported(Started, job.run))
    asker.let_in()
    return job


def outcome(stage: Stage, job: Login) -> Outcome:
    return stage.outcome(job)  # type: ignore[arg-type]


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
    job = login_of(asker.pid, started=started_at(asker.pid) - 1)
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
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert outcome(stage, job) == Outcome(Ending.NOT_STARTED, CANNOT, BECAUSE)
    assert group_of(asker.pid) == before
    nothing_is_left_of(stage, job)
    assert asker.process.poll() is None


@direct
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
    stage.wait(lambda: group_of(asker.pid) == before)
    stage.open()
    stage.run(stage.executor.find([job.run]))
    because = "the daemon went away before the session had begun"
    assert outcome(stage, job) == Outcome(Ending.NOT_STARTED, FAILED, because)
    nothing_is_left_of(stage, job)


# --- the end ----------------------------------------------------------------------------------------------------------


@dataclass
class Session:
    """One session that was ended with all the others."""

    job: Login
    asker: Asker
    outcome: Outcome | None = None
    left: list[int] = field(default_factory=list)


@pytest.fixture(scope="module")
def stopped(request: pytest.FixtureRequest) -> Iterator[dict[str, Session]]:
    """Sessions that are begun on one stage, each with what hides in it, and stopped all at once."""
    stage = Stage()
    played: dict[str, Session] = {}
    for name in rows_of(request, HIDDEN):
        asker = Asker(stage, HIDDEN[name], BOMBER if name == "a fork bomb" else 0, HIDER=name)
        played[name] = Session(begin(stage, asker), asker)
    for name in played:
        wait_for(partial(is_set_up, stage, name, f"HIDER={name}"), what=name)
    for each in played.values():
        stage.order(stage.executor.stop, each.job.run, BECAUSE)
    for name, each in played.items():
        with contextlib.suppress(TimeoutError):  # told by the row that it is
            each.outcome = outcome(stage, each.job)
            each.asker.process.wait(PATIENCE)
        each.left = marked(stage, f"HIDER={name}")
        forget(stage, each.job)
    for each in played.values():
        each.asker.close()  # which ends whatever is left of any of them
    yield played
    stage.close()


@pytest.mark.parametrize("hider", HIDDEN)
def test_stop_ends_all_of_the_session(stopped: dict[str, Session], hider: str) -> None:
    """THREATS G-02: what ignores the hang-up is killed two seconds later, whatever else it sleeps for."""
    each = stopped[hider]
    assert each.outcome == HUNG_UP and each.left == []
    assert groups_of(each.job) == []


@timed("jitd-policy(5): a session that is ended is hung up, and killed after two seconds")
@pytest.mark.parametrize("asker", [(HIDERS["one that ignores"],)], indirect=True)
def test_a_session_that_ignores_its_end_is_gone_in_five_seconds(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    wait_for(lambda: is_set_up(stage, "one that ignores"))
    began = time.monotonic()
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert outcome(stage, job) == HUNG_UP
    assert time.monotonic() - began < 5


@alike
def test_the_person_reads_why_before_the_terminal_is_hung_up(patient: Stage) -> None:
    screen = OnTerminal(
        "/bin/sh",
        [
            "-c",
            "stty -echo; read go; sh -c \"trap 'echo it was hung up; exit' HUP; echo set up; while :; do sleep 0.1; done\"; exit",
        ],
        encoding="utf-8",
    )
    job = login_of(screen.pid)
    get_ready(patient, job)
    patient.executor.go(job.run)
    patient.wait(lambda: patient.reported(Started, job.run))
    screen.sendline("go")
    screen.expect("set up", timeout=PATIENCE)
    patient.executor.stop(job.run, BECAUSE)
    screen.expect(f"jitd: this session ends: {BECAUSE}\r+\n", timeout=PATIENCE)
    screen.expect("it was hung up", timeout=PATIENCE)
    assert outcome(patient, job) == HUNG_UP
    screen.close(force=True)
    nothing_is_left_of(patient, job)


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


@alike
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
        stage.order(stage.executor.stop, job.run, BECAUSE)
        assert outcome(stage, job) == HUNG_UP
        assert select.select([master], [], [], 0)[0] == []
    finally:
        asker.close()
        os.close(master)
        os.close(theirs)


@alike
def test_a_terminal_that_takes_nothing_delays_no_end(stage: Stage) -> None:
    screen = OnTerminal("/bin/sh", ["-c", "stty -echo; read go; exec yes"])
    job = login_of(screen.pid)
    get_ready(stage, job)
    stage.order(stage.executor.go, job.run)
    screen.sendline("go")
    stage.wait(lambda: stage.reported(Started, job.run))
    stage.sleep(0.3)  # until nothing more goes into it
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert outcome(stage, job) == HUNG_UP
    screen.close(force=True)


def test_a_session_that_ends_by_itself_has_ended(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    asker.process.terminate()
    assert outcome(stage, job) == Outcome(Ending.EXITED, 0)
    nothing_is_left_of(stage, job)


def test_what_stays_after_the_logout_keeps_it_listed_until_it_is_gone(stage: Stage) -> None:
    file, began = stage.directory / "end", stage.directory / "began"
    stays = f'trap "" HUP; touch {began}; until [ -e {file} ]; do sleep 0.05; done'
    asker = Asker(stage, f"setsid sh -c '{stays}' & until [ -e {began} ]; do sleep 0.05; done; exit")
    job = begin(stage, asker)
    asker.process.wait(PATIENCE)
    stage.sleep(0.5)
    assert stage.reported(Ended, job.run) is None and marked(stage)
    file.touch()
    assert outcome(stage, job) == Outcome(Ending.EXITED, 0) and not marked(stage)
    nothing_is_left_of(stage, job)


def test_the_end_of_its_time_ends_it_where_that_is_the_rule(stage: Stage, asker: Asker) -> None:
    """A time that is over before the session begins ends it when it has begun."""
    ends_at = time.clock_gettime(time.CLOCK_BOOTTIME) + 1.0
    job = begin(stage, asker, ends_at_boot_ns=nanoseconds(ends_at))
    assert outcome(stage, job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "its grant has ended")
    assert time.clock_gettime(time.CLOCK_BOOTTIME) >= ends_at and not marked(stage)
    nothing_is_left_of(stage, job)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A control group that is no part of any session."""
    made = Path("/sys/fs/cgroup/elsewhere")
    made.mkdir(exist_ok=True)
    yield made
    wait_for(lambda: "populated 0" in (made / "cgroup.events").read_text())
    made.rmdir()


def test_the_audit_session_finds_whoever_has_left_the_control_group(elsewhere: Path, stage: Stage) -> None:
    """As a user manager's scope takes one in (systemd-run --user --scope), or root moves itself."""
    moves = (
        f"echo 0 >/proc/self/loginuid; sleep 0.4; (echo 0 >{elsewhere}/cgroup.procs; trap '' HUP; setsid sleep 60 &); sleep 60"
    )
    asker = Asker(stage, moves)
    try:
        job = begin(stage, asker)
        stage.wait(lambda: (elsewhere / "cgroup.procs").read_text())
        if session_of(asker.pid) == NO_SESSION or session_of(asker.pid) == session_of(os.getpid()):
            pytest.skip("this kernel keeps no audit sessions")
        stage.order(stage.executor.stop, job.run, BECAUSE)
        assert outcome(stage, job) == HUNG_UP and marked(stage) == []
        nothing_is_left_of(stage, job)
    finally:
        asker.close()


# --- what is killed ---------------------------------------------------------------------------------------------------


def keeper_of(stage: Stage) -> int:
    (found,) = stage.monitors()
    return found


@pytest.mark.parametrize("asker", [(HIDERS["many"],)], indirect=True)
def test_a_keeper_that_is_killed_takes_the_session_with_it(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    wait_for(lambda: is_set_up(stage, "many"))
    os.kill(keeper_of(stage), signal.SIGKILL)
    assert outcome(stage, job) == KEEPER_KILLED and not marked(stage)
    nothing_is_left_of(stage, job)


MOVES = (
    "echo 0 >/proc/self/loginuid; (echo 0 >/sys/fs/cgroup/elsewhere/cgroup.procs; trap '' HUP; sleep 600; sleep 600) & sleep 600"
)


@pytest.mark.parametrize("asker", [(MOVES,)], indirect=True)
@pytest.mark.parametrize("is_there", ["a daemon that is there", "the next daemon"])
def test_a_keeper_that_is_killed_takes_along_what_is_in_its_audit_session(
    elsewhere: Path, stage: Stage, asker: Asker, is_there: str
) -> None:
    """THREATS G-02."""
    job = begin(stage, asker)
    stage.wait(lambda: (elsewhere / "cgroup.procs").read_text())
    if session_of(asker.pid) in (NO_SESSION, session_of(os.getpid())):
        pytest.skip("this kernel keeps no audit sessions")
    if is_there == "the next daemon":
        stage.run(stage.executor.close())
        stage.reports.clear()
    os.kill(keeper_of(stage), signal.SIGKILL)
    if is_there == "the next daemon":
        stage.wait(lambda: not stage.monitors())
        stage.open()
        assert stage.run(stage.executor.find([job.run])) == [job.run]
    assert outcome(stage, job) == KEEPER_KILLED and not marked(stage)
    assert asker.process.wait(PATIENCE) != 0
    nothing_is_left_of(stage, job)


@pytest.mark.parametrize("asker", [(HIDERS["one that ignores"],)], indirect=True)
def test_a_keeper_that_follows_one_that_was_killed_can_be_killed_too(
    stage: Stage, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitors, "BORN_WITHIN", 5.0)  # the second one may be killed before it is born
    job = begin(stage, asker)
    wait_for(lambda: is_set_up(stage, "one that ignores"))
    first = keeper_of(stage)
    os.kill(first, signal.SIGKILL)
    second = stage.wait(lambda: next((pid for pid in stage.monitors() if pid != first and in_state(stage, job.run)), 0))
    os.kill(second, signal.SIGKILL)
    assert outcome(stage, job) == KEEPER_KILLED and not marked(stage)
    nothing_is_left_of(stage, job)


@direct
def test_a_keeper_that_is_killed_with_its_launcher_takes_the_session_with_it(stage: Stage, asker: Asker) -> None:
    """As where the kernel ends processes for want of memory."""
    job = begin(stage, asker)
    os.kill(stage.launcher, signal.SIGKILL)
    os.kill(keeper_of(stage), signal.SIGKILL)
    assert outcome(stage, job) == KEEPER_KILLED and not marked(stage)
    nothing_is_left_of(stage, job)


@pytest.mark.parametrize("fault", ["no process", "no launcher"])
def test_a_session_without_a_keeper_has_ended_when_one_could_be_made(
    stage: Stage, asker: Asker, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """THREATS G-02: nobody says before that it has."""
    job = begin(stage, asker)
    hand_over = stage.executor._hand_over
    born_within = monitors.BORN_WITHIN  # seconds; short for the one keeper that is never born, and for no other

    async def succeeds(run: str, data: bytes, control: socket.socket) -> None:
        monkeypatch.setattr(monitors, "BORN_WITHIN", born_within)
        await hand_over(run, data, control)

    async def fails(run: str, *_: object) -> None:
        monkeypatch.setattr(monitors, "BORN_WITHIN", 0.5)
        monkeypatch.setattr(stage.executor, "_hand_over", succeeds)
        if fault == "no launcher":
            raise TimeoutError(0, "the launcher of monitors does not take it")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.send(FROM_LAUNCHER.write(Unborn(run, "no process could be created: Cannot allocate memory")))
            stage.executor._hear_launcher(theirs)

    monkeypatch.setattr(stage.executor, "_hand_over", fails)
    os.kill(keeper_of(stage), signal.SIGKILL)
    trouble = stage.wait(lambda: next((r for r in stage.reports if isinstance(r, Trouble)), None))
    assert "the keeper of the session was killed" in trouble.because and not stage.reported(Ended, job.run)
    assert outcome(stage, job) == KEEPER_KILLED and not marked(stage)
    nothing_is_left_of(stage, job)


def test_nobody_is_let_in_by_a_keeper_that_ends_what_another_had_begun(stage: Stage, asker: Asker) -> None:
    """THREATS G-02: the one before was killed between its note that it goes, and the word of it."""
    job = login_of(asker.pid)
    get_ready(stage, job)
    keeper = keeper_of(stage)
    os.kill(keeper, signal.SIGSTOP)
    with open(plate_path(str(stage.run_dir), job.run), "r+b") as plate:
        note(plate.fileno(), GO)
    os.kill(keeper, signal.SIGKILL)
    assert outcome(stage, job) == KEEPER_KILLED
    assert stage.reported(Started, job.run) is None
    assert asker.process.wait(PATIENCE) != 0
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
    assert outcome(stage, job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the keeper of the session was told to end")
    assert not marked(stage)
    nothing_is_left_of(stage, job)


def test_the_next_daemon_finds_the_session_and_can_end_it(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    stage.restart()
    assert stage.run(stage.executor.find([job.run])) == [job.run]
    stage.wait(lambda: in_state(stage, job.run) == "running")
    assert asker.process.poll() is None
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert outcome(stage, job) == HUNG_UP and not marked(stage)
    nothing_is_left_of(stage, job)


def test_a_session_that_ended_while_no_daemon_was_there_is_told_to_the_next(stage: Stage, asker: Asker) -> None:
    job = begin(stage, asker)
    stage.run(stage.executor.close())
    stage.reports.clear()
    asker.process.terminate()
    stage.wait(lambda: os.listdir(stage.state_dir / "runs"))
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
        stage.order(stage.executor.stop, job.run, BECAUSE)
        assert outcome(stage, job) == HUNG_UP
        nothing_is_left_of(stage, job)
        asker.close()
        stage.clients.pop().close()
        if 5 < n < 15:  # the launcher has its next monitor now and then, which is a descriptor more
            before = max(before, held())
    stage.wait(lambda: held() <= before)
