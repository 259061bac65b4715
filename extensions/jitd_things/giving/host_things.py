# SPDX-License-Identifier: Apache-2.0
"""The giver for one kind of thing of this host. The process jitd-givers does its deeds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from jitd_things.givers.client import GiversLine
from jitd_things.givers.messages import Answer, Question, Take
from jitd_things.givers.sudoers import Sudoers
from jitd_things.giving.by_order import ByOrder
from jitd_things.giving.orders import GrantOf


class HostThings(ByOrder):
    """Gives things of the kind ``kind``. jitd-givers does the deeds of one giver in the order in which they come, and each of
    them may take half a minute, so they go there in the turns of people. ``let_in`` returns each sudo of an account that jitd has
    let in at a gate (``let_in.LetIn.of``).
    """

    def __init__(
        self, kind: str, names: Collection[str], line: GiversLine, grant_of: GrantOf, let_in: Callable[[int], tuple[str, ...]]
    ) -> None:
        super().__init__(kind, names, grant_of)
        self._line = line
        self._let_in = let_in

    async def ask(self, question: Question) -> Answer:
        if isinstance(question, Take) and self._kind == Sudoers.KIND:
            question = replace(question, order=replace(question.order, let_in=self._let_in(question.order.uid)))
        return await self._line.ask(question)
