# SPDX-License-Identifier: Apache-2.0
"""THREATS O-01 and O-03: a daemon that is stopped, missing, or there twice. A client says so within 5 s, and nothing runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.marks import timed
from tests.system.clients import Client, ready
from tests.system.conftest import House
from tests.system.crashpoints import REFUSED, STATUS
from tests.waiting import wait_for

SAYS_SO_WITHIN = 5.0
ASKS = (("alice", "jitsudo", "sh", "-c", "exit 7"), ("bob", "jitd", "requests"), ("root", "jitd", "runs"))


@pytest.fixture(scope="module")
def served() -> Iterator[House]:
    house = ready()
    yield house
    house.verify()
    house.close()


def all_say_so(house: House, *sentences: str) -> None:
    """Each of ASKS, all at once, ends with 125 and one of these sentences."""
    asked = [Client(house, *words) for words in ASKS]
    for each in asked:
        assert each.end() == REFUSED, each.err
        assert each.err.startswith(("jitsudo: ", "jitd: ")) and any(sentence in each.err for sentence in sentences), each.err


def serves_on(house: House) -> None:
    asked = Client(house, "alice", "jitsudo", "sh", "-c", f"exit {STATUS}")
    assert asked.end() == STATUS, asked.err


def test_a_daemon_that_is_stopped(served: House) -> None:
    """THREATS O-01."""
    assert served.process is not None
    before = len(served.records())
    os.kill(served.process.pid, signal.SIGSTOP)
    try:
        all_say_so(served, "does not answer")
    finally:
        os.kill(served.process.pid, signal.SIGCONT)
    serves_on(served)
    after = [record["event"] for record in served.records()[before:]]
    assert after.count("run.starting") == 1, "what was asked while it was stopped has not run afterwards"


def test_a_daemon_whose_queue_is_full(served: House) -> None:
    """THREATS O-01."""
    assert served.process is not None
    os.kill(served.process.pid, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        stack.callback(os.kill, served.process.pid, signal.SIGCONT)
        while True:
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            try:
                one.connect(str(served.socket))
            except BlockingIOError:
                break
        all_say_so(served, "too many are waiting for it")
    serves_on(served)


@timed("docs/crashes.md: every client says so within 3 s")
def test_who_is_not_answered_says_so_in_time(served: House) -> None:
    """To start a client takes a part of the three seconds, and of three more: all of them wait side by side."""
    assert served.process is not None
    os.kill(served.process.pid, signal.SIGSTOP)
    try:
        began_at = time.monotonic()
        asked = [Client(served, *words) for words in ASKS]
        for each in asked:
            assert each.end() == REFUSED
            assert time.monotonic() - began_at < 2 * SAYS_SO_WITHIN
    finally:
        os.kill(served.process.pid, signal.SIGCONT)


def test_a_socket_that_is_gone(served: House) -> None:
    """THREATS O-01."""
    kept = served.socket.with_name("kept")
    served.socket.rename(kept)
    try:
        all_say_so(served, "there is no")
    finally:
        kept.rename(served.socket)
    serves_on(served)


def test_a_socket_that_nobody_listens_at(served: House) -> None:
    """THREATS O-01."""
    served.kill()
    all_say_so(served, "nobody listens")
    served.start()
    serves_on(served)


def test_a_stop_in_the_middle_of_a_wait_ends_neither_the_wait_nor_the_run(served: House) -> None:
    assert served.process is not None
    asked = Client(served, "alice", "jitsudo", "bash", "-c", f"sleep 0.5; exit {STATUS}")
    id = wait_for(lambda: asked.id, what="a request")
    os.kill(served.process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(served.process.pid, signal.SIGCONT)
    assert Client(served, "bob", "jitd", "approve", id, "--yes").end() == 0
    os.kill(served.process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(served.process.pid, signal.SIGCONT)
    assert asked.end() == STATUS, asked.err


def test_two_daemons_on_one_state_or_at_one_socket_are_one_too_many(served: House, tmp_path: Path) -> None:
    """THREATS O-03: the second says so, and takes nothing away from the first."""
    text = served.config_file.read_text()
    state, run = f'state = "{served.root}/state"', f'socket = "{served.socket}"'
    assert state in text and run in text
    others = {
        "both": text,
        "the state": text.replace(run, f'socket = "{served.root}/elsewhere/jitd.sock"'),
        "the socket": text.replace(state, f'state = "{served.root}/another"'),
    }
    try:
        for what, config in others.items():
            file = served.root / "other.toml"
            file.write_text(config)
            done = served.run("root", "jitd", "serve", "--config", str(file))
            assert done.returncode == 1 and "another jitd is running" in done.stderr, what
            serves_on(served)
    finally:
        for left in ("elsewhere", "another"):
            shutil.rmtree(served.root / left, ignore_errors=True)
