# SPDX-License-Identifier: Apache-2.0
"""Decides who may approve, and how many approvals are still missing.

Law: nobody can approve their own request. One person counts once. A rule may demand how an approver must authenticate. An
approval counts only if the approver's authentication meets this demand at the time of the review. Most functions get the demanded
approvals as an ``Open`` object (see ``ways``). This object contains the ways to approve that are open at one moment, and no other
ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jitd.core.decision import Approval
from jitd.core.receipt import LEVELS
from jitd.core.subject import Identity, Subject, is_one_person, matches_any
from jitd.core.ways import Open, best, every_way, flat, still_asked

BY_DOOR = "door:"  # stands before a word of a rule where those are searched for, too, whom it names by the door alone
People = Mapping[str, tuple[frozenset[str], bool]]
"""Maps words of rules, such as ``group:ops``, to the persons whom they name, and to whether these are all. With BY_DOOR before
the word, people of ``[approvers]`` are among them, who may approve by the door.
"""


def may_review(asked: Open, approver: Identity, requester: Subject) -> frozenset[int]:
    """Return the indexes of the ways in ``asked`` that name ``approver`` (see ``ways.flat``). If there is such a way,
    ``approver`` may see and deny the request. The result is always empty if ``approver`` is root, is known only by a local
    account, uses an account that jitd has made, or is the same person as ``requester``.
    """
    if approver.is_root or approver.is_local or approver.is_made or approver.is_superuser or is_one_person(approver, requester):
        return frozenset()
    return frozenset(index for index, way in enumerate(flat(asked)) if names(way, approver))


def why_not(approvals: tuple[Approval, ...], asked: Open, approver: Identity) -> str:
    """If a way in ``approvals`` names ``approver``, but ``approver`` may not review now, return the reason as a text for
    ``approver``. There are two possible reasons. Either the way is not open yet: ``asked`` contains the ways that are open. Or
    the way has a list of approvers, and ``approver`` is not on this list. If no way names ``approver``, return an empty text.
    """
    worded = [way for way in flat(every_way(approvals)) if matches_any(approver, way.of_whom)]
    bare = [replace(way, without_kdc="deny") for way in flat(asked)]
    now_open = [way for way in worded if way in bare]
    if not worded:
        return ""
    if not now_open:
        return "you may approve only later: your way to approve this request is not open yet"
    return f"you are not on the list {now_open[0].also}"


def names(way: Approval, approver: Identity) -> bool:
    """True if ``approver`` may use ``way`` to approve. The words of the way must match the approver. If the way has a list, the
    approver must be on the list. If the approver authenticated by local PAM, the rule must accept this method.
    """
    if not matches_any(approver, way.of_whom):
        return False
    if approver.is_by_pam and way.without_kdc != "local":
        return False
    return not way.also or (way.among is not None and any(name in way.among for name in approver.names))


def may_approve(asked: Open, approver: Identity, requester: Subject) -> frozenset[int]:
    """Return the indexes of those ways in ``asked`` that ``approver`` may use to approve. Two conditions must be met: the way
    names ``approver``, and the authentication of ``approver`` meets the demand of the way. The authentication is the one that
    jitd has read last.
    """
    named, ways = may_review(asked, approver, requester), flat(asked)
    return frozenset(index for index in named if not ways[index].demand.lack(approver.authentication))


def lack(asked: Open, approver: Identity, requester: Subject) -> str:
    """Call this function only if ``approver`` may review. If the authentication of ``approver`` does not meet the demand for an
    approval, return a text about what is missing, such as ``wants …: kinit``. Otherwise return an empty text.
    """
    if may_approve(asked, approver, requester):
        return ""
    named, ways = sorted(may_review(asked, approver, requester)), flat(asked)
    return next((ways[index].demand.lack(approver.authentication) for index in named), "")


def least_signed(asked: Open, approver: Identity, requester: Subject) -> str:
    """Return what a receipt of ``approver`` has to prove at least, so that their approval counts by a way in ``asked``."""
    ways = flat(asked)
    levels = [ways[index].demand.signed for index in may_review(asked, approver, requester)]
    return min(levels, key=LEVELS.index, default="")


def tally(asked: Open, approvers: tuple[Identity, ...], requester: Subject) -> int:
    """Return the number of approvals that are still missing. ``approvers`` contains the people who have already approved. If
    there are several combinations of open ways, use the combination with the fewest missing approvals. A person with several
    accounts is counted once.
    """
    return best(asked, _eligible(asked, approvers, requester)).n_owed


def owes(asked: Open, approvers: tuple[Identity, ...], requester: Subject) -> str:
    """Return a short text about the approvals that are still missing, such as ``1 ops or 1 managers``. Return an empty text if no
    approval is missing.
    """
    return still_asked(asked, _eligible(asked, approvers, requester))


def _eligible(asked: Open, approvers: tuple[Identity, ...], requester: Subject) -> list[frozenset[int]]:
    """Return for each person the indexes of the ways in ``asked`` by which they may approve."""
    persons: list[list[Identity]] = []
    for approver in approvers:
        same = [person for person in persons if any(is_one_person(approver, account) for account in person)]
        persons = [person for person in persons if person not in same]
        persons.append([approver] + [account for person in same for account in person])
    # If an approver is the same person as the requester (under another account), their approval does not count.
    others = [person for person in persons if not any(is_one_person(account, requester) for account in person)]
    return [frozenset[int]().union(*(may_approve(asked, account, requester) for account in person)) for person in others]
