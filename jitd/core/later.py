# SPDX-License-Identifier: Apache-2.0
"""A grant that begins later (``jitsudo --at``). People approve the grant now, and the grant starts at the time that the requester
asked for.

Law: pure. The grant starts only when the boot clock and the wall clock have reached the start. On the boot clock, jitd counts the
time since the submission. Therefore the grant does not start earlier if somebody sets the wall clock forward. The wall clock must
be within the approved time. If somebody sets the wall clock back, the grant cannot be used until the wall clock reaches the start
again. If an approval comes after the start, the grant gets only the rest of the approved time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jitd.core.effects import Moment
from jitd.core.frozen import dataclass

if TYPE_CHECKING:
    from jitd.core.decision import Obligations
    from jitd.core.grant import Grant
    from jitd.core.request import Request

FURTHEST = 7 * 86400
"""Maximum number of seconds from the submission to the requested start."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time during which a grant is valid. ``begins_boot`` and ``ends_boot`` are seconds on the boot clock. ``begins_at`` and
    ``ends_at`` are times of the wall clock.
    """

    begins_boot: float
    begins_at: datetime
    ends_boot: float
    ends_at: datetime


def fault_in_start(starts_at: datetime | None, now: datetime) -> str:
    """The requester asks at ``now`` for a grant that begins at ``starts_at`` (aware). Return a sentence if this start is not
    allowed, otherwise an empty text.
    """
    if starts_at is None or timedelta(0) < starts_at - now <= timedelta(seconds=FURTHEST):
        return ""
    if starts_at <= now:
        return "the time that was asked for with --at is over already"
    return "the time given with --at must begin within 7 days"


def lasts(asked: Request, obligations: Obligations) -> int:
    """Return the duration in seconds of the grant for ``asked`` under ``obligations``."""
    return min(asked.lasts_for or obligations.lasts_for, obligations.lasts_for)


def window(asked: Request, obligations: Obligations, now: Moment) -> Window:
    """Return the time window of the grant that ``asked`` gets if it is approved at ``now``."""
    lasts_for = lasts(asked, obligations)
    begins_boot, begins_at = now.boot, now.at
    if asked.starts_at is not None:
        begins_at = asked.starts_at
        begins_boot = asked.submitted_boot + (asked.starts_at - asked.submitted_at).total_seconds()
    return Window(begins_boot, begins_at, begins_boot + lasts_for, begins_at + timedelta(seconds=lasts_for))


def decided_within(asked: Request, obligations: Obligations) -> float:
    """Return the number of seconds within which ``asked`` must be decided. Usually the rule sets this limit. If the requested
    time of the grant ends before this limit, the decision must come before that end.
    """
    if asked.starts_at is None:
        return obligations.expires_for
    until_its_end = (asked.starts_at - asked.submitted_at).total_seconds() + lasts(asked, obligations)
    return min(obligations.expires_for, until_its_end)


def has_begun(grant: Grant, now: Moment) -> bool:
    """True if ``grant`` may be used already. A grant without a later start may always be used. If there is a later start, the
    boot clock must have reached the start, and the wall clock must be within the time of ``grant``.
    """
    if grant.begins_boot is None or grant.begins_at is None:
        return True
    return now.boot >= grant.begins_boot and grant.begins_at <= now.at < grant.ends_at
