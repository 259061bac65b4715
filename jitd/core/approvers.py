# SPDX-License-Identifier: Apache-2.0
"""Who may approve, and how many approvals are still owed.

Law: pure. Nobody approves their own request; one person counts once. An approver counts as they had authenticated when they
reviewed. Each question is about approvals with the ways that are open at a moment (``ways.Open``).
"""

from __future__ import annotations

from dataclasses import replace

from jitd.core.decision import Approval
from jitd.core.subject import Subject, matches_any
from jitd.core.ways import Open, best, every_way, flat, still_asked


def may_review(asked: Open, approver: Subject, requester: Subject) -> frozenset[int]:
    """Return the indexes of those ways in ``asked`` (see ``ways.flat``) that name ``approver``, who may see and deny the request
    then: none for the requester's own person and for root.
    """
    if approver.is_root or approver.is_local or approver.uid == 0 or _is_one_person(approver, requester):
        return frozenset()
    return frozenset(index for index, way in enumerate(flat(asked)) if names(way, approver))


def why_not(approvals: tuple[Approval, ...], asked: Open, approver: Subject) -> str:
    """Return why ``approver`` may not review though a way of ``approvals`` has words for them, as the end of a sentence: the way
    is not in ``asked``, which are the open ones, or its list does not have them. Empty if no way has words for them.
    """
    worded = [way for way in flat(every_way(approvals)) if matches_any(approver, way.of_whom)]
    bare = [replace(way, without_kdc="deny") for way in flat(asked)]
    now_open = [way for way in worded if way in bare]
    if not worded:
        return ""
    if not now_open:
        return "the way to approve it that names you is not open yet"
    return f"you are not on the list {now_open[0].also}"


def names(way: Approval, approver: Subject) -> bool:
    """True if ``way`` is for ``approver``: its words name them, and its list has them if it is narrowed by one. Who has proved by
    local PAM who they are is named only where the rule takes that.
    """
    if not matches_any(approver, way.of_whom):
        return False
    if approver.is_by_pam and way.without_kdc != "local":
        return False
    return not way.also or (way.among is not None and (approver.user in way.among or approver.principal in way.among))


def may_approve(asked: Open, approver: Subject, requester: Subject) -> frozenset[int]:
    """Return the indexes of those ways in ``asked`` for which an approval by ``approver`` counts: they name the approver, who had
    authenticated as they demand when jitd looked at it.
    """
    named, ways = may_review(asked, approver, requester), flat(asked)
    return frozenset(index for index in named if not ways[index].demand.lack(approver.authentication))


def lack(asked: Open, approver: Subject, requester: Subject) -> str:
    """Return what ``approver``, who may review, has to change to approve, such as ``wants …: kinit``; empty if nothing."""
    if may_approve(asked, approver, requester):
        return ""
    named, ways = sorted(may_review(asked, approver, requester)), flat(asked)
    return next((ways[index].demand.lack(approver.authentication) for index in named), "")


def tally(asked: Open, approvers: tuple[Subject, ...], requester: Subject) -> int:
    """Return how many approvals are still owed if ``approvers`` have approved: the fewest persons over all ways that are open. A
    person with several accounts counts once.
    """
    return best(asked, _eligible(asked, approvers, requester)).n_owed


def owes(asked: Open, approvers: tuple[Subject, ...], requester: Subject) -> str:
    """Return the same in few words, such as ``1 ops or 1 managers``; empty if nothing is owed."""
    return still_asked(asked, _eligible(asked, approvers, requester))


def _eligible(asked: Open, approvers: tuple[Subject, ...], requester: Subject) -> list[frozenset[int]]:
    """Return, for each person among ``approvers``, the indexes of the ways for which the person counts."""
    persons: list[list[Subject]] = []
    for approver in approvers:
        same = [person for person in persons if any(_is_one_person(approver, account) for account in person)]
        persons = [person for person in persons if person not in same]
        persons.append([approver] + [account for person in same for account in person])
    # A person who is the requester under another account does not count either.
    others = [person for person in persons if not any(_is_one_person(account, requester) for account in person)]
    return [frozenset[int]().union(*(may_approve(asked, account, requester) for account in person)) for person in others]


def _is_one_person(one: Subject, other: Subject) -> bool:
    return one.person == other.person or one.uid == other.uid or one.principal == other.principal
