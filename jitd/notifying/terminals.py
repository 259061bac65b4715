# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``terminals``: jitd-terminals writes the message to the terminals on which people are logged in.

Law: a message is sent if there was a terminal for it. A terminal that refuses it (mesg(1)) is somebody's no, and counts; without
any, there is nobody to read it. What is written is printable ASCII, and at most 1 KiB; where a message is longer, its long lines
are cut.
"""

from __future__ import annotations

from typing import Protocol

from jitd.notifying.channel import Message, NobodyThere, NotSent
from jitd.notifying.foreign import CUT
from jitd.terminals.client import Failed
from jitd.terminals.messages import MOST_BYTES, MOST_PEOPLE, Tell, Told, text_of

WIDTHS = (240, 160, 120, 80, 60, 40)
"""Lengths of lines. They are tried in this order, until all lines of the message fit."""
MOST_LINES = 20


class Tells(Protocol):
    """What jitd-terminals does for this channel: ``terminals.client.Terminals``."""

    async def tell(self, question: Tell) -> Told | Failed:
        """Write to terminals."""
        ...


class Terminals:
    """Writes to the terminals of the persons that a message is for."""

    def __init__(self, writers: Tells) -> None:
        self._writers = writers

    async def send(self, message: Message) -> None:
        """Write ``message`` to its people's terminals. Raises NotSent, or NobodyThere if none of them is logged in."""
        lines, n_terminals = fitted(message.lines), 0
        for at in range(0, len(message.to), MOST_PEOPLE):
            said = await self._writers.tell(Tell(message.to[at : at + MOST_PEOPLE], lines))
            if isinstance(said, Failed):
                raise NotSent(said.why)
            n_terminals += said.n_told + said.n_refused
        if not n_terminals:
            raise NobodyThere


def fitted(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``lines`` in printable ASCII, as much of them as a terminal is written."""
    plain = ["".join(c if c.isascii() and c.isprintable() else "?" for c in line) for line in lines[:MOST_LINES]]
    for width in WIDTHS:
        cut = tuple(line if len(line) <= width else line[: width - len(CUT)] + CUT for line in plain)
        if len(text_of(cut)) <= MOST_BYTES:
            return cut
    return cut
