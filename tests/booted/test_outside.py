# SPDX-License-Identifier: Apache-2.0
"""jitd-outside as a service of systemd: whom its socket lets in, what its sandbox leaves it, and how it gets its keys."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.beside.connecting import SocketConnector
from jitd.beside.processes import OUTSIDE
from jitd_outsiders.outside import leases, line_files
from jitd_outsiders.outside.client import Failed, Outside
from jitd_outsiders.outside.deliveries import Deliver, Delivered, Destination, Event, Lines, Syslog
from jitd_outsiders.outside.keys import DIRECTORY
from jitd_outsiders.outside.messages import Fetch, Fetched
from jitd_outsiders.outside.questions import QUESTIONS
from tests.booted.conftest import Service, journal, show, systemctl
from tests.outside.server import LOOPBACK, Authority, Server, serving
from tests.outside.test_delivering import POISON
from tests.outside.vault import OURS, vault
from tests.waiting import is_living, status_of, wait_for

KEYS = Path(DIRECTORY)
SECRET = b"0123456789abcdef0123456789abcdef"
NAME, SOCKET = OUTSIDE.process, OUTSIDE.socket
UNIT = f"{OUTSIDE.unit}.service"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[Server]:
    with serving(authority.issue("localhost"), tmp_path) as found:
        yield found


def fetch(question: Fetch) -> Fetched | Failed:
    async def once() -> Fetched | Failed:
        outside = Outside(SocketConnector(OUTSIDE))
        try:
            return await outside.fetch(question)
        finally:
            outside.close()

    return asyncio.run(once())


def lease(question: leases.Question) -> object:
    async def once() -> object:
        outside = Outside(SocketConnector(OUTSIDE))
        try:
            return await outside.lease(question)
        finally:
            outside.close()

    return asyncio.run(once())


def question(server: Server, authority: Authority, secret: str = "") -> Fetch:
    key_id = "lab" if secret else ""
    return Fetch("POST", server.url(), b"{}", 20_000, addresses=LOOPBACK, ca=authority.pem, secret=secret, key_id=key_id)


def main_pid() -> int:
    return int(show(UNIT, "MainPID")["MainPID"])


def test_the_socket_is_roots_alone_and_starts_the_service(service: Service, server: Server, authority: Authority) -> None:
    systemctl("stop", UNIT)
    assert stat.S_IMODE(SOCKET.stat().st_mode) == 0o600 and SOCKET.stat().st_uid == 0
    assert stat.S_IMODE(SOCKET.parent.stat().st_mode) == 0o700 and SOCKET.parent.stat().st_uid == 0
    done = service.run("alice", "python3", "-c", f"import socket; s = socket.socket(1, 5); s.connect('{SOCKET}')")
    assert done.returncode == 1 and "PermissionError" in done.stderr
    assert show(UNIT, "ActiveState")["ActiveState"] == "inactive"
    assert isinstance(fetch(question(server, authority)), Fetched)
    assert show(UNIT, "ActiveState")["ActiveState"] == "active"


def test_it_is_its_account_and_has_no_right_beside(server: Server, authority: Authority) -> None:
    fetch(question(server, authority))
    pid = main_pid()
    status, account = status_of(pid), pwd.getpwnam(NAME)
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert Path(f"/proc/{pid}/environ").stat().st_uid == 0, "it cannot be traced"
    root = Path(f"/proc/{pid}/root")
    for place in ("/run/jitd", "/etc/jitd", "/var/lib/jitd"):
        assert stat.S_IMODE((root / place[1:]).stat().st_mode) == 0, place
    mounts = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    (at_root,) = (line.split() for line in mounts if line.split()[4] == "/")
    assert "ro" in at_root[5].split(",")


def test_systemd_gives_it_the_keys_of_one_directory(server: Server, authority: Authority) -> None:
    assert stat.S_IMODE(KEYS.stat().st_mode) == 0o700 and KEYS.stat().st_uid == 0
    without = fetch(question(server, authority, "shared.key"))
    assert isinstance(without, Failed) and "systemctl restart jitd-helper@outside" in without.why
    assert server.asked == []
    (KEYS / "shared.key").write_bytes(SECRET)
    (KEYS / "shared.key").chmod(0o600)
    try:
        systemctl("restart", UNIT)
        assert isinstance(fetch(question(server, authority, "shared.key")), Fetched)
        assert "hmac-sha256" in server.asked[0].headers["signature-input"]
    finally:
        (KEYS / "shared.key").unlink()
        systemctl("restart", UNIT)


def test_killed_it_is_there_again(server: Server, authority: Authority) -> None:
    fetch(question(server, authority))
    killed = main_pid()
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not is_living(killed), what="its end")
    assert isinstance(fetch(question(server, authority)), Fetched)
    assert main_pid() not in (0, killed)


def test_what_a_lease_gives_comes_out_of_the_sandbox_in_sealed_memory(tmp_path: Path) -> None:
    (KEYS / "vault.token").write_text(f"{OURS}\n")
    (KEYS / "vault.token").chmod(0o600)
    try:
        systemctl("restart", UNIT)
        with vault(tmp_path) as at:
            server = leases.Server(at.url, "vault.token", addresses=LOOPBACK, ca=at.authority.pem)
            begun = lease(leases.Begin(server, "K7QM-2XVD", "alice", 600, 20_000))
            assert isinstance(begun, leases.Begun), begun
            given = lease(leases.Lease(server, begun.accessor, "database/creds/reporting", (), 20_000))
            assert isinstance(given, leases.Leased) and given.secret is not None, given
            with open(given.secret, "rb") as stream:
                assert json.loads(stream.read()) == at.leases[given.lease].data
            assert lease(leases.End(server, begun.accessor, given.lease, 20_000)) == leases.Over()
            assert at.live() == []
    finally:
        (KEYS / "vault.token").unlink()
        systemctl("restart", UNIT)


def deliver(to: Destination, *batch: Event) -> Delivered | Failed:
    async def once() -> Delivered | Failed:
        outside = Outside(SocketConnector(OUTSIDE))
        question = Deliver(to, "booted", "lab.example.test", batch, 20_000)
        try:
            return await outside.deliver(QUESTIONS.write(question), len(batch), 20_000)
        finally:
            outside.close()

    return asyncio.run(once())


def from_journal(identifier: str, since: int) -> list[dict[str, str]]:
    said = journal("--all", "--output=json", f"--identifier={identifier}", f"--since=@{since}")
    return [json.loads(each) for each in said.splitlines()]


def test_journald_takes_each_event_as_one_message_with_its_priority_whatever_names_are_in_it(service: Service) -> None:
    """THREATS L-01."""
    to = Syslog("unix", path="/dev/log", longest=65_536)
    begun = int(time.time())
    unique = os.urandom(8).hex()
    batch = [
        Event(number, "2026-11-26T20:58:14Z", "request.denied", 4, json.dumps({"unique": unique, "more": more}))
        for number, more in enumerate((*POISON, "x" * 40_000), 1)
    ]
    assert deliver(to, *batch) == Delivered(0, is_new=True)
    assert deliver(to, *batch) == Delivered(len(batch))
    found = wait_for(
        lambda: (
            mine
            if len(mine := [one for one in from_journal("jitd-record", begun) if unique in one["MESSAGE"]]) == len(batch)
            else None
        )
    )
    assert [one["MESSAGE"] for one in found] == [event.text for event in batch]
    assert {(one["PRIORITY"], one["SYSLOG_FACILITY"], one["SYSLOG_IDENTIFIER"]) for one in found} == {("4", "10", "jitd-record")}
    assert {one["_SYSTEMD_UNIT"] for one in found} == {UNIT} and {one["_UID"] for one in found} == {
        str(pwd.getpwnam(NAME).pw_uid)
    }
    systemctl("restart", "systemd-journald.service")  # systemd keeps the socket meanwhile
    assert deliver(to, batch[0]) == Delivered(1)


def test_it_writes_the_files_of_sinks_in_its_own_directory_and_nowhere_else(service: Service) -> None:
    event = Event(1, "2026-11-26T20:58:14Z", "daemon.started", 6, '{"number":1}')
    file = line_files.DIRECTORY / "booted.jsonl"
    file.unlink(missing_ok=True)
    assert deliver(Lines("booted.jsonl"), event) == Delivered(1)
    assert file.read_text() == '{"number":1}\n'
    account = pwd.getpwnam(NAME)
    for path, mode in ((file, 0o640), (file.parent, 0o750)):
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (account.pw_uid, account.pw_gid, mode)
    for place in ("/var/log", "/var/lib", "/etc", "/run", "/srv"):
        done = subprocess.run(
            ["nsenter", f"--target={main_pid()}", "--mount", "setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--clear-groups",
             "touch", f"{place}/written"], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1 and not Path(f"{place}/written").exists()
    file.unlink()
