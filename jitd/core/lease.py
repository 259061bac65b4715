# SPDX-License-Identifier: Apache-2.0
"""What the approvals that a grant rests on are worth at a later use: of a lease, or by ``--resume``.

Law: a grant discharges what its own rule asks today, as far as that was asked and given, and never more. Those who approved count
as they are now.
"""

from __future__ import annotations

from dataclasses import replace

from jitd.core.decision import Obligations
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.policy import tally
from jitd.core.request import Request, Review
from jitd.core.subject import Subject


def still_counts(review: Review, now: Subject | None, standing: str) -> Subject | None:
    """Whom the tally takes for ``review``: its author as they are ``now``, with the groups of the review where the rule says so.
    None if they are gone.
    """
    if now is None or standing != "review":
        return now
    return replace(now, groups=review.by.groups)


def owes(answered: Request, today: Obligations, standing: tuple[Subject, ...]) -> int:
    """How many approvals ``answered`` lacks, for what its rule asked when it was approved or for what it asks ``today``, if those
    who are left ``standing`` count.
    """
    assert answered.obligations is not None, "an approved request has its obligations"
    asked = (answered.obligations.approvals, today.approvals)
    return max(tally(approvals, standing, answered.requester) for approvals in asked)


def is_within(grant: Grant, today: Obligations, now: Moment) -> bool:
    """True if ``grant`` would have time and a use left, had it been issued under ``today``'s terms."""
    issued_boot = grant.ends_boot - (grant.ends_at - grant.issued_at).total_seconds()
    return now.boot < issued_boot + today.lasts_for and grant.uses - grant.left < today.uses


def discharges(grant: Grant, answered: Request, today: Obligations, standing: tuple[Subject, ...], now: Moment) -> bool:
    """True if ``grant``, which ``answered`` got, stands for all the approvals that its rule asks ``today``."""
    return is_within(grant, today, now) and owes(answered, today, standing) == 0
