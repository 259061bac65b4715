# SPDX-License-Identifier: Apache-2.0
"""One account that does its worst, and how long another waits meanwhile: large frames, long lists, mounts that never answer; and
strangers who flood the door.

Law: the besieger and who is served are processes of their own, with connections that were authenticated before the clock started;
calm and siege take turns in one run.
"""

from __future__ import annotations

import itertools
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import NoReturn

from load import resident, submit_permitted
from people import Failed, do_as
from table import Table

from jitd.core.command import spell_id
from jitd.core.request import RequestState
from jitd.monitor.slate import PR_SET_PDEATHSIG, control_process
from jitd.store.sqlite import SqliteStore
from jitpam.client import connect
from jitpam.wire import coding, messages
from jitpam.wire.framing import LIMIT as LARGE
from jitpam.wire.framing import frame
from tests.attacks.at_door import AtDoor
from tests.attacks.raw import Raw, asked, connected, initiator, review, ticket_of
from tests.scene import asked as scene_asked
from tests.stored import put
from tests.system.conftest import House
from tests.system.filesystem import Served

A_SECOND = 10
"""Frames of a siege."""
CONNECTIONS = 30
POLICY = """
[[permit]]
name = "owed"
who = ["user:alice", "user:bob", "user:dave", "user:eve"]
commands = [["/usr/bin/id", "**"], ["/usr/bin/echo", "**"]]
approvals = [{ need = 1, from = ["user:alice", "user:bob", "user:carol", "user:dave", "user:eve"] }]
"""
CALM, SIEGE = "nobody else asks", "while another sends ten of the worst frames a second"
LIST = messages.List(what="requests", ended=False)


def worst_frames() -> list[bytes]:
    """Bodies that cost most: many members, many that are just not too many, one large, text that has to be looked at."""
    room = LARGE - 4096
    empty = coding.encode(messages.Explain(**asked(b"echo")))
    members = empty.replace(b'"argv":["ZWNobw=="]', b'"argv":["ZWNobw=="' + b',""' * (room // 3) + b"]")
    words = coding.encode(messages.Explain(**asked(b"echo", *[b"\xff" * 100] * 19_900)))
    large = coding.encode(messages.Explain(**asked(b"echo", b"\x01" * (room // 4 * 3 - 4096))))
    text = coding.encode(messages.Explain(**asked(b"echo"))).replace(
        b'"reason":null', b'"reason":"' + "é".encode() * (room // 2) + b'"'
    )
    return [members, words, large, text]


def besiege(house: House) -> NoReturn:
    """Send the worst, for ever."""
    bodies = worst_frames()
    open_ = [connected(house, "alice") for _ in range(CONNECTIONS)]
    at = time.monotonic()
    for turn in itertools.count():
        raw = open_[turn % CONNECTIONS]
        if has_hung_up(raw):
            raw.close()
            open_[turn % CONNECTIONS] = raw = connected(house, "alice")
        raw.socket.settimeout(0.05)
        try:
            raw.socket.sendall(frame(raw.seal(bodies[turn % len(bodies)])))
        except OSError:  # nobody reads it yet: the rest of it is never sent
            raw.close()
            open_[turn % CONNECTIONS] = connected(house, "alice")
        at += 1 / A_SECOND
        time.sleep(max(0.0, at - time.monotonic()))
    raise AssertionError


def has_hung_up(raw: Raw) -> bool:
    """Read what it was answered; True if that was the end."""
    while select.select([raw.socket], [], [], 0)[0]:
        try:
            if not raw.socket.recv(1 << 20):
                return True
        except OSError:
            return True
    return False


@contextmanager
def at_work(work: Callable[[], NoReturn]) -> Iterator[None]:
    """While ``work`` is done in a process of its own."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                work()
        finally:
            os._exit(1)
    try:
        time.sleep(1)
        yield
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            raise Failed("who should have asked without end has ended")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def time_lists(house: House, seconds: float) -> list[float]:
    """Milliseconds that each of bob's lists took."""
    samples = []
    until = time.monotonic() + seconds
    with connected(house, "bob") as bob:
        while time.monotonic() < until:
            began_at = time.monotonic()
            bob.rows(LIST)
            samples.append((time.monotonic() - began_at) * 1000)
            time.sleep(0.01)
    return samples


def p99(samples: list[float]) -> float:
    """What one in a hundred is above."""
    return quantiles(samples, n=100)[98]


def measure_frames(house: House, n_rounds: int, seconds: float) -> Table:
    """p99 of one person's `requests` in each round, in calm and while another sends the worst there is."""
    assert house.process is not None
    table = Table(f"p99 of a list of requests, rounds of {seconds:g} s", "ms", peer=CALM)
    most = 0.0
    for _ in range(n_rounds):
        table.add(CALM, p99(time_lists(house, seconds)))
        with at_work(lambda: besiege(house)):
            table.add(SIEGE, p99(time_lists(house, seconds)))
            most = max(most, resident(house.process.pid))
    table.notes.append(f"the daemon held at most {most / 1024:.0f} MiB; {Path('/proc/loadavg').read_text().split()[0]} load")
    return table


# --- long lists ------------------------------------------------------------------------------------------------------------

N_WATCHERS = 50
APPROVERS = ("alice", "bob", "dave", "eve")
"""Who asks and approves; carol watches."""
WATCHED = f"while {N_WATCHERS} watch all that have ended"


def fill(house: House, n: int) -> None:
    """Put ``n`` ended requests of alice's into a daemon's database, while it is away."""
    store = SqliteStore(house.database)
    made = scene_asked()
    for first in range(0, n, 1000):
        ended = [replace(made, id=spell_id(number.to_bytes(5, "big")), state=RequestState.WITHDRAWN)
                 for number in range(first + 1, first + 1001)]  # fmt: skip
        put(store, *ended)
    store.close()


def watch(house: House, n: int) -> NoReturn:
    """Watch all that has ended, ``n`` times over, and read what comes."""
    watching = [connected(house, "carol") for _ in range(n)]
    for raw in watching:
        raw.say(messages.Watch(ended=True))
    while True:
        ready, _, _ = select.select([raw.socket for raw in watching], [], [])
        for sock in ready:
            sock.recv(1 << 20)


def time_approvals(house: House, n: int) -> list[float]:
    """Milliseconds from a review to its answer. All of APPROVERS take turns: one person may have only so many requests wait, and
    give only so many reviews, within a minute.
    """
    samples = []
    with ExitStack() as at_end:
        people = [at_end.enter_context(connected(house, name)) for name in APPROVERS]
        for number in range(n):
            requester, approver = people[number % len(people)], people[(number + 1) % len(people)]
            id = requester.submit("id", f"{os.getpid()}-{number}", waits=False)
            (row,) = approver.rows(messages.Show(id=id))
            began_at = time.monotonic()
            if not isinstance(approver.ask(review(row))[-1], messages.Done):
                raise Failed("an approval was refused")
            samples.append((time.monotonic() - began_at) * 1000)
            approver.ask(messages.Revoke(id=id, of=None, reason=""))
    return samples


def measure_lists(house: House, n_rounds: int, n_each: int, n_ended: int) -> Table:
    """p99 of an approval in each round, in calm and while many watch a long list."""
    house.kill()
    fill(house, n_ended)
    house.start()
    table = Table(f"p99 of an approval, {n_each} a round", "ms", peer=CALM)
    for _ in range(n_rounds):
        table.add(CALM, p99(time_approvals(house, n_each)))
        with at_work(lambda: watch(house, N_WATCHERS)):
            table.add(WATCHED, p99(time_approvals(house, n_each)))
    return table


# --- mounts that never answer ----------------------------------------------------------------------------------------------

N_MOUNTS, BESIEGERS = 16, ("alice", "carol", "dave", "eve")
SILENT = f"while {len(BESIEGERS)} ask for what {N_MOUNTS} silent mounts have"


def ask_for_silence(house: House, places: Sequence[Path]) -> NoReturn:
    """Ask for a file on each of them, and again as soon as there is an answer."""
    asking = {}
    for place, who in zip(places, itertools.cycle(BESIEGERS)):
        raw = connected(house, who)
        asking[raw.socket] = raw, messages.Explain(**asked(bytes(place / "f")))
    for raw, question in asking.values():
        raw.say(question)
    while True:
        ready, _, _ = select.select(list(asking), [], [])
        for sock in ready:
            if not sock.recv(1 << 16):
                raise Failed("a besieger was let go")
            raw, question = asking[sock]
            raw.say(question)


def time_looks(house: House, seconds: float) -> list[float]:
    """Milliseconds until bob was told what would be decided of a command on the host's own disk."""
    samples = []
    until = time.monotonic() + seconds
    with connected(house, "bob") as bob:
        while time.monotonic() < until:
            began_at = time.monotonic()
            bob.rows(messages.Explain(**asked(b"/usr/bin/id")))
            samples.append((time.monotonic() - began_at) * 1000)
            time.sleep(0.01)
    return samples


def measure_mounts(house: House, n_rounds: int, seconds: float) -> Table:
    """p99 of what one person is told in each round, in calm and while others ask for what is on mounts that never answer."""
    table = Table(f"p99 of a look at a command, rounds of {seconds:g} s", "ms", peer=CALM)
    root = Path("/srv/bench-silent")
    root.mkdir()
    with ExitStack() as at_end:
        at_end.callback(shutil.rmtree, root)
        servers = []
        for number in range(N_MOUNTS):
            servers.append(Served(root / str(number), 4001, for_all=True))
            at_end.callback(servers[-1].close)
        for server in servers:
            server.fall_silent()
        for _ in range(n_rounds):
            table.add(CALM, p99(time_looks(house, seconds)))
            with at_work(lambda: ask_for_silence(house, [server.place for server in servers])):
                table.add(SILENT, p99(time_looks(house, seconds)))
    return table


# --- the door ----------------------------------------------------------------------------------------------------------------

STRANGERS_A_SECOND = 256
"""Twice as many as the door lets begin. Each has a source of its own, and a proof that was made for another conversation."""
FLOODED = f"while {STRANGERS_A_SECOND} strangers a second come to the door"


def flood(house: House) -> NoReturn:
    """Come to the door, for ever."""
    os.nice(19)  # what strangers do takes no processor of the host
    ticket = ticket_of("eve")
    at = time.monotonic()
    while True:
        with AtDoor(house) as stranger:
            try:
                stranger.greet()
            except AssertionError:  # there is no room
                pass
            else:
                stranger.say(messages.Token(token=bytes(initiator(ticket, bytes(32)).step() or b"")))
                stranger.is_closed()
        at = max(at + 1 / STRANGERS_A_SECOND, time.monotonic() - 1)
        time.sleep(max(0.0, at - time.monotonic()))


def time_decisions(seconds: float) -> list[float]:
    """Milliseconds of each request that is permitted at once."""
    samples = []
    until = time.monotonic() + seconds
    connection = connect()
    while time.monotonic() < until:
        began_at = time.monotonic()
        submit_permitted(connection)
        samples.append((time.monotonic() - began_at) * 1000)
        time.sleep(0.002)
    connection.close()
    return samples


def measure_door(house: House, n_rounds: int, seconds: float) -> Table:
    """p99 of a decision for somebody on the host in each round, in calm and while strangers flood the door."""
    table = Table(f"p99 of a decision, rounds of {seconds:g} s", "ms", peer=CALM)
    work = partial(time_decisions, seconds)
    for _ in range(n_rounds):
        table.add(CALM, p99(do_as("bob", str(house.socket), work)))
        with at_work(lambda: flood(house)):
            table.add(FLOODED, p99(do_as("bob", str(house.socket), work)))
    return table
