# SPDX-License-Identifier: Apache-2.0
"""The protocol of a channel. A channel delivers a message to people, and raises an exception if it fails.
Law: if ``send`` raises nothing, the message was passed on. It is not known whether a person reads the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class NotSent(Exception):
    """The message was not sent, or perhaps not. The text is the reason: a sentence without a full stop."""


class NobodyThere(Exception):
    """None of the addressees can read the message now. The channel has not failed."""


class NotWanted(Exception):
    """The message reached nobody, because its addressees have said that they want none. It is not sent to them again."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``event`` is the name of the event, and ``request`` is the id of the request. ``subject`` is one line.
    ``lines`` contains the lines of the text. ``to`` contains the accounts of the addressees. ``to`` is empty if the channel
    serves a group.
    """

    event: str
    request: str
    subject: str
    lines: tuple[str, ...]
    to: tuple[str, ...]


class Channel(Protocol):
    """Delivers the messages of one table ``[notify.NAME]`` of the settings."""

    async def send(self, message: Message) -> None:
        """Send ``message``. Raises NotSent, NobodyThere or NotWanted."""
        ...
