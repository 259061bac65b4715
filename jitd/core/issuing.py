# SPDX-License-Identifier: Apache-2.0
"""Which grant an approved request gets. Law: it permits what was asked for, and no more than the rule allows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jitd.core.effects import Moment
from jitd.core.grant import Grant, Issued
from jitd.core.law import DAEMON

if TYPE_CHECKING:
    from jitd.core.request import Request


def issued(approved: Request, now: Moment) -> Issued:
    """Return the event that issues the grant of the ``approved`` request: what it asked for, within what its rule allows."""
    obligations = approved.obligations
    assert obligations is not None, "an approved request has its obligations"
    lasts_for = min(approved.lasts_for or obligations.lasts_for, obligations.lasts_for)
    asked = approved.uses if approved.uses is not None else obligations.uses if approved.lasts_for is not None else 1
    gives = approved.command.gives
    uses = 1 if gives else min(asked, obligations.uses)  # nobody can count how often a ticket is used
    grant = Grant(
        id=approved.id,
        holder=approved.requester,
        host=approved.host,
        boot_id=approved.boot_id,
        service=approved.service,
        command=approved.command,
        login_session=approved.claims.login_session,
        rule=approved.rule,
        because=approved.because,
        terms=obligations.terms,
        issued_at=now.at,
        ends_at=now.at + timedelta(seconds=lasts_for),
        ends_boot=now.boot + lasts_for,
        is_lease=gives or approved.lasts_for is not None or approved.uses is not None,
        uses=uses,
        left=uses,
    )
    return Issued(approved.id, DAEMON, grant)
