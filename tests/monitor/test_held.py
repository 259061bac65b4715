# SPDX-License-Identifier: Apache-2.0
"""A run ends though somebody holds its killed processes: by a FUSE server that does not answer, or by a trace (THREATS X-36)."""

from __future__ import annotations

import ctypes
import os
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

from jitd.core.run import Ending
from jitd.monitor import held
from tests.monitor.stage import Stage
from tests.monitor.test_namespace import OWN
from tests.waiting import is_living, status_of, wait_for

ALICE = 4001
BECAUSE = "it was revoked"
FUSE = Path("/dev/fuse")
SERVER = Path(__file__).with_name("fuse_server.py")
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 0x4206, 0x40


def as_alice() -> None:
    os.setgroups([ALICE])
    os.setresgid(ALICE, ALICE, ALICE)
    os.setresuid(ALICE, ALICE, ALICE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """alice's FUSE server, and where it is mounted. Its answers are awaited for ever."""
    for above in (tmp_path, *tmp_path.parents):
        if above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    at = tmp_path / "mounted"
    at.mkdir()
    if not FUSE.exists():
        os.mknod(FUSE, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    device = os.open(FUSE, os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={ALICE},group_id={ALICE}"
    assert libc.mount(b"x", os.fsencode(at), b"fuse", 6, options.encode()) == 0, os.strerror(ctypes.get_errno())
    process = subprocess.Popen(
        [sys.executable, "-I", str(SERVER), str(device)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[device],
        preexec_fn=as_alice,
    )
    os.close(device)
    yield process, at
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    libc.umount2(os.fsencode(at), 2)  # MNT_DETACH


def trace(pid: int, as_who: Callable[[], None] = as_alice, *, by_thread: bool = False) -> int:
    """Let a process outside of the run hold ``pid`` at its end. Return the pid of the tracer."""
    ready, told = os.pipe()
    tracer = os.fork()
    if tracer:
        os.close(told)
        assert os.read(ready, 1) == b"."
        os.close(ready)
        return tracer

    def seize() -> None:
        if libc.ptrace(PTRACE_SEIZE, pid, None, PTRACE_O_TRACEEXIT) == 0:
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


def test_what_waits_for_a_fuse_server_ends_and_its_call_fails(stage: Stage, server: tuple[subprocess.Popen[bytes], Path]) -> None:
    """THREATS X-36. Without the abort, the answer lets the call succeed whenever the server gives it."""
    process, at = server
    job = stage.job("/bin/cat", str(at / "link"), **OWN)
    stage.started(job)
    assert process.stdout is not None
    assert process.stdout.read(1) == b".", "it waits for where the link leads"
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job).ending is Ending.SIGNALED
    process.communicate(b"/etc/passwd\n")
    assert process.returncode == 1, "nobody waits for its answer any more"


def test_what_somebody_traces_ends_and_the_tracers_of_a_tracer_too(stage: Stage) -> None:
    """THREATS X-36. A tracer that has executed sudo meanwhile is root."""
    job = stage.job("/bin/sleep", "600", **OWN)
    _, pid = stage.started(job)
    tracers = [trace(pid)]
    tracers.append(trace(tracers[-1]))
    tracers.append(trace(tracers[-1], lambda: None, by_thread=True))
    stage.order(stage.executor.stop, job.run, BECAUSE)
    assert stage.outcome(job).ending is Ending.SIGNALED
    assert [end(tracer) for tracer in reversed(tracers)] == [-signal.SIGKILL] * 3


def test_a_mount_of_somebody_else_and_what_holds_nothing_is_left_alone(server: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, at = server
    sleeper = subprocess.Popen(["/bin/sleep", "600"], preexec_fn=as_alice)
    tracer = trace(sleeper.pid)
    reader = subprocess.Popen(["/bin/cat", str(at / "link")], preexec_fn=as_alice, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"."
    held.free([os.getpid()], {ALICE})
    assert is_living(tracer) and reader.poll() is None
    reader.kill()
    wait_for(lambda: status_of(reader.pid)["State"].startswith("D"))
    held.free([sleeper.pid, reader.pid], {ALICE + 1})
    assert is_living(tracer) and reader.poll() is None
    held.free([reader.pid], {ALICE})
    assert reader.wait() == -signal.SIGKILL
    assert is_living(tracer)
    assert end(tracer) == -signal.SIGTERM
    sleeper.kill()
    sleeper.wait()
