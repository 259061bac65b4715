# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``webhook``. The process jitd-outside sends the message to a server over HTTPS. jitd-outside also sends
queries to gatekeepers over HTTPS.
Law: if the server answers with a 2xx status (RFC 9110 section 15.3), the message is treated as sent. Only the status of the
answer is used. Redirects are not followed.
"""

from __future__ import annotations

from typing import Protocol

from jitd.notifying.channel import Message, NotSent
from jitd.notifying.program import written
from jitd.notifying.templates import Template, rendered
from jitd.outside.client import Failed
from jitd.outside.messages import Fetched
from jitd.settings.outsiders import Reach

DEADLINE = 20.0
"""Maximum time that a server may take to answer, in seconds."""


class Asks(Protocol):
    """The part of jitd-outside that this channel uses: ``asking.reaching.Reaching``."""

    async def ask(self, name: str, by: Reach, body: bytes, within: float) -> Fetched | Failed:
        """Send ``body`` to a server, and return the server's answer. ``by`` says how to reach the server."""
        ...


class Webhook:
    """Sends messages to a server. ``by`` says how to reach the server. ``template`` defines the JSON that the server expects. If
    ``template`` is None, the message has the same form as for programs.
    """

    def __init__(self, name: str, by: Reach, template: Template | None, host: str, outside: Asks) -> None:
        self._name = name
        self._by = by
        self._template = template
        self._host = host
        self._outside = outside

    async def send(self, message: Message) -> None:
        """Send ``message``. Raises NotSent."""
        body = written(message, self._host) if self._template is None else rendered(self._template, message)
        answer = await self._outside.ask(self._name, self._by, body, DEADLINE)
        if isinstance(answer, Failed):
            raise NotSent(answer.why)
        if 300 <= answer.status < 400:
            raise NotSent(f"it answered with a redirect ({answer.status}), and redirects are not followed")
        if not 200 <= answer.status < 300:
            raise NotSent(f"it answered with status {answer.status}")
