# SPDX-License-Identifier: Apache-2.0
"""Finds how one sequence becomes another: lines of a text, or words of a line.

Law: who asks has chosen both sequences. So the work is bounded, and what is not found to be the same within it is different. What
is said to be the same is the same. Part of verify.py: it is Python 3.9, and imports nothing of jitd.
Source: patience sorting on what occurs once (B. Cohen); between these, E. W. Myers, "An O(ND) Difference Algorithm", 1986.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from operator import ne

WORK = 1_000_000  # items that are looked at: less than a second

Block = tuple[bool, int, int, int, int]
"""Whether the items are the same, where they begin and end before, and where now."""
_Same = tuple[int, int, int]  # where equal items begin, before and now, and how many there are


@dataclass
class Work:
    """What is left of it, for all comparisons of one page."""

    left: int = WORK

    def spend(self, more: int) -> bool:
        """False if there is none left."""
        self.left -= more
        return self.left >= 0


def differences(before: Sequence[Hashable], now: Sequence[Hashable], work: Work) -> list[Block]:
    """Return how ``before`` becomes ``now``, as blocks in their order, which cover both. Of two neighbours, one is the same."""
    names: dict[Hashable, int] = {}
    old, new = ([names.setdefault(item, len(names)) for item in items] for items in (before, now))
    found: list[Block] = []
    at = to = 0
    for since, begins, length in [*_joined(sorted(_same(old, new, work))), (len(old), len(new), 0)]:
        if at < since or to < begins:
            found.append((False, at, since, to, begins))
        at, to = since + length, begins + length
        if length:
            found.append((True, since, at, begins, to))
    return found


def _joined(same: Sequence[_Same]) -> Iterator[_Same]:
    since = begins = length = 0
    for at, to, more in same:
        if (at, to) != (since + length, begins + length):
            if length:
                yield since, begins, length
            since, begins, length = at, to, 0
        length += more
    if length:
        yield since, begins, length


def _same(old: list[int], new: list[int], work: Work) -> Iterator[_Same]:
    waiting = [(0, len(old), 0, len(new))]
    while waiting:
        since, until, begins, ends = waiting.pop()
        n_first = _n_same(old[since:until], new[begins:ends])
        yield since, begins, n_first
        since, begins = since + n_first, begins + n_first
        n_last = _n_same(old[since:until][::-1], new[begins:ends][::-1])
        until, ends = until - n_last, ends - n_last
        yield until, ends, n_last
        if since == until or begins == ends or not work.spend(until - since + ends - begins):
            continue
        anchors = _anchors(old[since:until], new[begins:ends])
        if not anchors:
            for at, to, length in _shortest(old[since:until], new[begins:ends], work):
                yield since + at, begins + to, length
            continue
        at, to = since, begins
        for one, other in anchors:
            waiting.append((at, since + one, to, begins + other))
            at, to = since + one, begins + other
        waiting.append((at, until, to, ends))


def _n_same(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many items ``one`` and ``other`` have in common at their beginnings."""
    return next((at for at, is_other in enumerate(map(ne, one, other)) if is_other), min(len(one), len(other)))


def _anchors(old: list[int], new: list[int]) -> list[tuple[int, int]]:
    """Return the places of the longest sequence of items of which each occurs once before and once now."""
    n_old, n_new = Counter(old), Counter(new)
    place = {item: at for at, item in enumerate(new) if n_new[item] == 1}
    pairs = [(at, place[item]) for at, item in enumerate(old) if n_old[item] == 1 and item in place]
    lasts: list[int] = []  # the least end of a rising sequence of each length
    heads: list[int] = []  # which pair has it
    previous = [-1] * len(pairs)
    for number, (_, to) in enumerate(pairs):
        length = bisect_left(lasts, to)
        lasts[length : length + 1] = [to]
        heads[length : length + 1] = [number]
        previous[number] = heads[length - 1] if length else -1
    chosen: list[tuple[int, int]] = []
    number = heads[-1] if heads else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = previous[number]
    return chosen[::-1]


def _shortest(old: list[int], new: list[int], work: Work) -> list[_Same]:
    """Return what is the same in a shortest way from ``old`` to ``new``, or nothing if the work does not suffice."""
    reached = {1: 0}  # maps a diagonal, a place in old minus one in new, to the place in old that is reached on it
    steps: list[dict[int, int]] = []
    for n_steps in range(len(old) + len(new) + 1):
        steps.append(dict(reached))
        spent = 2 * n_steps + 1
        for diagonal in range(-n_steps, n_steps + 1, 2):
            is_down = diagonal == -n_steps or (diagonal != n_steps and reached[diagonal - 1] < reached[diagonal + 1])
            start = at = reached[diagonal + 1] if is_down else reached[diagonal - 1] + 1
            while at < len(old) and at - diagonal < len(new) and old[at] == new[at - diagonal]:
                at += 1
            reached[diagonal] = at
            spent += at - start
            if at >= len(old) and at - diagonal >= len(new):
                return _way_back(len(old), len(new), steps)
        if not work.spend(spent):
            break
    return []


def _way_back(at: int, to: int, steps: list[dict[int, int]]) -> list[_Same]:
    found = []
    for n_steps, reached in reversed(list(enumerate(steps))):
        diagonal = at - to
        is_down = diagonal == -n_steps or (diagonal != n_steps and reached[diagonal - 1] < reached[diagonal + 1])
        came = diagonal + 1 if is_down else diagonal - 1
        before = reached[came]
        start = before if is_down else before + 1
        if at > start:
            found.append((start, start - diagonal, at - start))
        at, to = before, before - came
    return found
