# SPDX-License-Identifier: Apache-2.0
"""Decides at each later use whether the approvals of a grant are still enough. A later use is a use of a lease, or a use by
``--resume``.

Law: the approvals of a grant must fulfil two demands. The first is the demand of the rule at the time of the approval. The
second is the demand of the rule today. Usually, jitd uses the current groups of each approver. But if the rule has
``standing = "review"``, jitd uses the groups that the approver had at the time of the review.
"""

from __future__ import annotations

from jitd.core.approvers import tally
from jitd.core.decision import Obligations, narrow_standing, narrow_without_kdc, raised
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.request import Request, Review
from jitd.core.subject import Identity
from jitd.core.ways import opened


def still_counts(review: Review, now: Identity | None, standing: str) -> Identity | None:
    """Return the author of ``review`` as jitd counts approvals: ``now``, their current data, or with the groups of then if
    ``standing`` is ``review``. None if their account does not exist any more.
    """
    if now is None or standing != "review":
        return now
    return now.but(groups=review.by.groups)


def owes(answered: Request, today: Obligations, standing: tuple[Identity, ...]) -> int:
    """Return the number of approvals that are still missing for the request ``answered``. Only approvals by people in
    ``standing`` count.

    The function computes the number of missing approvals twice, and returns the larger number. The first calculation uses the
    demands of the rule at the time of the approval. The second calculation uses the demands of ``today``. Both calculations use
    the ways to approve that were open at the time of the approval. If the rule has ``standing = "review"``, both calculations use
    the lists of people from the time of the review.
    """
    assert answered.obligations is not None, "an approved request has its obligations"
    lists = {way.also: way.among for approval in answered.obligations.approvals for way in approval.ways}
    now = today.approvals
    if narrow_standing(answered.obligations, today) == "review":
        now = tuple(approval.with_lists(lists.get) for approval in now)
    asked = (raised(answered.obligations.approvals, today.signed), now)
    without_kdc = narrow_without_kdc(answered.obligations, today)
    ways = (opened(approvals, answered.opened, without_kdc) for approvals in asked)
    return max(tally(open_, standing, answered.requester) for open_ in ways)


def is_within(grant: Grant, today: Obligations, now: Moment) -> bool:
    """True if ``grant`` is within the limits of ``today``. This means: if the obligations in ``today`` had applied from the start
    of the grant, the grant would still have time and a use left.
    """
    begun_boot = grant.ends_boot - (grant.ends_at - (grant.begins_at or grant.issued_at)).total_seconds()
    return now.boot < begun_boot + today.lasts_for and grant.uses - grant.left < today.uses


def discharges(grant: Grant, answered: Request, today: Obligations, standing: tuple[Identity, ...], now: Moment) -> bool:
    """True if ``grant`` replaces all approvals that its rule demands ``today``. ``answered`` is the request of the grant."""
    return is_within(grant, today, now) and owes(answered, today, standing) == 0
