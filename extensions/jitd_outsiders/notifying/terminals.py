# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``terminals``. The process jitd-terminals writes the message to the terminals on which its addressees are
logged in.
Law: a message is sent if a terminal of its addressees took it. If they have terminals and all of them refuse messages (mesg(1)),
their user has chosen to get none (NotWanted). If no addressee has a terminal, the message is not sent either (NobodyThere).
The text of a message is printable ASCII and at most 1 KiB long. If the text would be longer, its long lines are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jitd.beside.refusals import Failed
from jitd_outsiders.notifying.carriers import Carriers, Tells
from jitd_outsiders.notifying.channel import Channel, Message, NobodyThere, NotSent, NotWanted
from jitd_outsiders.notifying.foreign import CUT
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.terminals.messages import MOST_BYTES, MOST_PEOPLE, Tell, text_of

WIDTHS = (240, 160, 120, 80, 60, 40)  # characters of a line, tried in this order until the message fits
MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class TerminalsSettings(ChannelSettings):
    KIND = "terminals"
    USUALLY_SHOWS = "command"

    @property
    def is_for_persons(self) -> bool:
        return True

    @property
    def helper(self) -> None:
        """jitd.service itself starts jitd-terminals."""

    def channel(self, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
        return Terminals(carriers.terminals)


class Terminals:
    """Writes to the terminals of a message's addressees."""

    def __init__(self, writers: Tells) -> None:
        self._writers = writers

    async def send(self, message: Message) -> None:
        """Write ``message`` to its addressees' terminals. Raises NotSent. Raises NobodyThere if no addressee is logged in, and
        NotWanted if no terminal of theirs takes messages.
        """
        lines, n_told, n_refused = fitted(message.lines), 0, 0
        for at in range(0, len(message.to), MOST_PEOPLE):
            said = await self._writers.tell(Tell(message.to[at : at + MOST_PEOPLE], lines))
            if isinstance(said, Failed):
                raise NotSent(said.why)
            n_told, n_refused = n_told + said.n_told, n_refused + said.n_refused
        if not n_told:
            raise NotWanted if n_refused else NobodyThere


def fitted(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``lines`` in printable ASCII, shortened to the length that may be written to a terminal."""
    plain = ["".join(c if c.isascii() and c.isprintable() else "?" for c in line) for line in lines[:MOST_LINES]]
    for width in WIDTHS:
        cut = tuple(line if len(line) <= width else line[: width - len(CUT)] + CUT for line in plain)
        if len(text_of(cut)) <= MOST_BYTES:
            return cut
    return cut
