# SPDX-License-Identifier: Apache-2.0
"""How fast a command's bytes come through: a pipe, two pipes, a terminal; each by jitsudo, by sudo, and by neither.

Law: the clock runs from the first byte to the last, so that the start, which is measured elsewhere, does not count; who reads
throws away, and reads alike on all sides.
"""

from __future__ import annotations

import os
import select
import time
import tty
from functools import partial

from people import PATIENCE, Failed, do_as
from table import Table, interleaved

from tests.system.conftest import House

JITSUDO, SUDO, HEAD, CAT = "/usr/bin/jitsudo", "/usr/bin/sudo", "/usr/bin/head", "/usr/bin/cat"
BARE, BY_SUDO, APART, BY_US, KEPT = "bare", "sudo", "sudo, in a session of its own", "jitsudo", "jitsudo, recorded"
WAYS = {
    BARE: [],
    BY_SUDO: [SUDO, "-n"],
    APART: ["/usr/bin/setsid", "--wait", SUDO, "-n"],
    BY_US: [JITSUDO],
    KEPT: [JITSUDO, "-u", "bob"],
}
"""What stands before the command. As bob it is recorded, by ``starts.POLICY``."""
OF_KEPT = 8
"""Of what is recorded, so much less is sent through a pipe: it takes as much longer, and is held against nothing."""
PIECE = 1 << 16

Actions = list[tuple[int, ...] | tuple[int, int, str, int, int]]


def start(line: list[str], descriptors: tuple[int, int], *, terminal: str = "") -> int:
    """Run ``line`` with these for its standard input and output, or with ``terminal`` for all three, in a session of its own."""
    if terminal:  # the first terminal that the leader of a session opens is the one that controls it
        actions: Actions = [(os.POSIX_SPAWN_OPEN, stream, terminal, os.O_RDWR, 0) for stream in range(3)]
    else:
        actions = [(os.POSIX_SPAWN_DUP2, descriptor, stream) for stream, descriptor in enumerate(descriptors)]
        actions.append((os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0))
    return os.posix_spawn(line[0], line, os.environ, file_actions=actions, setsid=bool(terminal))


def end(*pids: int) -> None:
    """Wait for them. Raises Failed unless all end with 0."""
    found = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    if any(found):
        raise Failed(f"a command ended with {found}")


def take_all(reading: int, n_bytes: int) -> float:
    """Read ``n_bytes`` and throw them away: MB (10⁶ bytes) a second, from the first to the last."""
    nothing = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    if not poll.poll(PATIENCE * 1000):
        raise Failed("nothing came")
    began_at = time.perf_counter()
    left = n_bytes
    is_terminal = os.isatty(reading)
    while left > 0:
        taken = len(os.read(reading, PIECE)) if is_terminal else os.splice(reading, nothing, PIECE)
        if not taken:
            raise Failed(f"{left} bytes did not come")
        left -= taken
    took = time.perf_counter() - began_at
    os.close(nothing)
    return n_bytes / took / 1e6


def out_of_pipe(before: list[str], n_bytes: int) -> float:
    """``head -c N /dev/zero > pipe``."""
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    reading, writing = os.pipe()
    pid = start([*before, HEAD, "-c", str(n_bytes), "/dev/zero"], (nothing, writing))
    os.close(writing)
    os.close(nothing)
    rate = take_all(reading, n_bytes)
    os.close(reading)
    end(pid)
    return rate


def through_pipes(before: list[str], n_bytes: int) -> float:
    """``head -c N /dev/zero | cat > pipe``, where cat is the command."""
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    feeding_out, feeding_in = os.pipe()
    reading, writing = os.pipe()
    cat = start([*before, CAT], (feeding_out, writing))
    head = start([HEAD, "-c", str(n_bytes), "/dev/zero"], (nothing, feeding_in))
    for descriptor in (nothing, feeding_out, feeding_in, writing):
        os.close(descriptor)
    rate = take_all(reading, n_bytes)
    os.close(reading)
    end(head, cat)
    return rate


def out_of_terminal(before: list[str], n_bytes: int) -> float:
    """``head -c N /dev/zero`` in a terminal of ours."""
    master, slave = os.openpty()
    tty.setraw(slave)
    pid = start([*before, HEAD, "-c", str(n_bytes), "/dev/zero"], (slave, slave), terminal=os.ttyname(slave))
    os.close(slave)
    rate = take_all(master, n_bytes)
    end(pid)
    os.close(master)
    return rate


def time_streams(n_rounds: int, n_pipe: int, n_terminal: int) -> list[dict[str, list[float]]]:
    """MB (10⁶ bytes) a second of each kind of stream, by each way of running the command."""
    found = []
    for kind, size in ((out_of_pipe, n_pipe), (through_pipes, n_pipe), (out_of_terminal, n_terminal)):
        table = Table("", "")
        ways = {name: before for name, before in WAYS.items() if name != APART or kind is not out_of_terminal}
        is_pipe = kind is not out_of_terminal
        sizes = {name: size // OF_KEPT if is_pipe and name == KEPT else size for name in ways}
        interleaved(n_rounds, table, {name: partial(kind, before, sizes[name]) for name, before in ways.items()})
        found.append(table.rows)
    return found


def measure_streams(house: House, n_rounds: int, n_pipe: int, n_terminal: int) -> list[Table]:
    """MB a second, from the first byte to the last: out of a pipe, in by one and out by another, out of a terminal."""
    titles = (
        f"{size(n_pipe)} out of a pipe",
        f"{size(n_pipe)} in by a pipe and out by one",
        f"{size(n_terminal)} out of a terminal",
    )
    tables = []
    rows_of = do_as("alice", str(house.socket), partial(time_streams, n_rounds, n_pipe, n_terminal))
    for title, rows in zip(titles, rows_of, strict=True):
        table = Table(title, "MB a second", peer=APART if APART in rows else BY_SUDO)
        for row, samples in rows.items():
            table.add(row, *samples)
        if APART in rows:
            table.notes += [
                "the kernel shares the processors out by session. jitsudo gives its command one; so does sudo at a terminal,",
                "but not here, without one: hence the row in which it is given one, which jitsudo is held against",
            ]
        tables.append(table)
    return tables


def size(n_bytes: int) -> str:
    """A round number of bytes, in words."""
    return f"{n_bytes >> 30} GB" if n_bytes >= 1 << 30 else f"{n_bytes >> 20} MB"
