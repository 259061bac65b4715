# SPDX-License-Identifier: Apache-2.0
"""Computes the open ways to approve, and the smallest number of persons who must still approve. A way is one of the alternatives
in an approval that a rule demands. For example, the way of the managers may open after 5 minutes.

Law: every function that counts or names approvers needs an ``Open``, a list of approvals that was made by ``opened`` or
``every_way``. Therefore no function uses a closed way by mistake, and nobody can approve through a closed way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NewType

from jitd.core.decision import MOST_COMBINATIONS, Approval, n_combinations, still_owed
from jitd.core.wording import all_of

Open = NewType("Open", tuple[Approval, ...])
"""Approvals with their open ways only. One whose ways are all closed is there, but names no people."""


def opened(approvals: tuple[Approval, ...], until: int, without_kdc: str = "deny") -> Open:
    """Return ``approvals``, but only with the ways that open at most ``until`` seconds after the submission. ``without_kdc``
    says whether approvers may authenticate by local PAM (see Obligations).
    """
    asked = tuple(_opened(approval, until) for approval in _bounded(approvals))
    return Open(asked if without_kdc == "deny" else tuple(_taking(approval, without_kdc) for approval in asked))


def _taking(approval: Approval, without_kdc: str) -> Approval:
    instead = tuple(replace(way, without_kdc=without_kdc) for way in approval.instead)
    return replace(approval, instead=instead, without_kdc=without_kdc)


def every_way(approvals: tuple[Approval, ...]) -> Open:
    """Return ``approvals`` with all their ways, for questions about a rule. For a moment of a request: ``opened``."""
    return Open(_bounded(approvals))


def _opened(approval: Approval, until: int) -> Approval:
    ways = [way for way in approval.ways if way.after <= until]
    if not ways:
        return replace(min(approval.ways, key=lambda way: way.need), of_whom=(), instead=())
    return replace(ways[0], instead=tuple(ways[1:]))


def _bounded(approvals: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """Return ``approvals`` with at most MOST_COMBINATIONS combinations of ways. One rule never has more, but the old and the new
    approvals together may, if the policy changes while a request waits. Then the last ones keep only the way that opens first.
    """
    bounded = list(approvals)
    for index in reversed(range(len(bounded))):
        if n_combinations(bounded) <= MOST_COMBINATIONS:
            break
        bounded[index] = min(bounded[index].ways, key=lambda way: way.after)
    return tuple(bounded)


def next_after(approvals: Iterable[Approval], until: int) -> int | None:
    """Return the time when the next way opens, in seconds after the submission. The ways that open within ``until`` seconds after
    the submission are already open. Return None if all ways are open.
    """
    later = (way.after for approval in approvals for way in approval.ways if way.after > until)
    return min(later, default=None)


def flat(asked: Open) -> tuple[Approval, ...]:
    """Return all ways in ``asked``, one after another. Other functions refer to a way by its index in this tuple."""
    return tuple(way for approval in asked for way in approval.ways)


@dataclass(frozen=True, slots=True)
class Choice:
    """A combination of ways, one of ``flat`` for each approval, and how many persons must still approve in it."""

    ways: tuple[int, ...]
    n_owed: int


def best(asked: Open, eligible: Sequence[Collection[int]]) -> Choice:
    """Return the combination of ways that needs the smallest number of further approvers. ``eligible`` has one entry for each
    person who approved. Each entry contains the indexes of the ways in which this person's approval may count.

    The function tests all combinations, and stops early at a combination that needs no further approver. In each combination, the
    function assigns the persons by a maximum matching. Therefore neither the order of the reviews nor the order of the approvals
    in the rule matters.
    """
    ways, numbers = flat(asked), _numbers(asked)
    least = Choice(tuple(some[0] for some in numbers), sum(approval.need for approval in asked) + 1)
    for chosen in product(*numbers):
        n_owed = lacking(ways, chosen, eligible)
        if n_owed < least.n_owed:
            least = Choice(chosen, n_owed)
        if not n_owed:
            break
    return least


def lacking(ways: Sequence[Approval], chosen: tuple[int, ...], eligible: Sequence[Collection[int]]) -> int:
    """Return the number of persons who must still approve in the combination ``chosen`` of ``ways``."""
    persons = (frozenset(place for place, way in enumerate(chosen) if way in those) for those in eligible)
    return still_owed(tuple(ways[way] for way in chosen), tuple((str(n), places) for n, places in enumerate(persons)))


def _numbers(asked: Open) -> list[range]:
    """For each approval, return the indexes of its ways in ``flat``."""
    found, at = [], 0
    for approval in asked:
        found.append(range(at, at + len(approval.ways)))
        at += len(approval.ways)
    return found


# --- what people read ------------------------------------------------------------------------------------------------


def still_asked(asked: Open, eligible: Sequence[Collection[int]]) -> str:
    """Return which approvals are still owed, such as ``1 ops or 1 managers``, with all their open ways, or "". If one more person
    must approve, each approval is named for which this one could count.
    """
    choice, ways = best(asked, eligible), flat(asked)
    parts: list[str] = []
    for place, numbers in enumerate(_numbers(asked)):
        others = (*choice.ways[:place], *choice.ways[place + 1 :]) if choice.n_owed == 1 else choice.ways[:place]
        without = lacking(ways, others, eligible)
        lacks = {way: lacking(ways, (*others, way), eligible) - without for way in numbers}
        if lacks[choice.ways[place]]:
            parts.append(" or ".join(f"{lacks[way]} {_short(ways[way])}" for way in numbers))
    if choice.n_owed == 1 or not parts:
        return " or ".join(parts)
    return all_of(tuple(parts), [" or " in part for part in parts])


def _short(way: Approval) -> str:
    names = "/".join(word.partition(":")[2] for word in way.of_whom) or "nobody yet"
    return f"{names} on {way.also}" if way.also else names
