# SPDX-License-Identifier: Apache-2.0
"""What a file of tests leaves running ends with the file, and nothing else does (tests/leftovers.py)."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.leftovers import end_what_runs_since, running
from tests.waiting import PATIENCE, is_living, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's processes")


def test_what_has_left_its_parent_and_its_session_ends(tmp_path: Path) -> None:
    before = set(running())
    told = tmp_path / "pid"
    subprocess.run(["sh", "-c", f"setsid sleep 3600 & echo $! > {told}"], check=True)
    pid = int(told.read_text())
    wait_for(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0"))
    end_what_runs_since(before)
    assert not is_living(pid)


def test_what_was_there_before_and_what_is_the_labs_own_runs_on() -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([name, "3600"], executable="/bin/sleep"))
        wait_for(lambda: started[-1].pid in {pid for pid, _ in running()}, what="its arguments")
        return started[-1]

    try:
        first = start("sleep")
        before = set(running())
        second, service, monitor = start("sleep"), start("krb5kdc"), start("from jitd.monitor.launcher import main; main()")
        end_what_runs_since(before)
        assert second.wait(PATIENCE) == -signal.SIGKILL
        assert [one.poll() for one in (first, service, monitor)] == [None] * 3
    finally:
        for one in started:
            one.kill()
            one.wait()
