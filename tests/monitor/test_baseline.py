# SPDX-License-Identifier: Apache-2.0
"""The whole state in which a command begins, field by field, against fixed values (THREATS X-05, X-07, X-08).

Law: what is expected stands here as it has to be, and is never read from a run; a field that nobody has named has to be the same
whoever started the daemon, and however.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import traceback
from pathlib import Path
from typing import Any

import pytest

from tests.monitor.stage import HAS_SYSTEMD, Stage, umask_of

ALICE = 4001
EVE = 4005
WHO: dict[str, dict[str, Any]] = {
    "root": {"uid": 0, "gid": 0, "groups": (0,), "user": "root"},
    "alice": {"uid": ALICE, "gid": ALICE, "groups": (4101, ALICE), "user": "alice"},
}
ENVIRONMENT = {b"PATH": b"/usr/bin:/bin", b"HOME": b"/", b"SUDO_USER": b"eve"}
CALLS = {
    "x86_64": {"ioprio_get": 252, "get_mempolicy": 239, "keyctl": 250},
    "aarch64": {"ioprio_get": 31, "get_mempolicy": 236, "keyctl": 219},
}
IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
PRCTL = {
    # what is asked for: option and what a fresh process has
    "pdeathsig": (2, 9), "dumpable": (3, 1), "keepcaps": (7, 0), "timing": (13, 0), "securebits": (27, 0),
    "timer slack": (30, 50000), "subreaper": (37, 0), "no new privileges": (39, 0), "transparent huge pages off": (42, 0),
    "machine checks": (34, 2),
}  # fmt: skip

INSIDE = f"""
import ctypes, json, os, resource, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def get(option):
    value = ctypes.c_int(-99)
    by_pointer = option in (2, 37)
    result = libc.prctl(option, ctypes.byref(value) if by_pointer else ctypes.c_ulong(0), ctypes.c_ulong(0), 0, 0)
    return value.value if by_pointer and result == 0 else result
number = {CALLS}[os.uname().machine]
mode = ctypes.c_int(-1)
libc.syscall(number["get_mempolicy"], ctypes.byref(mode), None, 0, None, 0)
told = {{name: get(option) for name, (option, _) in {PRCTL}.items()}}
told["ioprio"] = libc.syscall(number["ioprio_get"], 1, 0)
told["mempolicy"] = mode.value
told["itimers"] = [signal.getitimer(which) for which in (0, 1, 2)]
told["alarm"] = signal.alarm(0)
told["scheduler"] = os.sched_getscheduler(0)
told["affinity"] = sorted(os.sched_getaffinity(0))
told["personality"] = libc.personality(ctypes.c_ulong(0xffffffff))
told["ids"] = [os.getresuid(), os.getresgid(), sorted(os.getgroups())]
told["umask"] = os.umask(0)
told["cwd"] = os.getcwd()
told["argv0"] = open("/proc/self/cmdline").read().split(chr(0))[0]
told["locked"] = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("VmLck", "VmPin"))]
text = ctypes.create_string_buffer(200)
told["keyring"] = text.value.decode() if libc.syscall(number["keyctl"], 6, -3, text, 200) > 0 else "none"
json.dump(told, sys.stdout)
"""

MEASURES = {
    "Pid", "Tgid", "PPid", "Ngid", "NStgid", "NSpid", "NSpgid", "NSsid", "Name", "State", "FDSize", "HugetlbPages", "SigQ",
    "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "VmPeak", "VmSize", "VmHWM", "VmRSS", "RssAnon", "RssFile",
    "RssShmem", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap",
}  # fmt: skip
"""Fields of /proc/PID/status that say how it fares, and not what it was given."""


SLEEPS = {"x86_64": ("35", "230"), "aarch64": ("101", "115")}[os.uname().machine]
"""nanosleep and clock_nanosleep, by number (proc(5), ``syscall``)."""


def has_started(stage: Stage, who: str) -> tuple[int, dict[str, Any]]:
    """A command that sleeps: its process, and all that the kernel shows of it."""
    job = stage.job("/bin/sleep", "60", environment=tuple(ENVIRONMENT.items()), requester_uid=EVE, **WHO[who])
    client, pid = stage.started(job)
    found: dict[str, Any] = {}
    at = Path(f"/proc/{pid}")
    stage.wait(lambda: "nanosleep" in (at / "wchan").read_text() or (at / "syscall").read_text().split()[0] in SLEEPS)  # loaded
    lines = (line.partition(":") for line in (at / "status").read_text().splitlines())
    found["status"] = {name: " ".join(value.split()) for name, _, value in lines if name not in MEASURES}
    found["limits"] = {line[:26].strip(): line[26:].split()[:2] for line in (at / "limits").read_text().splitlines()[1:]}
    fields = (at / "stat").read_text().rpartition(")")[2].split()
    parent = int(fields[1])
    found["stat"] = {
        "leads its group": int(fields[2]) == pid, "is in its monitor's session": int(fields[3]) == parent, "terminal": fields[4],
        "foreground": fields[5], "priority": fields[15], "nice": fields[16], "threads": fields[17], "timer": fields[18],
        "exit signal": fields[35], "real time": fields[37], "policy": fields[38],
    }  # fmt: skip
    for name in ("oom_score_adj", "timerslack_ns", "personality", "coredump_filter", "loginuid", "setgroups", "uid_map"):
        found[name] = (at / name).read_text().split()
    found["fd"] = {int(name): os.readlink(at / "fd" / name) for name in os.listdir(at / "fd")}
    found["flags"] = [
        next(line.split()[1] for line in (at / "fdinfo" / name).read_text().splitlines() if line.startswith("flags"))
        for name in sorted(os.listdir(at / "fd"))
    ]
    found["environ"] = (at / "environ").read_bytes().split(b"\0")
    found["cwd"], found["root"] = os.readlink(at / "cwd"), os.readlink(at / "root")
    own = {line.rstrip("/") for line in Path("/proc/self/cgroup").read_text().splitlines()}
    place = f"/jitd-run-{job.run}/command"
    if HAS_SYSTEMD:
        place = f"/jitd.slice/jitd-run-{job.run}.scope/command"
        own.add("0::")
    theirs = (at / "cgroup").read_text().replace(place, "").splitlines()
    found["cgroup"] = [line for line in theirs if line.rstrip("/") not in own]
    found["in its own group"] = place in (at / "cgroup").read_text()
    found["namespaces"] = {
        name: os.readlink(at / "ns" / name) == os.readlink(f"/proc/self/ns/{name}") for name in os.listdir(at / "ns")
    }
    stage.order(stage.executor.stop, job.run, "it was looked at")
    stage.outcome(job)
    stage.forget(job)
    return pid, found


def from_inside(stage: Stage, who: str) -> dict[str, Any]:
    told = stage.capture(
        "/usr/bin/python3", "-ISc", INSIDE, environment=tuple(ENVIRONMENT.items()), requester_uid=EVE, **WHO[who]
    )
    found: dict[str, Any] = json.loads(told)
    return found


def be_hostile() -> None:
    """Set whatever can be inherited, in this process: whoever started the daemon."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.chdir("/tmp")
    os.umask(0o777)
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33):
            signal.signal(number, signal.SIG_IGN)
    ignore = (ctypes.c_ulong * 4)(1, 0, 0, 0)
    for number in (32, 33):  # past the C library, as its posix_spawn leaves them
        libc.syscall({"x86_64": 13, "aarch64": 134}[os.uname().machine], number, ctypes.byref(ignore), None, 8)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33})
    lowest = {resource.RLIMIT_AS: 1 << 36, resource.RLIMIT_DATA: 1 << 36, resource.RLIMIT_STACK: 1 << 22,
              resource.RLIMIT_CPU: 100, resource.RLIMIT_NOFILE: 200, resource.RLIMIT_FSIZE: 1 << 26,
              resource.RLIMIT_NPROC: 4000}  # fmt: skip
    for which in range(16):
        hard = resource.getrlimit(which)[1]
        low = lowest.get(which, 1) if hard == -1 else min(lowest.get(which, 1), hard)
        resource.setrlimit(which, (low, low if MAY_RAISE else hard))
    os.nice(9)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    libc.syscall(IOPRIO_SET[os.uname().machine], 1, 0, (2 << 13) | 7)
    libc.personality(ctypes.c_ulong(0x0040000))  # no randomisation of addresses
    for option, value in ((29, 1), (41, 1), (36, 1), (8, 1), (28, 0x4 | 0x40)):
        libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    Path("/proc/self/oom_score_adj").write_text("700")
    Path("/proc/self/coredump_filter").write_text("0x1")
    signal.setitimer(signal.ITIMER_REAL, 1000)
    for _ in range(20):
        os.set_inheritable(os.open("/etc/shadow", os.O_RDONLY), True)
    os.environ.update({"LD_PRELOAD": "/nonexistent.so", "PYTHONPATH": "/tmp", "BASH_ENV": "/tmp/x", "IFS": "x", "EVIL": "1"})


def looked_at(who: str, *, hostile: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """A command's state under a daemon that such a starter started, from outside and from inside. In a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            stage = Stage(opens=False)
            if hostile:
                be_hostile()
            stage.open()
            outside = has_started(stage, who)[1]
            inside = from_inside(stage, who)
            outside["environ"] = [pair.decode() for pair in outside["environ"]]
            with open(writing, "w", encoding="ascii") as file:
                json.dump([outside, inside], file)
            stage.close()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="ascii") as file:
        told = file.read()
    os.waitpid(pid, 0)
    outside, inside = json.loads(told)
    return outside, inside


MAY_RAISE = bool(int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16) >> 24 & 1)
"""True if root may raise a hard limit here (CAP_SYS_RESOURCE). In some containers it may not; then theirs are the bounds."""
HALF = str(int(Path("/proc/sys/kernel/threads-max").read_text()) // 2)
LIMITS = {
    "Max cpu time": ["unlimited"] * 2,
    "Max file size": ["unlimited"] * 2,
    "Max data size": ["unlimited"] * 2,
    "Max stack size": ["8388608", "unlimited"],
    "Max core file size": ["0", "unlimited"],
    "Max resident set": ["unlimited"] * 2,
    "Max processes": [HALF] * 2,
    "Max open files": ["1024", "524288"],
    "Max locked memory": ["8388608"] * 2,
    "Max address space": ["unlimited"] * 2,
    "Max file locks": ["unlimited"] * 2,
    "Max pending signals": [HALF] * 2,
    "Max msgqueue size": ["819200"] * 2,
    "Max nice priority": ["0"] * 2,
    "Max realtime priority": ["0"] * 2,
    "Max realtime timeout": ["unlimited"] * 2,
}
"""Limits as /proc/PID/limits names them."""
STATUS = {
    "TracerPid": "0", "Threads": "1", "SigPnd": "0" * 16, "ShdPnd": "0" * 16, "SigBlk": "0" * 16,
    "SigIgn": "0" * 16, "SigCgt": "0" * 16, "CapInh": "0" * 16, "CapAmb": "0" * 16, "NoNewPrivs": "0", "Seccomp": "0",
    "VmLck": "0 kB", "VmPin": "0 kB", "CoreDumping": "0", "THP_enabled": "1",
}  # fmt: skip


@pytest.fixture(scope="module", params=list(WHO))
def states(
    request: pytest.FixtureRequest,
) -> tuple[str, tuple[dict[str, Any], dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]:
    """Who, the state under a plain starter, and under a hostile one."""
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    return request.param, looked_at(request.param, hostile=False), looked_at(request.param, hostile=True)


hostile = pytest.mark.parametrize("hostile", [False, True], ids=["plain starter", "hostile starter"])


def bounded(name: str, *limit: str) -> list[str]:
    """What may be had of ``limit`` where a container forbids to raise a hard one."""
    lines = Path("/proc/self/limits").read_text().splitlines()
    hard = next(line[26:].split()[1] for line in lines if line.startswith(name))
    if MAY_RAISE or hard == "unlimited":
        return list(limit)
    return [hard if part == "unlimited" else str(min(int(part), int(hard))) for part in limit]


@hostile
def test_every_limit_is_a_fresh_services(states: Any, hostile: bool) -> None:
    """THREATS X-08."""
    assert states[1 + hostile][0]["limits"] == {name: bounded(name, *limit) for name, limit in LIMITS.items()}


@hostile
@pytest.mark.parametrize("field", STATUS)
def test_every_field_of_its_status_is_a_fresh_services(states: Any, hostile: bool, field: str) -> None:
    """THREATS X-07."""
    assert states[1 + hostile][0]["status"].get(field, STATUS[field]) == STATUS[field]


@hostile
def test_it_is_who_it_should_be_and_may_what_that_may(states: Any, hostile: bool) -> None:
    who, told = states[0], states[1 + hostile]
    status, inside = told[0]["status"], told[1]
    assert int(status["Umask"], 8) == umask_of(who)
    wanted = WHO[who]
    assert status["Uid"].split() == [str(wanted["uid"])] * 4 and status["Gid"].split() == [str(wanted["gid"])] * 4
    assert status["Groups"] == " ".join(map(str, sorted(wanted["groups"])))
    assert inside["ids"] == [[wanted["uid"]] * 3, [wanted["gid"]] * 3, sorted(wanted["groups"])]
    rights = status["CapBnd"] if who == "root" else "0" * 16
    assert status["CapPrm"] == status["CapEff"] == rights


@hostile
def test_it_leads_a_group_in_its_monitors_session_with_the_plainest_priority(states: Any, hostile: bool) -> None:
    assert states[1 + hostile][0]["stat"] == {
        "leads its group": True, "is in its monitor's session": True, "terminal": "0", "foreground": "-1", "priority": "20",
        "nice": "0", "threads": "1", "timer": "0", "exit signal": "17", "real time": "0", "policy": "0",
    }  # fmt: skip


@hostile
def test_it_has_exactly_three_descriptors(states: Any, hostile: bool) -> None:
    outside = states[1 + hostile][0]
    assert outside["fd"] == {"0": "/dev/null", "1": "/dev/null", "2": "/dev/null"}
    assert all(int(flags, 8) & os.O_CLOEXEC == 0 for flags in outside["flags"])


@hostile
def test_its_environment_is_what_was_ordered_and_nothing_else(states: Any, hostile: bool) -> None:
    assert states[1 + hostile][0]["environ"] == [*(f"{n.decode()}={v.decode()}" for n, v in ENVIRONMENT.items()), ""]


@hostile
def test_what_the_kernel_keeps_in_files_of_its_own(states: Any, hostile: bool) -> None:
    """THREATS X-07."""
    outside = states[1 + hostile][0]
    assert outside["oom_score_adj"] == ["0"] and outside["timerslack_ns"] == ["50000"] and outside["personality"] == ["00000000"]
    assert outside["coredump_filter"] == ["00000033"]
    assert outside["loginuid"] == [str(EVE)], "the requester's, not root's nor the target's"
    assert outside["cwd"] == outside["root"] == "/"
    assert outside["cgroup"] == [] and outside["in its own group"]
    assert all(outside["namespaces"].values())


@hostile
def test_what_it_can_ask_the_kernel_about_itself(states: Any, hostile: bool) -> None:
    """THREATS X-07."""
    who, inside = states[0], states[1 + hostile][1]
    assert {name: inside[name] for name in PRCTL} == {name: value for name, (_, value) in PRCTL.items()}
    assert (inside["ioprio"], inside["mempolicy"], inside["scheduler"], inside["personality"]) == (0, 0, 0, 0)
    assert inside["itimers"] == [[0.0, 0.0]] * 3 and inside["alarm"] == 0
    assert inside["affinity"] == sorted(os.sched_getaffinity(0))
    assert inside["umask"] == umask_of(who) and inside["cwd"] == "/" and inside["locked"] == ["0", "0"]
    keyring = inside["keyring"].split(";")
    assert keyring == ["none"] or (keyring[0], keyring[1], keyring[4]) == ("keyring", str(WHO[who]["uid"]), "_ses")


def test_what_nobody_has_named_is_the_same_too(states: Any) -> None:
    """THREATS X-07."""
    _, plain, hostile = states
    for told in (plain, hostile):
        told[1].pop("keyring", None)
    assert plain == hostile
