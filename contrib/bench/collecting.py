# SPDX-License-Identifier: Apache-2.0
"""What sinks cost: decisions a second with three sinks attached, beside those without one.

Law: the sinks are real ones, in three forms: a file, a socket of syslog, and a server over HTTPS. The two daemons take turns in
one run, and each of them goes first as often as the other.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from load import POLICY, config_for, decisions_a_second, submit_permitted
from table import Table, interleaved

from tests.outside.server import Asked, Authority, reply, serving
from tests.system.conftest import House

WITHOUT, WITH = "without a sink", "with three sinks"
LOGS = Path("/var/log/jitd-outside")
NAME = "bench.jsonl"
N_CONNECTIONS = 16


@contextmanager
def collectors() -> Iterator[str]:
    """Three collectors on this host, which take everything. Yield the settings of the sinks."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))
    place.chmod(0o755)
    LOGS.mkdir(exist_ok=True)
    shutil.chown(LOGS, "jitd-outside", "jitd-outside")
    authority = Authority()
    (place / "ca.pem").write_text(authority.pem)

    def take(line: socket.socket, asked: Asked) -> None:
        line.sendall(reply(b"{}"))

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, serving(authority.issue("localhost"), place) as server:
        log.bind(str(place / "log"))
        (place / "log").chmod(0o666)
        threading.Thread(target=_drop, args=(log,), daemon=True).start()
        server.deed = take
        try:
            yield f"""
[sinks.file]
kind = "file"
file = "{NAME}"

[sinks.syslog]
kind = "syslog"
socket = "{place}/log"
longest = 65536
shows = "command"

[sinks.https]
kind = "https"
url = "{server.url()}"
ca = "{place}/ca.pem"
addresses = ["127.0.0.0/8"]
shows = "command"
"""
        finally:
            log.shutdown(socket.SHUT_RDWR)
            shutil.rmtree(place)
            for file in LOGS.glob(f"{NAME}*"):
                file.unlink()


def _drop(log: socket.socket) -> None:
    while log.recv(1 << 20):
        pass


def measure_sinks(start: Callable[..., House], n_many: int, n_rounds: int, seconds: float) -> Table:
    """Decisions a second, with and without sinks."""
    table = Table(f"decisions, by {N_CONNECTIONS} connections", "a second", peer=WITHOUT)
    with collectors() as sinks:
        houses = {WITHOUT: start(POLICY, config_for(n_many)), WITH: start(POLICY, config_for(n_many) + sinks)}
        measures = {
            name: partial(decisions_a_second, house, submit_permitted, N_CONNECTIONS, seconds) for name, house in houses.items()
        }
        interleaved(n_rounds, table, measures)
    table.notes.append("the collectors, who take everything, and those who ask share the machine with the daemon")
    return table
