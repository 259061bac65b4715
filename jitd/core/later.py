# SPDX-License-Identifier: Apache-2.0
"""A grant that begins later (``jitsudo --at``): it is approved now, and its time starts then.

Law: pure. Both clocks must agree that the time has come. The boot clock counts from the submission, so a wall clock that is put
forward brings nothing nearer. The wall clock must be within the time that was approved, so one that is put back gives no use
either. An approval that comes late gets what is left of the time, and not more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jitd.core.effects import Moment

if TYPE_CHECKING:
    from jitd.core.decision import Obligations
    from jitd.core.grant import Grant
    from jitd.core.request import Request

FURTHEST = 7 * 86400
"""The time that is asked for begins at most so many seconds after the submission."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a grant: seconds on the boot clock, and the same on the wall clock."""

    begins_boot: float
    begins_at: datetime
    ends_boot: float
    ends_at: datetime


def fault_in_start(starts_at: datetime | None, now: datetime) -> str:
    """Return what is wrong with ``starts_at`` (aware) as the time that somebody asks for ``now``; empty if nothing is."""
    if starts_at is None or timedelta(0) < starts_at - now <= timedelta(seconds=FURTHEST):
        return ""
    if starts_at <= now:
        return "the time that was asked for with --at is over already"
    return "the time that is asked for with --at begins within 7 days"


def lasts(asked: Request, obligations: Obligations) -> int:
    """Return for how many seconds ``asked`` gets a grant under ``obligations``."""
    return min(asked.lasts_for or obligations.lasts_for, obligations.lasts_for)


def window(asked: Request, obligations: Obligations, now: Moment) -> Window:
    """Return the time of the grant that ``asked`` gets if it is approved ``now``."""
    lasts_for = lasts(asked, obligations)
    begins_boot, begins_at = now.boot, now.at
    if asked.starts_at is not None:
        begins_at = asked.starts_at
        begins_boot = asked.submitted_boot + (asked.starts_at - asked.submitted_at).total_seconds()
    return Window(begins_boot, begins_at, begins_boot + lasts_for, begins_at + timedelta(seconds=lasts_for))


def decided_within(asked: Request, obligations: Obligations) -> float:
    """Return the seconds within which ``asked`` has to be decided: those of its rule, and not beyond the time that it is for."""
    if asked.starts_at is None:
        return obligations.expires_for
    until_its_end = (asked.starts_at - asked.submitted_at).total_seconds() + lasts(asked, obligations)
    return min(obligations.expires_for, until_its_end)


def has_begun(grant: Grant, now: Moment) -> bool:
    """True unless ``grant`` begins later, or its time is not now by the wall clock."""
    if grant.begins_boot is None or grant.begins_at is None:
        return True
    return now.boot >= grant.begins_boot and grant.begins_at <= now.at < grant.ends_at
