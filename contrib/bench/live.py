# SPDX-License-Identifier: Apache-2.0
"""Much that lives at once: runs, recorded streams, a restart with all who wait.

Law: the clients are one process that holds all control sockets, so that what is measured is the daemon and the monitors, and not
as many interpreters; each run is a real one, started, heard and ended as jitsudo does it.
"""

from __future__ import annotations

import array
import json
import os
import resource
import select
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from load import PEOPLE, Gate, config_for, what_is_asked
from people import Failed, Helper
from table import Table

from jitd.recording.reader import examine
from jitd.recording.storage import open_recording
from jitpam.client import connect
from jitpam.wire.messages import Progress, Start, Submit
from tests.system.conftest import House

TALKS = "for i in 1 2 3 4 5 6 7 8 9 10; do echo a line of output that somebody may want to see again $i; sleep 0.2; done"
WAITS = "exec sleep 600"
POLICY = """
[[permit]]
name = "many"
who = ["user:alice"]
run_as = ["bob"]
commands = [["/usr/bin/dash", "**"]]
run = { record = "%s" }

[[permit]]
name = "owed"
who = ["user:alice", "user:bob", "user:carol", "user:dave", "user:eve"]
commands = [["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
ALL_STARTED, EACH, ALL_GONE = "all have started", "each, one after another", "all are gone, after `jitd revoke`"
KEPT_BY = "until the last recording is closed"


class Held:
    """One run of many, from the client's side: its control socket, and whether it has started and ended."""

    def __init__(self, script: str, into: int) -> None:
        connection = connect()
        said = what_is_asked(b"/usr/bin/dash", b"-c", script.encode()) | {"user": "bob", "streams": ["null", "pipe", "null"]}
        self.id = ""
        for heard in connection.follow(Submit(**said, waits=True, if_owed=False)):
            if isinstance(heard, Start):
                self.id = heard.id
        self.control = socket.socket(fileno=connection.take_control())
        connection.close()
        null = os.open("/dev/null", os.O_RDWR)
        first = {"streams": ["null", "pipe", "null"], "rows": 0, "columns": 0, "foreground": False, "termios": None}
        passed = array.array("i", [null, into, null])
        self.control.sendmsg([b"S" + json.dumps(first).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        os.close(null)
        self.has_started = self.has_ended = False

    def hear(self) -> None:
        """One packet. Raises Failed where the run was not begun."""
        try:
            packet = self.control.recv(65536)
        except ConnectionResetError:  # it has not read all that we said; what it said itself is still there
            return
        if packet[:1] == b"X" and (end := json.loads(packet[1:]))["outcome"] == "not started":
            raise Failed(f"run {self.id} was not begun: {end['because']}")
        self.has_started |= packet[:1] == b"R"
        self.has_ended |= not packet or packet[:1] == b"X"


def until(runs: list[Held], is_so: Callable[[Held], bool], within: float = 120.0) -> None:
    """Hear them all until it is so of each. Raises Failed."""
    poll = select.poll()
    by_descriptor = {run.control.fileno(): run for run in runs if not is_so(run)}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    give_up_at = time.monotonic() + within
    while by_descriptor:
        if time.monotonic() > give_up_at:
            raise Failed(f"{len(by_descriptor)} of {len(runs)} runs did not come so far")
        for descriptor, _ in poll.poll(1000):
            by_descriptor[descriptor].hear()
            if is_so(by_descriptor[descriptor]) or by_descriptor[descriptor].has_ended:
                poll.unregister(descriptor)
                del by_descriptor[descriptor]


def hold(n: int, script: str, started: Gate, over: Gate) -> list[float]:
    """Have ``n`` runs; how long until all had started, and how long the first took by itself, in seconds."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    reading, writing = os.pipe()
    began = time.monotonic()
    runs = [Held(script, writing)]
    until(runs, lambda run: run.has_started)
    first = time.monotonic() - began
    began = time.monotonic()
    runs += [Held(script, writing) for _ in range(n - 1)]
    os.close(writing)
    until(runs, lambda run: run.has_started)
    all_started = time.monotonic() - began
    started.pass_through()
    while os.read(reading, 1 << 20):  # what they write; its end is the end of all
        pass
    until(runs, lambda run: run.has_ended)
    over.pass_through()
    return [all_started, first]


def monitors_memory(house: House) -> tuple[int, float]:
    """How many monitors there are, and the KB that they have for themselves (proc(5), ``smaps_rollup``: Pss)."""
    n, total = 0, 0.0
    held = f"{house.root}/run/runs/"
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd).startswith(held) for fd in (entry / "fd").iterdir()):
                lines = (entry / "smaps_rollup").read_text().splitlines()
                total += float(next(line.split()[1] for line in lines if line.startswith("Pss:")))
                n += 1
        except OSError:
            continue
    return n, total


def measure_runs(start: Callable[..., House], n: int) -> tuple[Table, Table]:
    """``n`` runs at once: how long until they have started and until they are gone, and what each costs."""
    house = start(POLICY % "none", f"{config_for(n)}running_per_person = {n + 100}\n")
    started, over = Gate(1), Gate(1)
    times, memory = Table(f"{n} runs at once", "ms"), Table(f"{n} runs at once, memory", "KB each")
    try:
        helper = Helper("alice", str(house.socket), partial(hold, n, WAITS, started, over))
        started.wait_for_all([helper])
        n_monitors, kilobytes = monitors_memory(house)
        if n_monitors < n:
            raise Failed(f"{n_monitors} monitors for {n} runs")
        memory.add("a monitor", kilobytes / n_monitors)
        began = time.monotonic()
        started.open()
        if house.jitd("revoke", "--of", "alice@EXAMPLE.TEST").returncode != 0:
            raise Failed("the grants could not be revoked")
        times.add(ALL_GONE, (time.monotonic() - began) * 1000)
        over.wait_for_all([helper])
        over.open()
        all_started, first = helper.result()
        times.add(ALL_STARTED, all_started * 1000)
        times.add(EACH, all_started * 1000 / max(1, n - 1))
        times.add("the first alone", first * 1000)
    finally:
        started.close()
        over.close()
    return times, memory


def measure_recorded(start: Callable[..., House], n: int) -> Table:
    """``n`` runs that write five lines a second for two seconds: how long until all of it is kept, and that it is."""
    house = start(POLICY % "output", f"{config_for(n)}running_per_person = {n + 100}\n")
    started, over = Gate(1), Gate(1)
    table = Table(f"{n} recorded streams, 2 s of lines each", "s")
    try:
        helper = Helper("alice", str(house.socket), partial(hold, n, TALKS, started, over))
        started.wait_for_all([helper])
        began = time.monotonic()
        started.open()
        over.wait_for_all([helper])
        over.open()
        helper.result()
        while house.rows("runs"):
            time.sleep(0.1)
        table.add(KEPT_BY, time.monotonic() - began)
        directory = str(house.root / "state/recordings")
        n_whole = 0
        for row in house.rows("runs", "--all"):
            file = open_recording(directory, row["id"])
            n_whole += examine(file).is_whole
            os.close(file)
        if n_whole != n:
            raise Failed(f"{n_whole} of {n} recordings are whole")
        table.notes.append(f"{n_whole} recordings, each whole to its end, and sealed in the chain")
    finally:
        started.close()
        over.close()
    return table


def submit_many(n: int) -> None:
    """``n`` requests that wait for an approval, and whose clients do not."""
    connection = connect()
    for number in range(n):
        said = what_is_asked(b"/usr/bin/id", str(number).encode()) | {"streams": []}
        for heard in connection.follow(Submit(**said, waits=False, if_owed=True)):
            if isinstance(heard, Progress) and heard.state != "pending":
                raise Failed("a request does not wait")
    connection.close()


def measure_restart(start: Callable[..., House], n_waiting: int, n_rounds: int) -> Table:
    """From the start of a daemon, after kill -9 of the one before, to its first answer, with so many requests waiting."""
    house = start(POLICY % "none", config_for(n_waiting))
    table = Table("restart to the first answer", "ms")
    for rows in (0, n_waiting):
        for name in PEOPLE if rows else ():  # one person alone may not ask for so much within a minute
            Helper(name, str(house.socket), partial(submit_many, rows // len(PEOPLE))).result()
        for _ in range(n_rounds):
            house.kill()
            began = time.monotonic()
            house.start()
            greet(house)
            table.add(f"{rows:,} requests wait", (time.monotonic() - began) * 1000)
    return table


def greet(house: House) -> None:
    """Be welcomed, as root."""
    os.environ["JITD_SOCKET"] = str(house.socket)
    try:
        connect().close()
    finally:
        del os.environ["JITD_SOCKET"]
