# SPDX-License-Identifier: Apache-2.0
"""What the requester tries on the processes of a run, and on the paths that they go (S-12, S-13); drift of operands (R-06).

Law: every attempt is made by a process that is the requester's, with all that an ordinary account may do.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending
from jitd.files import operands, path_lookup
from jitd.files.glance import MOST_NAMES, Glance
from jitd.files.inspection import View
from jitd.files.operands import LIMIT_TOGETHER, MOST_ARGUMENTS, MOST_CLOSED, MOST_ENTRIES, NOT_LOOKED_AT, TOO_MANY, drift, find
from tests.marks import alike
from tests.monitor.stage import Stage
from tests.times import times
from tests.waiting import status_of, wait_for

pytestmark = alike

ALICE, BOB = 4001, 4002
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206


def as_alice(deed: Callable[[], Any]) -> Any:
    """What ``deed`` returns in a process of alice's."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups((ALICE,))
            os.setresgid(ALICE, ALICE, ALICE)
            os.setresuid(ALICE, ALICE, ALICE)
            os.write(writing, json.dumps(deed()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        told = file.read()
    os.waitpid(pid, 0)
    return json.loads(told)


def outcome_of(deed: Callable[[], Any]) -> str:
    try:
        deed()
    except OSError as fault:
        return errno.errorcode[fault.errno or 0]
    return "done"


def call(name: str, *arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def peek(pid: int) -> None:
    local, remote = ctypes.create_string_buffer(8), (ctypes.c_size_t * 2)(0x400000, 8)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(local), 8)
    call("process_vm_readv", pid, here, 1, remote, 1, 0)


def attempts(pid: int) -> dict[str, str]:
    deeds: dict[str, Callable[[], Any]] = {
        **{f"signal {number}": lambda number=number: os.kill(pid, number) for number in (0, 1, 2, 9, 15, 18, 19, 20, 64)},  # type: ignore[misc]
        "a signal by its handle": lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGKILL),
        "its descriptors by its handle": lambda: call("syscall", 438, os.pidfd_open(pid), 0, 0),
        "attach": lambda: call("ptrace", PTRACE_ATTACH, pid, None, None),
        "seize": lambda: call("ptrace", PTRACE_SEIZE, pid, None, None),
        "look into its memory": lambda: peek(pid),
        "its limits": lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE),
        "its priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        "its processors": lambda: os.sched_setaffinity(pid, {0}),
        "its scheduler": lambda: os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0)),
        "its process group": lambda: os.setpgid(pid, pid),
        **{f"read {name}": lambda name=name: Path(f"/proc/{pid}/{name}").read_bytes() for name in  # type: ignore[misc]
           ("mem", "environ", "maps", "smaps", "auxv", "stack", "syscall", "io", "pagemap", "personality")},
        **{f"list {name}": lambda name=name: os.listdir(f"/proc/{pid}/{name}") for name in ("fd", "fdinfo", "map_files")},  # type: ignore[misc]
        **{f"follow {name}": lambda name=name: os.readlink(f"/proc/{pid}/{name}") for name in ("cwd", "root", "exe", "ns/mnt")},  # type: ignore[misc]
        **{f"write {name}": lambda name=name: Path(f"/proc/{pid}/{name}").write_text("0") for name in  # type: ignore[misc]
           ("oom_score_adj", "coredump_filter", "timerslack_ns", "loginuid", "comm")},
    }  # fmt: skip
    return {name: outcome_of(deed) for name, deed in deeds.items()}


def children_of(pid: int) -> set[int]:
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def holder_of(stage: Stage, monitor: int, command: int) -> int:
    """Who holds the session; one that only waited for a job and was not taken may be there for a moment longer."""
    stage.wait(lambda: len(children_of(monitor)) == 2)
    (holder,) = children_of(monitor) - {command}
    return holder


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_these_attempts_succeed_on_a_process_of_ones_own() -> None:
    """So that a refusal is one."""
    pid = os.fork()
    if pid == 0:
        os.setgroups((ALICE,))
        os.setresgid(ALICE, ALICE, ALICE)
        os.setresuid(ALICE, ALICE, ALICE)
        os.execv("/bin/sleep", ["sleep", "60"])
    wait_for(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
    told = as_alice(lambda: {name: word for name, word in attempts(pid).items() if word == "done"})
    assert {"signal 0", "signal 9", "a signal by its handle", "its limits"} <= told.keys()
    os.waitpid(pid, 0)


@pytest.mark.parametrize("of", ["launcher", "monitor", "holder", "command"])
def test_the_processes_of_a_run_cannot_be_touched_or_looked_into_by_the_requester(stage: Stage, of: str) -> None:
    """THREATS S-13."""
    job = stage.job("/bin/sleep", "60", requester_uid=ALICE)
    _, command = stage.started(job)
    monitor = parent_of(command)
    holder = holder_of(stage, monitor, command)
    pid = {"launcher": stage.launcher, "monitor": monitor, "holder": holder, "command": command}[of]
    told = as_alice(lambda: attempts(pid))
    assert {name: word for name, word in told.items() if word not in ("EPERM", "EACCES", "ESRCH")} == {}
    assert {name for name, word in told.items() if word == "ESRCH"} <= {"its process group"}
    assert all(Path(f"/proc/{each}").exists() for each in (stage.launcher, monitor, holder, command))


def leave_core(directory: Path) -> None:
    """A process that crashes and may leave a core does so here: else the test would show nothing."""
    pid = os.fork()
    if pid == 0:
        os.chdir(directory)
        call("prctl", 4, 1, 0, 0, 0)  # dumpable: this process is not, once a test before has been somebody else for a moment
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    os.waitpid(pid, 0)
    if not list(directory.glob("core*")):
        pytest.skip("no cores on this host")


def test_what_is_left_of_a_monitor_that_crashes_is_no_core(stage: Stage) -> None:
    """THREATS S-13."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith("|"):
        pytest.skip("cores go elsewhere on this host")
    job = stage.job("/bin/sleep", "60")
    _, command = stage.started(job)
    monitor = parent_of(command)
    holder = holder_of(stage, monitor, command)
    leave_core(stage.directory)
    before = set(os.listdir("/"))
    os.kill(monitor, signal.SIGSTOP)  # it takes the signal below when it goes on, and before it notices that its holder has ended
    wait_for(lambda: status_of(monitor)["State"].startswith("T"))
    for pid in (holder, monitor):
        for which in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
            resource.prlimit(pid, which, (resource.prlimit(pid, which)[1],) * 2)
        os.kill(pid, signal.SIGSEGV)
    os.kill(monitor, signal.SIGCONT)
    assert stage.outcome(job).ending is Ending.LOST
    assert set(os.listdir("/")) == before


# --- paths that move -------------------------------------------------------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    made = Path("/home/alice/storm")
    made.mkdir()
    os.chown(made, ALICE, ALICE)
    yield made
    shutil.rmtree(made, ignore_errors=True)


ENOUGH = 100_000
"""Exchanges that make a storm."""


def storm(one: Path, other: Path, at: Path) -> int:
    """A process of alice's that without end puts now this and now that in one place."""
    pid = os.fork()
    if pid == 0:
        os.setresgid(ALICE, ALICE, ALICE)
        os.setresuid(ALICE, ALICE, ALICE)
        count = 0
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        libc = ctypes.CDLL(None)
        first, second = os.fsencode(at), os.fsencode(one if one != at else other)
        while True:
            libc.renameat2(-100, first, -100, second, 2)  # exchange
            count += 1
            if count == ENOUGH:
                (at.parent / "enough").touch()
    return pid


def calm(pid: int, place: Path) -> None:
    """End it, once it was a storm: 100,000 tries and more."""
    try:
        wait_for((place / "enough").exists, 300, "a storm")
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def test_a_directory_that_is_exchanged_all_the_time_is_the_approved_one_or_a_refusal(stage: Stage, place: Path) -> None:
    """THREATS S-12."""
    (place / "d").mkdir()
    os.chown(place / "d", ALICE, ALICE)
    (place / "l").symlink_to("/root")
    status = os.stat(place / "d")
    cwd = os.fsencode(place / "d")
    pid = storm(place / "l", place / "l", place / "d")
    ran = refused = 0
    try:
        while ran + refused < times(8) or not (ran and refused):  # both come about, however busy the host is
            reading, writing = os.pipe()
            job = stage.job("/usr/bin/stat", "-c", "%d %i", ".", cwd=cwd, cwd_device=status.st_dev, cwd_inode=status.st_ino)
            stage.go(job, ("null", "pipe", "null"), [stage.null(), writing, stage.null()])
            os.close(writing)
            outcome = stage.outcome(job)
            with open(reading, encoding="ascii") as file:
                told = file.read()
            if outcome.ending is Ending.EXITED:
                ran += 1
                assert told.split() == [str(status.st_dev), str(status.st_ino)]
            else:
                refused += 1
                assert told == "" and outcome.because == "the working directory is not the approved one"
            stage.forget(job)
            assert ran + refused < times(3000)
    finally:
        calm(pid, place)


def test_a_command_that_is_exchanged_all_the_time_is_the_approved_one_or_a_refusal(stage: Stage, place: Path) -> None:
    """THREATS S-12."""
    for name, says in (("a", "approved"), ("b", "evil")):
        (place / name).write_text(f"#!/bin/sh\necho {says}\n")
        (place / name).chmod(0o755)
        os.chown(place / name, ALICE, ALICE)
    digest = hashlib.sha256((place / "a").read_bytes()).digest()
    calmly = stage.play(stage.job(str(place / "a"), digest=digest, writable=True))[1]
    assert calmly.ending is Ending.EXITED, "while nobody changes it, it runs: a refusal below is one of a change"
    pid = storm(place / "b", place / "b", place / "a")
    ran = refused = 0
    try:
        while ran + refused < times(8) or not (ran and refused):
            reading, writing = os.pipe()
            job = stage.job(str(place / "a"), digest=digest, writable=True)
            stage.go(job, ("null", "pipe", "null"), [stage.null(), writing, stage.null()])
            os.close(writing)
            outcome = stage.outcome(job)
            with open(reading, encoding="ascii") as file:
                told = file.read()
            assert told == ("approved\n" if outcome.ending is Ending.EXITED else ""), outcome
            ran += outcome.ending is Ending.EXITED
            refused += outcome.ending is Ending.NOT_STARTED
            stage.forget(job)
            assert ran + refused < times(3000)
    finally:
        calm(pid, place)


# --- operands --------------------------------------------------------------------------------------------------------


def operand(place: Path, text: str = "one") -> Path:
    file = place / "x"
    file.write_text(text)
    os.chown(file, ALICE, ALICE)
    return file


def bound(*argv: str) -> tuple[tuple[int, bytes, bytes], ...]:
    with Glance() as glance:
        return tuple((o.at, o.path, o.digest) for o in find(tuple(map(os.fsencode, argv)), View(0, b"/"), glance=glance))


def test_the_monitor_runs_what_was_approved_with_the_operands_that_were(stage: Stage, place: Path) -> None:
    file = operand(place)
    argv = ("/usr/bin/cmp", str(file), str(file))
    assert len(bound(*argv)) == 2
    assert stage.play(stage.job(*argv, operands=bound(*argv)))[1].number == 0


@pytest.mark.parametrize("how", ["changed", "gone", "new"])
def test_the_monitor_refuses_what_was_approved_with_others(stage: Stage, place: Path, how: str) -> None:
    """THREATS R-06."""
    file = operand(place)
    argv = ("/usr/bin/touch", str(place / "mark"), str(file))
    approved = () if how == "new" else bound(*argv)
    if how == "changed":
        file.write_text("two")
    elif how == "gone":
        file.unlink()
    _, outcome = stage.play(stage.job(*argv, operands=approved))
    assert (outcome.ending, outcome.number) == (Ending.NOT_STARTED, 126)
    assert outcome.because.startswith("argument 2 "), outcome
    assert not (place / "mark").exists()
    assert stage.play(stage.job(*argv, operands=None))[1].number == 0, "nobody had to approve it"


FITS = {"any": {"pipe", "null", "file", "terminal", "closed"}, "tty": {"terminal"}, "none": {"null", "closed"}}


@pytest.mark.parametrize("stdin", FITS)
@pytest.mark.parametrize("kind", sorted(FITS["any"]))
def test_the_monitor_refuses_a_standard_input_that_the_rule_does_not_let_be(stage: Stage, stdin: str, kind: str) -> None:
    """THREATS R-12."""
    runs = kind in FITS[stdin]
    pipe, far = os.pipe()
    stage.opened.extend((pipe, far))
    file = os.open("/etc/hostname", os.O_RDONLY)
    stage.opened.append(file)
    sources = {"pipe": [pipe], "null": [stage.null()], "file": [file]}.get(kind, [])
    job = stage.job("/bin/true", stdin=stdin)
    _, outcome = stage.play(job, (kind, "null", "null"), [*sources, stage.null(), stage.null()])
    assert (outcome.ending is Ending.EXITED) is runs, outcome
    if not runs:
        assert outcome.because.startswith(f"standard input is a {kind}, but the rule requires ")


def test_looking_for_operands_is_bounded_whatever_the_arguments_are(place: Path) -> None:
    big = place / "big"
    big.write_bytes(b"")
    os.truncate(big, 16 * 1024 * 1024)
    os.chown(big, ALICE, ALICE)
    argv = [b"x", *[os.fsencode(big)] * 10_000]
    found = list(find(argv, View(0, b"/"), glance=Glance()))
    assert len(found) == MOST_ARGUMENTS + 1 and found[-1].because == NOT_LOOKED_AT
    assert sum(1 for o in found if o.digest) == LIMIT_TOGETHER // (16 * 1024 * 1024)
    assert drift(argv, View(0, b"/"), [(o.at, o.path, o.digest) for o in found], glance=Glance()) == ""
    loop = place / "loop"
    loop.symlink_to("loop")
    nothing = [b"x", b"a" * 5000, b"b" * 300, b"c\0d", b"", b"="]
    assert list(find(nothing, View(0, os.fsencode(place)), glance=Glance())) == []
    (circle,) = find([b"x", os.fsencode(loop)], View(0, os.fsencode(place)), glance=Glance())
    assert circle.digest == b"" and "too many links" in circle.because


def sizes_told(place: Path, *sizes: int) -> list[tuple[bool, str]]:
    """What alice is told of bob's files of ``sizes``, which she cannot read, and of her own after them."""
    for at, size in enumerate(sizes):
        file = place / f"hidden{at}"
        file.write_bytes(b"")
        os.truncate(file, size)
        file.chmod(0o600)
        os.chown(file, BOB, BOB)
    hers = place / "hers"
    hers.write_bytes(b"")
    os.truncate(hers, 16 * 1024 * 1024)
    os.chown(hers, ALICE, ALICE)
    argv = [b"x", *[os.fsencode(place / f"hidden{at}") for at in range(len(sizes))], *[os.fsencode(hers)] * 5]
    with Glance() as glance:
        found = list(find(argv, View(0, b"/"), tells=lambda path, glance: path.endswith(b"hers"), glance=glance))
    return [(bool(one.digest) and one.path.endswith(b"hers"), one.because) for one in found]


def test_no_operand_tells_the_size_of_a_file_that_its_requester_cannot_read(place: Path) -> None:
    """THREATS S-11."""
    told = sizes_told(place, 1, 1, 1)
    assert len(told) == 8 and [is_bound for is_bound, _ in told] == [False] * 3 + [True] * 4 + [False]
    for sizes in ((12 << 20, 1, 16 << 20), (16 << 20, 16 << 20, 16 << 20), (1 << 40, 17 << 20, 3)):
        assert sizes_told(place, *sizes) == told


def test_no_operand_tells_how_many_entries_a_directory_has_that_its_requester_cannot_list() -> None:
    """THREATS S-11: a directory of root's comes after it, with as many entries as may be examined."""
    with tempfile.TemporaryDirectory(dir="/srv") as place:
        _list_beside_closed(Path(place))


def _list_beside_closed(place: Path) -> None:
    place.chmod(0o755)
    large = place / "large"
    large.mkdir()
    for at in range(MOST_ENTRIES):
        (large / str(at)).touch()
    told = set()
    for n_entries in (0, 1, 500, 999):
        closed = place / f"closed{n_entries}"
        (closed / "below").mkdir(parents=True)
        for at in range(n_entries):
            (closed / "below" / str(at)).touch()
        argv = [b"x", *[os.fsencode(closed)] * MOST_CLOSED, os.fsencode(large)]
        found = find(argv, View(0, b"/"), tells=lambda path, glance: b"closed" not in path, glance=Glance())
        told.add(tuple((one.at, one.because) for one in found))
        assert drift(argv, View(0, b"/"), (), glance=Glance()) == "", "nor is it another answer later"
    assert told == {()}
    both = [b"x", os.fsencode(large), os.fsencode(place / "closed1")]
    assert len(list(find(both, View(0, b"/"), glance=Glance()))) == 1, "as the count tells"
    closed = os.fsencode(place / "closed1")
    found = find([b"x", *[closed] * (MOST_CLOSED + 1)], View(0, b"/"), tells=lambda path, glance: False, glance=Glance())
    assert [one.at for one in found] == [MOST_CLOSED + 1], "they are bounded, too"


def test_no_directory_keeps_the_next_argument_from_being_bound() -> None:
    """A look has room for MOST_NAMES names, and root's directory has more."""
    with tempfile.TemporaryDirectory(dir="/srv") as place:
        _look_behind_a_large_directory(Path(place))


def _look_behind_a_large_directory(place: Path) -> None:
    place.chmod(0o755)
    (place / "hers").write_bytes(b"echo\n")
    os.chown(place / "hers", 61001, 61001)
    for number in range(MOST_NAMES + 1):
        (place / "large" / str(number)).mkdir(parents=True)
    with Glance() as glance:

        def sees(path: bytes) -> bool:
            return path_lookup.is_visible_absence(path, 61001, (), b"/", glance)

        def tells(path: bytes, glance: Glance) -> bool:
            return path_lookup.is_readable(path, 61001, (), b"/", glance)

        hers, large = os.fsencode(place / "hers"), os.fsencode(place / "large")
        (found,) = operands.find([b"sh", large, hers], View(0, b"/"), sees, sees, tells=tells, glance=glance)
        assert (found.at, found.digest) == (2, hashlib.sha256(b"echo\n").digest())
        long = large + b"".join(b"/%d/.." % number for number in range(MOST_NAMES))
        assert [one.because for one in operands.find([b"sh", long], View(0, b"/"), sees, sees, glance=glance)] == [TOO_MANY]
