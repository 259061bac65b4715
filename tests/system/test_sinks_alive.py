# SPDX-License-Identifier: Apache-2.0
"""The record on its way out: a daemon, jitd-outside, a file, and a collector with TLS that is killed and comes back; and a
program that answers what it sees there by the verbs of jitd, with a keytab and rules of its own.

Law: each record of the chain arrives, in its order, and proves the chain; and no request waits for a sink.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import forms
from jitd.core.chain import GENESIS
from jitd.core.chain import seal as sealed_after
from jitpam.wire.messages import Status
from tests.marks import timed
from tests.outside.server import Asked, Authority, Server, reply, serving
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

REALM = "EXAMPLE.TEST"
PORT = 20543
LOGS = Path("/var/log/jitd-outside")
SOAR = f"soar/hook@{REALM}"
"""The service principal of the program that answers alerts. Its account is eve's, who is nobody else's approver."""
POLICY = """
[[permit]]
name = "asked"
who = ["group:dba"]
commands = [["/usr/bin/true", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "routine"
who = ["group:dba", "user:eve"]
commands = [["/usr/bin/uptime"]]
approvals = [{ need = 1, from = ["user:eve"] }]

[[deny]]
name = "no-shells"
commands = [["/bin/sh", "**"], ["/usr/bin/sh", "**"]]
because = "nobody needs a shell here"
"""
WORDS = map(str, itertools.count(1))


class Collector:
    """A server that takes batches at one port. It can be killed, and come back at the same port."""

    def __init__(self, place: Path) -> None:
        self._place = place
        authority = Authority()
        self._pem = authority.issue("localhost")
        (place / "ca.pem").write_text(authority.pem)
        self.lines: list[dict[str, Any]] = []
        self._running: Any = None
        self.start()

    def start(self) -> None:
        self._running = serving(self._pem, self._place, port=PORT)
        server: Server = self._running.__enter__()
        server.deed = self._take

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def _take(self, line: socket.socket, asked: Asked) -> None:
        self.lines += [json.loads(one) for one in asked.body.splitlines()]
        line.sendall(reply(b"{}"))


class Soar:
    """The program: it has a keytab and a cache of its own, and the rights of eve's account."""

    def __init__(self, house: House, place: Path) -> None:
        self._house, self._place = house, place
        self._keytab, self._cache = place / "soar.keytab", place / "cache"
        for query in (f"addprinc -randkey {SOAR}", f"ktadd -k {self._keytab} {SOAR}"):
            subprocess.run(["kadmin.local", "-q", query], check=True, capture_output=True)
        eve = pwd.getpwnam("eve")
        os.chown(self._keytab, eve.pw_uid, eve.pw_gid)
        shutil.chown(place, eve.pw_uid, eve.pw_gid)
        self._as_eve = ["setpriv", f"--reuid={eve.pw_uid}", f"--regid={eve.pw_gid}", "--init-groups", "--"]

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = ["env", f"JITD_SOCKET={self._house.socket}", f"KRB5CCNAME=FILE:{self._cache}", *self._as_eve]
        subprocess.run([*line, "kinit", "-k", "-t", str(self._keytab), SOAR], check=True, capture_output=True)
        return subprocess.run([*line, *words], capture_output=True, text=True, check=False, cwd="/", timeout=PATIENCE)


class Stage:
    def __init__(self, house: House, collector: Collector, soar: Soar, file: Path) -> None:
        self.house, self.collector, self.soar, self.file = house, collector, soar, file

    def submit(self, who: str = "alice") -> str:
        done = self.house.run(who, "jitsudo", "--no-wait", "/usr/bin/true", next(WORDS))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def denied(self, who: str = "alice") -> None:
        assert self.house.run(who, "jitsudo", "--no-wait", "/bin/sh", "-c", next(WORDS)).returncode != 0

    def head(self) -> int:
        return int(self.house.records()[-1]["number"])

    def in_file(self) -> list[forms.RecordLine]:
        """All but a line that is being written."""
        *whole, _ = self.file.read_text("ascii").split("\n") if self.file.exists() else [""]
        return [forms.read(line) for line in whole]

    def has_all(self) -> bool:
        numbers = [one.number for one in self.in_file() if isinstance(one, forms.Record)]
        return bool(numbers) and max(numbers) >= self.head()


def proved(lines: list[forms.RecordLine]) -> int:
    """The number of records that ``lines`` prove: each follows the one before, and a record that came twice came as it was."""
    known: dict[int, forms.Record] = {}
    at = GENESIS
    for line in lines:
        if not isinstance(line, forms.Record):
            continue
        if line.number in known:
            assert line == known[line.number]
            continue
        assert line.number == at.number + 1, f"record {at.number + 1} is missing"
        at = sealed_after(at, line.sealed)
        assert line.seal == at.digest
        known[line.number] = line
    return at.number


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))
    place.chmod(0o755)
    own = place / "soar"
    own.mkdir()
    LOGS.mkdir(exist_ok=True)
    shutil.chown(LOGS, "jitd-outside", "jitd-outside")
    name = f"test-{os.getpid()}.jsonl"
    collector = Collector(place)
    sinks = f"""
[principals]
"{SOAR}" = "eve"

[sinks.file]
kind = "file"
file = "{name}"
from = "start"

[sinks.soar]
kind = "https"
url = "https://localhost:{PORT}/alerts"
ca = "{place}/ca.pem"
addresses = ["127.0.0.0/8"]
shows = "command"
classes = ["lock", {{ denials = 5, within = "10m" }}]
"""
    house = House(POLICY, sinks)
    house.config_file.write_text(house.config_file.read_text().replace('["group:security"]', '["group:security", "user:eve"]'))
    try:
        house.start()
        for who in ("alice", "bob", "carol"):
            assert house.run(who, "true").returncode == 0  # which gets the ticket
        yield Stage(house, collector, Soar(house, own), LOGS / name)
        house.verify()
    finally:
        house.close()
        collector.stop()
        shutil.rmtree(place)
        for file in LOGS.glob(f"{name}*"):
            file.unlink()
        subprocess.run(["kadmin.local", "-q", f"delprinc -force {SOAR}"], check=False, capture_output=True)


def test_every_record_arrives_in_its_order_and_proves_the_chain(stage: Stage) -> None:
    id = stage.submit()
    stage.house.approved(id)
    wait_for(stage.has_all, what="the record in the file")
    lines = stage.in_file()
    assert proved(lines) >= stage.head()
    rows = {row["number"]: row for row in stage.house.records()}
    for line in lines:
        if isinstance(line, forms.Record):
            assert hashlib.sha256(line.sealed).digest()
            assert line.told["event"] == rows[line.number]["event"]


def test_a_daemon_that_is_killed_leaves_nothing_out(stage: Stage) -> None:
    """THREATS L-15."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            stage.house.run("bob", "jitsudo", "--no-wait", "/usr/bin/true", next(WORDS))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(3):
            before = stage.head()
            wait_for(lambda before=before: stage.head() > before + 3, what="records")  # type: ignore[misc]
            stage.house.restart()
    finally:
        is_over.set()
        asking.join()
    wait_for(stage.has_all, what="the record in the file")
    assert proved(stage.in_file()) >= stage.head()


def test_a_collector_that_is_killed_delays_nobody_and_gets_what_it_lacks(stage: Stage) -> None:
    """THREATS L-16."""
    stage.collector.stop()
    try:
        locked = stage.house.jitd("lock", "--user=carol", "--reason=test")
        assert locked.returncode == 0, locked.stderr
        began = time.monotonic()
        stage.submit()
        assert time.monotonic() - began < PATIENCE
        said = wait_for(lambda: _in_trouble(stage), what="a line of the status")
        assert re.match(r"soar: lacks [1-9]\d* records?, in trouble for ", said[0])
    finally:
        stage.collector.start()
    wait_for(lambda: any(line["event"] == "lock.placed" for line in stage.collector.lines), what="the lock at the collector")
    wait_for(lambda: not _in_trouble(stage), what="no trouble")


def _is_burst(line: dict[str, Any], who: str) -> bool:
    return bool(line["event"] == "request.screened" and line["about"]["requester"] == f"{who}@{REALM}")


def _in_trouble(stage: Stage) -> list[str]:
    """What the status says of sinks that are not well."""
    return [str(row["says"]) for row in stage.house.asked(Status()) if row["about"] == "sink" and not row["is_well"]]


def locked_after(stage: Stage) -> float:
    """Have a service lock alice when the collector gets the alert of her five denials. Returns the seconds from the last of these
    to the service's answer.
    """
    stage.collector.lines.clear()
    done: list[subprocess.CompletedProcess[str]] = []
    at: list[float] = []

    def soar() -> None:
        alert = wait_for(lambda: next((one for one in stage.collector.lines if _is_burst(one, "alice")), None), what="the alert")
        who = alert["about"]["requester"].partition("@")[0]
        reason = f"--reason={alert['number']}: {alert['classes']}"
        done.append(stage.soar.do("jitd", "lock", f"--user={who}", "--for=10m", reason))
        at.append(time.monotonic())

    answering = threading.Thread(target=soar)
    answering.start()
    for _ in range(5):
        stage.denied("alice")
    fifth = time.monotonic()
    answering.join(2 * PATIENCE)
    assert [one.returncode for one in done] == [0], done
    return at[0] - fifth


@timed("docs/sinks.md: a service locks a person within two seconds of a burst of denials")
def test_a_service_locks_a_person_within_two_seconds(stage: Stage) -> None:
    try:
        assert locked_after(stage) < 2.0
    finally:
        stage.soar.do("jitd", "unlock", "--user=alice", "--reason=over")


def test_a_burst_of_denials_locks_the_person_by_a_service(stage: Stage) -> None:
    locked_after(stage)
    refused = stage.house.run("alice", "jitsudo", "--no-wait", "/usr/bin/uptime")
    assert refused.returncode != 0
    assert "locked" in refused.stderr
    placed = wait_for(
        lambda: [one for one in stage.collector.lines if one["event"] == "lock.placed" and one["detail"]["name"] == "alice"],
        what="the lock",
    )
    assert placed[-1]["actor"] == SOAR
    assert placed[-1]["classes"] == ["lock"]
    assert stage.soar.do("jitd", "unlock", "--user=alice", "--reason=over").returncode == 0


def test_a_service_approves_by_its_own_rule_and_not_what_it_asked_for_itself(stage: Stage) -> None:
    """THREATS L-16."""
    done = stage.house.run("alice", "jitsudo", "--no-wait", "/usr/bin/uptime")
    assert done.returncode == 0, done.stderr
    approved = stage.soar.do("jitd", "approve", done.stdout.strip(), "--yes")
    assert approved.returncode == 0, approved.stderr
    own = stage.soar.do("jitsudo", "--no-wait", "/usr/bin/uptime")
    assert own.returncode == 0, own.stderr
    id = own.stdout.strip()
    refused = stage.soar.do("jitd", "approve", id, "--yes")
    assert refused.returncode != 0
    assert stage.house.show(id)["state"] == "pending"
    other = stage.submit()
    refused = stage.soar.do("jitd", "approve", other, "--yes")
    assert refused.returncode != 0
    assert stage.house.show(other)["state"] == "pending"
