# SPDX-License-Identifier: Apache-2.0
"""What every review begins with, that of a waiting request and one that is owed: the checks of the person who gives it.

Law: a reviewer is looked up anew, here and at the KDC, so nobody reviews with rights or with a ticket that they no longer have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jitd.core.authentication import KdcAnswer
from jitd.core.decision import Obligations
from jitd.core.effects import Moment
from jitd.core.receipt import Receipt
from jitd.core.request import Request
from jitd.core.rights import Act
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider
from jitd.verbs.access import Access
from jitd.verbs.limits import Pace
from jitd.verbs.receipts import Receipts
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import MAX_TEXT


@dataclass(frozen=True, slots=True)
class Signed:
    """What came with a review: the statement of a receipt, and its signature."""

    statement: str
    signature: str


class Reviewers:
    """Those who give one kind of review, each at their pace."""

    def __init__(self, access: Access, decider: Decider, now: Callable[[], Moment], receipts: Receipts | None = None) -> None:
        self._access = access
        self._decider = decider
        self._now = now
        self._receipts = receipts
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

    # --- receipts ------------------------------------------------------------------------------------------------------

    def perhaps(self, who: Identity, signed: Signed | None) -> Identity:
        """Return ``who`` as if what they have ``signed`` were good, for refusals that come before anything is looked up."""
        return who.signing("") if signed is None or self._receipts is None else self._receipts.could(who)

    def signing(self, who: Identity, found: Request, signed: Signed | None) -> tuple[Identity, Receipt | None]:
        """Return ``who`` with what they have ``signed`` about ``found``, and the receipt. Raises Refusal."""
        if signed is None:
            return who.signing(""), None
        if self._receipts is None:
            raise Refusal("usage", "jitd takes no receipts here")
        given = self._receipts.proved(who, found, signed.statement, signed.signature)
        return who.signing(given.proves), given

    def must_state(
        self, given: Receipt | None, who: Identity, found: Request, verdict: str, obligations: Obligations | None
    ) -> None:
        """Raise Refusal if ``given`` does not state what is to happen now."""
        if given is not None and self._receipts is not None:
            self._receipts.must_state(given, who, found, verdict, obligations)
