# SPDX-License-Identifier: Apache-2.0
"""Commands that messages give to root on a host with systemd, typed (tests/law/test_commands.py)."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.beside.connecting import SocketConnector
from jitd.beside.processes import KDC
from jitd_inspection.doctor import clock, gate, kerberos, runs
from jitd_inspection.doctor.runs import Unit
from tests.booted.conftest import show, systemctl
from tests.pamlint.host import SSHD_SHAPE
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.usefixtures("service")


def type_in(command: str) -> subprocess.CompletedProcess[str]:
    """As root types it."""
    return subprocess.run(
        ["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def typed(command: str) -> None:
    done = type_in(command)
    assert done.returncode == 0, (command, done.stdout, done.stderr)


def is_active(unit: str) -> bool:
    return show(unit, "ActiveState")["ActiveState"] == "active"


# --- units ---------------------------------------------------------------------------------------------------------------

LAUNCHER, OUTSIDE = "jitd-launcher.service", "jitd-helper@outside.socket"
SETTINGS = Path(f"/run/systemd/system/{LAUNCHER}.d/fails.conf")
UNIT = Path("/usr/lib/systemd/system/jitd-launcher.socket")


@contextlib.contextmanager
def uninstalled() -> Iterator[None]:
    kept = UNIT.with_suffix(".kept")
    UNIT.rename(kept)
    systemctl("daemon-reload")
    assert show(UNIT.name, "LoadState")["LoadState"] == "not-found"
    kept.rename(UNIT)
    yield
    systemctl("restart", UNIT.name)


@contextlib.contextmanager
def stopped(*units: str) -> Iterator[None]:
    systemctl("stop", *units)
    yield
    systemctl("start", units[0])


@contextlib.contextmanager
def failed() -> Iterator[None]:
    SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    SETTINGS.write_text("[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n")
    systemctl("daemon-reload")
    type_in(f"systemctl restart {LAUNCHER}")
    wait_for(lambda: show(LAUNCHER, "ActiveState")["ActiveState"] == "failed", what="its failure")
    SETTINGS.unlink()
    systemctl("daemon-reload")
    yield
    systemctl("restart", "jitd.service")


def command_of(*findings: object) -> str:
    return str(getattr(findings[0], "command", ""))


UNITS: dict[str, tuple[str, Callable[[], AbstractContextManager[None]], Callable[[], bool]]] = {
    "a unit that was installed since": (
        command_of(*runs.units({UNIT.name: Unit("not-found", "inactive", "")})),
        uninstalled,
        lambda: show(UNIT.name, "LoadState")["LoadState"] == "loaded",
    ),
    "a launcher that has failed": (
        command_of(*runs.launcher(Unit("loaded", "failed", ""))), failed, lambda: is_active(LAUNCHER),
    ),
    "no writer of grants": (
        SocketConnector(KDC).mend, lambda: stopped(f"{KDC.unit}.socket"), lambda: is_active(f"{KDC.unit}.socket"),
    ),
    "a helper": (
        f"systemctl start {OUTSIDE}", lambda: stopped(OUTSIDE), lambda: is_active(OUTSIDE),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", UNITS)
def test_a_unit_that_is_not_there_is_started_by_its_command(what: str) -> None:
    command, broken, is_mended = UNITS[what]
    with broken():
        typed(command)
        assert is_mended()


# --- the host ------------------------------------------------------------------------------------------------------------


def test_the_key_of_the_writer_is_closed_by_the_command() -> None:
    keytab, account = Path(gate.KEYTAB), pwd.getpwnam("jitd-kdc").pw_uid
    had = keytab.read_bytes() if keytab.exists() else None
    keytab.write_bytes(had or b"\x05\x02")
    for owner, mode in ((0, 0o644), (0, 0o600), (4001, 0o600)):
        os.chown(keytab, owner, -1)
        keytab.chmod(mode)
        typed(gate.key(str(keytab), account, owner, mode).command)
        status = keytab.stat()
        assert gate.key(str(keytab), account, status.st_uid, status.st_mode & 0o777).level == "ok"
    if had is None:
        keytab.unlink()


def test_the_hosts_name_is_set_by_the_command() -> None:
    before = socket.gethostname()
    finding = next(found for found in kerberos.names("db7.example.test", before, ["R"], "R", "jitd.toml") if found.level == "bad")
    try:
        typed(finding.mend[finding.mend.index("hostnamectl") :])
        assert socket.gethostname() == "db7.example.test"
    finally:
        typed(f"hostnamectl set-hostname {before}")


def test_the_clock_is_kept_by_the_command_or_it_says_what_is_missing() -> None:
    finding = next(found for found in clock.clocks(replace(clock.read_clocks(), is_synchronised=False)) if found.level == "weak")
    done = type_in(finding.command)
    assert done.returncode == 0 or "NTP not supported" in done.stderr
    assert "NTP client" in finding.mend


def test_an_sshd_with_old_settings_is_reloaded_by_the_command() -> None:
    stack = Path("/etc/pam.d/sshd")
    kept = stack.read_text()
    stack.write_text(SSHD_SHAPE + kept)

    def doubts() -> list[str]:
        done = type_in("jitd pam-lint --json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row["mend"] for row in rows if row["name"] == "sshd-in-doubt" and "was changed after" in row["sentence"]]

    try:
        systemctl("start", "ssh.service")
        wait_for(lambda: not doubts(), what="an sshd that is new")
        settings = Path("/etc/ssh/sshd_config")
        settings.write_text(settings.read_text() + "\n")
        (mend,) = wait_for(doubts, what="the doubt")
        typed(mend)
        wait_for(lambda: not doubts(), what="the reload")
        assert is_active("ssh.service")
    finally:
        stack.write_text(kept)


LOOKED = (
    "jitd audit show", "jitd audit verify", "jitd check", "jitd doctor", "jitd kdc check", "jitd pam-lint /etc/pam.d/sudo",
    "journalctl -p err -b", "journalctl -t jitd", "journalctl -u jitd", "journalctl -u jitd-launcher.service",
    "journalctl -u jitd-helper@kdc", "journalctl -u 'jitd-helper@*'", "systemctl status 'jitd-helper@*'",
    "kadmin.local -q 'getprinc jitd/lab.example.test'", "getent passwd alice", "getent group ops", "sshd -T", "visudo -c",
    "jitd policy test", "dmesg", "timedatectl",
)  # fmt: skip


@pytest.mark.parametrize("command", LOOKED)
def test_what_only_looks_can_be_typed(command: str) -> None:
    done = type_in(f"SYSTEMD_PAGER=cat {command}")
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    assert not re.search("usage:|not found|no such|unknown", done.stderr, re.IGNORECASE), done.stderr
