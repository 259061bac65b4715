# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``program``: jitd-programs runs a program of the administrator's, which gets the message as JSON.

Law: the message is the program's input, and never one of its arguments. It is sent if the program ends with status 0; what the
program prints counts for nothing.
"""

from __future__ import annotations

from typing import Protocol

from jitd.asking import json_text
from jitd.notifying.channel import Message, NotSent
from jitd.outside.client import Failed
from jitd.settings.outsiders import Program

VERSION = 1
"""The version of the form of the input."""
DEADLINE = 20.0
"""Seconds that a program may take."""


class Runs(Protocol):
    """What jitd-programs does for this channel: ``asking.running.Running``."""

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Run ``program`` with ``body`` on its standard input, and return what it printed."""
        ...


class ProgramChannel:
    """Has ``program`` run for each message. ``name`` is the channel's, for the log; ``host`` is this host's name."""

    def __init__(self, name: str, program: Program, host: str, programs: Runs) -> None:
        self._name = name
        self._program = program
        self._host = host
        self._programs = programs

    async def send(self, message: Message) -> None:
        """Have the program carry ``message``. Raises NotSent."""
        said = await self._programs.run(self._name, self._program, written(message, self._host), DEADLINE)
        if isinstance(said, Failed):
            raise NotSent(said.why)


def written(message: Message, host: str) -> bytes:
    """Return what the program reads: one JSON object in ASCII. ``text`` is all lines together."""
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
