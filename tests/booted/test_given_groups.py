# SPDX-License-Identifier: Apache-2.0
"""A group that is given to a run under systemd: what the units of jitd permit, and what a user manager can keep of it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.booted.conftest import Service
from tests.waiting import status_of, wait_for

ALICE, SECURITY, SLEEPS = 4001, 4103, "987654"
PLACE = Path("/srv/given-booted")
TAPE = PLACE / "tape"
POLICY = """
[[permit]]
name = "given"
who = ["user:alice"]
run_as = ["self:security"]
commands = [["**"]]
"""


@pytest.fixture
def given(service: Service) -> Iterator[Service]:
    PLACE.mkdir()
    TAPE.write_text("the tape\n")
    os.chown(TAPE, 0, SECURITY)
    TAPE.chmod(0o640)
    with service.with_rules(POLICY):
        subprocess.run(["loginctl", "enable-linger", "alice"], check=True)
        wait_for(lambda: Path(f"/run/user/{ALICE}/bus").exists(), what="her manager")
        yield service
        subprocess.run(["loginctl", "disable-linger", "alice"], check=True)
    TAPE.unlink()
    PLACE.rmdir()


def living() -> dict[int, str]:
    """The pid and the groups of each process that sleeps as the test has it sleep."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if SLEEPS.encode() in Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0"):
                found[int(name)] = status_of(int(name))["Groups"]
    return found


def test_the_units_let_a_group_be_given(given: Service) -> None:
    done = given.run("alice", "jitsudo", "-g", "security", "cat", str(TAPE))
    assert (done.returncode, done.stdout) == (0, "the tape\n"), done.stderr
    assert given.run("alice", "cat", str(TAPE), ticket=False).returncode != 0


@pytest.mark.parametrize("how", ["--scope", ""])
def test_nothing_that_was_handed_to_the_user_manager_keeps_the_group(given: Service, how: str) -> None:
    """Her manager has not the group, and cannot name a process of the run's namespace."""
    manager = f"XDG_RUNTIME_DIR=/run/user/{ALICE} systemd-run --user --quiet {how} sleep {SLEEPS} </dev/null >/dev/null 2>&1 &"
    try:
        done = given.run("alice", "jitsudo", "-g", "security", "sh", "-c", f"{manager} sleep 2")
        assert done.returncode == 0, done.stderr
        given.at_rest()
        assert [pid for pid, groups in living().items() if str(SECURITY) in groups.split()] == []
    finally:
        for pid in living():
            os.kill(pid, signal.SIGKILL)
