# SPDX-License-Identifier: Apache-2.0
"""Derives what must still be done for an open object from what is stored.

Law: nothing is done here. The answer follows from the stored objects and the time alone, so it is the same after each restart.
Every open object has a deadline, a query or an event, except a lock without an end and a review that is overdue: these wait for
people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jitd.core import lock, owed_review, run
from jitd.core.effects import Moment, Screen, SetDeadline
from jitd.core.grant import Expired, Grant, Revoked
from jitd.core.holding import Holding, HoldingState, Taking
from jitd.core.law import CLOCK, DAEMON
from jitd.core.owed_review import OwedReviewState
from jitd.core.request import DeadlinePassed, Request, deadlines_of
from jitd.core.run import Ending, Outcome, RunState
from jitd.lifecycle.screenings import is_due
from jitd.store import DAMAGED, Life, Store

COMES_BACK_FOR = 30.0
"""Seconds within which a client must come back after a restart of the daemon."""
REBOOTED = Outcome(Ending.LOST, 0, "the host was booted anew")

Step = lock.Carried | owed_review.Carried | DeadlinePassed | Expired | Revoked | Taking | run.StopOrdered | run.Ended | Screen
"""An event that must happen now, or a query that must be begun."""


def owed(one: Life, store: Store, now: Moment, proved_since: Callable[[str, float], float]) -> Iterator[Step | SetDeadline]:
    """Yield what is owed for ``one``, which is open. ``store`` is asked for the request of a grant, and for the grant of a
    holding or a run. ``proved_since``: see ``Lifecycle.proved_since``. The deadline ``run`` says that the executor must be asked
    about the run now.
    """
    match one:
        case lock.Lock() if one.ends_boot is not None:
            if one.boot_id != now.boot_id:
                yield lock.Carried(one.id, DAEMON, proved_since(one.boot_id, one.since_boot))
            else:
                yield SetDeadline("lock", one.id, one.ends_boot)
        case owed_review.OwedReview(state=OwedReviewState.OWED):
            if one.boot_id != now.boot_id:
                yield owed_review.Carried(one.id, DAEMON, proved_since(one.boot_id, one.since_boot))
            else:
                yield SetDeadline("owed_review", one.id, one.due_boot)
        case Request():
            yield from _of_request(one, now)
        case Grant():
            yield from _of_grant(one, store.request(one.id), now)
        case Holding():
            if store.grant(one.grant) is None and one.state is not HoldingState.TAKING:
                yield Taking(one.id, DAEMON, f"its grant {DAMAGED}")
            if one.kept_at is None:
                yield SetDeadline("holder", one.id, now.boot + COMES_BACK_FOR)
            yield SetDeadline("holding", one.id, now.boot)
        case run.Run():
            grant = store.grant(one.grant)
            if grant is None and one.state is not RunState.STOPPING:
                yield run.StopOrdered(one.id, DAEMON, f"its grant {DAMAGED}")
            if grant is not None and grant.boot_id != now.boot_id:
                yield run.Ended(one.id, DAEMON, REBOOTED)
            else:
                yield SetDeadline("run", one.id, now.boot)


def _of_request(waiting: Request, now: Moment) -> Iterator[Step | SetDeadline]:
    if waiting.boot_id != now.boot_id:
        yield DeadlinePassed(waiting.id, CLOCK)
        return
    if is_due(waiting):
        yield Screen(waiting.id)
    if waiting.expires_boot is not None:
        yield SetDeadline("request", waiting.id, waiting.expires_boot)
    yield from deadlines_of(waiting, now.boot)
    if waiting.waits:
        yield SetDeadline("client", waiting.id, now.boot + COMES_BACK_FOR)


def _of_grant(grant: Grant, asked: Request | None, now: Moment) -> Iterator[Step | SetDeadline]:
    if grant.boot_id != now.boot_id:
        yield Expired(grant.id, CLOCK)
        return
    yield SetDeadline("grant", grant.id, grant.ends_boot)
    if asked is None:
        yield Revoked(grant.id, DAEMON, f"its request {DAMAGED}")
    elif asked.waits and asked.may_act_at_once and grant.begun == 0:
        yield SetDeadline("client", grant.id, now.boot + COMES_BACK_FOR)
