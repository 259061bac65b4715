# SPDX-License-Identifier: Apache-2.0
"""From a person's fork to the command's end, and from an approval to the command's first byte.

Law: both sides of a comparison are started alike, by the same process, with the same descriptors, one after the other.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from people import PATIENCE, Failed, Helper, do_as
from table import Table, interleaved

from jitpam import carrier
from jitpam.client import Connection, connect
from jitpam.wire.messages import Review, Show
from tests.system.conftest import HOST, House

POLICY = """
[[permit]]
name = "at-once"
who = ["user:alice"]
commands = [["/usr/bin/true"], ["/usr/bin/cat"], ["/usr/bin/head", "**"]]
run = { record = "none" }

[[permit]]
name = "kept"
who = ["user:alice"]
run_as = ["bob"]
commands = [["/usr/bin/cat"], ["/usr/bin/head", "**"]]
run = { record = "output" }

[[permit]]
name = "owed"
who = ["user:alice"]
commands = [["/usr/bin/true", "leased"], ["/usr/bin/echo", "**"]]
approvals = [{ need = 1, from = ["group:ops"], door = true }]
grant = { lasts = "1h", uses = 10000 }
"""
SUDOERS = "/etc/sudoers.d/bench"
JITSUDO, SUDO, TRUE = "/usr/bin/jitsudo", "/usr/bin/sudo", "/bin/true"
FORK, ONCE, LEASED = "fork+exec /bin/true", "jitsudo true, permitted at once", "jitsudo true, under a lease"
APPROVED, ANSWERED = "after `jitd approve` has ended", "after jitd's answer reached the approver"
AT_SOCKET, BY_DOOR = "approved at the Unix socket", "approved by the door, through jitd-door"
DOOR = "[door]\nlisten = true\n"
PEER = "sudo -n true"
STARTS = {
    FORK: [TRUE],
    PEER: [SUDO, "-n", "true"],
    ONCE: [JITSUDO, "true"],
    LEASED: [JITSUDO, "true", "leased"],
}
ID = re.compile(rb"request ([0-9A-Z]{4}-[0-9A-Z]{4})")


def allow_sudo() -> None:
    """Let alice use sudo for everything, without a password."""
    with open(SUDOERS, "w", encoding="ascii", opener=partial(os.open, mode=0o440)) as file:
        file.write("alice ALL=(ALL:ALL) NOPASSWD: ALL\n")


# --- start to end ----------------------------------------------------------------------------------------------------


def spawn_quietly(line: list[str]) -> None:
    """Run ``line`` to its end, with nothing to read and nobody to write to. Raises Failed unless it ends with 0."""
    nothing = [(os.POSIX_SPAWN_OPEN, stream, "/dev/null", os.O_RDWR, 0) for stream in range(3)]
    pid = os.posix_spawn(line[0], line, os.environ, file_actions=nothing)
    _, status = os.waitpid(pid, 0)
    if status:
        raise Failed(f"{' '.join(line)} ended with {os.waitstatus_to_exitcode(status)}")


def time_start(line: list[str]) -> float:
    """Milliseconds from before the fork until the process is reaped."""
    began_at = time.perf_counter()
    spawn_quietly(line)
    return (time.perf_counter() - began_at) * 1000


def time_starts(n_rounds: int, lines: Mapping[str, list[str]]) -> dict[str, list[float]]:
    """Every kind of start, in turn; the first of each is not counted."""
    table = Table("", "")
    measures = {name: partial(time_start, line) for name, line in lines.items()}
    for measure in measures.values():
        measure()
    interleaved(n_rounds, table, measures)
    return table.rows


def measure_starts(house: House, n_rounds: int, peers: Mapping[str, list[str]]) -> Table:
    """Milliseconds from fork to reaped end, as alice, without a terminal; those of ``peers`` too."""
    lease = house.ask("alice", "--for", "1h", "--uses", "10000", "true", "leased")
    if house.approve(lease.id).returncode or lease.end():
        raise Failed(f"there is no lease to measure under: {lease.err}")
    table = Table("start to end", "ms", peer=PEER)
    for row, samples in do_as("alice", str(house.socket), partial(time_starts, n_rounds, {**STARTS, **peers})).items():
        table.add(row, *samples)
    return table


# --- completion ------------------------------------------------------------------------------------------------------

COMPLETION = ["/usr/bin/jitd", "complete", "--", "approve", ""]
N_WAITING = 10
NOTHING, SOME, SILENT = "no request waits", f"{N_WAITING} requests wait", "jitd does not answer"


def time_completions(n_rounds: int) -> list[float]:
    """Milliseconds of each round."""
    return [time_start(COMPLETION) for _ in range(n_rounds)]


def measure_completion(house: House, n_rounds: int) -> Table:
    """Milliseconds from fork to reaped end of what a shell calls at a Tab, as bob."""
    table = Table("ids for a shell to complete with", "ms")
    table.add(NOTHING, *do_as("bob", str(house.socket), partial(time_completions, n_rounds)))
    if not all([house.ask("alice", "echo", str(number)).id for number in range(N_WAITING)]):
        raise Failed("no request waits")
    table.add(SOME, *do_as("bob", str(house.socket), partial(time_completions, n_rounds)))
    silent = socket.socket(socket.AF_UNIX)
    place = Path(tempfile.mkdtemp()) / "silent"
    place.parent.chmod(0o755)
    silent.bind(str(place))
    place.chmod(0o666)
    silent.listen()
    table.add(SILENT, *do_as("bob", str(place), partial(time_completions, min(n_rounds, 5))))
    silent.close()
    shutil.rmtree(place.parent)
    return table


# --- approval to first byte ------------------------------------------------------------------------------------------


def approve_by_command(id: str) -> float:
    """``jitd approve``, as a person would: the moment of its end."""
    spawn_quietly(["/usr/bin/jitd", "approve", id, "--yes"])
    return time.monotonic()


def approve_by_client(id: str) -> float:
    """The same by a program that is connected already: the moment when it has the daemon's answer."""
    return approve_on(connect(), id)


def approve_on(connection: Connection, id: str) -> float:
    """Approve, and hang up. Return the moment of the answer."""
    (row,) = connection.ask(Show(id=id))
    connection.do(Review(id=id, verdict="approve", fingerprint=bytes.fromhex(row["fingerprint"]), comment=""))
    at = time.monotonic()
    connection.close()
    return at


def approve_at_socket(id: str) -> float:
    """Connect and approve. Return the moment before."""
    began_at = time.monotonic()
    approve_on(connect(), id)
    return began_at


def approve_by_door(id: str) -> float:
    """The same as somebody who is elsewhere does, but for what their ssh takes."""
    began_at = time.monotonic()
    approve_on(carrier.connect(HOST, carrier.Command(("/usr/bin/jitd-door", "stdio"))), id)
    return began_at


def hear_first_byte(house: House, command: str, approve: Callable[[str], float]) -> tuple[float, float]:
    """Have alice ask by ``command`` for what bob approves by ``approve``. Return the moment that this gives, and the moment of
    the first byte of what she asked for. Raises Failed.
    """
    line = house.line("alice", command, "echo", "x")
    asker = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
    assert asker.stdout is not None and asker.stderr is not None
    try:
        approver = Helper("bob", str(house.socket), partial(approve, waiting_id(asker.stderr.fileno())))
        wait_readable(asker.stdout.fileno())
        at = time.monotonic()
        approved_at: float = approver.result()
        if asker.wait(PATIENCE):
            raise Failed("the approved command failed")
        return approved_at, at
    finally:
        asker.kill()
        asker.wait()
        asker.stdout.close()
        asker.stderr.close()


def time_first_byte(house: House, approve: Callable[[str], float]) -> float:
    """Milliseconds from the moment that ``approve`` gives to the first byte of the command that waited for it."""
    approved_at, at = hear_first_byte(house, JITSUDO, approve)
    return (at - approved_at) * 1000


def waiting_id(said: int) -> str:
    """The id of the request, once its asker says on ``said`` that it waits."""
    heard = b""
    while b"requires 1 approval" not in heard:
        wait_readable(said)
        piece = os.read(said, 4096)
        if not piece:
            raise Failed(f"a request did not wait: {heard.decode('utf-8', 'replace')}")
        heard += piece
    found = ID.search(heard)
    assert found is not None
    return found[1].decode()


def wait_readable(descriptor: int) -> None:
    """Until there is something to read. Raises Failed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(PATIENCE * 1000):
        raise Failed("nothing came")


def measure_first_byte(house: House, n_rounds: int) -> Table:
    """Milliseconds until an approved command is heard of."""
    table = Table("approval to the command's first byte", "ms")
    interleaved(
        n_rounds,
        table,
        {
            APPROVED: partial(time_first_byte, house, approve_by_command),
            ANSWERED: partial(time_first_byte, house, approve_by_client),
        },
    )
    table.notes.append("below 0: the byte was there before the approver's own command had ended")
    return table


def measure_by_door(house: House, n_rounds: int) -> Table:
    """Milliseconds from before an approver connects to the first byte of the command."""
    place = Path("/run/jitd/door.sock")
    place.parent.mkdir(mode=0o755, exist_ok=True)
    place.symlink_to(house.socket.with_name(place.name))
    place.chmod(0o666)  # the approver is their own carrier here
    table = Table("from an approver who connects to the first byte", "ms", peer=AT_SOCKET)
    try:
        ways = {AT_SOCKET: approve_at_socket, BY_DOOR: approve_by_door}
        interleaved(n_rounds, table, {name: partial(time_first_byte, house, way) for name, way in ways.items()})
    finally:
        place.unlink()
    return table
