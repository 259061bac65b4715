# SPDX-License-Identifier: Apache-2.0
"""Defines which accounts somebody uses who is not the person to whom the account belongs.

Law: the person who asked for a run may act as the account of the run while the run lives. For this time, both count as one
person at every review: neither approves what the other asks for, and their approvals count once. A deny by the account counts,
because a deny permits nothing. Root is left out, because root can become anybody, and reviews nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jitd.core import owed_review
from jitd.core.party import Party
from jitd.core.request import NotYours, Reviewed, Screened, Submitted, Verdict
from jitd.core.subject import Identity, Subject, User, Who, is_one_person, link_between, used_by


@dataclass(frozen=True, slots=True)
class Use:
    """A live run: who asked for it, and the account as which it runs, with the person to whom this account belongs."""

    run: str
    by: Subject
    uid: int
    person: str


class Uses(Protocol):
    """Returns the live runs. Knows to whom accounts belong today."""

    def __call__(self) -> Iterable[Use]: ...

    def today(self, who: Who) -> Who:
        """Return ``who`` as the person to whom the account belongs today."""


def as_used(who: Who, uses: Iterable[Use]) -> Who:
    """Return ``who``, used also by those who have a live run as an account of ``who``, or as one of those who use it."""
    left = [use for use in uses if use.uid != 0]
    while found := [use for use in left if _is_account_of(use, who) or any(_is_account_of(use, one) for one in who.used_by)]:
        left = [use for use in left if use not in found]
        for use in found:
            who = used_by(who, use.by, use.run)
    return who


def _is_account_of(use: Use, one: Identity | User) -> bool:
    return Party.of_account(use.uid) == one.party or use.person == one.person


def why_own(who: Identity, requester: Subject, request: str, uses: Uses) -> str:
    """Return why one person may act as ``who``, who wants to review ``request``, and as ``requester``, or ""."""
    somebody = "somebody else has to review it"
    live, requester = tuple(uses()), uses.today(requester)
    mine, theirs = as_used(who, live), as_used(requester, live)
    if not is_one_person(mine, theirs):
        return ""
    if (link := link_between(mine, theirs)) is None:
        return f"request {request} is your own: {somebody}"
    account, user = link
    if not user.run:
        return f"request {request} counts as your own, because {user.principal} logged in and may act as {account}: {somebody}"
    later = "" if is_one_person(who, requester) else f", or you when run {user.run} has ended"
    return f"request {request} counts as your own: {user.principal} may act as {account} in run {user.run}; {somebody}{later}"


def under(uses: Uses, life: Any, event: Any) -> Any:
    """``event`` happens to the object ``life``, or creates it. Return ``event`` without the approvals that do not count while
    ``uses`` live. What is asked for or reviewed meanwhile keeps who may have done it.

    ``Lifecycle.handle`` calls this function, so that no run begins unseen between the check of a review and its commit. Raises
    NotYours, or NotTheirs for an owed review, if the review itself does not count.
    """
    match event:
        case Submitted():  # also from outside the run, because a process can leave it, or steer what its account has there
            made = event.request
            requester = as_used(made.requester, uses())
            return event if requester is made.requester else replace(event, request=replace(made, requester=requester))
        case Screened() if event.standing:
            return replace(event, standing=_counting(event.standing, life.requester, uses))
        case Reviewed() if event.verdict is Verdict.APPROVE:
            if because := why_own(event.reviewer, life.requester, life.id, uses):
                raise NotYours(because)
            standing = _counting(event.standing, life.requester, uses)
            return replace(event, reviewer=as_used(event.reviewer, uses()), standing=standing)
        case owed_review.Reviewed():
            if because := why_own(event.reviewer, life.requester, life.id, uses):
                raise owed_review.NotTheirs(because)
            return replace(event, reviewer=as_used(event.reviewer, uses()))
    return event


def _counting(standing: tuple[Identity, ...], requester: Subject, uses: Uses) -> tuple[Identity, ...]:
    live = tuple(uses())
    theirs = as_used(uses.today(requester), live)
    found = (as_used(one, live) for one in standing)
    return tuple(one for one in found if not is_one_person(one, theirs))
