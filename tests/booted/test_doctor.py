# SPDX-License-Identifier: Apache-2.0
"""``jitd doctor`` where systemd is process 1: the units, the bus, and what is left of runs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.booted.conftest import Service, show, systemctl
from tests.marks import full
from tests.waiting import PATIENCE, examined, wait_for

ALLOWED = {"clock.synchronised"}
SLOW = {(check, "weak") for check in ("nss.speed", "state.sync", "daemon.answers", "pam.opens")}
"""What is said of a host that is slow, and of nothing else."""
LEFT = "jitd-run-ZZZZ-ZZZZ.scope"


def look() -> str:
    done = subprocess.run(["jitd", "doctor", "--json"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == int(any(row["level"] == "bad" for row in rows)), done.stderr
    return done.stdout


def doctor(silent: Container[str] = ()) -> list[dict[str, Any]]:
    return examined(look, silent)


def unwell(rows: list[dict[str, Any]]) -> dict[str, str]:
    """What is not as it should be, but for a host that is busy."""
    found = [row for row in rows if row["level"] != "ok" and (row["check"], row["level"]) not in SLOW]
    return {row["check"]: f"{row['level']}: {row['sentence']} [{row['command']}]" for row in found}


@pytest.fixture(autouse=True, scope="module")
def enabled(service: Service) -> Iterator[None]:
    """As on a host where the package is installed."""
    systemctl("enable", "--now", "jitd.service")
    yield
    systemctl("disable", "jitd.service")


@pytest.fixture(scope="module")
def put_right(enabled: None) -> Iterator[None]:
    """After all that was broken, all is as before: one look at the end."""
    yield
    assert unwell(doctor()).keys() <= ALLOWED


def test_a_service_that_is_well_is_said_to_be() -> None:
    rows = doctor()
    assert unwell(rows).keys() <= ALLOWED, unwell(rows)
    said = {row["check"] for row in rows}
    assert said >= {
        "systemd.jitd.service",
        "systemd.jitd.socket",
        "systemd.jitd-launcher.socket",
        "systemd.scopes",
        "executor.groups",
    }


@contextlib.contextmanager
def stopped() -> Iterator[None]:
    systemctl("stop", "jitd.service")
    try:
        yield
    finally:
        systemctl("start", "jitd.service")


@contextlib.contextmanager
def disabled(unit: str) -> Iterator[None]:
    systemctl("disable", unit)
    try:
        yield
    finally:
        systemctl("enable", "jitd.service")


@contextlib.contextmanager
def masked(unit: str, *how: str) -> Iterator[None]:
    systemctl("mask", *how, unit)
    try:
        yield
    finally:
        systemctl("unmask", unit)
        systemctl("unmask", "--runtime", unit)


@contextlib.contextmanager
def without_launcher() -> Iterator[None]:
    systemctl("stop", "jitd-launcher.socket", "jitd-launcher.service")
    try:
        yield
    finally:
        systemctl("start", "jitd-launcher.socket")
        systemctl("restart", "jitd.service")


@contextlib.contextmanager
def leftover() -> Iterator[None]:
    """A scope with the name of a run that the record does not know."""
    words = ["systemd-run", "--quiet", "--scope", "--slice=jitd.slice", f"--unit={LEFT}", "sleep", "600"]
    process = subprocess.Popen(words)
    try:
        wait_for(lambda: show(LEFT, "ActiveState")["ActiveState"] == "active", what="the scope")
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def without_socket() -> Iterator[None]:
    os.unlink("/run/jitd/jitd.sock")
    try:
        yield
    finally:
        systemctl("restart", "jitd.socket", "jitd.service")


@contextlib.contextmanager
def older() -> Iterator[None]:
    """The daemon is older than what is installed."""
    time.sleep(1.1)
    os.utime("/usr/lib/jitd/jitd/settings/config.py")
    yield


@contextlib.contextmanager
def dead() -> Iterator[None]:
    """A daemon that is stopped for good, as by the limit of restarts."""
    systemctl("kill", "--signal=STOP", "--kill-whom=main", "jitd.service")
    try:
        yield
    finally:
        systemctl("kill", "--signal=CONT", "--kill-whom=main", "jitd.service")


class Breakage(NamedTuple):
    """Each of ``checks`` becomes ``level`` and names the same ``command``, which makes it ``ok`` again."""

    checks: tuple[str, ...]
    level: str
    command: str
    broken: Callable[[], AbstractContextManager[None]]


TOGETHER: list[list[Breakage]] = [
    [
        Breakage(("systemd.scopes",), "bad", "systemctl unmask --runtime jitd.slice", lambda: masked("jitd.slice", "--runtime")),
        Breakage(("systemd.jitd-launcher.service",), "bad", "systemctl unmask", lambda: masked("jitd-launcher.service")),
        Breakage(("daemon.runs", "systemd.jitd.service"), "bad", "systemctl enable --now jitd.service", stopped),
    ],
    [
        Breakage(("runs.scopes",), "bad", "systemctl stop jitd-run-ZZZZ-ZZZZ.scope", leftover),
        Breakage(("daemon.version",), "weak", "systemctl restart jitd.service", older),
        Breakage(("systemd.jitd.service",), "bad", "systemctl enable jitd.service", lambda: disabled("jitd.service")),
        Breakage(("daemon.answers",), "bad", "systemctl restart jitd.service", dead),
    ],
    [
        Breakage(("systemd.jitd.socket",), "bad", "systemctl enable jitd.socket", lambda: disabled("jitd.socket")),
        Breakage(("systemd.jitd-launcher.socket",), "bad", "enable --now jitd-launcher.socket", without_launcher),
    ],
    [
        Breakage(("systemd.jitd.service",), "bad", "systemctl unmask jitd.service", lambda: masked("jitd.service")),
        Breakage(("socket.mode",), "bad", "systemctl restart jitd.socket jitd.service", without_socket),
    ],
]
"""Breakages of which none hides another: the doctor looks once at all of them."""
WITHOUT_ANSWER = ("daemon.answers",)
"""What is given up for a daemon that is stopped for good."""


@pytest.mark.usefixtures("put_right")
@pytest.mark.parametrize(
    "together",
    [
        *TOGETHER[:2],
        *(pytest.param(rest, marks=full("every day, seven of these are broken, in two looks")) for rest in TOGETHER[2:]),
    ],
    ids=lambda together: together[0].command,
)
def test_what_is_broken_is_found_and_mended_by_the_command(together: list[Breakage]) -> None:
    checks = [check for breakage in together for check in breakage.checks]
    silent = WITHOUT_ANSWER if dead in [breakage.broken for breakage in together] else ()
    with contextlib.ExitStack() as stack:
        for breakage in together:
            stack.enter_context(breakage.broken())
        found = unwell(doctor(silent))
        for breakage in together:
            for check in breakage.checks:
                assert check in found, found
                assert found[check].startswith(breakage.level) and breakage.command in found[check]
            typed = {found[check].rpartition(" [")[2].removesuffix("]") for check in breakage.checks}
            assert len(typed) == 1, typed
            subprocess.run(["sh", "-c", typed.pop()], capture_output=True, timeout=PATIENCE, check=False)
        assert unwell(doctor()).keys().isdisjoint(checks)


def test_a_daemon_that_is_not_there_is_not_started_by_looking() -> None:
    """Its socket waits for whoever connects: the doctor does not."""
    with stopped():
        doctor()
        assert show("jitd.service", "ActiveState")["ActiveState"] == "inactive"
        assert os.path.exists("/run/jitd/jitd.sock")


SLOW_START = Path("/run/systemd/system/jitd.service.d/slow.conf")


def test_a_start_by_systemd_is_no_second_daemon_to_be_killed() -> None:
    """In a loop of restarts, the process that is found is another one each time, and systemd starts the next."""
    SLOW_START.parent.mkdir(parents=True, exist_ok=True)
    SLOW_START.write_text('[Service]\nExecStart=\nExecStart=/usr/bin/python3 -c "import time; time.sleep(600)" jitd serve\n')
    with stopped():
        try:
            systemctl("daemon-reload")
            systemctl("start", "--no-block", "jitd.service")
            wait_for(lambda: show("jitd.service", "MainPID")["MainPID"] != "0", what="the start")
            found = unwell(doctor(WITHOUT_ANSWER))
        finally:
            SLOW_START.unlink()
            systemctl("daemon-reload")
            systemctl("stop", "jitd.service")  # waits, so that the next start does not share the end of this one
    assert "daemon.runs" in found and "daemon.alone" not in found, found
    assert not [said for said in found.values() if "kill" in said]


def test_a_run_that_lives_is_no_leftover(service: Service) -> None:
    asking = service.ask("alice", "/usr/bin/sleep", "600")
    service.approve(asking.id)
    service.run_of(asking.id)
    assert unwell(doctor()).keys() <= ALLOWED
    service.ended("stop", asking.id)
    asking.end()
    assert unwell(doctor()).keys() <= ALLOWED


PROBE = "jitd-probe.service"


def test_a_service_that_systemd_starts_again_and_again_or_gives_up_is_told(tmp_path: Path) -> None:
    """163 restarts of a unit, and the doctor said that all was well."""
    unit, well = Path("/run/systemd/system") / PROBE, tmp_path / "well"
    dies = f"/bin/sh -c 'test -e {well} && exec sleep 600'"

    def written(restart: str) -> None:
        unit.write_text(f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={dies}\nRestart={restart}\nRestartSec=50ms\n")
        systemctl("daemon-reload")

    def mended(check: str) -> None:
        well.touch()
        typed = found[check].rpartition(" [")[2].removesuffix("]")
        assert subprocess.run(["sh", "-c", typed], capture_output=True, timeout=PATIENCE, check=False).returncode == 0

    try:
        written("always")
        systemctl("start", "--no-block", PROBE)
        wait_for(lambda: int(show(PROBE, "NRestarts")["NRestarts"]) > 2, what="restarts")
        found = unwell(doctor())
        assert f"systemd had to start {PROBE} again" in found["systemd.restarts"], found
        well.touch()
        wait_for(lambda: show(PROBE, "ActiveState")["ActiveState"] == "active", what="a start that lasts")
        mended("systemd.restarts")
        assert PROBE not in unwell(doctor()).get("systemd.restarts", "")
        systemctl("stop", PROBE)
        well.unlink()
        written("no")
        subprocess.run(["systemctl", "start", PROBE], capture_output=True, timeout=PATIENCE, check=False)
        wait_for(lambda: show(PROBE, "ActiveState")["ActiveState"] == "failed", what="its failure")
        found = unwell(doctor())
        assert f"{PROBE} has failed" in found["systemd.services"], found
        mended("systemd.services")
        assert show(PROBE, "ActiveState")["ActiveState"] == "active" and "systemd.services" not in unwell(doctor())
    finally:
        subprocess.run(["systemctl", "stop", PROBE], capture_output=True, timeout=PATIENCE, check=False)
        unit.unlink()
        systemctl("daemon-reload")
