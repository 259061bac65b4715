# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-givers. Law: the daemon never reads a secret."""

from __future__ import annotations

from jitd.beside.asking import Client
from jitd.beside.connecting import Connector
from jitd_things.givers.messages import Answer, Question
from jitd_things.givers.questions import KINDS


class GiversLine:
    """Sends questions to the process that does the deeds."""

    def __init__(self, connector: Connector) -> None:
        self._client = Client(connector)
        self.close = self._client.close

    async def ask(self, question: Question, within: float | None = None) -> Answer:
        return await self._client.ask(KINDS[type(question)], question, within)
