# SPDX-License-Identifier: Apache-2.0
"""The holder of a session that a monitor makes before it has a job: a run begins alike with it and without it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jitd.core.run import Ending
from jitd.executor.direct import Direct
from jitd.monitor.holder import Spare
from jitd.monitor.rehearsal import JOB
from tests.monitor.stage import Stage
from tests.monitor.test_keeper import Asker, begin

RECVMSG = {"x86_64": "47", "aarch64": "212"}[os.uname().machine]
"""Its number (proc(5), ``syscall``)."""
PLAIN = ("null", "pipe", "pipe")
LOOK = """
ulimit -a; ulimit -Ha; umask; pwd; nice; cat /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/loginuid
grep -E '^(Sig|Shd|Cap|Uid|Gid|Groups|NoNewPrivs|Seccomp|Cpus_allowed_list)' /proc/self/status | grep -v '^SigQ'
ls /proc/self/fd; ls -l /proc/self/fd | grep -c socket; cut -d' ' -f7 /proc/self/stat; env
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """One without systemd, which houses a monitor elsewhere before it may make a holder."""
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    dumped = Path("/proc/self/coredump_filter")
    before = dumped.read_text()
    dumped.write_text("0x1")  # what a command must not inherit, and what no PAM module sets
    try:
        made = Stage(Direct)
    finally:
        dumped.write_text(f"0x{before}")
    yield made
    made.close()


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:  # before it was opened, or before it was read
        return True


def spare_of(stage: Stage) -> tuple[int, int]:
    """The monitor that waits for its job, and the holder that waits with it."""

    launcher = stage.launcher

    def look() -> tuple[int, int] | None:
        for monitor in children(launcher):
            if monitor not in stage.monitors() and (below := children(monitor)) and is_waiting(below[0]):
                return monitor, below[0]
        return None

    found = stage.wait(look)
    assert found is not None
    return found


def is_waiting(pid: int) -> bool:
    """Whether a holder has become clean, and has come to where it waits for its job. What the launcher tries on this host first
    has a child, too, which soon ends.
    """
    try:
        return Path(f"/proc/{pid}/syscall").read_text().split()[0] == RECVMSG
    except OSError:
        return False


def test_a_command_without_a_terminal_is_made_by_the_holder_that_waits(stage: Stage) -> None:
    monitor, holder = spare_of(stage)
    _, command = stage.started(stage.job("/bin/sleep", "60", streams=("null",) * 3))
    assert sorted(children(monitor)) == sorted([holder, command])


def test_a_command_begins_alike_whether_its_holder_waited_or_not(stage: Stage) -> None:
    _, holder = spare_of(stage)
    with_it = stage.capture("/bin/sh", "-c", LOOK, streams=PLAIN)
    assert is_gone(holder)
    _, holder = spare_of(stage)
    os.kill(holder, signal.SIGKILL)
    stage.wait(lambda: is_gone(holder))
    without = stage.capture("/bin/sh", "-c", LOOK, streams=PLAIN)
    assert with_it.decode().splitlines() == without.decode().splitlines()
    assert b"00000033" in with_it


def test_with_a_terminal_another_is_forked_and_nothing_is_left_of_the_first(stage: Stage) -> None:
    monitor, holder = spare_of(stage)
    _, command = stage.started(stage.job("/bin/sleep", "60", streams=("terminal",) * 3), ("terminal",) * 3)
    assert command in children(monitor)
    stage.wait(lambda: holder not in children(monitor) and len(children(monitor)) == 2)


def test_a_long_job_is_taken_by_it_too(stage: Stage) -> None:
    monitor, holder = spare_of(stage)
    _, command = stage.started(stage.job("/bin/sh", "-c", "sleep 60; :", "x" * 100_000, streams=("null",) * 3))
    assert sorted(children(monitor)) == sorted([holder, command])
    assert len(Path(f"/proc/{command}/cmdline").read_bytes()) > 100_000


def test_a_login_has_no_use_for_it_and_leaves_nothing_of_it(stage: Stage) -> None:
    """Who keeps a session waits for no child: what was dismissed and not waited for would stay as long as the session."""
    monitor, _ = spare_of(stage)
    with closing(Asker(stage, "exec sleep 60")) as asker:
        begin(stage, asker)
        assert monitor in stage.monitors() and children(monitor) == []


def test_one_that_is_dismissed_has_ended_so_that_none_takes_it_for_what_a_command_left() -> None:
    spare = Spare(JOB)
    spare.dismiss()
    with pytest.raises(ChildProcessError):  # not even a dead one is left to wait for
        os.waitpid(spare._pid, os.WNOHANG)


def test_it_ends_with_a_monitor_that_never_gets_a_job(stage: Stage) -> None:
    monitor, holder = spare_of(stage)
    os.kill(monitor, signal.SIGKILL)
    stage.wait(lambda: is_gone(holder))
    _, outcome = stage.play(stage.job("/bin/true", streams=("null",) * 3))
    assert outcome.number == 0


def test_one_that_is_killed_before_it_makes_the_command_means_that_nothing_starts(stage: Stage) -> None:
    _, holder = spare_of(stage)
    os.kill(holder, signal.SIGSTOP)
    job = stage.job("/bin/true", streams=("null",) * 3)
    client = stage.start(job)
    stage.sleep(0.1)
    assert client.packets == []
    os.kill(holder, signal.SIGKILL)
    assert stage.outcome(job).ending is Ending.NOT_STARTED
