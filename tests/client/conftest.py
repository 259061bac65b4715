# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a daemon made of a script, and a jitsudo that speaks to it as root."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitpam import local_proof
from tests.client.acting import FakeDaemon, OnTerminal, command_line, surroundings
from tests.client.desk import Typist
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def a_process_of_its_own(monkeypatch):
    """The board and completion have their process never ask for a password. Here that ends with the test."""
    monkeypatch.setattr(local_proof, "_asks", True)


@pytest.fixture
def daemon(tmp_path):
    assert os.geteuid() == 0, "these tests come to the daemon as root: run them in the lab"
    fake = FakeDaemon(tmp_path / "jitd.sock")
    yield fake
    fake.finish()


@pytest.fixture
def jitsudo(daemon):
    """Runs jitsudo against the fake daemon, on pipes: ``jitsudo(*words) -> CompletedProcess``."""

    def run(*words, input=b"", timeout=PATIENCE, env=None, **more):
        return subprocess.run(
            command_line(*words),
            input=input,
            capture_output=True,
            timeout=timeout,
            env=surroundings(daemon.path, **(env or {})),
            check=False,
            **more,
        )

    return run


@pytest.fixture
def on_terminal(daemon):
    """Starts jitsudo on a new terminal: ``on_terminal(*words) -> OnTerminal``."""
    started = []

    def start(*words, **more):
        one = OnTerminal(words, daemon.path, **more)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.status is None:
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.leader, 0)
        os.close(one.master)


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Callable[..., Typist]]:
    """Sits somebody down before a terminal: ``sit(*words) -> Typist``, in a directory where the test's ``Desk`` is."""
    made: list[Typist] = []

    def begin(*words: str, **more: Any) -> Typist:
        made.append(Typist(tmp_path, *words, **more))
        return made[-1]

    yield begin
    for one in made:
        one.end()
