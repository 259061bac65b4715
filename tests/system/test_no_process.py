# SPDX-License-Identifier: Apache-2.0
"""A host on which nothing more can be started: no process, no thread, no terminal. Law: what needs none works. Otherwise
there is a sentence, and nothing has changed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pexpect
import pytest

from tests.on_terminal import OnTerminal
from tests.system.conftest import ID, OF_THE_LAB, House, house_with
from tests.system.prompt import AT_ONCE
from tests.waiting import PATIENCE

NO_PROCESS = "no process or thread can be started: the limit of this account (ulimit -u) or of its session is reached"


house = house_with(AT_ONCE)


def within_limit(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    """``words`` as alice, who may have no process but this one."""
    return house.run("alice", "bash", "-c", 'ulimit -u 1; exec "$@"', "bash", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-n", "echo", "done"), "done\n"),
        (("sh", "-c", "exit 0"), ""),
        (("-v",), "alice@EXAMPLE.TEST"),
        (("-l", "true"), "requires no approval"),
    ],
)
def test_whoever_can_start_nothing_may_run_a_command_that_ends_something(house: House, words: tuple[str, ...], said: str) -> None:
    """As with sudo, which is root itself: without it, nobody could end what has reached the limit."""
    done = within_limit(house, "jitsudo", *words)
    assert (done.returncode, done.stderr) == (0, "") and said in done.stdout


@pytest.mark.parametrize("words", [("-b", "true"), ("--get", "sudoers:x", "--", "true")])
def test_a_client_that_can_start_nothing_says_so_and_asks_nobody(house: House, words: tuple[str, ...]) -> None:
    before = house.at_rest().records()
    done = within_limit(house, "jitsudo", *words)
    assert (done.returncode, done.stdout, done.stderr) == (125, "", f"jitsudo: {NO_PROCESS}\n")
    assert house.at_rest().records() == before


@pytest.mark.parametrize(
    ("verb", "status"), [("requests", 0), ("runs", 0), ("show AAAA-AAAA", 4), ("approve AAAA-AAAA", 4), ("stop AAAA-AAAA", 4)]
)
def test_a_verb_needs_no_process_beside_its_own(house: House, verb: str, status: int) -> None:
    done = within_limit(house, "jitd", *verb.split())
    assert (done.returncode, NO_PROCESS in done.stderr) == (status, False), done.stderr


def test_a_verb_that_starts_programs_says_so(house: House) -> None:
    done = within_limit(house, "jitd", "doctor")
    assert (done.returncode, done.stdout, done.stderr) == (125, "", f"jitd: {NO_PROCESS}\n")


@pytest.fixture
def no_terminal() -> Iterator[Callable[[], None]]:
    """Call it, and no further pseudo-terminal can be opened, until the test ends. The lab has a devpts of its own."""

    opened: list[int] = []

    def exhaust() -> None:
        subprocess.run(["mount", "-o", "remount,max=4", "/dev/pts"], check=True)
        with suppress(OSError):
            for _ in range(5):
                opened.extend(os.openpty())
        assert len(opened) < 10

    yield exhaust
    subprocess.run(["mount", "-o", "remount,max=4096", "/dev/pts"], check=True)
    for each in opened:
        os.close(each)


def test_without_a_free_terminal_the_use_is_back_before_the_answer(no_terminal: Callable[[], None]) -> None:
    house = House(OF_THE_LAB).start()
    words = [str(word) for word in house.line("alice", "jitsudo", "sh", "-c", "[ -t 0 ] && echo on a terminal")]
    first, second = (OnTerminal(words[0], words[1:], timeout=PATIENCE, encoding="utf-8") for _ in range(2))
    try:
        ids = []
        for one in (first, second):
            one.expect(ID)
            ids.append(one.match[1])
        no_terminal()
        house.approved(ids[0])
        first.expect(pexpect.EOF)
        assert house.kept("grants")[0].left == 1
        assert "jitsudo: no terminal is free on this host\r\n" in first.before
        first.close()
        assert first.exitstatus == 125
        assert house.run_of(ids[0]).outcome.ending == "not started"
    finally:
        for one in (first, second):
            one.close()
        house.at_rest().verify()
        house.close()


def test_a_command_that_needs_no_terminal_runs_without_a_free_one(house: House, no_terminal: Callable[[], None]) -> None:
    no_terminal()
    done = house.sudo("alice", "echo", "done")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
