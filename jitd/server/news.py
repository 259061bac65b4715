# SPDX-License-Identifier: Apache-2.0
"""What a client that waits is told of its request. Law: everything is told once, in order. An end has a code and one
sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.effects import Moment
from jitd.core.lock import Lock, lock_on, sentence
from jitd.core.request import NOT_AT_ONCE, Request, RequestState, Verdict
from jitd.lifecycle.waiters import TOLD_AFTER
from jitd.verbs.refusal import Refusal
from jitd.verbs.sentences import asked, asking, opening, owing, reviewed
from jitpam.wire.shown import shown


@dataclass(frozen=True, slots=True)
class Told:
    """What the client has been told: how many things, which approvals do not count (by the approvers' principals), since when
    gatekeepers are asked, what is owed, and up to which time ways to approve are open.
    """

    n_things: int = 0
    void: frozenset[str] = frozenset()
    asking_at: datetime | None = None
    owing: str = ""
    opened: int = 0


def news_of(found: Request, told: Told, locks: tuple[Lock, ...], now: Moment) -> tuple[list[str], Told]:
    """Return the sentences that are new after ``told``, and what has been told with them. The question comes first, then each
    review. While the request waits: which approvals do not count because of the active ``locks``, and which count again; who is
    asked outside jitd, if the answer does not come at once; and what is owed if their answers have changed that.
    """
    names = () if found.obligations is None else found.obligations.gatekeepers
    if found.state is RequestState.SCREENING:
        if told.asking_at is not None or found.asking_at is None or now.boot - found.submitted_boot < TOLD_AFTER:
            return [], told
        return [asking(names)], replace(told, asking_at=found.asking_at)
    if not found.reviews and found.state is not RequestState.PENDING:
        return [], told
    lines, n_things, void = [], told.n_things, told.void
    if n_things == 0:
        lines += asked(found)
        n_things = 1
    for review in found.reviews[n_things - 1 :]:
        lines.append(reviewed(review))
        n_things += 1
    if found.is_open:
        taken = {r.by.principal: lock for r in found.reviews if (lock := lock_on(locks, r.by)) is not None}
        lines += [
            f"the approval by {shown(who)} does not count: {shown(sentence(taken[who]))}" for who in sorted(taken.keys() - void)
        ]
        lines += [f"the approval by {shown(who)} counts again" for who in sorted(void - taken.keys())]
        void = frozenset(taken)
        if told.owing and owing(found) != told.owing:
            lines.append(owing(found))
        if found.asking_at is not None and found.asking_at != told.asking_at:
            lines.append(f"approved; {asking(names)}" if names else "approved; the rules are asked again")
        lines += opening(found, told.opened)
        told = replace(told, asking_at=found.asking_at, owing=owing(found), opened=found.opened)
    return lines, replace(told, n_things=n_things, void=void)


def refusal_of(found: Request) -> Refusal | None:
    """Return how a request's end is told to its requester; None if the request goes on or was approved."""
    match found.state:
        case RequestState.DENIED:
            last = found.reviews[-1] if found.reviews else None
            if last is not None and last.verdict is Verdict.DENY:
                return Refusal("reviewed", reviewed(last))
            return Refusal("denied", f"denied: {shown(found.because)}")
        case RequestState.WITHDRAWN if found.because == NOT_AT_ONCE:
            return Refusal("owed", f"an approval would be owed, so request {found.id} is withdrawn")
        case RequestState.WITHDRAWN:
            return Refusal("withdrawn", f"request {found.id} was withdrawn")
        case RequestState.EXPIRED:
            return Refusal("expired", f"request {found.id} has expired: nobody decided in time")
    return None
