# SPDX-License-Identifier: Apache-2.0
"""Work that costs much and is asked for by one person holds up nobody else, and ends.

Files of a server that falls silent are in test_directories.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.marks import full
from tests.system.clients import Client, ready
from tests.system.conftest import House
from tests.waiting import PATIENCE

RULES = """
[[permit]]
name = "anything"
who = ["group:dba"]
commands = [["/srv/*/said/*"], ["/usr/bin/cat", "**"]]
approvals = [{ need = 1, from = ["group:security"] }]
run = { writable = "allow" }
"""
AT_ONE_TIME = 6


@pytest.fixture(scope="module")
def served() -> Iterator[House]:
    house = ready(RULES)
    yield house
    house.verify()
    house.close()


def nobody_else_waits(house: House, asked: list[Client]) -> int:
    """While ``asked`` have no end: somebody else asks, again and again. How often they were answered before all had their end."""
    until = time.monotonic() + 2 * PATIENCE
    n_asked = n_meanwhile = 0
    while n_asked < 3 or any(each.process.poll() is None for each in asked):
        assert time.monotonic() < until, [each.err for each in asked]
        other = Client(house, "bob", "jitd", "requests")
        assert other.end() == 0, other.err
        n_asked += 1
        n_meanwhile += any(each.process.poll() is None for each in asked)
    return n_meanwhile


@pytest.fixture
def sparse(served: House) -> Iterator[Path]:
    """A terabyte of nothing, which anybody may execute."""
    file = served.root / "said/sparse"
    with file.open("wb") as made:
        made.truncate(1 << 40)
    os.chmod(file, 0o755)
    yield file
    file.unlink()


def test_a_command_of_a_terabyte_is_refused_and_holds_up_nobody(served: House, sparse: Path) -> None:
    before = len(served.records())
    asked = [Client(served, "alice", "jitsudo", str(sparse)) for _ in range(AT_ONE_TIME)]
    nobody_else_waits(served, asked)
    for each in asked:
        assert each.process.returncode in (121, 125, 126), each.err
        assert each.err.startswith("jitsudo: ")
    assert "run.starting" not in [record["event"] for record in served.records()[before:]]


def test_a_command_that_takes_long_to_read_holds_up_nobody(served: House, sparse: Path) -> None:
    """Its digest is made for each that asks, two at a time. Of a file four times as large, a busy host reads none in time."""
    os.truncate(sparse, 1 << 28)
    until, n_meanwhile = time.monotonic() + PATIENCE, 0
    while n_meanwhile == 0:  # a host may start somebody else's client only when all of these have their answers
        assert time.monotonic() < until, "an answer before the last of them was looked at"
        asked = [Client(served, "alice", "jitsudo", "--no-wait", str(sparse)) for _ in range(AT_ONE_TIME)]
        n_meanwhile = nobody_else_waits(served, asked)
        for each in asked:
            assert each.process.returncode in (0, 125), each.err
        assert any(each.process.returncode == 0 for each in asked)
        for row in served.rows("requests"):  # a person may have 20, and the next round needs some of them
            assert served.jitd("withdraw", row["id"], who="alice").returncode == 0


def test_an_argument_of_a_terabyte_is_not_read_to_its_end(served: House, sparse: Path) -> None:
    asked = [Client(served, "alice", "jitsudo", "--no-wait", "cat", str(sparse)) for _ in range(AT_ONE_TIME)]
    nobody_else_waits(served, asked)
    for each in asked:
        assert each.process.returncode in (0, 121, 125, 126), each.err
    assert not served.rows("runs", "--all")


@pytest.mark.parametrize(
    "device",
    [
        "/dev/zero",
        pytest.param("/dev/random", marks=full("every day, the test uses one device, which ends as little as the other")),
    ],
)
def test_a_device_without_end_is_no_command(served: House, device: str) -> None:
    link = served.root / f"said/{os.path.basename(device)}"
    link.symlink_to(device)
    try:
        asked = [Client(served, "alice", "jitsudo", str(link)) for _ in range(AT_ONE_TIME)]
        nobody_else_waits(served, asked)
        for each in asked:
            assert each.process.returncode in (121, 126, 127), each.err
    finally:
        link.unlink()
