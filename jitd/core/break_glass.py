# SPDX-License-Identifier: Apache-2.0
"""Break-glass: a permit without approvals before the run, but with a review after the run.

Law: the permit and its owed review are stored in one transaction. If reviews of a person's uses of break-glass are still missing,
rules for break-glass can be barred for this person. A barred rule permits nothing to this person. The person also cannot use a
grant that the rule has permitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from jitd.core.decision import Decision, Permit
from jitd.core.grant import Grant, Used
from jitd.core.law import IllegalEvent
from jitd.core.owed_review import OwedReview, bar
from jitd.core.subject import Subject

Owed = Callable[[str], Iterable[OwedReview]]  # a person's open reviews (`Subject.person`), the oldest first
ReviewOf = Callable[[str], OwedReview | None]  # the review of the request with this id, also if it was given


class Barred(IllegalEvent):
    """A person may not use a grant now, because their earlier uses of break-glass are not reviewed. Nothing was changed."""


def unbarred(decision: Decision, owed: Owed, who: Subject, request: str) -> Decision:
    """Return ``decision``, or a deny if it is a permit by break-glass that ``who`` may not use for ``request`` because of
    ``owed`` reviews.
    """
    if not isinstance(decision, Permit) or decision.obligations.break_glass is None:
        return decision
    # A use of a lease belongs to the same review as the request for which the lease was issued.
    glass = decision.obligations.break_glass
    barred = bar(owed(who.person), decision.rule, glass, decision.lease or request)
    return decision if barred is None else decision.denied(barred.why, barred.because)


def under(owed: Owed, review_of: ReviewOf, life: Any, event: Any) -> Any:
    """``event`` is an event of the request or the grant ``life``. The event may contain a permit. If the requester's open
    reviews do not allow this permit, return the event with a deny in place of the permit. Otherwise return ``event`` unchanged.

    ``Lifecycle.handle`` calls this function when it applies the event. The open reviews were already checked when the permit was
    decided (``unbarred``). But two permits may have been decided at the same time, and the rule may allow only one open review.
    Because this function checks the open reviews again, only the first permit takes effect. Raises Barred if open reviews
    prevent the use of a grant by break-glass, whether or not its own review was given.
    """
    decision = getattr(event, "decision", None)
    if isinstance(decision, Permit):
        allowed = unbarred(decision, owed, life.requester, life.id)
        return event if allowed is decision else replace(event, decision=allowed)
    own = review_of(life.id) if isinstance(event, Used) and isinstance(life, Grant) else None
    if own is not None and (barred := bar(owed(life.holder.person), own.rule, own.glass, own.id)) is not None:
        raise Barred(barred.because)
    return event
