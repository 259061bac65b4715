# SPDX-License-Identifier: Apache-2.0
"""What the gate costs a KDC: its throughput with the plugin (contrib/krb5) and without it, and with many grants on one service.

krb5kdc is one thread, so its throughput is how many tickets it issues in a second of its own processor time. Others who use the
host change that little. Law: both KDCs serve a database of the same entries, made here; each round asks both, in an order that
changes from round to round, and is the same each time that it is measured. Both have the same number of requests to answer: a
KDC keeps its answers for two minutes (for clients that ask again), and the more it keeps, the slower it is.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from people import Failed
from table import Table

from tests.krb5.realm import MODULE, Realm

HERE = Path(__file__).parent
PEER, WITH, ONE, MANY = (
    "a KDC without the plugin",
    "with it, not gated",
    "with it, gated, one grant",
    "with it, gated, 1,000 grants",
)
BARE_ONE, BARE_MANY = "without it, an entry with one grant", "without it, an entry with 1,000"
PLAIN, GATED, FULL = "http/db1.example.test", "postgres/db1.example.test", "postgres/db2.example.test"
ALICE = "alice@BENCH.TEST"


def fill(realm: Realm) -> None:
    """The entries: alice is granted in both gated services, and 999 others in the second one."""
    realm.add_person("alice")
    for service in (PLAIN, GATED, FULL):
        realm.add_service(service)
    for service in (GATED, FULL):
        realm.gate(service)
        realm.grant(service, ALICE, 3600)
    end = int(time.time()) + 3600
    realm.local(*(f'setstr {FULL} jit_grant:{number:08} "1 {end} user{number}@BENCH.TEST"' for number in range(999)))


@contextmanager
def realms(where: Path) -> Iterator[tuple[Realm, Realm]]:
    """A realm without the plugin, and one with it."""
    bare = Realm("BENCH.TEST", where / "bare", "127.0.2.1", module=where / "none.so")
    gated = Realm("BENCH.TEST", where / "gated", "127.0.2.2", module=MODULE)
    try:
        for one in (bare, gated):
            one.create()
            fill(one)
            one.login("alice", one.where / "alice")
        yield bare, gated
    finally:
        for one in (bare, gated):
            one.stop()


def used_by(realm: Realm) -> float:
    """Seconds of processor time that krb5kdc has used so far (proc(5), ``schedstat``)."""
    return int(Path(f"/proc/{realm.pid('krb5kdc')}/schedstat").read_text().split()[0]) / 1e9


def measure_kdc(n_rounds: int, n_requests: int) -> Table:
    """Tickets in a second of krb5kdc's processor time, for one client that asks for one after the other."""
    table = Table("tickets by TGS requests", "a second of krb5kdc", peer=PEER)
    with tempfile.TemporaryDirectory(prefix="bench-kdc.", dir="/run") as directory, realms(Path(directory)) as (bare, gated):
        program = Path(directory, "tickets")
        words = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", HERE / "tickets.c", "-o", program, "-lkrb5"]
        if subprocess.run(words, check=False).returncode:
            raise Failed("contrib/bench/tickets.c was not compiled")
        asked = [(PEER, bare, PLAIN), (BARE_ONE, bare, GATED), (BARE_MANY, bare, FULL),
                 (WITH, gated, PLAIN), (ONE, gated, GATED), (MANY, gated, FULL)]  # fmt: skip
        for number in range(-1, n_rounds):
            for row, realm, service in random.Random(number).sample(asked, len(asked)):
                before = used_by(realm)
                done = realm.attempt(str(program), str(n_requests), service, cache=f"FILE:{realm.where}/alice")
                if done.returncode:
                    raise Failed(f"{row}: {done.stdout.strip()}")
                if number >= 0:  # the round before the first warms both
                    table.add(row, n_requests / (used_by(realm) - before))
        gated.take(GATED)
        if gated.attempt(str(program), "1", GATED, cache=f"FILE:{gated.where}/alice").returncode == 0:
            raise Failed("the gate is off: what was measured is not its cost")
    table.rows = {row: table.rows[row] for row, _, _ in asked}
    return table
