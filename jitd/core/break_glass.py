# SPDX-License-Identifier: Apache-2.0
"""Break-glass: a permit without approvals before the run, but with a review after the run.

Law: pure. The permit and its owed review are stored in one transaction. If a person owes reviews, a rule can be barred for this
person. A barred rule permits nothing to this person, and this person cannot use a grant of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from jitd.core.changed import replace
from jitd.core.decision import Decision, Permit
from jitd.core.effects import Moment
from jitd.core.grant import Grant, Used
from jitd.core.law import Actor, IllegalEvent, Role
from jitd.core.owed_review import Begun, OwedReview, bar
from jitd.core.subject import Subject

if TYPE_CHECKING:
    from jitd.core.request import Request

Owed = Callable[[str], Iterable[OwedReview]]
"""Returns the open reviews that a person (``Subject.person``) owes. The oldest review comes first."""


class Barred(IllegalEvent):
    """Raised if the person owes reviews and is therefore not allowed to use the grant now. No object was changed."""


def begun(approved: Request, now: Moment) -> tuple[Begun, ...]:
    """Return the event that begins an owed review for the request ``approved``. Return an empty tuple if no approval was
    skipped.
    """
    glass = None if approved.obligations is None else approved.obligations.break_glass
    if glass is None:
        return ()
    who, left_for = approved.requester, float(glass.review_for)
    made = OwedReview(
        approved.id, who, approved.rule, glass, approved.fingerprint, now.at, now.boot_id, now.boot, left_for
    )  # fmt: skip
    return (Begun(approved.id, Actor(Role.REQUESTER, who.principal, who.uid), made),)


def unbarred(decision: Decision, owed: Owed, who: Subject, request: str) -> Decision:
    """``decision`` is the answer to ``request`` of ``who``. If it lets ``who`` break glass, check the reviews that ``who`` still
    owes. If these reviews bar the rule, return a deny. In all other cases, return ``decision`` unchanged.
    """
    if not isinstance(decision, Permit) or decision.obligations.break_glass is None:
        return decision
    # A use of a lease belongs to the same review as the request for which the lease was issued.
    glass = decision.obligations.break_glass
    barred = bar(owed(who.person), decision.rule, glass, decision.lease or request)
    return decision if barred is None else decision.denied(barred.why, barred.because)


def under(owed: Owed, life: Any, event: Any) -> Any:
    """Return ``event``. If the requester of ``life`` owes reviews that bar the permit in ``event``, the returned event contains a
    deny in place of the permit.

    ``lifecycle.handle`` calls this function at the moment when it applies the event. If two decisions are made at the same
    moment, only one decision can therefore succeed. Raises Barred if owed reviews prevent the use of a grant.
    """
    decision = getattr(event, "decision", None)
    if isinstance(decision, Permit):
        allowed = unbarred(decision, owed, life.requester, life.id)
        return event if allowed is decision else replace(event, decision=allowed)
    if isinstance(event, Used) and isinstance(life, Grant):
        theirs = tuple(owed(life.holder.person))
        own = next((one for one in theirs if one.id == life.id), None)
        if own is not None and (barred := bar(theirs, own.rule, own.glass, own.id)) is not None:
            raise Barred(barred.because)
    return event
