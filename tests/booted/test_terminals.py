# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals as a service of systemd: it writes to the terminals of real logins, and its sandbox leaves it nothing else."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from jitd.beside.connecting import SocketConnector
from jitd.beside.processes import TERMINALS
from jitd.facts.sessions import terminals
from jitd_outsiders.terminals.client import Failed, Terminals
from jitd_outsiders.terminals.messages import Tell, Told
from tests.booted.conftest import Service, show, systemctl
from tests.on_terminal import OnTerminal
from tests.waiting import PATIENCE, status_of, wait_for

NAME = TERMINALS.process
TREE = Path(__file__).parents[2]
CONFIG = Path("/etc/jitd/jitd.toml")
HOST = "lab.example.test"
POLICY = """
[[permit]]
name = "own-terminal"
who = ["group:dba"]
run_as = ["alice"]
commands = [["**"]]
"""


@pytest.fixture(autouse=True)
def nobody_is_logged_in() -> None:
    """An ssh ends before the sshd has closed the session of the login."""
    for who in ("alice", "bob"):
        wait_for(lambda who=who: not terminals(who, pwd.getpwnam(who).pw_uid), what=f"the end of a login of {who}")  # type: ignore[misc]


def tell(*lines: str, to: str = "alice") -> Told | Failed:
    async def once() -> Told | Failed:
        terminals = Terminals(SocketConnector(TERMINALS))
        try:
            return await terminals.tell(Tell((to,), lines))
        finally:
            terminals.close()

    return asyncio.run(once())


@contextmanager
def logged_in(service: Service, who: str) -> Iterator[pexpect.spawn]:
    """The terminal of ``who``, logged in by ssh."""
    options = ["-o", "StrictHostKeyChecking=accept-new", "-o", "PreferredAuthentications=gssapi-with-mic"]
    first, *rest = map(str, service.line(who, "ssh", "-t", *options, HOST))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(30, 100))
    screen.expect(r"\$ ")
    screen.sendline("chmod g+w $(tty); echo rea${EMPTY}dy")
    screen.expect("ready")
    yield screen
    screen.sendline("exit")
    screen.expect(pexpect.EOF)
    screen.close()


@pytest.fixture
def login(service: Service) -> Iterator[pexpect.spawn]:
    with logged_in(service, "alice") as screen:
        yield screen


def test_the_socket_is_roots_alone_and_starts_the_service(service: Service) -> None:
    systemctl("stop", f"{TERMINALS.unit}.service")
    assert stat.S_IMODE(TERMINALS.socket.stat().st_mode) == 0o600 and TERMINALS.socket.stat().st_uid == 0
    assert stat.S_IMODE(TERMINALS.socket.parent.stat().st_mode) == 0o700
    done = service.run("alice", "python3", "-c", f"import socket; s = socket.socket(1, 5); s.connect('{TERMINALS.socket}')")
    assert done.returncode == 1 and "PermissionError" in done.stderr
    assert show(f"{TERMINALS.unit}.service", "ActiveState")["ActiveState"] == "inactive"
    assert tell("hello") == Told(0, 0), "alice is not logged in"
    assert show(f"{TERMINALS.unit}.service", "ActiveState")["ActiveState"] == "active"


def test_it_is_its_account_with_the_group_tty_and_no_right_beside(service: Service) -> None:
    """THREATS N-03."""
    assert tell("hello") == Told(0, 0)
    pid = int(show(f"{TERMINALS.unit}.service", "MainPID")["MainPID"])
    status, account = status_of(pid), pwd.getpwnam(NAME)
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    assert set(status["Groups"].split()) - {str(account.pw_gid)} == {str(grp.getgrnam("tty").gr_gid)}
    assert {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "it is not dumpable"
    assert NAME not in grp.getgrnam("tty").gr_mem, "the unit gives it the group, and no login of the account has it"


def test_somebody_who_is_logged_in_reads_it_and_mesg_n_is_a_no(service: Service, login: pexpect.spawn) -> None:
    """THREATS N-02. What mesg(1) does is typed, because Debian 13 has no such program."""
    assert tell("alice asks for you,", "it seems.", to="bob") == Told(0, 0)
    assert tell("somebody asks for", "you.") == Told(1, 0)
    login.expect("Message from jitd:\r+\nsomebody asks for\r+\nyou.\r+\n")
    login.sendline("chmod g-w $(tty); echo shut${EMPTY}now")
    login.expect("shutnow")
    assert tell("you cannot read this") == Told(0, 1)
    login.sendline("chmod g+w $(tty); echo open${EMPTY}again")
    login.expect("openagain")
    assert "you cannot" not in login.before
    assert tell("you can read this") == Told(1, 0)
    login.expect("you can read this")


def test_with_the_line_of_the_installed_settings_approvers_read_of_a_request_and_the_requester_who_did(service: Service) -> None:
    """Nothing else is set up: no table of jitd.toml, no key of a rule, no socket unit."""
    (line,) = [line for line in (TREE / "contrib/etc/jitd.toml").read_text().splitlines() if line and not line.startswith("#")]
    right = CONFIG.read_text()
    CONFIG.write_text(f"{line}\n{right}")
    systemctl("restart", "jitd.service")
    try:
        with logged_in(service, "bob") as screen:
            asking = service.ask("alice", "/usr/bin/id", "-un")
            wait_for(lambda: "told on their terminals" in asking.err, what="what alice reads")
            assert "told on their terminals: bob; nobody else is logged in here" in asking.err
            screen.expect(r"Message from jitd:\r+\nalice asks to run a command as root on lab\.example\.test\.")
            screen.expect(r"jitd show [A-Z0-9-]+")
            service.approved(asking.id)
            assert asking.end() == 0, asking.err
    finally:
        CONFIG.write_text(right)
        systemctl("restart", "jitd.service")


def test_the_terminal_of_a_run_is_not_one_of_the_account_that_it_runs_as(service: Service) -> None:
    """THREATS N-02. Somebody else reads there."""
    with service.with_rules(POLICY):
        first, *rest = map(str, service.line("alice", "jitsudo", "-u", "alice", "sh", "-c", "tty; cat"))
        screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
        screen.expect("(/dev/pts/[0-9]+)\r\n")
        assert os.stat(screen.match[1]).st_uid == pwd.getpwnam("alice").pw_uid
        assert tell("nobody reads this") == Told(0, 0)
        screen.sendeof()
        screen.expect(pexpect.EOF)
        assert "nobody reads" not in screen.before
        screen.close()
        wait_for(lambda: not service.rows("runs"))
