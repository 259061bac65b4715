# SPDX-License-Identifier: Apache-2.0
"""A kind of sink in one file: what CONTRIBUTING.md says, with nothing else changed. It sends lines over TCP to a receiver on this
host, which confirms nothing. test_own_sink.py delivers to one.

Law: the kind is registered before anything that reads the registration is imported, as it would stand in the product. So only
processes of its own import this module.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from jitd.core.toml_table import Table
from jitd_outsiders.outside import sinks
from jitd_outsiders.outside.deliveries import Deliver, Delivered, Destination, Event
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.outcome import TAKEN, Outcome, delivered
from jitd_outsiders.outside.sink import Sink, SinkKind
from jitpam.wire.declared import integer

# --- the module of outside/ --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tcp(Destination):
    """A receiver at ``port`` of this host."""

    port: Annotated[int, integer(1, 65_535)]


class TcpKind(SinkKind):
    """See ``SinkKind``."""

    name = "tcp-lines"
    question = "deliver_tcp"
    destination = Tcp
    keys = ("port",)
    usually_shows = "command"

    def read(self, table: Table, owner: int | None, keys_at: Path) -> tuple[Tcp, tuple[Path | None, ...]]:
        table.needs("port")
        return Tcp(table.number("port", 1, 1, 65_535)), ()

    def opened(self, to: Tcp, keys: Keys) -> Sink:
        return TcpSink(to)


class TcpSink:
    """See ``Sink``."""

    def __init__(self, to: Tcp) -> None:
        self._to = to
        self._stream: asyncio.StreamWriter | None = None

    async def deliver(self, events: Sequence[Event], sender: str, found: list[Outcome]) -> Delivered:
        if self._stream is None:
            _, self._stream = await asyncio.open_connection("127.0.0.1", self._to.port)
        for event in events:
            self._stream.write(f"{event.text}\n".encode("ascii"))
            await self._stream.drain()
            found.append(TAKEN)
        return delivered(found, len(events), "")

    def told(self, fault: Exception) -> str:
        return f"it cannot be reached: {type(fault).__name__}"

    async def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


sinks.SINKS = (*sinks.SINKS, TcpKind())  # the row of outside/sinks.py
sinks.OF_NAME = {kind.name: kind for kind in sinks.SINKS}
sinks._OF_TYPE = {kind.destination: kind for kind in sinks.SINKS}

# --- a daemon and a jitd-outside that have it --------------------------------------------------------------------------------


async def play(file: Path) -> dict[str, Any]:
    """Read the settings in ``file``, and deliver to the sink, over the messages of jitd-outside."""
    from jitd.settings.config import load
    from jitd_outsiders.outside.delivering import Deliveries
    from jitd_outsiders.outside.questions import QUESTIONS
    from jitd_sinks.settings import SinkSection

    received: list[str] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend((await reader.read()).decode().split())
        writer.close()
        ended.set()

    ended, receiver = asyncio.Event(), await asyncio.start_server(receive, "127.0.0.1", 0)
    port = receiver.sockets[0].getsockname()[1]
    file.write_text(file.read_text().replace("PORT", str(port)))
    made, deliveries = load(file, owner=os.getuid(), keys_at=file.parent).of(SinkSection).sinks["own"], Deliveries(Keys({}))
    events = tuple(Event(n, "2026-01-31T12:00:00Z", "request.asked", 5, f'{{"n":{n}}}') for n in (1, 2))

    async def asked() -> dict[str, Any]:
        written = QUESTIONS.write(Deliver(made.to, made.name, "db1", events, 5_000))
        question = QUESTIONS.read(written)
        assert isinstance(question, Deliver) and question.destination == made.to
        return {"do": json.loads(written)["do"], **asdict(await deliveries.answer(question))}

    said = {"shows": made.shows, "said": await asked()}
    receiver.close()
    await next(iter(deliveries._sinks.values())).end()
    await ended.wait()
    return {**said, "received": received, "later": (await asked())["why"]}


def daemon() -> None:
    """Play with the settings in the file that the command line names. Print what ``play`` returns."""
    print(json.dumps(asyncio.run(play(Path(sys.argv[1])))))
