# SPDX-License-Identifier: Apache-2.0
"""A desk, an engine (a server of NATS), three real hosts, and many simulated ones, which all dial out.

Law: the simulated hosts speak the protocol of the door, and their agents are the product's own, but many in a process. All share
the processors of this machine, which a fleet does not.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

from people import Failed
from starts import approve_on, wait_readable, waiting_id
from table import Table, interleaved

from contrib.fleet.hub import CA, SERVER, Hub
from jitd_fleet import nkey, permissions
from jitd_fleet.agent import Agent
from jitd_fleet.desk import Desk
from jitd_fleet.engine import Engine
from jitpam import carrier
from tests.attacks.raw import CACHES, REALM, kinit
from tests.fleet.simulated import Simulated
from tests.fleet.stage import Fleet, FleetHost, fleet

LISTED, AGAIN = "a list of all, each host asked", "a list of all, after a roll"
N_WAITING = 20
"""Simulated hosts on which something waits."""
BY_ENGINE = "approved by the engine"
TREE = Path(__file__).resolve().parents[2]


@contextmanager
def engine(n_simulated: int) -> Iterator[tuple[Hub, Simulated]]:
    """Three hosts and the simulated ones, known to an engine and to bob's desk."""
    with fleet() as three:
        hosts = Simulated(n_simulated, N_WAITING).start()
        seeds = {name: nkey.make() for name in hosts.hosts}
        hub = Hub(three, three.hosts, ("bob",))
        keys = {name: [nkey.Key(seed).public] for name, seed in seeds.items()}
        keys |= {host.host: [hub.public(name)] for name, host in three.hosts.items()}
        allowed = permissions.configuration(keys, {"bob": [hub.public("bob")]})
        (hub.machines[0].at / "nats/permissions.conf").write_text(allowed)
        file = Path(pwd.getpwnam("bob").pw_dir, ".config/jitd/hosts.toml")
        file.write_text(f'[all]\nhosts = {[*keys]}\nnats = "{SERVER}"\nca = "{CA}"\n')
        (hub.at / "seeds").write_text(json.dumps(seeds))
        agents = None
        try:
            hub.start()
            words = [sys.executable, __file__, str(hosts.at), str(hub.at)]
            environ = {**os.environ, "PYTHONPATH": f"{TREE}:{TREE}/extensions:{TREE}/contrib/bench"}
            agents = subprocess.Popen(words, stdout=subprocess.PIPE, env=environ, cwd=TREE)
            assert agents.stdout is not None
            if not agents.stdout.readline():
                raise Failed("the agents of the simulated hosts did not connect")
            yield hub, hosts
        finally:
            if agents is not None:
                agents.kill()
                agents.wait()
            hub.close()
            hosts.close()
            shutil.rmtree(file.parent, ignore_errors=True)


async def _agents(hosts: Path, hub: Path) -> None:
    kept = []
    for number, (name, seed) in enumerate(json.loads((hub / "seeds").read_text()).items()):
        one = Agent(Engine((SERVER,), nkey.Key(seed), CA, lambda: None), name, str(hosts / str(number)))
        await one.start()
        kept.append(one)
    print(len(kept), flush=True)
    await asyncio.Event().wait()


def time_list(three: Fleet, hosts: Simulated, what: str, processor: Table, asked: list[int]) -> float:
    """Seconds of ``jitd --hosts @all requests`` by bob, to its end."""
    if what == LISTED:
        shutil.rmtree(Path(pwd.getpwnam("bob").pw_dir, ".local/state/jitd"), ignore_errors=True)
    n_before, began_at, before = hosts.n_lists(), time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = three.desk("--hosts", "@all", "requests")
    took, after = time.monotonic() - began_at, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor.add(what, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    n_asked = hosts.n_lists() - n_before
    if done.returncode or len(done.stdout.splitlines()) < N_WAITING or (what == LISTED and n_asked < hosts.n):
        raise Failed(f"not all hosts are listed: {done.stderr[:2000]}")
    if what == AGAIN:
        asked.append(n_asked)
    return took


def time_first_byte(hub: Hub, host: FleetHost, config: Path, cache: str) -> float:
    """Milliseconds from before bob's desk connects to the engine to the first byte of what alice waits for."""
    line = host.line("alice", "jitsudo", "echo", "x")
    asker = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
    assert asker.stdout is not None and asker.stderr is not None
    try:
        id = waiting_id(asker.stderr.fileno())
        with patch.dict(os.environ, XDG_CONFIG_HOME=str(config), KRB5CCNAME=cache):
            began_at = time.monotonic()
            approve_on(carrier.connect(host.host, Desk("the engine", (SERVER,), str(hub.ca))), id)
        wait_readable(asker.stdout.fileno())
        return (time.monotonic() - began_at) * 1000
    finally:
        asker.kill()
        asker.wait()
        asker.stdout.close()
        asker.stderr.close()


def measure_engine(n_rounds: int, n_simulated: int) -> tuple[Table, Table, Table]:
    """Seconds of a list, and milliseconds from an approval to the first byte of the command."""
    with engine(n_simulated) as (hub, hosts):
        three = hub.fleet
        lists = Table(f"a desk lists {n_simulated} simulated hosts and 3 real ones by an engine", "s")
        processor = Table("what such a list costs the desk", "s of its processor", rows={LISTED: [], AGAIN: []})
        asked: list[int] = []
        time_list(three, hosts, LISTED, Table("", ""), asked)
        rows = {what: partial(time_list, three, hosts, what, processor, asked) for what in (LISTED, AGAIN)}
        interleaved(n_rounds, lists, rows)
        lists.notes.append(f"something waits on {N_WAITING} of the simulated hosts; after a roll, {median(asked):.0f} are asked")
        config = hub.at / "own"
        (config / "jitd").mkdir(parents=True)
        (config / "jitd/nats.nk").write_text(f"{hub.seeds['bob']}\n")
        (config / "jitd/nats.nk").chmod(0o600)
        cache = f"FILE:{kinit(CACHES / 'bob-bench', f'bob@{REALM}', 'bobbob')}"
        first = Table("from an approver who connects to an engine to the first byte", "ms")
        host = three.hosts["db1"]
        for _ in range(n_rounds):
            first.add(BY_ENGINE, time_first_byte(hub, host, config, cache))
        return lists, processor, first


if __name__ == "__main__":
    asyncio.run(_agents(Path(sys.argv[1]), Path(sys.argv[2])))
