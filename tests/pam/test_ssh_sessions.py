# SPDX-License-Identifier: Apache-2.0
"""A session that real sshd has opened because jitd let it in, its end, and fifty that were not let in (THREATS P-06, G-02).

Law: whatever was done in a session is over when the verb that ends it returns; who was refused is in nobody's way."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pexpect
import pytest

from tests.attacks.raw import connected
from tests.on_terminal import OnTerminal
from tests.pam.sshd_stage import OPS, Sshd, grants_end_was_noted, is_there, rule, stacked
from tests.system.conftest import House, house_with
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
POLICY = rule("owed", "alice", OPS) + rule("at-once", "bob")
COMMANDS = """
[[permit]]
name = "commands"
who = ["user:alice"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""


house = house_with(POLICY + COMMANDS, "[limits]\npending_per_person = 100\n")


@pytest.fixture(scope="module")
def restack(house: House) -> Iterator[Callable[[str], None]]:
    with stacked(house) as made:
        yield made


@pytest.fixture(scope="module")
def sshd(house: House, restack: object) -> Iterator[Sshd]:
    made = Sshd(house)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_runs_on(house: House) -> Iterator[None]:
    yield
    for run in house.rows("runs"):
        house.jitd("stop", run["id"])


# --- a session that was let in ----------------------------------------------------------------------------------------


class NoRun(Exception):
    """The session has ended before it was looked at."""


def begun(house: House, sshd: Sshd, who: str, *words: str, method: str = "gssapi") -> tuple[subprocess.Popen[str], str]:
    """A session in which ``words`` run, and its run."""
    process = sshd.started(who, *words, method=method)
    assert process.stdout is not None
    said = process.stdout.readline()
    rows = [row for row in house.rows("runs") if row["state"] == "running"]
    if said != "in\n" or not rows:
        process.communicate()
        raise NoRun(said)
    (row,) = rows
    return process, row["id"]


GRACE = 15
"""Seconds to authenticate in, which a busy host keeps."""
STAYS = "echo in; nohup setsid sleep 4711 >/dev/null 2>&1 & trap '' HUP TERM; echo in; sleep 4711; sleep 4711"


@pytest.mark.parametrize("verb", ["stop", "revoke", "lock"])
def test_what_ends_a_session_ends_all_of_it_before_it_returns(house: House, sshd: Sshd, verb: str) -> None:
    login, run = begun(house, sshd, "bob", STAYS)
    wait_for(lambda: len(is_there("4711")) == 2)
    words = {"stop": ("stop", run), "revoke": ("revoke", run), "lock": ("lock", "--user", "bob", "--reason", "lost")}[verb]
    house.ended(*words)
    assert is_there("4711") == [], "when it has returned"
    assert house.rows("runs") == [] and login.wait(PATIENCE) == 255
    login.communicate()
    if verb == "lock":
        assert "locked" in sshd.ssh("bob").stdout
        assert house.jitd("unlock", "--user", "bob", "--reason", "found").returncode == 0


def test_the_person_reads_why_on_their_terminal(house: House, sshd: Sshd) -> None:
    first, *rest = sshd.line("bob", "sleep 600", more=("-tt",))
    screen = OnTerminal(first, rest, encoding="utf-8", timeout=PATIENCE)
    (row,) = wait_for(lambda: [row for row in house.rows("runs") if row["state"] == "running"])
    wait_for(lambda: is_there("600"))
    house.ended("stop", row["id"])
    screen.expect("jitd: this session ends: [^\r]+\r+\n")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus in (129, 255), screen.exitstatus


def test_a_session_survives_the_daemon_and_is_ended_by_the_next(house: House, sshd: Sshd) -> None:
    login, run = begun(house, sshd, "bob", STAYS)
    house.restart()
    assert [row["id"] for row in house.rows("runs")] == [run] and login.poll() is None
    house.ended("stop", run)
    assert is_there("4711") == [] and login.wait(PATIENCE) == 255
    login.communicate()


def test_what_stays_after_the_logout_is_listed_and_ended(house: House, sshd: Sshd) -> None:
    done = sshd.ssh("bob", "nohup sleep 4712 >/dev/null 2>&1 & exit 0")
    assert done.returncode == 0
    (row,) = house.rows("runs")
    wait_for(lambda: is_there("4712"))
    house.ended("revoke", row["id"])
    assert not is_there("4712") and house.rows("runs") == []


def is_seen(login: subprocess.Popen[str], mark: str) -> bool:
    """Whether what has the mark begins in a session before that is over."""
    wait_for(lambda: is_there(mark) or login.poll() is not None, what="what runs in the session")
    return login.poll() is None


@pytest.mark.parametrize("ends", ["end", "keep"])
def test_when_the_grants_time_is_over_the_rule_says_what_becomes_of_the_session(house: House, sshd: Sshd, ends: str) -> None:
    try:
        for lasts in ("6s", "40s"):  # on a busy host the time may be over before the session is looked at
            short = rule("short", "eve", f'grant = {{ lasts = "{lasts}" }}', f'run = {{ session = "{ends}" }}')
            house.set_policy(POLICY + COMMANDS + short)
            assert house.jitd("reload").returncode == 0
            with contextlib.suppress(NoRun):
                login, run = begun(house, sshd, "eve", "echo in; sleep 4713")
                if is_seen(login, "4713"):
                    break
                login.communicate()
        else:
            pytest.fail("the session was over before its command had begun")
        if ends == "end":
            wait_for(lambda: house.rows("runs") == [])
            assert not is_there("4713")
        else:
            wait_for(lambda: grants_end_was_noted(house, "eve"), what="the end of the grant's time")
            assert is_there("4713") and [row["id"] for row in house.rows("runs")] == [run]
            house.ended("revoke", run)
            assert not is_there("4713")
        login.wait(PATIENCE)
        login.communicate()
    finally:
        house.set_policy(POLICY + COMMANDS)
        house.jitd("reload")


# --- many -------------------------------------------------------------------------------------------------------------


def test_fifty_that_wait_and_fifty_that_are_refused_keep_nobody_out(house: House, restack: object) -> None:
    """THREATS P-06. With room for ten that have not authenticated, and so many seconds for that: who was refused counts for
    neither, and who comes then is let in.
    """
    before = len(house.rows("requests"))
    with connected(house, "alice") as raw:
        for _ in range(50):
            raw.submit("true", waits=False)
    assert len(house.rows("requests")) == before + 50
    sshd = Sshd(house, {"MaxStartups": "10:100:10", "LoginGraceTime": str(GRACE)})
    held: list[subprocess.Popen[str]] = []
    try:
        for n in range(50):
            held.append(sshd.started("eve" if n % 2 else "alice", method="key", more=("-N",)))
            if n % 5 == 4:
                wait_for(lambda n=n: len(sshd.sessions()) == n + 1 and sshd.log().count("User child is on") == n + 1)
            if n == 14:
                fifteen_at = time.monotonic()
        wait_for(lambda: time.monotonic() > fifteen_at + GRACE + 1, what="the end of the time of more than there is room for")
        assert all(one.poll() is None for one in held) and len(sshd.sessions()) == 50
        assert sshd.ssh("bob").stdout == "bob\n"
        assert "drop connection" not in sshd.log() and "Timeout before" not in sshd.log()
    finally:
        for one in held:
            one.kill()
            one.communicate()
        sshd.close()
