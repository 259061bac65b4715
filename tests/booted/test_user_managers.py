# SPDX-License-Identifier: Apache-2.0
"""Runs under an account that has a user manager, and what the manager can do with their processes."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.booted.conftest import Service, group_of
from tests.system.conftest import Asking
from tests.waiting import PATIENCE, is_living, wait_for

POLICY = """
[[permit]]
name = "without"
who = ["group:dba"]
run_as = ["alice"]
commands = [["/usr/bin/env", "WITHOUT=1", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { namespace = "never" }
"""
ALICE = pwd.getpwnam("alice").pw_uid
RUNTIME = Path(f"/run/user/{ALICE}")
TWO = "trap '' TERM HUP; (setsid sleep 600 &); sleep 600; sleep 600"


@pytest.fixture(scope="module")
def manager(service: Service) -> Iterator[Service]:
    """A user manager of alice's, who lingers, and a rule each for runs with and without a namespace under her account."""
    with service.with_rules(POLICY):
        subprocess.run(["loginctl", "enable-linger", "alice"], check=True)
        wait_for(lambda: (RUNTIME / "systemd/private").exists(), what="the manager")
        yield service
        subprocess.run(["loginctl", "disable-linger", "alice"], check=True)
        wait_for(lambda: not RUNTIME.exists(), what="the end of the manager")


def begun(service: Service, script: str, *, is_contained: bool = True) -> tuple[Asking, str]:
    words = [] if is_contained else ["env", "WITHOUT=1"]
    asking = service.ask("alice", "-u", "alice", *words, "sh", "-c", script)
    service.approved(asking.id)
    return asking, service.run_of(asking.id)


def sleepers(run: str) -> list[int]:
    """What sleeps in the control group of a run: two, once it has come to what it is for."""
    found = []
    for line in (group_of(run) / "command/cgroup.procs").read_text().split():
        with suppress(OSError):  # the shell that has started one of them ends
            if Path(f"/proc/{line}/cmdline").read_bytes().startswith(b"sleep\0"):
                found.append(int(line))
    return found


def of_alice(*words: str) -> subprocess.CompletedProcess[str]:
    """What alice does outside of the run, in her own session."""
    variables = {"XDG_RUNTIME_DIR": str(RUNTIME), "PATH": os.environ["PATH"]}
    return subprocess.run(words, user="alice", group="alice", extra_groups=[], env=variables, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)  # fmt: skip


def move(pids: list[int]) -> None:
    """Alice lets her manager take processes over, from outside: inside, nobody knows their pids."""
    words = ["busctl", "--user", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"]
    words += ["org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", "moved.scope", "replace", "1"]
    done = of_alice(*words, "PIDs", "au", str(len(pids)), *map(str, pids), "0")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: all("/moved.scope" in Path(f"/proc/{pid}/cgroup").read_text() for pid in pids), what="the move")


def kill_monitor(service: Service, run: str) -> None:
    for pid in (group_of(run) / "cgroup.procs").read_text().split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:  # some of them end with the first
            continue


@pytest.mark.parametrize("how", ["its monitor is killed", "it is revoked"])
def test_what_a_user_manager_has_moved_ends_with_the_run(manager: Service, how: str) -> None:
    """THREATS X-25."""
    asking, run = begun(manager, TWO)
    moved = wait_for(lambda: pids if len(pids := sleepers(run)) == 2 else [], what="two that sleep")
    move(moved)
    if how == "it is revoked":
        manager.ended("revoke", run)
        assert "may live" not in asking.err
    else:
        kill_monitor(manager, run)
    wait_for(lambda: not any(map(is_living, moved)), what="the end of what was moved")
    assert asking.end() != 0


def test_without_a_namespace_it_is_told_that_it_may_live(manager: Service) -> None:
    """THREATS X-28: and it does, if the monitor is killed: this is what a namespace is for."""
    asking, run = begun(manager, TWO, is_contained=False)
    moved = wait_for(lambda: pids if len(pids := sleepers(run)) == 2 else [], what="two that sleep")
    move(moved)
    kill_monitor(manager, run)
    wait_for(lambda: not (group_of(run) / "command").exists(), what="the end of the run")
    assert asking.end() != 0 and all(map(is_living, moved))
    of_alice("systemctl", "--user", "kill", "--signal=KILL", "moved.scope")
    wait_for(lambda: not any(map(is_living, moved)), what="the end of what was moved")
    asking, run = begun(manager, "sleep 600", is_contained=False)
    manager.ended("revoke", run)
    assert asking.end() != 0
    assert "a process that was moved into the user manager of alice may live" in asking.err


@pytest.mark.parametrize("is_contained", [True, False])
def test_inside_a_namespace_its_own_manager_is_not_reached(manager: Service, is_contained: bool) -> None:
    """As jitd-policy(5) says: systemctl(1) wants to know the pid of the manager, which has none inside."""
    asking, _ = begun(manager, f"XDG_RUNTIME_DIR={RUNTIME} systemctl --user is-active default.target", is_contained=is_contained)
    assert (asking.end() == 0) is not is_contained
    assert ("Failed to connect to " in asking.err) is is_contained


def test_the_host_is_reached_from_inside_as_before(manager: Service) -> None:
    """Sockets, sudo's own session, the journal, and files of processes that are its own."""
    asking, _ = begun(
        manager, "systemctl is-active dbus.service && ps -e --no-headers | wc -l && id -un && loginctl --no-pager >&2"
    )
    assert asking.end() == 0, asking.err
    active, n, who = asking.out.splitlines()
    assert (active, who) == ("active", "alice") and int(n) < 8
