# SPDX-License-Identifier: Apache-2.0
"""Real receivers and jitd-outside are killed and started again while 200 records a second are made: what each receiver has is
compared with the chain, record by record.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.audit import forms
from jitd_outsiders.outside.client import Outside, child_connector
from jitd_outsiders.outside.deliveries import Https, Syslog
from jitd_outsiders.outside.deliveries import Lines as LogFile
from jitd_outsiders.outside.line_files import DIRECTORY
from jitd_sinks.settings import SinkSettings
from tests.daemon.test_sinks import House
from tests.outside.collectors import HttpsCollector, Rsyslog, free_port, local_input, tcp_input
from tests.outside.server import LOOPBACK, Authority
from tests.waiting import PATIENCE

A_SECOND, SECONDS = 200, 12
SEED = int(os.environ.get("JITD_SEED") or 43)
N_BEHIND = 4_000
FILE = "killed.jsonl"


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[dict[str, Rsyslog | HttpsCollector]]:
    tmp_path.chmod(0o755)
    tcp, https, path = free_port(), free_port(), Path("/run/killed.sock")
    authority = Authority()
    (tmp_path / "ca").write_text(authority.pem)
    found: dict[str, Rsyslog | HttpsCollector] = {
        "tcp": Rsyslog(tmp_path / "tcp", tcp_input(tcp), tcp),
        "local": Rsyslog(tmp_path / "local", local_input(path), path),
        "https": HttpsCollector(tmp_path / "https", https, authority.issue("localhost")),
    }
    for one in found.values():
        one.directory.mkdir()
        one.start()
    yield found
    for one in found.values():
        one.end(signal.SIGKILL)
    path.unlink(missing_ok=True)
    for file in DIRECTORY.glob(f"{FILE}*"):
        file.unlink()


def settings(receivers: dict[str, Rsyslog | HttpsCollector], ca: str) -> list[SinkSettings]:
    tcp, local, https = (receivers[name] for name in ("tcp", "local", "https"))
    assert isinstance(tcp, Rsyslog) and isinstance(local, Rsyslog) and isinstance(https, HttpsCollector)
    assert isinstance(tcp.ready, int)
    ways = {
        "tcp": Syslog("tcp", "127.0.0.1", tcp.ready, addresses=LOOPBACK, longest=65_536),
        "local": Syslog("unix", path=str(local.ready), longest=65_536),
        "https": Https(f"https://localhost:{https.port}/in", "lines", addresses=(*LOOPBACK, "::1/128"), ca=ca),
        "file": LogFile(FILE, 1024**2, 99),
    }
    return [SinkSettings(name, way, shows="command", from_start=True) for name, way in ways.items()]


def test_every_receiver_has_the_whole_chain_in_its_order_whoever_was_killed(
    receivers: dict[str, Rsyslog | HttpsCollector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS L-20."""
    dice = random.Random(SEED)
    house = House(tmp_path, *settings(receivers, (tmp_path / "ca").read_text()))
    connector = child_connector({})
    outside = Outside(connector)
    house.collector = outside  # type: ignore[assignment]
    monkeypatch.setattr("jitd_sinks.sinks.feed.FIRST_PAUSE", 0.2)
    monkeypatch.setattr("jitd_sinks.sinks.feed.PROBED_EVERY", 0.5)
    killed = {"outside": 0, **dict.fromkeys(receivers, 0)}

    async def makes() -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for n in itertools.count():
            if n >= A_SECOND * SECONDS:
                return
            house.clock = loop.time() - begun
            house.note(more="x" * dice.randrange(600))
            await asyncio.sleep(max(0.0, begun + (n + 1) / A_SECOND - loop.time()))

    async def ticks() -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            house.clock = loop.time() - begun
            await asyncio.sleep(0.02)

    async def kills() -> None:
        turns: list[str] = []
        while True:
            await asyncio.sleep(0.4 + dice.random())
            turns = turns or dice.sample(sorted(killed), len(killed))  # each before one comes again
            whom = turns.pop()
            killed[whom] += 1
            if whom == "outside":
                if isinstance(pid := getattr(connector, "pid", None), int):
                    os.kill(pid, signal.SIGKILL)
                continue
            receivers[whom].end(signal.SIGKILL)
            await asyncio.sleep(dice.random())
            await asyncio.to_thread(receivers[whom].start)

    async def script() -> None:
        killing = asyncio.create_task(kills())
        ticking = asyncio.create_task(ticks())
        await makes()
        while not all(killed.values()):  # a slow host
            await asyncio.sleep(0.1)
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        for one in receivers.values():
            if one.process is None:
                await asyncio.to_thread(one.start)
        last = house.store.head().number
        async with asyncio.timeout(2 * PATIENCE):
            while any(lag.n_records for lag in house.sinks.lag().values()):
                await asyncio.sleep(0.1)
            while not all(has_written(receivers[name], last) for name in ("tcp", "local")):
                await asyncio.sleep(0.1)
        ticking.cancel()

    house.play(script, until=lambda: True, within=SECONDS + 3 * PATIENCE)
    asyncio.run(_close(outside))
    chain = {number: body for number, body, _ in house.store.records()}
    house.end()
    assert len(chain) > A_SECOND * SECONDS and min(killed.values()) > 0, f"{killed}: nobody was spared"
    got: dict[str, list[str]] = {name: one.texts() for name, one in receivers.items()}
    files = sorted(DIRECTORY.glob(f"{FILE}*"), key=lambda file: -int(file.suffix[1:]) if file.suffix != ".jsonl" else 1)
    got["file"] = [line for file in files for line in file.read_text().splitlines()]
    for name, texts in got.items():
        compare(name, texts, chain)


def test_a_receiver_that_is_killed_while_it_catches_up_has_the_whole_chain_at_last(
    receivers: dict[str, Rsyslog | HttpsCollector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS L-20: it has much in its memory then: what it had read, and what the kernel has for it."""
    monkeypatch.setattr("jitd_sinks.sinks.feed.FIRST_PAUSE", 0.2)
    for name in ("tcp", "local"):
        slow = receivers[name]
        assert isinstance(slow, Rsyslog)
        slow.end()
        slow.slowdown = 5_000  # microseconds for 16 messages: it takes more than it writes
        slow.start()
    monkeypatch.setattr(
        "jitd_sinks.sinks.feed.PROBED_EVERY", 0.5
    )  # nothing more is recorded, so only a look finds the last killing
    settings_of = [one for one in settings(receivers, (tmp_path / "ca").read_text()) if one.name in ("tcp", "local")]
    house = House(tmp_path, *settings_of)
    house.note(N_BEHIND, more="x" * 300)
    outside = Outside(child_connector({}))
    house.collector = outside  # type: ignore[assignment]

    async def script() -> None:
        for n in (1, 2, 3):
            while any(lag.n_records > N_BEHIND - n * N_BEHIND // 4 for lag in house.sinks.lag().values()):
                await asyncio.sleep(0.005)
                house.clock += 0.005
            for name in ("tcp", "local"):
                receivers[name].end(signal.SIGKILL)
                await asyncio.to_thread(receivers[name].start)
        last = house.store.head().number
        async with asyncio.timeout(PATIENCE):
            for name in ("tcp", "local"):
                while not has_written(receivers[name], last):
                    await asyncio.sleep(0.1)
                    house.clock += 0.1

    house.play(script, until=lambda: True, within=3 * PATIENCE)
    asyncio.run(_close(outside))
    chain = {number: body for number, body, _ in house.store.records()}
    house.end()
    for name in ("tcp", "local"):
        compare(name, receivers[name].texts(), chain)


async def _close(outside: Outside) -> None:
    outside.close()


def has_written(one: Rsyslog | HttpsCollector, last: int) -> bool:
    """True if the receiver has written record ``last`` as its latest one. Until then, it is in the receiver's queue."""
    with suppress(FileNotFoundError), one.out.open("rb") as out:
        out.seek(max(0, out.seek(0, os.SEEK_END) - 8192))
        return b'\\"number\\":%d,' % last in out.read().splitlines()[-1]
    return False


def compare(name: str, texts: list[str], chain: dict[int, bytes]) -> None:
    """Every record is there as it was sealed, and each one comes after those before it."""
    first_seen: list[int] = []
    seen: set[int] = set()
    n_cut = 0
    for text in texts:
        try:
            line = forms.read(text)
        except ValueError:
            n_cut += 1  # the receiver was killed while it wrote
            continue
        assert isinstance(line, forms.Record)
        assert line.sealed == chain[line.number], f"{name}: record {line.number}"
        if line.number not in seen:
            seen.add(line.number)
            first_seen.append(line.number)
    missing = sorted(chain.keys() - seen)
    assert not missing, f"{name} lacks {len(missing)} of {len(chain)} records: {missing[:20]}"
    print(json.dumps({"sink": name, "records": len(chain), "lines": len(texts), "cut": n_cut}))
    assert first_seen == sorted(chain), f"{name}: the order"
