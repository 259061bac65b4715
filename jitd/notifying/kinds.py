# SPDX-License-Identifier: Apache-2.0
"""The kinds of channels. A kind is registered here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from jitd.notifying.mail import MailSettings
from jitd.notifying.program import ProgramSettings
from jitd.notifying.settings import ChannelSettings
from jitd.notifying.terminals import TerminalsSettings
from jitd.notifying.webhook import WebhookSettings

CHANNELS: tuple[type[ChannelSettings], ...] = (MailSettings, WebhookSettings, ProgramSettings, TerminalsSettings)
OF_NAME: Mapping[str, type[ChannelSettings]] = {kind.KIND: kind for kind in CHANNELS}
