# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``webhook``. The process jitd-outside sends the message to a server over HTTPS. jitd-outside also sends
queries to gatekeepers over HTTPS.
Law: if the server answers with a 2xx status (RFC 9110 section 15.3), the message is treated as sent. Only the status of the
answer is used. Redirects are not followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jitd.beside.refusals import Failed
from jitd.core.toml_document import ConfigError
from jitd.core.toml_table import Table
from jitd.settings.owned_file import read_owned
from jitd_outsiders.asking.settings import HTTP, Reach, file_in, reach_in
from jitd_outsiders.notifying import templates
from jitd_outsiders.notifying.carriers import Asks, Carriers
from jitd_outsiders.notifying.channel import Channel, Message, NotSent
from jitd_outsiders.notifying.program import written
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.notifying.templates import Template, rendered
from jitd_outsiders.outside import url_file

DEADLINE = 20.0  # maximum time that a server may take to answer, in seconds
MOST_TEMPLATE = 32 * 1024


@dataclass(frozen=True, slots=True)
class WebhookSettings(ChannelSettings):
    """``by`` says how to reach the server, ``template`` what JSON it gets. Without one, it is jitd's own."""

    KIND = "webhook"
    KEYS = (*HTTP, url_file.KEY, "template")

    by: Reach = Reach("")
    template: str = ""

    @classmethod
    def read(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        by = reach_in(table, "webhook", owner, keys_at, url_file.url_in_file(table, owner))
        return {"by": by, "template": _template(table, owner)}

    @property
    def key_files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.by.certificate, self.by.secret) if file is not None)

    def channel(self, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
        template = templates.read(self.template) if self.template else None
        return Webhook(self.name, self.by, template, host, carriers.reaching)


def _template(table: Table, owner: int | None) -> str:
    """Return the content of the template's file, which must be one JSON object."""
    file = file_in(table, "template")
    if file is None:
        return ""
    try:
        content = read_owned(file, owner)
    except ConfigError as error:
        table.fault(f'"template": {error}', "template")
        return ""
    if len(content) > MOST_TEMPLATE:
        table.fault(f'"template": {file} is larger than {MOST_TEMPLATE} bytes', "template")
        return ""
    text = content.decode("utf-8", "surrogateescape")
    try:
        templates.read(text)
    except ValueError as fault:
        table.fault(f'"template": {file} {fault}', "template")
        return ""
    return text


class Webhook:
    """Sends messages to the server ``by``, in the JSON of ``template``, or as programs get them if that is None."""

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
