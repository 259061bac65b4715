# SPDX-License-Identifier: Apache-2.0
"""What every review begins with, that of a waiting request and one that is owed: the checks of the person who gives it.

Law: a reviewer is looked up anew, here and at the KDC, so nobody reviews with rights or with a ticket that they no longer have.
"""

from __future__ import annotations

from collections.abc import Callable

from jitd.core.authentication import KdcAnswer
from jitd.core.effects import Moment
from jitd.core.rights import Act
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider
from jitd.verbs.access import Access
from jitd.verbs.limits import Pace
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import MAX_TEXT


class Reviewers:
    """Those who give one kind of review, each at their pace."""

    def __init__(self, access: Access, decider: Decider, now: Callable[[], Moment]) -> None:
        self._access = access
        self._decider = decider
        self._now = now
        self._pace = Pace()

    def refuse_at_once(self, who: Identity, comment: str) -> None:
        """Raise Refusal if ``who`` may give no review with this comment, whatever it is about."""
        if len(comment.encode()) > MAX_TEXT:
            raise Refusal("usage", f"a comment has at most {MAX_TEXT} bytes")
        self._access.refuse(Act.REVIEW, who)

    async def as_now(self, who: Identity) -> tuple[Identity, KdcAnswer]:
        """Return ``who`` with their present data, and the answer of the KDC. Raises Refusal, and TimeoutError."""
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("not_done", "too many reviews: wait a minute")
        fresh, answer = await self._decider.standing(who)
        if fresh is None or not fresh.has_ticket_at(self._now().at):
            raise Refusal("unauthenticated", "your ticket has expired, or your account is disabled: kinit")
        return fresh.looked_at(self._now().at), answer
