# SPDX-License-Identifier: Apache-2.0
"""The kinds of channels. A kind is registered here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from jitd_outsiders.notifying.mail import MailSettings
from jitd_outsiders.notifying.program import ProgramSettings
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.notifying.terminals import TerminalsSettings
from jitd_outsiders.notifying.webhook import WebhookSettings

CHANNELS: tuple[type[ChannelSettings], ...] = (MailSettings, WebhookSettings, ProgramSettings, TerminalsSettings)
OF_NAME: Mapping[str, type[ChannelSettings]] = {kind.KIND: kind for kind in CHANNELS}
