# SPDX-License-Identifier: Apache-2.0
"""Where each millisecond of ``jitsudo true`` goes, and each from an approval to the first byte of the command that waited for it:
the time from each station of a path to the next (docs/start.md).

Law: the real commands, daemon and KDC, in a lab; only that each process notes when it passes a station (``marks``). Each
station's time is the one since the station above it, so that in any one run they add up.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from marks import CLOCK, HERE
from people import Failed, do_as
from starts import approve_by_client, hear_first_byte, spawn_quietly
from table import Table

from tests.system.conftest import House

COMMAND = """\
#!/usr/bin/python3 -IS
import time

BEGAN_AT = time.monotonic_ns()
import sys

sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages", "{here}"]
{more}
"""
CLIENT = """\
import marks

marks.mark("interpreter", BEGAN_AT)
marks.mark("marks")
from jitpam.jitsudo import main

marks.mark("imports")
marks.in_client()
marks.mark("more marks")
raise SystemExit(main())
"""
DAEMON = """\
import marks
from jitd.cli import main

if sys.argv[1] == "serve":
    marks.in_daemon()
raise SystemExit(main())
"""
OWN = "what measures is loaded"
"""What the product does not do."""
Stations = tuple[tuple[str, str, str], ...]
TO_EXEC: Stations = (
    ("job made", "daemon", "the job"),
    ("job handed over", "daemon", "checked, sealed, sent"),
    ("monitor has the job", "monitor", "has it, from the launcher"),
    ("job read", "monitor", "claims the run, reads the job"),
    ("before the holder", "monitor", "signals, sockets"),
    ("holder has the job", "holder", "has the job, from the monitor"),
    ("pam_acct_mgmt", "holder", "PAM: account"),
    ("pam_open_session", "holder", "PAM: session"),
    ("command forked", "command", "is forked into its control group"),
    ("streams taken", "command", "is clean; has the client's streams"),
    ("file compared", "command", "compares file and operands"),
    ("became", "command", "directory, groups, user"),
    ("monitor said ready", "monitor", "hears and says that all is ready"),
    ("daemon heard ready", "daemon", "hears it"),
    ("daemon said go", "daemon", "takes the last look, says go"),
    ("executes", "command", "is told, by the monitor"),
)
START: Stations = (
    ("interpreter", "client", "fork, exec, Python is up"),
    ("marks", "", OWN),
    ("imports", "client", "its modules"),
    ("more marks", "", f"{OWN}, once more"),
    ("libraries", "client", "reads its command line, loads libgssapi and libkrb5"),
    ("ticket", "client", "a ticket for jitd, out of the cache"),
    ("client said hello", "client", "connects, says hello"),
    ("daemon said hello", "daemon", "accepts, answers"),
    ("first token", "client", "hears, makes its token"),
    ("daemon heard token", "daemon", "has it"),
    ("proved", "daemon", "accepts the proof"),
    ("daemon said welcome", "daemon", "looks up the account, says welcome"),
    ("client heard welcome", "client", "checks jitd's proof, hears welcome"),
    ("client said submit", "client", "seals and says what is asked"),
    ("daemon heard submit", "daemon", "has it, unsealed and checked"),
    ("admitted", "daemon", "the account again"),
    ("screened", "daemon", "finds command and file, asks policy"),
    ("decided", "daemon", "lease, quota, fingerprint"),
    ("committed", "daemon", "puts request, grant and run on record"),
    *TO_EXEC,
    ("reaped", "command", "exec, the command itself, its end"),
    ("outcome heard", "client", "hears how it ended"),
    ("client leaves", "client", "puts all right"),
    ("end", "client", "is gone, and reaped"),
)
APPROVAL: Stations = (
    ("decided", "daemon", "hears the review, asks policy once more"),
    ("committed", "daemon", "puts review, grant and run on record"),
    *TO_EXEC,
    ("end", "command", "exec, its first byte"),
)
"""Station, whose time it was, and what was done in it; in the order of the path."""
MEANWHILE = (
    ("first token", "all loaded", "beside it: the client loads the rest, collects claims"),
    ("before the holder", "housed", "beside it: the monitor makes a control group"),
    ("client heard start", "streams given", "beside it: the client hands its streams over"),
)
"""What lies beside the path: from, to, and what it is."""
PATIENCE = 5.0
"""Seconds in which a process that has passed a station has noted it."""


def prepare() -> None:
    """The two commands with marks in them, in a directory of their own."""
    directory = Path(HERE)
    directory.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("marks.py"), directory)
    for name, more in (("jitsudo", CLIENT), ("jitd", DAEMON)):
        file = directory / name
        file.write_text(COMMAND.format(here=HERE, more=more))
        file.chmod(0o755)
    clock = Path(CLOCK)
    clock.touch()
    clock.chmod(0o666)
    spawn_quietly(["/usr/bin/python3", "-IS", "-m", "compileall", "-q", HERE])


def start_marked(start: Callable[[str], House], policy: str) -> House:
    """A daemon that marks what passes. ``start`` makes it."""
    prepare()
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{HERE}:{path}"
    try:
        return start(policy)
    finally:
        os.environ["PATH"] = path


def time_run(words: list[str]) -> dict[str, int]:
    """One run: when each station was first passed, in ns since its beginning."""
    os.truncate(CLOCK, 0)
    began_at = time.monotonic_ns()
    spawn_quietly([f"{HERE}/jitsudo", *words])
    return {"begin": 0, **stations_passed(began_at, time.monotonic_ns(), START)}


def stations_passed(began_at: int, ended_at: int, stations: Stations) -> dict[str, int]:
    """Since ``began_at`` in ns, when each station was first passed; ``end`` was passed at ``ended_at``. On a busy host a process
    may note a station of ``stations`` when the end is over. Raises Failed.
    """
    until = time.monotonic() + PATIENCE
    while True:
        passed = {"end": ended_at - began_at}
        for line in Path(CLOCK).read_text().splitlines():
            at, _, name = line.partition(" ")
            passed.setdefault(name, int(at) - began_at)
        time.sleep(0.05)  # the monitor leaves, and the launcher makes another one
        missing = [station for station, _, _ in stations if station not in passed]
        if not missing:
            return passed
        if time.monotonic() > until:
            raise Failed(f"the path is another one now; nobody passed: {', '.join(missing)}")


def time_runs(words: list[str], n_rounds: int) -> list[dict[str, int]]:
    """``n_rounds`` of them; the first, which nobody counts, is one more."""
    return [time_run(words) for _ in range(n_rounds + 1)][1:]


def time_approval(house: House) -> dict[str, int]:
    """One approval: when each station was first passed, in ns since the daemon heard the review."""

    def approve(id: str) -> float:
        os.truncate(CLOCK, 0)
        return approve_by_client(id)

    _, at = hear_first_byte(house, f"{HERE}/jitsudo", approve)
    passed = stations_passed(0, int(at * 1e9), APPROVAL)
    heard_at = passed["daemon heard review"]
    return {station: at - heard_at for station, at in passed.items()}


def add_stations(table: Table, passed: Mapping[str, int], stations: Stations) -> None:
    """One row for each of ``stations``."""
    last = 0
    for station, who, what in stations:
        table.add(f"{who:8}{what}", (passed[station] - last) / 1e6)
        last = passed[station]


def add_meanwhile(table: Table, passed: Mapping[str, int]) -> None:
    for begin, end, what in MEANWHILE:
        if begin in passed:
            table.add(what, (passed[end] - passed[begin]) / 1e6)


def measure_stations(house: House, n_rounds: int) -> list[Table]:
    """Milliseconds from station to station, as alice: permitted at once, and approved by bob."""
    table = Table("stations of `jitsudo true`", "ms")
    for passed in do_as("alice", str(house.socket), partial(time_runs, ["true"], n_rounds)):
        add_stations(table, passed, START)
        of_ours = passed["marks"] - passed["interpreter"] + passed["more marks"] - passed["imports"]
        table.add("all of it, but for what measures", (passed["end"] - of_ours) / 1e6)
        add_meanwhile(table, passed)
    approval = Table("stations from an approval to the first byte", "ms")
    for passed in [time_approval(house) for _ in range(n_rounds + 1)][1:]:
        add_stations(approval, passed, APPROVAL)
        approval.add("from the commit to the first byte", (passed["end"] - passed["committed"]) / 1e6)
        add_meanwhile(approval, passed)
    for each in (table, approval):
        each.notes.append("a station that is passed before the one above it took less than none")
    return [table, approval]
