# SPDX-License-Identifier: Apache-2.0
"""What sinks cost: decisions a second with three sinks attached, beside those without one.

Law: the sinks are real ones, in three forms: a file, a socket of syslog, and a server over HTTPS. The two daemons take turns in
one run, and each of them goes first as often as the other.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from load import POLICY, config_for, decisions_a_second, submit_permitted
from people import Failed
from table import Table, interleaved

from tests.outside.server import Asked, Authority, reply, serving
from tests.system.conftest import House

WITHOUT, WITH = "without a sink", "with three sinks"
LOGS = Path("/var/log/jitd-outside")
NAME = "bench.jsonl"
LAG = re.compile(r"^jitd_sink_lag_records\{.*\} (\d+)$", re.MULTILINE)
N_SINKS = 3
N_CONNECTIONS = 16
PATIENCE = 60.0
"""Seconds until the sinks have the whole record."""


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


def wait_until_sent(house: House) -> None:
    """Wait until the sinks of ``house`` have the whole record: what they lack, they get while the other daemon is measured. What
    is stored of a sink that confirms nothing lags by a minute, so the daemon is asked.
    """
    ends_at = time.monotonic() + PATIENCE
    while time.monotonic() < ends_at:
        lags = LAG.findall(house.jitd("metrics").stdout)
        if len(lags) == N_SINKS and set(lags) == {"0"}:
            return
        time.sleep(0.05)
    raise Failed(f"the sinks have not got the whole record; they lack {', '.join(lags)}")


def cpu_of(house: House) -> float:
    """Seconds that the daemon has had a processor."""
    assert house.process is not None
    fields = Path(f"/proc/{house.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(house: House, seconds: float, costs: Table, row: str) -> float:
    """Decisions a second. What each cost the daemon is added to ``row`` of ``costs``."""
    before = cpu_of(house)
    found = decisions_a_second(house, submit_permitted, N_CONNECTIONS, seconds)
    costs.add(row, 1000 * (cpu_of(house) - before) / (found * seconds))
    return found


def measure_with(house: House, seconds: float, costs: Table) -> float:
    """As ``measure``, on ``house``, whose sinks have the whole record before and after."""
    wait_until_sent(house)
    try:
        return measure(house, seconds, costs, WITH)
    finally:
        wait_until_sent(house)


def measure_sinks(start: Callable[..., House], n_many: int, n_rounds: int, seconds: float) -> tuple[Table, Table]:
    """Decisions a second, with and without sinks, and the time of a processor that each costs the daemon."""
    table = Table(f"decisions, by {N_CONNECTIONS} connections", "a second", peer=WITHOUT)
    costs = Table("what a decision costs the daemon", "ms of CPU", peer=WITHOUT)
    with collectors() as sinks:
        houses = {WITHOUT: start(POLICY, config_for(n_many)), WITH: start(POLICY, config_for(n_many) + sinks)}
        measures = {
            WITHOUT: partial(measure, houses[WITHOUT], seconds, costs, WITHOUT),
            WITH: partial(measure_with, houses[WITH], seconds, costs),
        }
        interleaved(n_rounds, table, measures)
    table.notes.append("the collectors, who take everything, and those who ask share the machine with the daemon")
    return table, costs
