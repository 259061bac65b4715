# SPDX-License-Identifier: Apache-2.0
"""The giver for one kind of thing of this host. The process jitd-givers does its deeds."""

from __future__ import annotations

from collections.abc import Collection

from jitd.givers.client import GiversLine
from jitd.givers.messages import Answer, Question
from jitd.giving import Giver
from jitd.giving.orders import GrantOf


class HostThings(Giver):
    """Gives things of the kind ``kind``. jitd-givers does the deeds of one giver in the order in which they come, and each of
    them may take half a minute, so they go there in the turns of people.
    """

    def __init__(self, kind: str, names: Collection[str], line: GiversLine, grant_of: GrantOf) -> None:
        super().__init__(kind, names, grant_of)
        self._line = line

    async def ask(self, question: Question) -> Answer:
        return await self._line.ask(question)
