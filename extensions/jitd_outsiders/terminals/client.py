# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-terminals."""

from __future__ import annotations

from jitd.beside.asking import Client
from jitd_outsiders.terminals.messages import Tell, Told
from jitd_outsiders.terminals.questions import TELL
from jitd_outsiders.terminals.questions import Failed as Failed


class Terminals(Client):
    """Sends messages to terminals."""

    async def tell(self, question: Tell) -> Told | Failed:
        return await self.ask(TELL, question)
