# SPDX-License-Identifier: Apache-2.0
"""Creates the grant of an approved request. Also computes the time at which jitd ends a run under this grant.

Law: a grant never permits more than the request asked for, and never more than the rule allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitd.core.effects import Moment
from jitd.core.grant import Grant, Issued
from jitd.core.later import window
from jitd.core.law import DAEMON

if TYPE_CHECKING:
    from jitd.core.request import Request


def issued(approved: Request, now: Moment) -> Issued:
    """Return the event that issues the grant of the ``approved`` request. The grant permits the requested uses and the requested
    time, within the limits of the rule.
    """
    obligations = approved.obligations
    assert obligations is not None, "an approved request has its obligations"
    time, is_later = window(approved, obligations, now), approved.starts_at is not None
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
        ends_at=time.ends_at,
        ends_boot=time.ends_boot,
        is_lease=gives or approved.lasts_for is not None or approved.uses is not None,
        uses=uses,
        left=uses,
        begins_at=time.begins_at if is_later else None,
        begins_boot=time.begins_boot if is_later else None,
    )
    return Issued(approved.id, DAEMON, grant)


def ends_of(grant: Grant, asked: Request, now: float) -> tuple[float, str]:
    """A run for the request ``asked`` begins at ``now`` under ``grant``. Return the time at which jitd will end this run, and a
    sentence with the reason. ``now`` and the returned time are seconds on the boot clock.
    """
    assert asked.obligations is not None, "an approved request has its obligations"
    ends_at_boot, because = grant.ends_boot, "its grant has ended"
    for timeout, sentence in (
        (grant.terms.timeout_for, "its rule's timeout is over"),
        (asked.obligations.terms.timeout_for, "its rule's timeout is over"),
        (asked.timeout_for, "its timeout is over"),
    ):
        if timeout is not None and now + timeout < ends_at_boot:
            ends_at_boot, because = now + timeout, sentence
    return ends_at_boot, because
