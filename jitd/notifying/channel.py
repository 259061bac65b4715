# SPDX-License-Identifier: Apache-2.0
"""What a channel is: it carries a message to people, and says so if it cannot.

Law: a message that ``send`` took without a word was handed on. Whether a person reads it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class NotSent(Exception):
    """The message was not sent, or may not have arrived. The text says why; it is a sentence without a full stop."""


class NobodyThere(Exception):
    """The message reached nobody, since there is nobody to read it now. This is no failure of the channel."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told. ``event`` names what happened, ``request`` is the request's id. ``subject`` is one line, ``lines`` is the
    text. ``to`` has the accounts of the persons who are told; it is empty if the channel is one for a group.
    """

    event: str
    request: str
    subject: str
    lines: tuple[str, ...]
    to: tuple[str, ...]


class Channel(Protocol):
    """Carries messages of one ``[notify.NAME]``."""

    async def send(self, message: Message) -> None:
        """Send ``message``. Raises NotSent or NobodyThere."""
        ...
