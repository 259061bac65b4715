# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``program``. The process jitd-programs runs a program of the administrator. The administrator's program
receives the message as JSON.
Law: the message is written to the program's standard input. The message is never a command-line argument. If the program exits
with status 0, the message is treated as sent. The output of the program is ignored.
"""

from __future__ import annotations

from typing import Protocol

from jitd.asking import json_text
from jitd.notifying.channel import Message, NotSent
from jitd.outside.client import Failed
from jitd.settings.outsiders import Program

VERSION = 1
"""Version of the input format."""
DEADLINE = 20.0
"""Maximum time for one run of the program, in seconds."""


class Runs(Protocol):
    """The part of jitd-programs that this channel uses: ``asking.running.Running``."""

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Run ``program`` with ``body`` on its standard input, and return its output."""
        ...


class ProgramChannel:
    """Runs ``program`` for each message. ``name`` is the name of the channel, which is written to the log. ``host`` is the name
    of this host.
    """

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
    """Return the program's input: one JSON object in ASCII. The field ``text`` of this object contains all lines of the message
    in one string.
    """
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
