# SPDX-License-Identifier: Apache-2.0
"""A kind of channel in one file: what CONTRIBUTING.md says, with nothing else changed. It sends a message to a room of Matrix, by
the process that sends to webhooks. test_own_channel.py sends one.

Law: the kind is registered before anything that reads the registration is imported, as it would stand in the product. So only
processes of its own import this module.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jitd.beside.refusals import Failed
from jitd.core.toml_table import Table
from jitd_outsiders.asking import json_text
from jitd_outsiders.asking.settings import HTTP, Reach, reach_in
from jitd_outsiders.notifying import kinds
from jitd_outsiders.notifying.carriers import Asks, Carriers
from jitd_outsiders.notifying.channel import Channel, Message, NotSent
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.outside.messages import Fetched

# --- the module of notifying/ ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MatrixSettings(ChannelSettings):
    """See ``ChannelSettings``."""

    KIND = "matrix"
    KEYS = HTTP

    by: Reach = Reach("")

    @classmethod
    def read(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        return {"by": reach_in(table, "webhook", owner, keys_at)}

    def channel(self, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
        return Matrix(self.name, self.by, carriers.reaching)


class Matrix:
    """See ``Channel``."""

    def __init__(self, name: str, by: Reach, outside: Asks) -> None:
        self._name, self._by, self._outside = name, by, outside

    async def send(self, message: Message) -> None:
        body = json_text.write({"msgtype": "m.notice", "body": "\n".join(message.lines)})
        said = await self._outside.ask(self._name, self._by, body, 20.0)
        if isinstance(said, Failed) or said.status != 200:
            raise NotSent(said.why if isinstance(said, Failed) else f"it answered with status {said.status}")


kinds.CHANNELS = (*kinds.CHANNELS, MatrixSettings)  # the row of notifying/kinds.py
kinds.OF_NAME = {kind.KIND: kind for kind in kinds.CHANNELS}

# --- a daemon that has it ----------------------------------------------------------------------------------------------------


class Recorded:
    """The processes that deliver messages, for a channel that has only to say what is sent: each second one is refused."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.reaching: Any = self
        self.posts = self.programs = self.terminals = None

    async def ask(self, name: str, by: Reach, body: bytes, within: float) -> Fetched | Failed:
        self.sent.append((name, by.url, body.decode()))
        return Fetched(200 if len(self.sent) % 2 else 403, (), b"")


async def play(file: Path) -> dict[str, Any]:
    """Read the settings in ``file``, and send a message twice."""
    from jitd.settings.config import load
    from jitd_outsiders.settings import OutsiderSection

    settings, carriers = (
        load(file, owner=os.getuid(), keys_at=file.parent).of(OutsiderSection).notify.channels["room"],
        Recorded(),
    )
    channel = settings.channel(carriers, "db1", lambda: datetime.now(UTC))
    message = Message("asked", "K7QM-2XVD", "a subject", ("alice waits", "for ops"), ())
    await channel.send(message)
    try:
        await channel.send(message)
    except NotSent as fault:
        told = str(fault)
    shown = {name: value for name, value in asdict(settings).items() if name != "by"}
    return {"settings": shown, "is_for_persons": settings.is_for_persons, "sent": carriers.sent[0], "told": told}


def daemon() -> None:
    """Play with the settings in the file that the command line names. Print what ``play`` returns."""
    print(json.dumps(asyncio.run(play(Path(sys.argv[1])))))
