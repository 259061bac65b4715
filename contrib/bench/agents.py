#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agents.py [N]: N agents (10,000 by default) at one nats-server, and a desk that calls the roll and asks them.

Law: the agents are the product's own (jitd_fleet/agent.py), each with its own key and its own connection by TLS, but many in a
process, and their words are given. It measures the engine and the desk, and says so of what it leaves out.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE), str(TREE / "extensions")]

from jitd_fleet import desk as desks  # noqa: E402
from jitd_fleet import nkey, permissions  # noqa: E402
from jitd_fleet.agent import Agent  # noqa: E402
from jitd_fleet.engine import Engine  # noqa: E402

N_PROCESSES = 4
AT_ONCE = 20
"""Agents of one process that are connecting at the same time."""
PORT = 14222
SERVER = f"tls://127.0.0.1:{PORT}"
WORD = json.dumps({"signed": "x" * 200, "signature": "y" * 300, "waiting": 0}).encode()
"""As long as a word of jitd."""
CONF = f"""\
listen: 127.0.0.1:{PORT}
tls {{{{ cert_file: "{{at}}/hub.pem", key_file: "{{at}}/hub.key" }}}}
include permissions.conf
"""


def name_of(number: int) -> str:
    return f"host{number:05}.example.test"


class GivenWord:
    """What an agent knows of jitd."""

    newest = WORD

    async def follow(self) -> None:
        await asyncio.Event().wait()


async def _be(at: Path, first: int, seeds: list[str]) -> None:
    at_once = asyncio.Semaphore(AT_ONCE)

    async def begin(number: int, seed: str) -> Agent:
        async with at_once:
            agent: Any = Agent(Engine((SERVER,), nkey.Key(seed), str(at / "hub.pem"), lambda: None), name_of(number), "/nowhere")
            agent._word = GivenWord()
            await agent.start()
            return agent  # type: ignore[no-any-return]

    kept = await asyncio.gather(*(begin(first + number, seed) for number, seed in enumerate(seeds)))
    print(len(kept), flush=True)
    await asyncio.Event().wait()


def status(pid: int, key: str) -> int:
    """A line of /proc/PID/status, in KiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1])


def listens() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", PORT)) == 0


def measure(at: Path, n: int) -> None:
    line = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=hub"]
    line += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]  # which Python 3.13 demands
    line += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(at / "hub.key"), "-out", str(at / "hub.pem")]
    subprocess.run(line, check=True, capture_output=True)
    seeds = [nkey.make() for _ in range(n)]
    own = at / "jitd"
    own.mkdir()
    key = nkey.make()
    (own / "nats.nk").write_text(f"{key}\n")
    (own / "nats.nk").chmod(0o600)
    hosts = {name_of(number): [nkey.Key(seed).public] for number, seed in enumerate(seeds)}
    (at / "permissions.conf").write_text(permissions.configuration(hosts, {"bob": [nkey.Key(key).public]}))
    (at / "nats.conf").write_text(CONF.format(at=at))
    running = [subprocess.Popen(["nats-server", "-c", at / "nats.conf"], stdout=(at / "log").open("wb"), stderr=-2)]
    try:
        while not listens():
            time.sleep(0.05)
        server = running[0].pid
        empty = status(server, "VmRSS")
        began = time.monotonic()
        size = -(-n // N_PROCESSES)
        for first in range(0, n, size):
            (at / f"seeds-{first}").write_text(json.dumps(seeds[first : first + size]))
            words = [sys.executable, __file__, "--agents", str(at), str(first)]
            running.append(subprocess.Popen(words, stdout=subprocess.PIPE))
        connected = 0
        for one in running[1:]:
            assert one.stdout is not None
            connected += int(one.stdout.readline() or 0)
        took = time.monotonic() - began
        time.sleep(2)
        print(f"{connected} agents connected in {took:.0f} s")
        rss = status(server, "VmRSS")
        each = (rss - empty) / connected
        print(f"nats-server: {rss / 1024:.0f} MB, {empty / 1024:.0f} MB without agents: {each:.1f} KiB an agent")
        of_agents = sum(status(one.pid, "VmRSS") for one in running[1:])
        print(f"an agent, as one of many in a process: {of_agents / connected:.1f} KiB")
        os.environ["XDG_CONFIG_HOME"] = str(at)
        desks.WORDS_WITHIN, desks.CONNECTED_WITHIN = 60.0, 70.0  # a desk asks who has not answered within a second
        desk = desks.Desk("the engine", (SERVER,), str(at / "hub.pem"))
        for what in ("with the connection", "again", "again"):
            began, cpu = time.monotonic(), time.process_time()
            found = desk.roll(list(hosts))
            took, cpu = time.monotonic() - began, time.process_time() - cpu
            print(f"a roll over all, {what}: {len(found)} words in {took:.2f} s, {cpu:.2f} s of the desk's processor")
    finally:
        for one in running:
            one.kill()
            one.wait()


def main() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:2] == ["--agents"]:
        at, first = Path(sys.argv[2]), int(sys.argv[3])
        asyncio.run(_be(at, first, json.loads((at / f"seeds-{first}").read_text())))
        return 0
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    if hard < n + 100:
        print(f"agents: ulimit -Hn is {hard}, which is too few for {n} connections of the server", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory:
        measure(Path(directory), n)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
