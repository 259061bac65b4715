# SPDX-License-Identifier: Apache-2.0
"""A login at a console is a run (THREATS G-02): it is listed, and all of it ends with its grant.

Law: the real login, behind the stack that we ship, on a terminal of its own; runs as root in the lab alone.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import time
from pathlib import Path

import pexpect
import pytest

from tests.pam.programs import BY_NAME, POLICY, Driven, Gated, write
from tests.pam.sshd_stage import grants_end_was_noted, is_there
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
LOGIN = BY_NAME["login"]
STACK, LOGIN_DEFS = Path("/etc/pam.d/login"), Path("/etc/login.defs")
SHORT = """
[[permit]]
name = "short"
who = ["user:bob"]
services = ["login"]
run_as = ["*"]
commands = [["**"]]
ticket = "optional"
grant = { lasts = "LASTS" }
run = { session = "ENDS" }
"""
STAYS = "trap '' HUP TERM; nohup setsid sleep 4721 >/dev/null 2>&1 & sleep 4721 & sleep 4721"


class NoRun(Exception):
    """The login has ended before it was looked at."""


def begun(gated: Gated, line: str = "true", who: str = "carol") -> tuple[Driven, str]:
    """Somebody who has logged in, and typed something; and the run that it is."""
    typed = gated.type(who, LOGIN)
    typed.terminal.expect(r"@lab:[^\r\n]*[#$] ")
    typed.terminal.sendline(line)
    (row,) = gated.rows("runs") or [{}]
    if not row:
        raise NoRun(typed.text)
    assert (row["state"], row["service"], row["run_as"], row["argv"]) == ("running", "login", who, ["login"]), row
    return typed, row["id"]


def test_a_logout_ends_the_run(gated: Gated) -> None:
    typed, id = begun(gated)
    typed.terminal.sendline("exit")
    typed.ends()
    wait_for(lambda: gated.rows("runs") == [])
    (row,) = [row for row in gated.rows("runs", "--all") if row["id"] == id]
    assert (row["outcome"]["ending"], row["outcome"]["number"]) == ("exited", 0), row


@pytest.mark.parametrize("verb", ["stop", "revoke", "lock"])
def test_what_ends_a_login_ends_all_of_it_before_it_returns(gated: Gated, verb: str) -> None:
    """THREATS G-02."""
    typed, id = begun(gated, STAYS)
    wait_for(lambda: len(is_there("4721")) == 3)
    words = {"stop": ("stop", id), "revoke": ("revoke", id), "lock": ("lock", "--user", "carol", "--reason", "lost")}[verb]
    gated.ended(*words)
    assert is_there("4721") == [], "when it has returned"
    assert gated.rows("runs") == []
    typed.ends()
    assert "jitd: this session ends: " in typed.text
    if verb == "lock":
        gated.type("carol", LOGIN).is_kept_out("locked")
        assert gated.jitd("unlock", "--user", "carol", "--reason", "found").returncode == 0


@pytest.mark.parametrize("ends", ["end", "keep"])
def test_when_the_grants_time_is_over_the_rule_says_what_becomes_of_the_login(gated: Gated, ends: str) -> None:
    try:
        for lasts in ("6s", "40s"):  # on a busy host the time may be over before the shell is there
            gated.set_policy(POLICY + SHORT.replace("ENDS", ends).replace("LASTS", lasts))
            assert gated.reload().returncode == 0
            with contextlib.suppress(pexpect.EOF, NoRun):
                typed, id = begun(gated, "sleep 4722", "bob")
                wait_for(lambda: is_there("4722") or gated.rows("runs") == [], what="what was typed")
                if gated.rows("runs"):
                    break
        else:
            pytest.fail("the login was over before its command had begun")
        if ends == "end":
            typed.ends()
            assert "jitd: this session ends: its grant has ended" in typed.text
            wait_for(lambda: gated.rows("runs") == [])
            assert not is_there("4722")
        else:
            wait_for(lambda: grants_end_was_noted(gated, "bob"), what="the end of the grant's time")
            assert is_there("4722") and [row["id"] for row in gated.rows("runs")] == [id]
            gated.ended("revoke", id)
            assert not is_there("4722")
            typed.ends()
    finally:
        gated.set_policy(POLICY)
        gated.reload()


def test_a_login_survives_the_daemon_and_is_ended_by_the_next(gated: Gated) -> None:
    typed, id = begun(gated, STAYS)
    gated.restart()
    assert [row["id"] for row in gated.rows("runs")] == [id]
    gated.ended("stop", id)
    assert is_there("4721") == []
    typed.ends()


@pytest.mark.parametrize("verb", ["exit", "stop", "revoke"])
def test_what_pam_has_opened_is_closed_however_it_ends(gated: Gated, verb: str) -> None:
    closed, stack = gated.mark(), STACK.read_text()
    write(str(STACK), f"{stack}session optional pam_exec.so quiet type=close_session /usr/bin/touch {closed}\n")
    try:
        typed, id = begun(gated, "true" if verb == "exit" else "sleep 4723")
        if verb == "exit":
            typed.terminal.sendline("exit")
        else:
            wait_for(lambda: is_there("4723"))
            assert not closed.exists()
            gated.ended(verb, id)
        typed.ends()
        wait_for(closed.exists)
        wait_for(lambda: gated.rows("runs") == [])
    finally:
        write(str(STACK), stack)


def test_who_waits_is_told_though_they_want_no_greeting(gated: Gated) -> None:
    hush = Path(pwd.getpwnam("alice").pw_dir) / ".hushlogin"
    hush.touch()
    try:
        typed = gated.type("alice", LOGIN)
        assert gated.deny(typed.id, reason="not today").returncode == 0
        typed.is_kept_out('jitd: denied by bob@EXAMPLE.TEST: "not today"')
    finally:
        hush.unlink()


def test_a_login_without_a_password_waits_longer_than_its_clock(gated: Gated) -> None:
    settings = LOGIN_DEFS.read_text()
    try:
        for seconds in (4, 30):  # on a busy host the time may be over before jitd is asked
            write(str(LOGIN_DEFS), re.sub(r"(?m)^LOGIN_TIMEOUT.*$", "", settings) + f"\nLOGIN_TIMEOUT {seconds}\n")
            typed = gated.drive(["login", "-f", "alice"], LOGIN, gated.mark(), asks_password=False)
            with contextlib.suppress(pexpect.EOF):
                id = typed.id
                break
        wait_for(lambda: time.monotonic() > typed.began_at + seconds + 1, what="the end of login's own time")
        gated.approved(id)
        typed.is_let_in()
    finally:
        write(str(LOGIN_DEFS), settings)


def test_who_is_not_let_in_is_no_run(gated: Gated) -> None:
    before = len(gated.rows("runs", "--all"))
    typed = gated.type("eve", LOGIN)
    typed.is_kept_out("jitd: denied: no rule permits this")
    assert typed.took > 2, "getty clears the screen when login has ended"
    assert len(gated.rows("runs", "--all")) == before
