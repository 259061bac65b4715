# SPDX-License-Identifier: Apache-2.0
"""A caller that sets whatever a process can hand on, before it calls jitsudo (THREATS X-07, X-08).

Law: a command's state is compared with that of a plain caller's, whole; each row is one thing that a caller can set.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.monitor.test_baseline import INSIDE, IOPRIO_SET, MEASURES
from tests.system.conftest import House
from tests.waiting import PATIENCE

AT_ONCE = '[[permit]]\nname = "all"\nwho = ["group:dba"]\nrun_as = ["*"]\ncommands = [["**"]]\n'
OUTSIDE = tuple(
    f"/proc/self/{name}" for name in ("status", "limits", "oom_score_adj", "coredump_filter", "loginuid", "environ", "cgroup")
)
libc = ctypes.CDLL(None, use_errno=True)


def limit(which: int, low: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(which, (low, low))


def control(option: int, value: int) -> Callable[[], Any]:
    return lambda: libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def ignore_everything() -> None:
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33):
            signal.signal(number, signal.SIG_IGN)


def leave_descriptors() -> None:
    for number in range(3, 40):
        os.dup2(0, number, inheritable=True)


HOSTILE: dict[str, Callable[[], Any]] = {
    "umask 0777": lambda: os.umask(0o777),
    "umask 0": lambda: os.umask(0),
    "files of no bytes": limit(resource.RLIMIT_FSIZE, 0),
    "hardly any descriptors": limit(resource.RLIMIT_NOFILE, 24),
    "a small stack": limit(resource.RLIMIT_STACK, 1 << 20),
    "little address space": limit(resource.RLIMIT_AS, 1 << 28),
    "little data": limit(resource.RLIMIT_DATA, 1 << 26),
    "one second of processor": limit(resource.RLIMIT_CPU, 1),
    "no memory locked": limit(resource.RLIMIT_MEMLOCK, 0),
    "no queues": limit(resource.RLIMIT_MSGQUEUE, 0),
    "no pending signals": limit(resource.RLIMIT_SIGPENDING, 0),
    "no cores": limit(resource.RLIMIT_CORE, 0),
    "a little nice": lambda: os.nice(5),  # not so much that the caller starves, and is told that jitd does not answer
    "idle input and output": lambda: libc.syscall(IOPRIO_SET[os.uname().machine], 1, 0, 3 << 13),
    "the scheduler of batches": lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    "one processor": lambda: os.sched_setaffinity(0, {0}),
    "the first to be killed": lambda: Path("/proc/self/oom_score_adj").write_text("1000"),
    "no random addresses": lambda: libc.personality(ctypes.c_ulong(0x0040000)),
    "all signals ignored": ignore_everything,
    "signals blocked": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33, signal.SIGCHLD}),
    "children ignored": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    "no new privileges": control(38, 1),
    "large timer slack": control(29, 10**9),
    "no huge pages": control(41, 1),
    "a subreaper": control(36, 1),
    "an alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 3600),
    "another dump": lambda: Path("/proc/self/coredump_filter").write_text("0xff"),
    "descriptors left open": leave_descriptors,
    "a session of its own": os.setsid,
}


@pytest.fixture(scope="module")
def at_once() -> Iterator[House]:
    with House(AT_ONCE) as made:
        assert made.run("alice", "true").returncode == 0  # with a ticket from now on
        yield made


def ask(house: House, before: Callable[[], Any] | None, *words: str) -> str:
    """What ``jitsudo words`` writes, called by alice after she has done ``before``."""

    groups = os.getgrouplist("alice", 4001)

    def become_alice() -> None:
        if before is not None:
            before()
        os.setgroups(groups)
        os.setresgid(4001, 4001, 4001)
        os.setresuid(4001, 4001, 4001)

    env = {"PATH": os.environ["PATH"], "JITD_SOCKET": str(house.socket), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["jitsudo", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/", env=env,
        preexec_fn=become_alice, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(house: House, target: str, before: Callable[[], Any] | None) -> tuple[list[str], dict[str, Any]]:
    """What a command finds itself in, from both sides."""
    outside = ask(house, before, "-u", target, "/usr/bin/cat", *OUTSIDE)
    inside = ask(house, before, "-u", target, "/usr/bin/python3", "-ISc", INSIDE)
    told = json.loads(inside)
    told["keyring"] = told["keyring"].split(";")[:2]
    lines = outside.replace("\0", "\n").splitlines()
    unlike = (*(f"{name}:" for name in MEASURES), "JITSUDO_REQUEST=", "0::")
    return [line for line in lines if not line.startswith(unlike)], told


@pytest.fixture(scope="module", params=["root", "bob"])
def plain(at_once: House, request: pytest.FixtureRequest) -> tuple[str, tuple[list[str], dict[str, Any]]]:
    return request.param, look(at_once, request.param, None)


AT_LAST = ("hardly any descriptors", "a small stack", "little address space", "little data")
"""The interpreter that sets them holds all the tests: it has more of each already, and opens and makes nothing afterwards."""
LEFT_OUT = (("umask 0", "hardly any descriptors"), ("umask 0777", "descriptors left open"))
"""What cannot be together: one mask at a time, and no descriptors where all that one may have are taken."""


@pytest.mark.parametrize("left_out", LEFT_OUT, ids=" and ".join)
def test_nothing_that_a_caller_sets_reaches_the_command(at_once: House, plain: Any, left_out: tuple[str, ...]) -> None:
    """THREATS X-07, X-08. All of it at once; which of it did, where something does, is looked for one by one."""
    target, wanted = plain
    names = [name for name in HOSTILE if name not in left_out]

    def do_all() -> None:
        for name in sorted(names, key=lambda name: name in AT_LAST):
            HOSTILE[name]()

    told = look(at_once, target, do_all)
    if told != wanted:
        alone = {name: look(at_once, target, HOSTILE[name]) for name in names}
        assert {name: found for name, found in alone.items() if found != wanted} == {}
    assert told == wanted, "which only all of it together does"


def test_the_login_of_the_requester_is_on_record_with_the_kernel(plain: Any) -> None:
    assert any(line.startswith("4001") for line in plain[1][0]), "alice's, whoever the command runs as"
