# SPDX-License-Identifier: Apache-2.0
"""Creates all channels from the settings. The processes jitd-outside, jitd-programs and jitd-terminals deliver the messages of
the channels.
Law: before the first message, nothing is sent and no process is started.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from jitd.notifying import program, templates, terminals, webhook
from jitd.notifying.channel import Channel
from jitd.settings.channels import Channels, ChannelSettings
from jitd.settings.outsiders import Program, Reach

if TYPE_CHECKING:
    from jitd.notifying import mail


class Carriers(Protocol):
    """The processes that deliver messages for all channels."""

    @property
    def reaching(self) -> webhook.Asks:
        """The process that sends messages to servers over HTTPS."""
        ...

    @property
    def posts(self) -> mail.Posts:
        """The process that passes mails to mail servers."""
        ...

    @property
    def programs(self) -> program.Runs:
        """The process that runs programs."""
        ...

    @property
    def terminals(self) -> terminals.Tells:
        """The process that writes to terminals."""
        ...


def assemble(settings: Channels, carriers: Carriers, host: str, now: Callable[[], datetime]) -> dict[str, Channel]:
    """Return a mapping from the names of the channels in ``settings`` to the channels. ``host`` is the name of this host. ``now``
    returns the current time with its time zone.
    """
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
    from jitd.notifying import mail  # it loads the package ``email``, which a daemon without such a channel does not need

    return mail.Mail(settings, host, carriers.posts, now)
