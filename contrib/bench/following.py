# SPDX-License-Identifier: Apache-2.0
"""What followers of the record cost: decisions a second with many of them (``jitd audit show --follow``), beside those without
one.

Law: the followers are real connections, in a process of its own, which reads all that comes. The two daemons take turns in one
run, and each of them goes first as often as the other.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from load import POLICY, config_for, decisions_a_second, submit_permitted
from table import Table, interleaved

from jitpam.client import Connection, Unreachable
from jitpam.wire.messages import Audit
from tests.system.conftest import House

N_FOLLOWERS = 200
TREE = str(Path(__file__).resolve().parents[2])
N_CONNECTIONS = 16
WITHOUT, WITH = "without a follower", f"with {N_FOLLOWERS} followers"


@contextmanager
def followers(socket: Path) -> Iterator[None]:
    """N_FOLLOWERS who follow the daemon at ``socket``."""
    line = [sys.executable, str(Path(__file__)), str(socket)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": TREE}) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


def measure_followers(start: Callable[..., House], n_many: int, n_rounds: int, seconds: float) -> Table:
    """Decisions a second, with and without followers."""
    table = Table(f"decisions, by {N_CONNECTIONS} connections", "a second", peer=WITHOUT)
    houses = {WITHOUT: start(POLICY, config_for(n_many)), WITH: start(POLICY, config_for(n_many))}
    with followers(houses[WITH].socket):
        measures = {
            name: partial(decisions_a_second, house, submit_permitted, N_CONNECTIONS, seconds) for name, house in houses.items()
        }
        interleaved(n_rounds, table, measures)
    table.notes.append("the followers, who read everything, and those who ask share the machine with the daemon")
    return table


def follow(socket: str) -> None:
    """Follow until the daemon or the starter ends."""
    selector = selectors.DefaultSelector()
    for _ in range(N_FOLLOWERS):
        connection = Connection(socket, None)
        connection.open(time.monotonic() + 60)
        connection.ready()
        connection._say(Audit(follow=True), time.monotonic() + 60)
        selector.register(connection._socket, selectors.EVENT_READ, connection)
    print("ready", flush=True)
    try:
        while True:
            for key, _ in selector.select():
                key.data._receive()
                while key.data._next_message() is not None:
                    pass
    except Unreachable:
        pass


if __name__ == "__main__":
    follow(sys.argv[1])
