# SPDX-License-Identifier: Apache-2.0
"""What a client that waits is told of its request. Law: everything is told once, in order. An end has a code and one
sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.lock import Lock, lock_on, sentence
from jitd.core.request import Request, RequestState, Verdict
from jitd.verbs.refusal import Refusal
from jitd.verbs.sentences import asked, reviewed
from jitpam.wire.shown import shown


@dataclass(frozen=True, slots=True)
class Told:
    """What the client has been told: how many things, and which approvals do not count (by the approvers' principals)."""

    n_things: int = 0
    void: frozenset[str] = frozenset()


def news_of(found: Request, told: Told, locks: tuple[Lock, ...]) -> tuple[list[str], Told]:
    """Return the sentences that are new after ``told``, and what has been told with them. The question comes first, then each
    review. While the request waits: which approvals do not count because of the active ``locks``, and which count again.
    """
    if found.state is RequestState.SCREENING or (not found.reviews and found.state is not RequestState.PENDING):
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
    return lines, Told(n_things, void)


def refusal_of(found: Request) -> Refusal | None:
    """Return how a request's end is told to its requester; None if the request goes on or was approved."""
    match found.state:
        case RequestState.DENIED:
            last = found.reviews[-1] if found.reviews else None
            if last is not None and last.verdict is Verdict.DENY:
                return Refusal("reviewed", reviewed(last))
            return Refusal("denied", f"denied: {shown(found.because)}")
        case RequestState.WITHDRAWN:
            return Refusal("withdrawn", f"request {found.id} was withdrawn")
        case RequestState.EXPIRED:
            return Refusal("expired", f"request {found.id} has expired: nobody decided in time")
    return None
