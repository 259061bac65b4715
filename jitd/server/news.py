# SPDX-License-Identifier: Apache-2.0
"""The news that a waiting client gets about its request. Law: each message about a request is sent once, in order. The end of a
request is reported with a code and one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.effects import Moment
from jitd.core.lock import Lock, lock_on, sentence_to
from jitd.core.notice import Heard
from jitd.core.request import NOT_AT_ONCE, Request, RequestState, Verdict
from jitd.core.visibility import words_of
from jitd.lifecycle.waiters import TOLD_AFTER
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import NOTHING
from jitd.verbs.sentences import asked, asking, notified, opening, owing, reviewed
from jitpam.wire.shown import reshown, shown


@dataclass(frozen=True, slots=True)
class Told:
    """The news that the client has already received. ``n_things`` is the number of things that the client was told: one for the
    request itself (``sentences.asked``), and one for each review. ``void`` contains the principals of the approvers whose
    approvals do not count. ``asking_at`` is the time at which jitd began to query gatekeepers. ``owing`` is the sentence about
    the approvals that the rule needs. ``opened`` is a number of seconds since submission. The client was told about all ways of
    approval that opened until then. ``notified`` are the lines about the people whom channels have told of the request.
    """

    n_things: int = 0
    void: frozenset[str] = frozenset()
    asking_at: datetime | None = None
    owing: str = ""
    opened: int = 0
    notified: frozenset[str] = frozenset()


def news_of(
    found: Request,
    told: Told,
    locks: tuple[Lock, ...],
    now: Moment,
    heard: tuple[Heard, ...] = (),
    uncounted: Mapping[str, str] = NOTHING,
) -> tuple[list[str], Told]:
    """Return the sentences that are new since ``told``, and an updated ``told``. The sentences about the request itself
    (``sentences.asked``) come first, then one sentence for each review. For an open request, more sentences can follow. They say
    which approvals do not count because of the active ``locks``, and which approvals count again. They also say which gatekeepers
    do not answer at once, and which ways of approval have opened. If answers of gatekeepers have changed the required approvals,
    a sentence names the approvals that are required now. ``heard`` tells whom each channel has told of the request.
    ``uncounted`` maps approvers whose approval does not count for another reason than a lock to this reason.
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
        locked = {r.by.principal: sentence_to(lock, r.by) for r in found.reviews if (lock := lock_on(locks, r.by)) is not None}
        taken = {**uncounted, **locked}
        lines += [f"the approval by {shown(who)} does not count: {shown(taken[who])}" for who in sorted(taken.keys() - void)]
        lines += [f"the approval by {shown(who)} counts again" for who in sorted(void - taken.keys())]
        void = frozenset(taken)
        if told.owing and owing(found) != told.owing:
            lines.append(owing(found))
        if found.asking_at is not None and found.asking_at != told.asking_at:
            lines.append(f"approved; {asking(names)}" if names else "approved; jitd evaluates the rules again")
        lines += opening(found, told.opened)
        about_notices = [line for line in notified(heard, is_named=words_of(found) is None) if line not in told.notified]
        lines += about_notices
        told = replace(told, notified=told.notified.union(about_notices))
        told = replace(told, asking_at=found.asking_at, owing=owing(found), opened=found.opened)
    return lines, replace(told, n_things=n_things, void=void)


def refusal_of(found: Request) -> Refusal | None:
    """Return the Refusal that says why the request ended, or None if it is open or was approved."""
    match found.state:
        case RequestState.DENIED:
            last = found.reviews[-1] if found.reviews else None
            if last is not None and last.verdict is Verdict.DENY:
                return Refusal("reviewed", reviewed(last))
            return Refusal("denied", f"denied: {reshown(found.because)}")
        case RequestState.WITHDRAWN if found.because == NOT_AT_ONCE:
            return Refusal("owed", f"an approval is required, and -n does not wait for one: request {found.id} is withdrawn")
        case RequestState.WITHDRAWN:
            return Refusal("withdrawn", f"request {found.id} was withdrawn")
        case RequestState.EXPIRED:
            return Refusal("expired", f"request {found.id} has expired: nobody decided in time")
    return None
