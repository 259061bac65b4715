# SPDX-License-Identifier: Apache-2.0
"""All channels, made from the settings, by what carries their messages: jitd-outside, jitd-programs and jitd-terminals.

Law: nothing is sent, and no process is started, before there is a message.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from jitd.notifying import mail, program, templates, terminals, webhook
from jitd.notifying.channel import Channel
from jitd.settings.channels import Channels, ChannelSettings
from jitd.settings.outsiders import Program, Reach


class Carriers(Protocol):
    """Who carries messages for all channels."""

    @property
    def reaching(self) -> webhook.Asks:
        """Sends to servers over HTTPS."""
        ...

    @property
    def posts(self) -> mail.Posts:
        """Hands mails to mail servers."""
        ...

    @property
    def programs(self) -> program.Runs:
        """Runs programs."""
        ...

    @property
    def terminals(self) -> terminals.Tells:
        """Writes to terminals."""
        ...


def assemble(settings: Channels, carriers: Carriers, host: str, now: Callable[[], datetime]) -> dict[str, Channel]:
    """Return the channels of ``settings``, by name. ``host`` is this host's name, ``now`` gives the time (aware)."""
    return {name: _channel(each, carriers, host, now) for name, each in settings.items()}


def _channel(settings: ChannelSettings, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
    match settings.by:
        case Reach():
            template = templates.read(settings.template) if settings.template else None
            return webhook.Webhook(settings.name, settings.by, template, host, carriers.reaching)
        case Program():
            return program.ProgramChannel(settings.name, settings.by, host, carriers.programs)
    if settings.kind == "terminals":
        return terminals.Terminals(carriers.terminals)
    return mail.Mail(settings, host, carriers.posts, now)
