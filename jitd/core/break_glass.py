# SPDX-License-Identifier: Apache-2.0
"""Breaking glass: a permit without approvals, for which a review is owed afterwards.

Law: pure. The permit and its owed review are one transaction. Nothing is permitted by such a rule to somebody whose earlier
reviews bar it, and no grant of such a rule is used then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jitd.core.decision import Decision, Permit
from jitd.core.effects import Moment
from jitd.core.grant import Grant, Used
from jitd.core.law import Actor, IllegalEvent, Role
from jitd.core.owed_review import Begun, OwedReview, bar
from jitd.core.subject import Subject

if TYPE_CHECKING:
    from jitd.core.request import Request

Owed = Callable[[str], Iterable[OwedReview]]
"""Returns the open reviews that a person (``Subject.person``) owes, oldest first."""


class Barred(IllegalEvent):
    """The person owes reviews, and may not use the grant now. Nothing was changed."""


def begun(approved: Request, now: Moment) -> tuple[Begun, ...]:
    """Return the event by which the ``approved`` request owes a review; nothing if it skipped no approval."""
    glass = None if approved.obligations is None else approved.obligations.break_glass
    if glass is None:
        return ()
    who, left_for = approved.requester, float(glass.review_for)
    made = OwedReview(
        approved.id, who, approved.rule, glass, approved.fingerprint, now.at, now.boot_id, now.boot, left_for
    )  # fmt: skip
    return (Begun(approved.id, Actor(Role.REQUESTER, who.principal, who.uid), made),)


def unbarred(decision: Decision, owed: Owed, who: Subject, request: str) -> Decision:
    """Return ``decision``, or a denial if it lets ``who`` break glass for ``request`` and the reviews that they owe bar it."""
    if not isinstance(decision, Permit) or decision.obligations.break_glass is None:
        return decision
    # A use of a lease belongs to the review of the request that got the lease.
    glass = decision.obligations.break_glass
    barred = bar(owed(who.person), decision.rule, glass, decision.lease or request)
    return decision if barred is None else decision.denied(barred.why, barred.because)


def under(owed: Owed, life: Any, event: Any) -> Any:
    """Return ``event`` as the reviews that the requester of ``life`` owes let it happen.

    ``lifecycle.handle`` calls this, so that of two decisions made at the same moment only one counts. Raises Barred.
    """
    decision = getattr(event, "decision", None)
    if isinstance(decision, Permit):
        return replace(event, decision=unbarred(decision, owed, life.requester, life.id))
    if isinstance(event, Used) and isinstance(life, Grant):
        theirs = tuple(owed(life.holder.person))
        own = next((one for one in theirs if one.id == life.id), None)
        if own is not None and (barred := bar(theirs, own.rule, own.glass, own.id)) is not None:
            raise Barred(barred.because)
    return event
