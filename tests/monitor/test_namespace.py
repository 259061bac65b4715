# SPDX-License-Identifier: Apache-2.0
"""A run in a pid namespace of its own: which runs have one, what is the same in it as elsewhere, and that all of it ends.

Law: what has left the control group was moved by this test, as the user's manager does it for anybody under that account.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jitd.core.run import Ending
from jitd.executor import Ended, Started
from jitd.monitor import namespace
from jitd.monitor.orders import Job, nanoseconds
from tests.monitor.hiders import now, shell
from tests.monitor.stage import Stage
from tests.system.failing import erring
from tests.system.killing import descendants
from tests.waiting import is_living, status_of, wait_for

T = TypeVar("T")
ALICE = 4001
OF_ALICE: dict[str, Any] = {"user": "alice", "uid": ALICE, "gid": ALICE, "groups": (ALICE,)}
OWN: dict[str, Any] = {**OF_ALICE, "requester_uid": ALICE, "namespace": "auto"}
"""A run under the requester's own account, whose rule says nothing about namespaces."""
HOST = os.readlink("/proc/self/ns/pid")


def namespace_of(pid: int | str) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")


def all_in(namespace: str) -> set[int]:
    """The processes in a pid namespace that still run."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if namespace_of(name) == namespace and is_living(name):
                found.add(int(name))
    return found


def cmdline(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def init_of(inside: str) -> int:
    return next(each for each in all_in(inside) if status_of(each)["NSpid"].split()[1] == "1")


# --- which runs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_contained"),
    [
        (OWN, True),
        ({**OWN, "namespace": "always"}, True),
        ({**OWN, "namespace": "never"}, False),
        ({**OF_ALICE, "namespace": "auto"}, False),
        ({**OF_ALICE, "namespace": "always"}, True),
        ({"namespace": "auto"}, False),
        ({"namespace": "auto", "requester_uid": 0}, False),
        ({"namespace": "always"}, True),
    ],
)
def test_the_rule_and_the_account_decide_who_has_a_namespace(stage: Stage, changes: dict[str, Any], is_contained: bool) -> None:
    """THREATS X-25."""
    said = stage.capture("/bin/sh", "-c", "readlink /proc/self/ns/pid; echo $$; echo /proc/[0-9]*", **changes).decode()
    inside, pid, processes = said.splitlines()
    assert (inside != HOST) is is_contained
    assert (int(pid) < 10) is is_contained
    assert (f"/proc/{os.getpid()}" in processes.split()) is not is_contained


# --- the end -------------------------------------------------------------------------------------------------------------

CHAINS = """
import os, time
until = time.monotonic() + 90
while "/jitd-test-elsewhere" not in open("/proc/self/cgroup").read():
    time.sleep(0.01)
os.setsid()
for _ in range(8):
    if os.fork() == 0:
        while time.monotonic() < until:
            if os.fork():
                os._exit(0)
"""
"""Processes that are others each time somebody looks. They end by themselves, after the test."""
DAEMON = "(setsid sh -c 'trap \"\" TERM HUP; exec sleep 600' &) ; trap '' TERM HUP; sleep 600; sleep 600"


def move_sleepers(stage: Stage, into: Path) -> set[int]:
    """Move what sleeps to another control group, as ``systemd-run --user --scope`` does with itself."""
    mark = f"STAGE={stage.directory}".encode()

    def found() -> set[int]:
        here = set()
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                words, variables = (Path(f"/proc/{name}/{file}").read_bytes().split(b"\0") for file in ("cmdline", "environ"))
                if words[:2] == [b"sleep", b"600"] and mark in variables:
                    here.add(int(name))
        return here

    wait_for(lambda: len(found()) >= 2, what="two that sleep")
    moved = found()
    for pid in moved:
        (into / "cgroup.procs").write_text(str(pid))
    return moved


def kill_monitor(stage: Stage, job: Job, pid: int) -> None:
    os.kill(int(status_of(pid)["PPid"]), signal.SIGKILL)


ENDS = {
    "its monitor is killed": kill_monitor,
    "it is revoked": lambda stage, job, pid: stage.order(stage.executor.stop, job.run, "revoked"),
    "its time is over": lambda stage, job, pid: None,
    "its time is over, and no daemon is there": lambda stage, job, pid: stage.run(stage.executor.close()),
}


def set_up(stage: Stage, how: str, script: str, come: Callable[[int], T]) -> tuple[Job, int, T]:
    """A command that is to end so, its process, and what ``come`` returns once the command has come to what it is for. If its
    time is to end it, it gets more of it where this host was too slow for that.
    """
    for seconds in (6.0, 18.0, 54.0):
        ends_at = now() + seconds if "time" in how else math.inf
        job = shell(stage, script, **OWN, ends_at_boot_ns=None if ends_at == math.inf else nanoseconds(ends_at))
        stage.go(job)
        stage.wait(lambda job=job: stage.reported(Started, job.run) or stage.reported(Ended, job.run))  # type: ignore[misc]
        begun = stage.reported(Started, job.run)
        try:
            found = come(begun.pid) if begun else None
        except (AssertionError, OSError):
            if now() < ends_at:
                raise
        if now() < ends_at:
            assert begun and found is not None, stage.reports
            return job, begun.pid, found
        stage.outcome(job)
    pytest.fail("its time was over each time")


@pytest.mark.parametrize("how", ENDS)
def test_what_has_left_the_control_group_ends_with_the_run(stage: Stage, elsewhere: Path, how: str) -> None:
    """THREATS X-25."""
    job, pid, moved = set_up(stage, how, DAEMON, lambda pid: move_sleepers(stage, elsewhere))
    ENDS[how](stage, job, pid)
    wait_for(lambda: not any(map(is_living, moved)), what="the end of what was moved")
    wait_for(lambda: not is_living(pid))
    if "no daemon" in how:
        stage.open()
    assert stage.outcome(job).ending in (Ending.SIGNALED, Ending.LOST)


@pytest.mark.parametrize("how", ["it is revoked", "its time is over"])
def test_chains_of_forks_that_have_left_the_control_group_end_with_the_run(stage: Stage, elsewhere: Path, how: str) -> None:
    """THREATS X-26: whether a search would have caught them: the monitor can signal no process that it has searched for."""
    with ExitStack() as traces:

        def come(pid: int) -> str:
            traces.close()
            inside = namespace_of(pid)
            (chain,) = wait_for(lambda: [each for each in all_in(inside) if cmdline(each).startswith(b"python3\0-S")])
            (elsewhere / "cgroup.procs").write_text(str(chain))
            wait_for(lambda: not is_living(chain), what="the chains")
            traces.enter_context(erring([int(status_of(pid)["PPid"])], (), "EPERM", "pidfd_send_signal"))
            return inside

        job, pid, inside = set_up(stage, how, f"trap '' TERM HUP; python3 -S -c '{CHAINS}' & sleep 600; sleep 600", come)
        ENDS[how](stage, job, pid)
        assert stage.outcome(job).ending is Ending.SIGNALED
        wait_for(lambda: not all_in(inside), what="the end of the namespace")
    assert "populated 0" in (elsewhere / "cgroup.events").read_text()


PTRACE_SEIZE = 0x4206


@pytest.mark.parametrize("who", ["the command", "an orphan"])
def test_who_traces_a_process_of_it_from_outside_delays_nothing(stage: Stage, who: str) -> None:
    """THREATS X-27: what is traced stays a zombie until its tracer lets go, and then the init does, too."""
    job = shell(stage, "(setsid sleep 600 &); trap '' TERM; sleep 600; sleep 600", **OWN)
    _, pid = stage.started(job)
    inside = namespace_of(pid)

    def orphans() -> list[int]:
        return [each for each in all_in(inside) if status_of(status_of(each)["PPid"])["NSpid"].split()[1:] == ["1"]]

    (traced,) = [pid] if who == "the command" else wait_for(orphans)
    assert ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, traced, None, None) == 0
    stage.order(stage.executor.stop, job.run, "revoked")
    try:
        assert stage.outcome(job).ending is Ending.SIGNALED
        assert {each for each in all_in(inside) if each != init_of(inside)} == set()
    finally:
        os.waitpid(traced, 0x40000000)


# --- where it cannot be, or is not ---------------------------------------------------------------------------------------


@pytest.fixture
def no_more_namespaces(stage: Stage) -> Iterator[None]:
    """A host that permits none, as a container without the right to make them."""
    stage.is_launcher_as_new = False
    with erring([stage.launcher, *descendants(stage.launcher)], (), "EPERM", "unshare", "1+"):
        yield


@pytest.mark.usefixtures("no_more_namespaces")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({**OWN, "namespace": "always"}, 'the rule has run.namespace = "always"'),
        ({**OWN, "given_gid": 4}, "the group is given for this run alone"),
        ({**OWN, "namespace": "never", "given_gid": 4}, "the group is given for this run alone"),
    ],
)
def test_what_has_to_have_a_namespace_is_refused_where_it_cannot(stage: Stage, changes: dict[str, Any], why: str) -> None:
    """THREATS X-28."""
    mark = stage.directory / "mark"
    client, outcome = stage.play(stage.job("/bin/touch", str(mark), **changes))
    because = f"this host does not permit a pid namespace of its own: Operation not permitted, and {why}"
    assert (outcome.ending, outcome.because) == (Ending.NOT_STARTED, because)
    assert client.end == {"outcome": "not started", "status": 126, "because": because}
    assert not mark.exists()


@pytest.mark.usefixtures("no_more_namespaces")
def test_what_need_not_have_a_namespace_runs_without_where_it_cannot(stage: Stage) -> None:
    assert stage.capture("/bin/sh", "-c", "readlink /proc/self/ns/pid", **OWN).decode().strip() == HOST


@pytest.fixture
def manager() -> Iterator[None]:
    """What systemd makes before it starts a user manager of alice's."""
    place = Path(f"/run/user/{ALICE}")
    place.mkdir(parents=True)
    yield
    place.rmdir()


@pytest.mark.usefixtures("manager")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({**OWN, "namespace": "never"}, "; a process that was moved into the user manager of alice may live"),
        ({**OF_ALICE, "namespace": "auto"}, ""),
        ({"namespace": "never"}, ""),
    ],
)
def test_who_ends_a_run_is_told_what_a_user_manager_may_keep(stage: Stage, changes: dict[str, Any], told: str) -> None:
    """THREATS X-28: nothing is left to tell where the account has a namespace, as it has here by default."""
    job = stage.job("/bin/sleep", "600", **changes)
    _, pid = stage.started(job)
    assert (namespace_of(pid) != HOST) is (changes["namespace"] == "auto")
    stage.order(stage.executor.stop, job.run, "revoked")
    assert stage.outcome(job).because == f"revoked{told}"


def test_what_this_host_permits_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    why_impossible = namespace.why_impossible.__wrapped__
    assert why_impossible() == ""
    monkeypatch.setattr(namespace, "_proc_of_the_host", lambda: (0, "hidepid=nonsense"))
    assert why_impossible() == "this host does not permit a pid namespace of its own: Invalid argument"
    assert namespace_of("self") == HOST


# --- what is the same in it ----------------------------------------------------------------------------------------------


def test_ids_groups_directory_and_limits_are_the_same_in_it(stage: Stage) -> None:
    look = "id; pwd; ulimit -a; umask; cat /proc/self/loginuid /proc/self/cgroup; ls -l /dev/fd/; grep -v Ns /proc/self/status"
    said = [
        stage.capture(
            "/bin/sh", "-c", f"({look}) | sed 's/TEST-[0-9]*//; s/[0-9][0-9]:[0-9][0-9]//'", **{**OWN, "namespace": each}
        )
        for each in ("never", "always")
    ]
    assert said[0].decode().splitlines()[:20] == said[1].decode().splitlines()[:20]


@pytest.mark.parametrize(
    ("script", "ending", "number"),
    [
        ("exit 0", Ending.EXITED, 0),
        ("exit 7", Ending.EXITED, 7),
        ("kill -TERM $$", Ending.SIGNALED, 15),
        ("kill -KILL $$", Ending.SIGNALED, 9),
        ("kill -KILL 1; exit 3", Ending.EXITED, 3),
        ("(setsid sleep 600 &); exit 4", Ending.EXITED, 4),
    ],
)
def test_a_status_and_a_signal_come_through(stage: Stage, script: str, ending: Ending, number: int) -> None:
    _, outcome = stage.play(shell(stage, script, **OWN))
    assert (outcome.ending, outcome.number) == (ending, number)


def test_what_remains_is_kept_where_the_rule_keeps_it_and_its_end_ends_the_run(stage: Stage) -> None:
    mark = stage.directory / "mark"
    script = f"(setsid sh -c 'until [ -e {mark} ]; do sleep 0.05; done' >/dev/null 2>&1 &); exit 5"
    job = shell(stage, script, **OWN, leftovers="keep")
    client, pid = stage.started(job)
    stage.wait(lambda: client.end)
    assert client.end is not None and client.end["status"] == 5 and stage.reported(Ended, job.run) is None
    (monitor,) = stage.monitors()
    mark.touch()
    assert stage.outcome(job).number == 5
    stage.forget(job)
    wait_for(lambda: not is_living(monitor))


def test_a_caller_outside_is_known_by_the_directory_that_it_stands_in(stage: Stage, tmp_path: Path) -> None:
    """As in tests/monitor/test_directory.py: a directory that the target account may not search."""
    tmp_path.chmod(0o700)
    os.chdir(tmp_path)
    try:
        job = stage.job(
            "/bin/pwd", cwd=os.fsencode(tmp_path), **{**OF_ALICE, "requester_uid": 0, "namespace": "always"}, inherits=True
        )
        assert stage.play(job)[1].number == 0
    finally:
        os.chdir("/")
