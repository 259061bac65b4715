# SPDX-License-Identifier: Apache-2.0
"""Makes the row of an owed review. The names in this row are the stable names that ``--json`` and the protocol's items use."""

from __future__ import annotations

from jitd.core.effects import Moment
from jitd.core.owed_review import OwedReview, OwedReviewState, is_own, lacks, reviewers
from jitd.core.request import Request
from jitd.core.subject import Identity
from jitd.verbs.rows import instant
from jitpam.wire import rows
from jitpam.wire.shown import shown


def review_row(
    owed: OwedReview, asked: Request, viewer: Identity, now: Moment, *, may_give: bool, barred: str
) -> rows.OwedReview:
    """Return the row about ``owed``, the owed review of ``asked``, as ``viewer`` sees it at the time ``now``."""
    return rows.OwedReview(
        id=owed.id,
        state=str(owed.state),
        requester=shown(owed.requester.principal),
        host=shown(asked.host),
        run_as=shown(asked.command.run_as.user),
        argv=tuple(map(shown, asked.command.told_argv)),
        rule=shown(owed.rule),
        instead_of=shown(owed.glass.instead_of),
        reviewers=shown(reviewers(owed.glass)),
        begun_at=instant(owed.begun_at),
        due_at=instant(owed.due_at(now)) if owed.state is OwedReviewState.OWED else None,
        overdue_at=instant(owed.overdue_at),
        given_by=None if owed.given_by is None else shown(owed.given_by.principal),
        given_as=owed.given_as,
        given_at=instant(owed.given_at),
        comment=shown(owed.comment),
        mine=is_own(owed, viewer),
        may_give=may_give,
        barred=barred,
        lacks=lacks(owed, viewer),
    )
