# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``program``. The process jitd-programs runs a program of the administrator. The administrator's program
receives the message as JSON.
Law: the message is written to the program's standard input. The message is never a command-line argument. If the program exits
with status 0, the message is treated as sent. The output of the program is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jitd.beside.processes import Helper
from jitd.beside.refusals import Failed
from jitd.core.toml_table import Table
from jitd_outsiders.asking import json_text
from jitd_outsiders.asking.settings import PROGRAM, Program, reach_in
from jitd_outsiders.notifying.carriers import Carriers, Runs
from jitd_outsiders.notifying.channel import Channel, Message, NotSent
from jitd_outsiders.notifying.settings import ChannelSettings

VERSION = 1  # version of the input format
DEADLINE = 20.0  # seconds for one run of the program


@dataclass(frozen=True, slots=True)
class ProgramSettings(ChannelSettings):
    KIND = "program"
    KEYS = PROGRAM

    program: Program = Program(())

    @classmethod
    def read(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        return {"program": reach_in(table, "program", owner, keys_at)}

    @property
    def helper(self) -> Helper:
        return self.program.helper

    def channel(self, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
        return ProgramChannel(self.name, self.program, host, carriers.programs)


class ProgramChannel:
    """Runs ``program`` for each message. The log has the channel's ``name``. ``host`` is the name of this host."""

    def __init__(self, name: str, program: Program, host: str, programs: Runs) -> None:
        self._name = name
        self._program = program
        self._host = host
        self._programs = programs

    async def send(self, message: Message) -> None:
        """Run the program with ``message``. Raises NotSent."""
        said = await self._programs.run(self._name, self._program, written(message, self._host), DEADLINE)
        if isinstance(said, Failed):
            raise NotSent(said.why)


def written(message: Message, host: str) -> bytes:
    """Return the program's input: one JSON object in ASCII, with all lines of the message in ``text``."""
    told = {
        "version": VERSION,
        "host": host,
        "event": message.event,
        "request": message.request,
        "subject": message.subject,
        "lines": list(message.lines),
        "text": "\n".join(message.lines),
        "to": list(message.to),
    }
    return json_text.write(told)
