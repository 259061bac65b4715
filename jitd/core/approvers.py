# SPDX-License-Identifier: Apache-2.0
"""Who may approve, and how many approvals are still owed.

Law: pure. Nobody approves their own request; one person counts once. An approver counts as they had authenticated when they
reviewed.
"""

from __future__ import annotations

from jitd.core.decision import Approval, still_owed
from jitd.core.subject import Subject, matches_any


def may_review(approvals: tuple[Approval, ...], approver: Subject, requester: Subject) -> frozenset[int]:
    """Return the indexes of ``approvals`` that name ``approver``, who may see and deny the request then: none for the requester's
    own person and for root.
    """
    if approver.is_root or approver.is_local or approver.uid == 0 or _is_one_person(approver, requester):
        return frozenset()
    return frozenset(index for index, approval in enumerate(approvals) if matches_any(approver, approval.of_whom))


def may_approve(approvals: tuple[Approval, ...], approver: Subject, requester: Subject) -> frozenset[int]:
    """Return the indexes of ``approvals`` for which an approval by ``approver`` counts: they name the approver, who had
    authenticated as they demand when jitd looked at it.
    """
    named = may_review(approvals, approver, requester)
    return frozenset(index for index in named if not approvals[index].demand.lack(approver.authentication))


def lack(approvals: tuple[Approval, ...], approver: Subject, requester: Subject) -> str:
    """Return what ``approver``, who may review, has to change to approve, such as ``wants …: kinit``; empty if nothing."""
    if may_approve(approvals, approver, requester):
        return ""
    named = sorted(may_review(approvals, approver, requester))
    return next((approvals[index].demand.lack(approver.authentication) for index in named), "")


def tally(approvals: tuple[Approval, ...], approvers: tuple[Subject, ...], requester: Subject) -> int:
    """Return how many approvals are still owed if ``approvers`` have approved. A person with several accounts counts once."""
    persons: list[list[Subject]] = []
    for approver in approvers:
        same = [person for person in persons if any(_is_one_person(approver, account) for account in person)]
        persons = [person for person in persons if person not in same]
        persons.append([approver] + [account for person in same for account in person])
    eligible = [frozenset[int]().union(*(may_approve(approvals, account, requester) for account in person)) for person in persons]
    # A person who is the requester under another account does not count either.
    own = [any(_is_one_person(account, requester) for account in person) for person in persons]
    return still_owed(
        approvals,
        tuple((str(n), indexes) for n, (indexes, is_own) in enumerate(zip(eligible, own, strict=True)) if not is_own),
    )


def _is_one_person(one: Subject, other: Subject) -> bool:
    return one.person == other.person or one.uid == other.uid or one.principal == other.principal
