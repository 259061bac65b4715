# SPDX-License-Identifier: Apache-2.0
"""A login to this very host from within a run: three terminals behind each other, and all of them work."""

from __future__ import annotations

import pexpect

from tests.booted.conftest import Service
from tests.on_terminal import OnTerminal
from tests.system.prompt import command_lines
from tests.waiting import PATIENCE, wait_for

POLICY = """
[[permit]]
name = "own"
who = ["group:dba"]
run_as = ["alice"]
commands = [["**"]]
"""
HOST = "lab.example.test"


def test_ssh_to_this_host_has_its_terminal_its_keys_and_its_size(service: Service) -> None:
    with service.with_rules(POLICY):
        speaks(service)


def speaks(service: Service) -> None:
    ssh = ["ssh", "-o", "StrictHostKeyChecking=accept-new", "-o", "PreferredAuthentications=gssapi-with-mic", HOST]
    first, *rest = map(str, service.line("alice", "jitsudo", "-u", "alice", *ssh))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(30, 100))
    screen.expect(r"\$ ")
    screen.sendline("echo a${EMPTY}b; stty size; tty")
    screen.expect("ab\r\n30 100\r\n/dev/pts/")
    screen.setwinsize(41, 111)
    screen.sendline('until stty size | grep -q "41 1${EMPTY}11"; do sleep 0.1; done; stty size')
    screen.expect("41 111")
    screen.sendline("sleep 600")
    wait_for(lambda: [b"sleep", b"600"] in command_lines().values(), what="sleep: before it, bash alone has the terminal")
    screen.sendcontrol("c")
    screen.sendline("echo still${EMPTY}here")
    screen.expect("stillhere")
    screen.sendline("exit 7")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 7
