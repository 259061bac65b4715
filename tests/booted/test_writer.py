# SPDX-License-Identifier: Apache-2.0
"""jitd-kdc as a service of systemd: whom its socket lets in, what its sandbox leaves it; and a KDC that asks itself."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.beside.processes import KDC
from jitd_gates.messages import Answer, Done, Failed, Give, Grants, Look, Take
from jitd_gates.writer import PATIENCE, Writer
from tests.booted.conftest import Service, journal, show, systemctl
from tests.waiting import status_of, wait_for

SOCKET = KDC.socket
SERVICE = "imap/lab.example.test@EXAMPLE.TEST"
UNIT = "jitd-helper@kdc.service"
KDC, DROP_IN = "krb5-kdc.service", Path("/etc/systemd/system/krb5-kdc.service.d/gate.conf")


@pytest.fixture(scope="module", autouse=True)
def gated() -> Iterator[None]:
    subprocess.run(["kadmin.local", "addprinc", "-randkey", SERVICE], check=True, capture_output=True)
    subprocess.run(["jitd", "kdc", "gate", SERVICE, "--yes"], check=True, capture_output=True)
    yield
    subprocess.run(["kadmin.local", "delprinc", "-force", SERVICE], check=True, capture_output=True)


def ask(request: Give | Take | Look, patience: float = PATIENCE) -> Answer:
    async def once() -> Answer:
        writer = Writer(patience=patience)
        try:
            match request:
                case Give():
                    return await writer.give(request)
                case Take():
                    return await writer.take(request)
                case Look():
                    return await writer.look(request)
        finally:
            writer.close()

    return asyncio.run(once())


def test_a_restart_of_the_daemon_restarts_it_and_both_are_of_one_version(service: Service) -> None:
    assert isinstance(ask(Look(SERVICE)), Grants)
    before = show(UNIT, "MainPID")["MainPID"]
    assert before != "0"
    systemctl("restart", "jitd.service")
    assert isinstance(ask(Look(SERVICE)), Grants)
    assert show(UNIT, "MainPID")["MainPID"] not in ("0", before)


def test_the_socket_is_roots_alone_and_starts_the_service(service: Service) -> None:
    systemctl("stop", UNIT)
    assert stat.S_IMODE(SOCKET.stat().st_mode) == 0o600 and SOCKET.stat().st_uid == 0
    assert stat.S_IMODE(SOCKET.parent.stat().st_mode) == 0o700 and SOCKET.parent.stat().st_uid == 0
    done = service.run("alice", "python3", "-c", f"import socket; s = socket.socket(1, 5); s.connect('{SOCKET}')")
    assert done.returncode == 1 and "PermissionError" in done.stderr
    assert show(UNIT, "ActiveState")["ActiveState"] == "inactive"
    assert isinstance(ask(Look(SERVICE)), Grants)
    assert show(UNIT, "ActiveState")["ActiveState"] == "active"


def test_it_is_its_own_account_and_has_no_capability() -> None:
    assert isinstance(ask(Look(SERVICE)), Grants)
    pid = int(show(UNIT, "MainPID")["MainPID"])
    status, account = status_of(pid), pwd.getpwnam("jitd-kdc")
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert stat.S_IMODE(os.stat("/etc/jitd/jitd-kdc.keytab").st_mode) == 0o600


def test_it_writes_in_its_sandbox_and_is_believed() -> None:
    give = Give("K7QM2XVD", SERVICE, int(time.time()) + 60, "alice@EXAMPLE.TEST")
    assert ask(give) == Done()
    said = ask(Look(SERVICE))
    assert isinstance(said, Grants) and [grant.id for grant in said.grants] == [give.id]
    assert ask(Take(give.id, SERVICE)) == Done()


def test_killed_it_is_started_again() -> None:
    assert isinstance(ask(Look(SERVICE)), Grants)
    before = int(show(UNIT, "MainPID")["MainPID"])
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: isinstance(ask(Look(SERVICE)), Grants), what="it")
    assert int(show(UNIT, "MainPID")["MainPID"]) not in (0, before)


def test_without_its_keytab_it_fails_and_with_it_works_again() -> None:
    keytab = Path("/etc/jitd/jitd-kdc.keytab")
    systemctl("stop", UNIT)
    keytab.rename("/etc/jitd/away")
    try:
        assert isinstance(ask(Look(SERVICE), patience=5.0), Failed), "systemd starts it twice meanwhile"
    finally:
        Path("/etc/jitd/away").rename(keytab)
    wait_for(lambda: isinstance(ask(Look(SERVICE)), Grants), what="it")
    assert show("jitd-helper@kdc.socket", "ActiveState")["ActiveState"] == "active"


def test_the_daemons_own_capabilities_are_enough_to_reach_it() -> None:
    """jitd.service is root without CAP_DAC_OVERRIDE."""
    line = f"import socket; s = socket.socket(1, 5); s.connect('{SOCKET}'); print('through')"
    words = ["systemd-run", "--quiet", "--pipe", "--wait", "--property=CapabilityBoundingSet=CAP_DAC_READ_SEARCH"]
    done = subprocess.run([*words, "/usr/bin/python3", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout == "through\n", done.stderr


def test_a_kdc_that_asks_itself_at_its_start_stays_up_only_with_its_gate_on() -> None:
    """docs/kdc.md."""
    conf = Path("/etc/krb5kdc/kdc.conf")
    before = conf.read_text()
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text("[Service]\nExecStartPost=/usr/sbin/jitd kdc check --at 127.0.0.1\nRestart=no\n")
    try:
        systemctl("daemon-reload")
        systemctl("restart", KDC)
        assert show(KDC, "ActiveState")["ActiveState"] == "active"
        conf.write_text(before.replace("jitd_kdc.so", "gone.so"))
        done = subprocess.run(["systemctl", "restart", KDC], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert show(KDC, "ActiveState")["ActiveState"] == "failed"
        assert "ISSUED: the gate is OFF" in journal(f"--unit={KDC}")
    finally:
        conf.write_text(before)
        DROP_IN.unlink()
        systemctl("daemon-reload")
        systemctl("restart", KDC)
    assert show(KDC, "ActiveState")["ActiveState"] == "active"
