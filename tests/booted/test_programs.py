# SPDX-License-Identifier: Apache-2.0
"""jitd-programs as a service of systemd: whom its sockets let in, what its sandbox leaves a program, and that nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.beside.connecting import SocketConnector
from jitd.beside.processes import PROGRAMS, PROGRAMS_NET
from jitd_outsiders.programs.client import Programs
from jitd_outsiders.programs.messages import Answer, Failed, Printed, Run
from tests.booted.conftest import Service, show, systemctl
from tests.waiting import is_living, status_of, wait_for

PLACE = Path("/usr/local/lib/jitd-test")
APART, NETWORKED = PROGRAMS.process, PROGRAMS_NET.process
HELPERS = {APART: PROGRAMS, NETWORKED: PROGRAMS_NET}
BOTH = pytest.mark.parametrize("name", [APART, NETWORKED])


@pytest.fixture(scope="module", autouse=True)
def place() -> Iterator[None]:
    PLACE.mkdir(mode=0o755)
    yield
    shutil.rmtree(PLACE)


def script(text: str) -> str:
    file = PLACE / "script"
    file.write_text(f"#!/usr/bin/python3 -IS\nimport json, os, sys, time\n{text}\n")
    file.chmod(0o755)
    return str(file)


def run(name: str, *program: str, deadline_ms: int = 30_000) -> Answer:
    async def once() -> Answer:
        programs = Programs(SocketConnector(HELPERS[name]))
        try:
            return await programs.run(Run("risk", program, b"given", deadline_ms))
        finally:
            programs.close()

    return asyncio.run(once())


def leads(pid: int, program: str) -> bool:
    """Whether the process is one of ``program``, and has a session of its own."""
    try:
        return program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") and os.getsid(pid) == pid
    except OSError:  # it has ended
        return False


def output(answer: Answer) -> bytes:
    assert isinstance(answer, Printed), answer
    return answer.output


@BOTH
def test_the_socket_is_roots_alone_and_starts_the_service(service: Service, name: str) -> None:
    socket = HELPERS[name].socket
    systemctl("stop", f"{HELPERS[name].unit}.service")
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600 and socket.stat().st_uid == 0
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700 and socket.parent.stat().st_uid == 0
    done = service.run("alice", "python3", "-c", f"import socket; s = socket.socket(1, 5); s.connect('{socket}')")
    assert done.returncode == 1 and "PermissionError" in done.stderr
    assert show(f"{HELPERS[name].unit}.service", "ActiveState")["ActiveState"] == "inactive"
    assert output(run(name, "/bin/cat")) == b"given"
    assert show(f"{HELPERS[name].unit}.service", "ActiveState")["ActiveState"] == "active"


@BOTH
def test_it_and_its_programs_are_its_account_and_have_no_right_beside(name: str) -> None:
    told = output(run(name, script("print(open('/proc/self/status').read())"))).decode()
    its = {key: value.strip() for key, _, value in (line.partition(":") for line in told.splitlines())}
    pid = int(show(f"{HELPERS[name].unit}.service", "MainPID")["MainPID"])
    account = pwd.getpwnam(name)
    for status in (its, status_of(pid)):
        assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
        assert {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "it is not dumpable"


def test_only_with_network_a_program_has_one() -> None:
    program = script(
        "import socket\n"
        "try:\n"
        "    socket.create_connection(('127.0.0.1', 88), 5)\n"
        "    print('through')\n"
        "except OSError as fault:\n"
        "    print(type(fault).__name__)"
    )
    assert output(run(NETWORKED, program)) == b"through\n", "the KDC listens there"
    assert output(run(APART, program)) != b"through\n"


@BOTH
def test_a_program_writes_nothing_and_sees_nothing_of_jitd(name: str) -> None:
    program = script(
        "found = {}\n"
        "for path in ('/x', '/var/lib/x', '/etc/x', '/run/x', '/dev/shm/../x', '/home/x'):\n"
        "    try:\n"
        "        open(path, 'w')\n"
        "        found[path] = 'written'\n"
        "    except OSError:\n"
        "        found[path] = 'no'\n"
        "for path in ('/run/jitd', '/etc/jitd', '/var/lib/jitd', '/home'):\n"
        "    try:\n"
        "        found[path] = os.listdir(path) and 'seen'\n"
        "    except OSError:\n"
        "        found[path] = 'no'\n"
        "open('/tmp/x', 'w')\n"
        "print(json.dumps(found))"
    )
    found = json.loads(output(run(name, program)))
    assert set(map(str, found.values())) <= {"no", "[]"}, found
    assert not Path("/tmp/x").exists(), "its /tmp is its own"


@BOTH
def test_killed_it_is_started_again_and_nothing_of_a_program_is_left(name: str) -> None:
    assert output(run(name, "/bin/cat")) == b"given"
    before = int(show(f"{HELPERS[name].unit}.service", "MainPID")["MainPID"])
    os.kill(before, signal.SIGKILL)
    assert output(run(name, "/bin/cat")) == b"given"
    assert int(show(f"{HELPERS[name].unit}.service", "MainPID")["MainPID"]) not in (0, before)


def test_a_program_that_left_its_session_is_killed_and_told() -> None:
    program = script("if os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\ntime.sleep(600)")
    members = Path("/sys/fs/cgroup/system.slice/jitd-helper@programs.service/cgroup.procs")
    assert output(run(APART, "/bin/cat")) == b"given", "the service has been started"

    def has_left() -> bool:
        """Whether the program and its child have a session each: one has begun with its own, and the other has left that."""
        leading = [pid for pid in map(int, members.read_text().split()) if leads(pid, program)]
        return len(leading) == 2

    async def watched(deadline_ms: int) -> tuple[Answer, bool]:
        """The answer, and whether the child was seen to leave before it came."""
        programs = Programs(SocketConnector(PROGRAMS))
        try:
            asked = asyncio.create_task(programs.run(Run("risk", (program,), b"given", deadline_ms)))
            was_seen = False
            while not asked.done():
                was_seen = was_seen or has_left()
                await asyncio.sleep(0.01)
            return await asked, was_seen
        finally:
            programs.close()

    alone = [show("jitd-helper@programs.service", "MainPID")["MainPID"]]
    for deadline_ms in (1000, 8000, 30_000):  # on a host that is too busy for the first, it has not left by then
        answer, was_seen = asyncio.run(watched(deadline_ms))
        assert isinstance(answer, Failed) and f"has not ended within {deadline_ms / 1000:g} s, and was killed" in answer.why
        wait_for(lambda: members.read_text().split() == alone, what="the end of all that is of the program")
        if was_seen:
            break
    assert was_seen


def test_without_its_own_network_jitd_programs_does_not_start() -> None:
    drop_in = Path("/run/systemd/system/jitd-helper@programs.service.d/net.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nPrivateNetwork=no\n")
    for words in ("link add probe0 type veth peer name probe1", "address add 192.0.2.1/24 dev probe0", "link set probe0 up"):
        subprocess.run(["ip", *words.split()], check=True)
    try:
        systemctl("daemon-reload")
        systemctl("stop", "jitd-helper@programs.service")
        answer = run(APART, "/bin/cat", deadline_ms=3000)
        assert isinstance(answer, Failed), answer
    finally:
        subprocess.run(["ip", "link", "delete", "probe0"], check=True)
        drop_in.unlink()
        systemctl("daemon-reload")
        systemctl("restart", "jitd-helper@programs.service")
    wait_for(lambda: isinstance(run(APART, "/bin/cat"), Printed), what="it")


def test_its_programs_end_with_the_service() -> None:
    pids = PLACE / "pids"
    pids.write_text("")
    os.chown(pids, pwd.getpwnam(APART).pw_uid, -1)
    assert is_living(os.getpid())
    drop_in = Path("/run/systemd/system/jitd-helper@programs.service.d/place.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nReadWritePaths={PLACE}\n")
    try:
        systemctl("daemon-reload")
        systemctl("restart", "jitd-helper@programs.service")

        async def whole() -> list[int]:
            programs = Programs(SocketConnector(PROGRAMS))
            program = script(f"if os.fork() == 0: os.setsid()\nopen('{pids}', 'a').write(f'{{os.getpid()}} ')\ntime.sleep(600)")
            asked = asyncio.create_task(programs.run(Run("risk", (program,), b"", 60_000)))
            while len(pids.read_text().split()) < 2:
                assert not asked.done(), asked.result()
                await asyncio.sleep(0.01)
            found = [int(pid) for pid in pids.read_text().split()]
            assert all(map(is_living, found))
            await asyncio.to_thread(systemctl, "stop", "jitd-helper@programs.service")
            assert not any(map(is_living, found))
            asked.cancel()
            await asyncio.wait([asked])
            programs.close()
            return found

        assert len(asyncio.run(whole())) == 2
    finally:
        drop_in.unlink()
        systemctl("daemon-reload")
        systemctl("restart", "jitd-helper@programs.service")
