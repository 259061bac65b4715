# SPDX-License-Identifier: Apache-2.0
"""The network between jitd-outside and its receivers is cut for an hour of events: no packet comes through, and none is refused.
Afterwards, what each receiver has is compared with the chain, record by record.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jitd_outsiders.outside.client import Outside, child_connector
from jitd_outsiders.outside.deliveries import Https, Syslog
from tests.daemon.test_sinks import House
from tests.outside.collectors import HttpsCollector, Rsyslog
from tests.system.test_sinks_killed import compare, receivers, settings
from tests.waiting import PATIENCE

__all__ = ["receivers"]  # the fixture
HOUR = 3600
"""Records that are made while the network is cut: one for each second of an hour."""
CUT_OFF = ("tcp", "https")


@contextmanager
def cut(ports: list[int]) -> Iterator[None]:
    """While no packet from or to ``ports`` comes through (nft(8)). The lab has a network of its own."""
    which = f"{{ {', '.join(map(str, ports))} }} drop"
    rules = f"type filter hook input priority 0\ntcp dport {which}\ntcp sport {which}"
    subprocess.run(["nft", "-f", "-"], input=f"table inet gone {{\nchain within {{\n{rules}\n}}\n}}\n", text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "gone"], check=True)


def port_of(to: Syslog | Https) -> int:
    return to.port if isinstance(to, Syslog) else int(to.url.rpartition(":")[2].partition("/")[0])


def test_after_an_hour_without_a_network_every_receiver_has_every_record(
    receivers: dict[str, Rsyslog | HttpsCollector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the receivers on this host get every record at once: no sink waits for another one."""
    for module in ("feed", "reading"):
        monkeypatch.setattr(
            f"jitd_sinks.sinks.{module}.DEADLINE_MS", 3_000
        )  # in place of 30 s until a silent receiver has failed
    monkeypatch.setattr("jitd_sinks.sinks.feed.FIRST_PAUSE", 0.2)
    sinks = settings(receivers, (tmp_path / "ca").read_text())
    ports = [port_of(one.to) for one in sinks if isinstance(one.to, Syslog | Https) and one.name in CUT_OFF]
    house = House(tmp_path, *sinks)
    outside = Outside(child_connector({}))
    house.collector = outside  # type: ignore[assignment]

    def behind(*names: str) -> list[int]:
        return [lag.n_records for name, lag in house.sinks.lag().items() if name in (names or receivers)]

    async def until(is_so: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                house.clock = loop.time()
                await asyncio.sleep(0.02)

    async def script() -> None:
        house.note(20)
        await until(lambda: not any(behind()))
        with cut(ports):
            house.note(HOUR)
            await until(lambda: not any(behind("local", "file")))
            assert min(behind(*CUT_OFF)) >= HOUR
            await until(lambda: {row[0] for row in house.sinks.states() if row[1]} == set(CUT_OFF))
        await until(lambda: not any(behind()))
        outside.close()

    house.play(script, until=lambda: True, within=5 * PATIENCE)
    chain = {number: body for number, body, _ in house.store.records()}
    house.end()
    assert len(chain) > HOUR
    for name, receiver in receivers.items():
        compare(name, receiver.texts(), chain)
