# SPDX-License-Identifier: Apache-2.0
"""Which ways to approve are open, and how few persons are still owed over all of them.

Law: pure. Only ``opened`` and ``every_way`` make an ``Open``, and all that counts or names approvers needs one: so nobody can
forget that a way opens at its time. A way that is closed entitles nobody and fulfils nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NewType

from jitd.core.decision import MOST_COMBINATIONS, Approval, n_combinations, still_owed

Open = NewType("Open", tuple[Approval, ...])
"""Approvals with those of their ways that are open. An approval without an open way is there all the same, and names nobody."""


def opened(approvals: tuple[Approval, ...], until: int, without_kdc: str = "deny") -> Open:
    """Return ``approvals`` with the ways that open ``until`` so many seconds after submission. For ``without_kdc`` see
    Obligations.
    """
    asked = tuple(_opened(approval, until) for approval in _bounded(approvals))
    return Open(asked if without_kdc == "deny" else tuple(_taking(approval, without_kdc) for approval in asked))


def _taking(approval: Approval, without_kdc: str) -> Approval:
    instead = tuple(replace(way, without_kdc=without_kdc) for way in approval.instead)
    return replace(approval, instead=instead, without_kdc=without_kdc)


def every_way(approvals: tuple[Approval, ...]) -> Open:
    """Return ``approvals`` with all their ways: for questions about a rule, not about a request at a moment."""
    return Open(_bounded(approvals))


def _opened(approval: Approval, until: int) -> Approval:
    ways = [way for way in approval.ways if way.after <= until]
    if not ways:
        return replace(min(approval.ways, key=lambda way: way.need), of_whom=(), instead=())
    return replace(ways[0], instead=tuple(ways[1:]))


def _bounded(approvals: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """Return ``approvals`` with at most MOST_COMBINATIONS. No rule has more, but a policy that changes while a request waits may
    add up to more. The last approvals then lose their other ways: what fulfils their first way fulfils them, too.
    """
    bounded = list(approvals)
    for index in reversed(range(len(bounded))):
        if n_combinations(bounded) <= MOST_COMBINATIONS:
            break
        bounded[index] = min(bounded[index].ways, key=lambda way: way.after)
    return tuple(bounded)


def next_after(approvals: Iterable[Approval], until: int) -> int | None:
    """Return when the next way opens, in seconds after submission, if those ``until`` then are open; None if no way is closed."""
    later = (way.after for approval in approvals for way in approval.ways if way.after > until)
    return min(later, default=None)


def flat(asked: Open) -> tuple[Approval, ...]:
    """Return all ways in ``asked``, one after another. An index of this tuple stands for a way."""
    return tuple(way for approval in asked for way in approval.ways)


@dataclass(frozen=True, slots=True)
class Choice:
    """One combination of ways, as indexes of ``flat``: one of each approval. ``n_owed`` is how many persons it still lacks."""

    ways: tuple[int, ...]
    n_owed: int


def best(asked: Open, eligible: Sequence[Collection[int]]) -> Choice:
    """Return a combination of ways that lacks the fewest persons. ``eligible`` has, for each person who approved, the indexes of
    the ways for which they may count.

    All combinations are tried, and in each one the persons are assigned by a maximum matching, so no order matters: neither that
    of the reviews nor that of the rule.
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
    """Return how many persons the combination ``chosen`` of ``ways`` still lacks."""
    persons = (frozenset(place for place, way in enumerate(chosen) if way in those) for those in eligible)
    return still_owed(tuple(ways[way] for way in chosen), tuple((str(n), places) for n, places in enumerate(persons)))


def _numbers(asked: Open) -> list[range]:
    """Return, for each approval, the indexes of its ways in ``flat``."""
    found, at = [], 0
    for approval in asked:
        found.append(range(at, at + len(approval.ways)))
        at += len(approval.ways)
    return found


# --- what people read ------------------------------------------------------------------------------------------------


def still_asked(asked: Open, eligible: Sequence[Collection[int]]) -> str:
    """Return what is still owed in few words, such as ``1 ops or 1 managers``; empty if nothing is. Each approval that lacks
    somebody is told with all its open ways. If one person is owed and several approvals could take them, all these are told.
    """
    choice, ways = best(asked, eligible), flat(asked)
    parts: list[str] = []
    for place, numbers in enumerate(_numbers(asked)):
        others = (*choice.ways[:place], *choice.ways[place + 1 :]) if choice.n_owed == 1 else choice.ways[:place]
        without = lacking(ways, others, eligible)
        lacks = {way: lacking(ways, (*others, way), eligible) - without for way in numbers}
        if lacks[choice.ways[place]]:
            parts.append(" or ".join(f"{lacks[way]} {_short(ways[way])}" for way in numbers))
    between = " or " if choice.n_owed == 1 else ", and " if any(" or " in part for part in parts) else " and "
    return between.join(parts)


def _short(way: Approval) -> str:
    names = "/".join(word.partition(":")[2] for word in way.of_whom) or "nobody yet"
    return f"{names} on {way.also}" if way.also else names
