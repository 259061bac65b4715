# SPDX-License-Identifier: Apache-2.0
"""Many who ask at once: decisions a second, and what a request that waits costs the daemon in memory.

Law: all of it goes over the daemon's own socket, through jitpam.client, on connections that were authenticated before the clock
started; a decision counts when its answer has arrived, unwrapped and checked.
"""

from __future__ import annotations

import os
import resource
import select
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from people import Failed, Helper
from table import Table

from jitpam.client import Connection, connect
from jitpam.wire.messages import Explain, Message, Progress, Slow, Submit
from tests.system.conftest import House

PEOPLE = ("alice", "bob", "carol", "dave", "eve")
PERMITTED, OWED = b"/usr/bin/true", b"/usr/bin/id"
POLICY = """
[[permit]]
name = "at-once"
who = ["user:alice", "user:bob", "user:carol", "user:dave", "user:eve"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "owed"
who = ["user:alice", "user:bob", "user:carol", "user:dave", "user:eve"]
commands = [["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
ALONE, PERMITS, EXPLAINS = (
    "SQLite alone, durable commits",
    "permitted at once, recorded, grant issued",
    "explained, nothing recorded",
)
BOTH = "both"
PATIENCE = 60.0
"""Seconds that those who ask have to come to a gate."""


def config_for(n_waiting: int) -> str:
    """The settings that let one person have so many."""
    most = n_waiting + 100
    limits = f"[limits]\npending = {most}\npending_per_person = {most}\nconnections_per_uid = {most}\n"
    return f'{limits}runs = "100000/s, burst 1000000"\n'


def what_is_asked(*argv: bytes) -> dict[str, Any]:
    """What jitsudo would ask for ``argv``, from the root directory."""
    found = os.stat("/")
    return {
        "service": "jitsudo", "argv": list(argv), "user": None, "group": None, "cwd": b"/", "cwd_device": found.st_dev,
        "cwd_inode": found.st_ino, "chdir": False, "variables": [], "locale": [[b"LANG", b"C.UTF-8"]], "streams": [],
        "reason": "a measurement", "lasts_for": None, "uses": None, "timeout_for": None, "login": False, "preserved": [],
        "tty": None, "login_session": 1, "parents": ["bench"],
    }  # fmt: skip


# --- decisions -------------------------------------------------------------------------------------------------------


def submit_permitted(connection: Connection) -> None:
    """A request that a rule permits at once: recorded, and a grant issued."""
    for heard in connection.follow(Submit(**what_is_asked(PERMITTED), waits=False, if_owed=False)):
        if isinstance(heard, Progress) and heard.state != "approved":
            raise Failed(f"a request was {heard.state}, not approved")


def explain(connection: Connection) -> None:
    """The same answer of policy, and nothing recorded."""
    connection.do(Explain(**what_is_asked(PERMITTED)))


class Gate:
    """Where the askers wait for each other: none begins before all are there."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._arrived = os.eventfd(0)
        self._open = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_SEMAPHORE)

    def pass_through(self) -> None:
        """Say that we are there, and wait for the others."""
        os.eventfd_write(self._arrived, 1)
        os.eventfd_read(self._open)

    def wait_for_all(self, helpers: Sequence[Helper]) -> None:
        """Wait until all of ``helpers`` are there. Raises Failed, with what one of them said who gave up."""
        missing = self._n
        while missing:
            ready = select.select([self._arrived, *(helper.fileno() for helper in helpers)], [], [], PATIENCE)[0]
            if not ready:
                raise Failed("those who ask did not all come so far")
            if self._arrived in ready:
                missing -= os.eventfd_read(self._arrived)
                continue
            for helper in helpers:
                if helper.fileno() in ready:
                    raise Failed(f"one who asks was through before the others came: {helper.result()}")

    def open(self) -> None:
        """Let all go on."""
        os.eventfd_write(self._open, self._n)

    def close(self) -> None:
        """Take it away."""
        os.close(self._arrived)
        os.close(self._open)


def ask_for(seconds: float, decide: Callable[[Connection], None], gate: Gate) -> int:
    """Decide again and again on one connection for so long; how often that was answered."""
    connection = connect()
    gate.pass_through()
    count = 0
    ends_at = time.monotonic() + seconds
    while True:
        decide(connection)
        if time.monotonic() >= ends_at:
            break
        count += 1
    connection.close()
    return count


def decisions_a_second(house: House, decide: Callable[[Connection], None], n_connections: int, seconds: float) -> float:
    """How many answers a second ``n_connections`` get that ask as fast as they can, one question at a time each."""
    gate = Gate(n_connections)
    try:
        work = partial(ask_for, seconds, decide, gate)
        helpers = [Helper(PEOPLE[n % len(PEOPLE)], str(house.socket), work) for n in range(n_connections)]
        gate.wait_for_all(helpers)
        gate.open()
        count: int = sum(helper.result() for helper in helpers)
        return count / seconds
    finally:
        gate.close()


def commits_a_second(house: House, seconds: float) -> float:
    """How many durable transactions SQLite alone writes where the daemon's database is, with three rows of 1 KiB each."""
    path = Path(house.database).with_name("bare.db")
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, body BLOB)")
        count, ends_at = 0, time.monotonic() + seconds
        while time.monotonic() < ends_at:
            db.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                db.execute("INSERT INTO rows (body) VALUES (?)", (bytes(1024),))
            db.execute("COMMIT")
            count += 1
    finally:
        db.close()
    return count / seconds


def measure_decisions(house: House, n_rounds: int, n_connections: int, seconds: float) -> Table:
    """Decisions a second, of two kinds, beside what the database alone could commit."""
    table = Table(f"decisions, by {n_connections} connections", "a second", peer=ALONE)
    for _ in range(n_rounds):
        table.add(ALONE, commits_a_second(house, min(seconds, 1.0)))
        for name, decide in (
            (PERMITS, submit_permitted),
            (EXPLAINS, explain),
        ):
            table.add(name, decisions_a_second(house, decide, n_connections, seconds))
    table.notes += [
        "a decision: one message unwrapped, checked and parsed; ticket's end; accounts from NSS; the command's file found and",
        "looked at; policy; commits with sealed records; the answer wrapped, sent, unwrapped. Asker and daemon share the machine",
        "the lab's files are in memory: on a disk every decision that is recorded waits for one durable commit besides",
    ]
    return table


# --- memory ----------------------------------------------------------------------------------------------------------


def resident(pid: int) -> float:
    """KB (1,024 bytes) that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise Failed("the daemon is gone")


def wait_with(n: int, connected: Gate, asked: Gate) -> None:
    """Open ``n`` connections, pass the first gate, have a request wait on each, pass the second, and go away."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = [connect() for _ in range(n)]
    connected.pass_through()
    waiting = [connection.follow(submission(number)) for number, connection in enumerate(connections)]
    for wait in waiting:
        heard = next(heard for heard in wait if not isinstance(heard, Slow))  # so many at once keep the daemon busy
        if not isinstance(heard, Progress) or heard.state != "pending":
            raise Failed(f"a request does not wait: {heard}")
    asked.pass_through()
    for connection in connections:
        connection.close()


def memory_with(house: House, n_each: int) -> tuple[float, float, float]:
    """The daemon's KB before, with ``n_each`` connections of each person, and with a request that waits on each of these."""
    assert house.process is not None
    connected, asked = Gate(len(PEOPLE)), Gate(len(PEOPLE))
    try:
        before = resident(house.process.pid)
        work = partial(wait_with, n_each, connected, asked)
        helpers = [Helper(name, str(house.socket), work) for name in PEOPLE]
        connected.wait_for_all(helpers)
        between = resident(house.process.pid)
        connected.open()
        asked.wait_for_all(helpers)
        after = resident(house.process.pid)
        asked.open()
        for helper in helpers:
            helper.result()
        return before, between, after
    finally:
        connected.close()
        asked.close()


def submission(number: int) -> Message:
    """A request that waits for an approval, each of another command."""
    fields = what_is_asked(OWED, str(number).encode()) | {"streams": ["null", "null", "null"]}
    return Submit(**fields, waits=True, if_owed=True)


def measure_memory(start: Callable[..., House], n_waiting: int) -> Table:
    """KB of the daemon's resident memory for each of ``n_waiting`` requests whose clients wait, in a daemon of its own."""
    table = Table(f"memory, {n_waiting:,} requests that wait", "KB each")
    house = start(POLICY, config_for(n_waiting))
    memory_with(house, 4)  # what is needed once is loaded now
    before, between, after = memory_with(house, n_waiting // len(PEOPLE))
    table.add("an authenticated connection", (between - before) / n_waiting)
    table.add("a request that waits on it", (after - between) / n_waiting)
    table.add(BOTH, (after - before) / n_waiting)
    table.notes.append(f"the daemon: {before / 1024:.0f} MB before, {after / 1024:.0f} MB with all of them")
    return table
