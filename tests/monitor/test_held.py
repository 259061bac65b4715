# SPDX-License-Identifier: Apache-2.0
"""A run ends though somebody holds its killed processes: by a FUSE server that does not answer, or by a trace (THREATS X-36)."""

from __future__ import annotations

import ctypes
import functools
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.monitor import held
from tests.monitor.stage import Stage
from tests.monitor.test_namespace import OWN as OF_THE_LAB
from tests.monitor.test_namespace import kill_monitor
from tests.waiting import is_living, status_of, wait_for

ALICE, BOB = random.SystemRandom().sample(range(40_000, 59_000), 2)
"""The kernel has one list of FUSE connections for all labs on a machine. So the mounts that are aborted here have uids of their
own.
"""
GIVEN = 60
OWN = OF_THE_LAB | {"uid": ALICE, "gid": ALICE, "groups": (ALICE,), "requester_uid": ALICE}
BECAUSE = "it was revoked"
FUSE = Path("/dev/fuse")
SERVER = Path(__file__).with_name("fuse_server.py")
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 16, 0x4206, 0x40


def become(uid: int) -> None:
    os.setgroups([uid])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def as_alice() -> None:
    become(ALICE)


Serve = Callable[[int], tuple[subprocess.Popen[bytes], Path]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts the FUSE server of an account. Returns the server, and where it is mounted. Its answers are awaited for ever."""
    for above in (tmp_path, *tmp_path.parents):
        if above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    if not FUSE.exists():
        os.mknod(FUSE, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    begun: list[tuple[subprocess.Popen[bytes], Path]] = []

    def begin(uid: int) -> tuple[subprocess.Popen[bytes], Path]:
        at = tmp_path / f"mounted-{len(begun)}"
        at.mkdir()
        device = os.open(FUSE, os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid}"
        assert libc.mount(b"x", os.fsencode(at), b"fuse", 6, options.encode()) == 0, os.strerror(ctypes.get_errno())
        process = subprocess.Popen(
            [sys.executable, "-I", str(SERVER), str(device)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[device],
            preexec_fn=functools.partial(become, uid),
        )
        os.close(device)
        begun.append((process, at))
        return process, at

    yield begin
    for process, at in begun:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        libc.umount2(os.fsencode(at), 2)  # MNT_DETACH


def asked(process: subprocess.Popen[bytes]) -> bool:
    """Wait until somebody asks the server where the link leads."""
    assert process.stdout is not None
    return process.stdout.read(1) == b"."


def trace(pid: int, as_who: Callable[[], None] = as_alice, request: int = PTRACE_SEIZE, *, by_thread: bool = False) -> int:
    """Let a process outside of the run hold ``pid`` at its end. Return the pid of the tracer."""
    ready, told = os.pipe()
    tracer = os.fork()
    if tracer:
        os.close(told)
        assert os.read(ready, 1) == b"."
        os.close(ready)
        return tracer

    def seize() -> None:
        if libc.ptrace(request, pid, None, PTRACE_O_TRACEEXIT if request == PTRACE_SEIZE else None) == 0:
            os.write(told, b".")
            time.sleep(3600)

    try:
        as_who()
        libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, so that another process of alice's can trace this one
        if by_thread:
            thread = threading.Thread(target=seize)
            thread.start()
            thread.join()
        else:
            seize()
    finally:
        os._exit(1)


def end(tracer: int) -> int:
    """Return how the tracer has ended."""
    with suppress(ProcessLookupError):
        os.kill(tracer, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(tracer, 0)[1])


def test_what_waits_for_a_fuse_server_ends_and_its_call_fails(stage: Stage, serve: Serve) -> None:
    """THREATS X-36. Without the abort, the answer lets the call succeed whenever the server gives it."""
    process, at = serve(ALICE)
    job = stage.job("/bin/cat", str(at / "link"), **OWN)
    stage.started(job)
    assert asked(process)
    stage.order(stage.executor.stop, job.run, BECAUSE)
    outcome = stage.outcome(job)
    told = f"{BECAUSE}; a FUSE mount that it waited for was aborted"
    assert (outcome.ending, outcome.because) == (Ending.SIGNALED, told)
    process.communicate(b"/etc/passwd\n")
    assert process.returncode == 1, "nobody waits for its answer any more"


WAITS_AS_BOB = f"import os; os.setresgid(*[{BOB}] * 3); os.setresuid(*[{BOB}] * 3); assert {GIVEN} in os.getgroups(); open('%s')"


def test_what_waits_under_another_account_for_the_mount_of_this_account_ends(stage: Stage, serve: Serve, tmp_path: Path) -> None:
    """THREATS X-36. A program that is set-uid to a second account, or to an accomplice's, keeps the groups of the run."""
    process, at = serve(BOB)
    program = tmp_path / "python"
    shutil.copy(os.path.realpath(sys.executable), program)
    os.chown(program, BOB, BOB)
    program.chmod(0o6755)
    words = ("/bin/sh", "-c", '"$@"; exit', "sh", str(program), "-c", WAITS_AS_BOB % (at / "link"))
    job = stage.job(*words, **OWN | {"groups": (ALICE, GIVEN), "given_gid": GIVEN})
    stage.started(job)
    assert asked(process)
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job).ending is Ending.SIGNALED
    process.communicate(b"/etc/passwd\n")
    assert process.returncode == 1, "nobody waits for its answer any more"


@pytest.mark.parametrize("holds", ["a FUSE server", "a tracer"])
def test_a_run_whose_monitor_was_killed_has_not_ended_before_what_is_held_has(stage: Stage, serve: Serve, holds: str) -> None:
    """THREATS X-36. The daemon may neither signal the tracer nor abort the mount."""
    process, at = serve(ALICE)
    job = stage.job("/bin/cat", str(at / "link"), **OWN)
    _, pid = stage.started(job)
    assert asked(process)
    tracer = trace(pid) if holds == "a tracer" else 0
    if tracer:
        process.kill()  # which lets the call end
    kill_monitor(stage, job, pid)
    assert stage.outcome(job) == Outcome(Ending.LOST, 125, "its monitor was killed")
    assert not is_living(pid)
    if tracer:
        assert end(tracer) == -signal.SIGKILL
    else:
        process.communicate(b"/etc/passwd\n")
        assert process.returncode == 1, "nobody waits for its answer any more"


def test_a_tracer_that_keeps_a_dead_process_keeps_no_run_whose_monitor_was_killed(stage: Stage) -> None:
    """THREATS X-27. Nothing is held: the process has ended, and the tracer may go on."""
    job = stage.job("/bin/sleep", "600", **OWN)
    _, pid = stage.started(job)
    assert libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0
    try:
        kill_monitor(stage, job, pid)
        assert stage.outcome(job).ending is Ending.LOST
        assert not is_living(pid)
    finally:
        os.waitpid(pid, 0x40000000)


def test_what_somebody_traces_ends_and_the_tracers_of_a_tracer_too(stage: Stage) -> None:
    """THREATS X-36. A tracer that has executed sudo meanwhile is root."""
    job = stage.job("/bin/sleep", "600", **OWN)
    _, pid = stage.started(job)
    tracers = [trace(pid)]
    tracers.append(trace(tracers[-1]))
    tracers.append(trace(tracers[-1], lambda: None, by_thread=True))
    stage.order(stage.executor.stop, job.run, BECAUSE)
    outcome = stage.outcome(job)
    assert (outcome.ending, outcome.because) == (Ending.SIGNALED, f"{BECAUSE}; a process that traced it was killed")
    assert [end(tracer) for tracer in reversed(tracers)] == [-signal.SIGKILL] * 3


def test_who_debugs_a_tracer_and_does_not_hold_it_is_left_alone() -> None:
    """As an administrator does who looks at what holds a run."""
    sleeper = subprocess.Popen(["/bin/sleep", "600"], preexec_fn=as_alice)
    tracer = trace(sleeper.pid)
    sleeper.kill()
    wait_for(lambda: status_of(sleeper.pid)["State"].startswith("t"))
    debugger = trace(tracer, lambda: None, PTRACE_ATTACH)
    wait_for(lambda: status_of(tracer)["State"].startswith("t"))
    held.free([sleeper.pid])
    assert sleeper.wait() == -signal.SIGKILL
    assert end(debugger) == -signal.SIGTERM
    assert end(tracer) == -signal.SIGKILL


def test_a_mount_of_somebody_else_and_what_holds_nothing_is_left_alone(serve: Serve) -> None:
    servers = {uid: serve(uid) for uid in (ALICE, BOB)}
    sleeper = subprocess.Popen(["/bin/sleep", "600"], preexec_fn=as_alice)
    tracer = trace(sleeper.pid)
    readers = {}
    for uid, (process, at) in servers.items():
        words = ["/bin/cat", str(at / "link")]
        readers[uid] = subprocess.Popen(words, preexec_fn=functools.partial(become, uid), stderr=subprocess.DEVNULL)
        assert asked(process)
    held.free([os.getpid()], {ALICE, BOB})
    assert is_living(tracer) and readers[ALICE].poll() is None
    for reader in readers.values():
        reader.kill()
        wait_for(lambda reader=reader: status_of(reader.pid)["State"].startswith("D"))
    held.free([sleeper.pid], {ALICE, BOB})
    assert is_living(tracer) and readers[ALICE].poll() is None
    held.free([sleeper.pid, readers[ALICE].pid])
    assert readers[ALICE].wait() == -signal.SIGKILL
    assert is_living(tracer) and readers[BOB].poll() is None
    held.free([readers[BOB].pid])
    assert readers[BOB].wait() == -signal.SIGKILL
    assert end(tracer) == -signal.SIGTERM
    sleeper.kill()
    sleeper.wait()


def test_a_mount_that_has_got_the_number_of_an_unmounted_one_is_left_alone(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-36. The kernel gives the number of a connection to the next mount at once."""
    taken: list[tuple[subprocess.Popen[bytes], Path]] = []

    def read(directory: int, path: str) -> bytes:
        if path.endswith("waiting") and not taken:
            end_mount(process, at)
            taken.append(serve(BOB))
        return b"1\n"

    monkeypatch.setattr(held, "_read", read)
    for _ in range(20):  # the kernel has one list of numbers for all that is mounted anywhere: somebody else may get this one
        process, at = serve(ALICE)
        numbers = connections_of(ALICE)
        held._abort({ALICE})
        if connections_of(BOB) == numbers:
            break
        end_mount(*taken.pop())
    assert numbers and taken
    looks = subprocess.run(["/usr/bin/stat", str(taken[0][1])], preexec_fn=functools.partial(become, BOB), check=False)
    assert looks.returncode == 0, "its server is still asked"


def end_mount(server: subprocess.Popen[bytes], at: Path) -> None:
    server.kill()
    server.wait()
    libc.umount2(os.fsencode(at), 0)


def connections_of(uid: int) -> set[str]:
    directory, found = held._connections(), set()
    for each in os.listdir(directory):
        with suppress(FileNotFoundError):  # another lab's, which was unmounted meanwhile
            if os.stat(each, dir_fd=directory).st_uid == uid:
                found.add(each)
    os.close(directory)
    return found
