# SPDX-License-Identifier: Apache-2.0
"""Who the command is, and what it begins with (THREATS X-07, X-08, X-11).

Law: nothing of whoever started the daemon reaches it; a step that fails, or only says that it worked, means no exec.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jitd.core.run import Ending
from jitd.executor.direct import Direct
from tests.marks import direct
from tests.monitor.stage import NOBODY, Stage

PROBE = (
    "cat /proc/self/limits /proc/self/status | "
    "grep -E '^(Max .*|(Uid|Gid|Groups|Sig.*|Cap.*|NoNewPrivs|Seccomp|Cpus_allowed_list|Umask):)'; "
    "echo oom $(cat /proc/self/oom_score_adj); echo nice $(nice); umask; pwd; cut -d' ' -f41 /proc/self/stat; "
    "test $(id -u) != 0 || cat /proc/self/personality; cat /proc/self/timerslack_ns; id"
)


def snapshot(stage: Stage, uid: int) -> str:
    told = stage.capture("/bin/sh", "-c", PROBE, uid=uid, gid=uid, groups=(uid, 1234))
    return "\n".join(line for line in told.decode().splitlines() if not line.startswith("SigQ:"))


@contextmanager
def hostile() -> Iterator[None]:
    """A starter of the daemon who sets whatever is inherited."""
    limits = {
        which: resource.getrlimit(which)
        for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_STACK, resource.RLIMIT_CORE, resource.RLIMIT_NPROC,
                      resource.RLIMIT_NICE, resource.RLIMIT_RTPRIO, resource.RLIMIT_MSGQUEUE)
    }  # fmt: skip
    mask = os.umask(0)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (2, 10, 12, 14, 20, 21, 22, 36, 64)}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2, signal.SIGCHLD})
    for which, (_, hard) in limits.items():
        resource.setrlimit(which, (1 << 22 if hard == -1 else min(hard, 1 << 22), hard))
    os.nice(7)
    affinity = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(affinity)})
    oom = Path("/proc/self/oom_score_adj")
    was = oom.read_text()
    oom.write_text("600")
    os.environ["LD_PRELOAD"] = "/nonexistent.so"
    try:
        yield
    finally:
        del os.environ["LD_PRELOAD"]
        oom.write_text(was)
        os.sched_setaffinity(0, affinity)
        os.setpriority(os.PRIO_PROCESS, 0, 0)
        for which, limit in limits.items():
            resource.setrlimit(which, limit)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.umask(mask)


@direct
@pytest.mark.parametrize("uid", [0, NOBODY])
def test_nothing_of_a_hostile_starter_reaches_the_command(stage: Stage, uid: int) -> None:
    plain = snapshot(stage, uid)
    stage.run(stage.executor.close())

    def spawn(direct: object) -> None:
        with hostile():
            direct.spawn_launcher()  # type: ignore[attr-defined]

    stage.open(spawn)
    assert snapshot(stage, uid) == plain


def test_it_begins_as_a_fresh_service_does(stage: Stage) -> None:
    told = snapshot(stage, NOBODY)
    lines = {line.split(":")[0]: line.split(":")[1].split() for line in told.splitlines() if ":" in line}
    assert lines["Uid"] == lines["Gid"] == [str(NOBODY)] * 4
    assert lines["Groups"] == ["1234", str(NOBODY)]
    for mask in ("SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(lines[mask][0], 16) == 0, mask
    assert lines["Umask"] == ["0022"] and lines["NoNewPrivs"] == ["0"]
    assert "oom 0\nnice 0\n0022\n/\n" in told
    limits = {line[:25].strip(): line[25:].split()[:2] for line in told.splitlines() if line.startswith("Max ")}
    assert limits["Max file size"] == limits["Max cpu time"] == ["unlimited", "unlimited"]
    assert limits["Max core file size"] == ["0", "unlimited"]
    assert limits["Max stack size"] == ["8388608", "unlimited"]
    assert limits["Max open files"][0] == "1024"


def test_root_is_root_with_all_it_may_do(stage: Stage) -> None:
    told = snapshot(stage, 0)
    assert "CapInh:\t0000000000000000" in told
    bounding = next(line for line in told.splitlines() if line.startswith("CapBnd")).split()[1]
    assert f"CapEff:\t{bounding}" in told


# --- faults ----------------------------------------------------------------------------------------------------------

PTRACE_NUMBERS = {
    # name: the system call's number on x86_64 and aarch64
    "setgroups": (116, 159),
    "setresgid": (119, 149),
    "setresuid": (117, 147),
    "capset": (126, 91),
    "prlimit64": (302, 261),
    "sched_setscheduler": (144, 119),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "personality": (135, 92),
    "execve": (59, 221),
    "dup3": (292, 24),
    "fchdir": (81, 50),
    "prctl": (157, 167),
}
PRCTL = {"PDEATHSIG": 1, "KEEPCAPS": 8, "TIMERSLACK": 29, "AMBIENT": 47}
FAILING = ["setgroups", "setresgid", "setresuid", "capset", "prlimit64", "sched_setscheduler", "setpriority",
           "sched_setaffinity", "personality", *(f"prctl {name}" for name in PRCTL)]  # fmt: skip
LYING = ["setgroups", "setresgid", "setresuid"]


def filter_syscall(name: str, number: int) -> None:
    """From now on, in this process and all below it, the system call does nothing and returns -``number``."""
    name, _, option = name.partition(" ")
    call = PTRACE_NUMBERS[name][platform.machine() != "x86_64"]
    load, equal, returns = 0x20, 0x15, 0x06
    program = [(load, 0, 0, 0), (equal, 0, 3 if option or name == "prlimit64" else 1, call)]
    if option:
        program += [(load, 0, 0, 16), (equal, 0, 1, PRCTL[option])]
    elif name == "prlimit64":
        program += [(load, 0, 0, 16 + 8 * 2), (equal, 1, 0, 0)]  # asking alone, without a new limit, is let through
    program += [(returns, 0, 0, 0x00050000 | number), (returns, 0, 0, 0x7FFF0000)]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code)
    head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, ctypes.c_ulong(2), head, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def played_apart(before: Callable[[], None]) -> tuple[str, str, bool]:
    """A run in a process of its own, after ``before``: how it ended, why, and whether the command did anything."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            stage = Stage(Direct, opens=False)  # whose launcher is ours, and gets what we do to ourselves
            before()
            stage.open()
            mark = stage.directory / "mark"
            stage.directory.chmod(0o777)
            _, outcome = stage.play(stage.job("/usr/bin/touch", str(mark), uid=NOBODY, gid=NOBODY, groups=(NOBODY,)))
            os.write(writing, json.dumps([outcome.ending, outcome.because, mark.exists()]).encode())
            stage.close()
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        told = file.read()
    os.waitpid(pid, 0)
    ending, because, did = json.loads(told)
    return ending, because, did


@direct
def test_without_a_fault_it_runs() -> None:
    assert played_apart(lambda: None) == (Ending.EXITED, "", True)


@direct
@pytest.mark.parametrize("name", FAILING)
def test_a_step_that_fails_means_no_exec(name: str) -> None:
    """THREATS X-11."""
    ending, because, did = played_apart(lambda: filter_syscall(name, errno.EPERM))
    assert (ending, did) == (Ending.NOT_STARTED, False), because
    assert because.startswith("the command could not be prepared: ")


@direct
@pytest.mark.parametrize("name", LYING)
def test_a_step_that_only_says_that_it_worked_means_no_exec(name: str) -> None:
    """THREATS X-11."""
    ending, because, did = played_apart(lambda: filter_syscall(name, 0))
    assert (ending, did) == (Ending.NOT_STARTED, False)
    assert because.endswith(" could not be set")


@direct
def test_a_uid_without_room_for_a_process_means_no_exec() -> None:
    """THREATS X-11."""
    ending, _, did = played_apart(lambda: filter_syscall("setresuid", errno.EAGAIN))
    assert (ending, did) == (Ending.NOT_STARTED, False)
