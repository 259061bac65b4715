# SPDX-License-Identifier: Apache-2.0
"""Decides whether the approvals of a grant are still enough at a later use: of a lease, or by ``--resume``.

Law: a grant stands for the approvals that its own rule asks today, as far as they were asked for and given, and never for more.
An approver counts with the groups that they have now, unless the rule says otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from jitd.core.approvers import tally
from jitd.core.decision import Obligations, narrow
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.request import Request, Review
from jitd.core.subject import Subject
from jitd.core.ways import opened


def still_counts(review: Review, now: Subject | None, standing: str) -> Subject | None:
    """Return the approver that the tally counts for ``review``: its author as they are ``now``, with the groups that they had at
    the review if the rule says so (``standing``). None if the author's account is gone.
    """
    if now is None or standing != "review":
        return now
    return replace(now, groups=review.by.groups)


def owes(answered: Request, today: Obligations, standing: tuple[Subject, ...]) -> int:
    """Return how many approvals the request ``answered`` lacks if the approvers in ``standing`` count. The number is computed for
    the approvals that the rule asked for at the approval, and for those that it asks for ``today``, each with the ways that were
    open when ``answered`` was approved. The larger one is returned. If the rule counts approvers as they were at the review,
    the lists of that time count, too.
    """
    assert answered.obligations is not None, "an approved request has its obligations"
    lists = {way.also: way.among for approval in answered.obligations.approvals for way in approval.ways}
    now, both = today.approvals, narrow(answered.obligations, today)
    if both.standing == "review":
        now = tuple(approval.with_lists(lists.get) for approval in now)
    asked = (answered.obligations.approvals, now)
    ways = (opened(approvals, answered.opened, both.without_kdc) for approvals in asked)
    return max(tally(open_, standing, answered.requester) for open_ in ways)


def is_within(grant: Grant, today: Obligations, now: Moment) -> bool:
    """True if ``grant`` would still have time and a use left if it had been issued under ``today``'s obligations."""
    begun_boot = grant.ends_boot - (grant.ends_at - (grant.begins_at or grant.issued_at)).total_seconds()
    return now.boot < begun_boot + today.lasts_for and grant.uses - grant.left < today.uses


def discharges(grant: Grant, answered: Request, today: Obligations, standing: tuple[Subject, ...], now: Moment) -> bool:
    """True if ``grant``, which ``answered`` got, stands for all the approvals that its rule asks ``today``."""
    return is_within(grant, today, now) and owes(answered, today, standing) == 0
