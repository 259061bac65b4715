# SPDX-License-Identifier: Apache-2.0
"""Samples side by side, and the bars that they are held against.

Law: what is printed of a row is its median with the least and the most beside it. A ratio is the median of the rounds' own
ratios, so that a noisy moment weighs on both of its sides, with the middle half of them beside it. A bar is held against the
median; where that may lie on either side of it by chance, the word for it says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from statistics import median, quantiles

WIDTH = 50


@dataclass(slots=True)
class Table:
    """One measure: rows of samples in ``unit``, each round's sample at the same place of every row; ``peer`` names a row."""

    title: str
    unit: str
    peer: str = ""
    rows: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    """Rows that have no samples, and why."""

    def add(self, row: str, *samples: float) -> None:
        """One more sample, or several, in ``row``."""
        self.rows.setdefault(row, []).extend(samples)

    def ratios(self, row: str) -> list[float]:
        """``row`` as a multiple of the peer, round by round."""
        return [one / peer for one, peer in zip(self.rows[row], self.rows[self.peer], strict=True)]

    def show(self) -> None:
        """Print it."""
        ratio = f"× {self.peer.split()[0].rstrip(',')}" if self.peer else ""
        print(f"\n{f'{self.title}, {self.unit}':{WIDTH}}{'n':>4}{'median':>10}{'min':>10}{'max':>10}{ratio:>11}")
        for row, samples in self.rows.items():
            numbers = "".join(f"{number(value):>10}" for value in (median(samples), min(samples), max(samples)))
            multiple = ""
            if self.peer and row != self.peer:
                multiple = f"{number(median(self.ratios(row))):>11}{spread(self.ratios(row))}"
            print(f"  {row:{WIDTH - 2}}{len(samples):>4}{numbers}{multiple}")
        for row, why in self.absent.items():
            print(f"  {row:{WIDTH - 2}}{0:>4}  {why}")
        for note in self.notes:
            print(f"  ({note})")
        sys.stdout.flush()


def spread(values: list[float]) -> str:
    """Between what the middle half of ``values`` lies."""
    if len(values) < 2:
        return ""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"  ({number(low)}–{number(high)})"


def number(value: float) -> str:
    """``value`` with three digits that mean something."""
    size = abs(value)
    n_decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{n_decimals}f}"


CHANCE = 0.05
"""How often the median of the very same thing would lie outside of what ``interval`` gives."""


def interval(samples: Sequence[float]) -> tuple[float, float]:
    """Between what the median lies of which these are samples, but for CHANCE: whatever their distribution is (the sign test's).
    Of less than six no such thing can be said: then it is their own median, twice.
    """
    n, below, n_left = len(samples), 0, 0
    while (below + comb(n, n_left)) / 2**n <= CHANCE / 2:
        below += comb(n, n_left)
        n_left += 1
    if not n_left:
        return median(samples), median(samples)
    ordered = sorted(samples)
    return ordered[n_left - 1], ordered[n - n_left]


@dataclass(frozen=True, slots=True)
class Bar:
    """What is promised: the median of ``samples`` is at most, or at least, ``limit``."""

    what: str
    samples: Sequence[float]
    limit: float
    unit: str
    is_most: bool

    @property
    def verdict(self) -> str:
        """Whether it is kept, in words."""
        found, (low, high) = median(self.samples), interval(self.samples)
        is_met = found <= self.limit if self.is_most else found >= self.limit
        if low <= self.limit <= high and low < high:
            return f"{'met' if is_met else 'missed'}, by less than the noise ({number(low)}–{number(high)})"
        return "met" if is_met else "MISSED"


def at_most(what: str, samples: Sequence[float], limit: float, unit: str) -> Bar:
    """A bar from above."""
    return Bar(what, samples, limit, unit, is_most=True)


def at_least(what: str, samples: Sequence[float], limit: float, unit: str) -> Bar:
    """A bar from below."""
    return Bar(what, samples, limit, unit, is_most=False)


def show_bars(bars: Sequence[Bar]) -> None:
    """Print which are met."""
    print(f"\n{'bars':{WIDTH}}{'':>4}{'found':>10}{'bar':>10}")
    for bar in bars:
        limit = f"{'≤' if bar.is_most else '≥'} {bar.limit:.3g}"
        print(f"  {bar.what:{WIDTH - 2}}{'':>4}{number(median(bar.samples)):>10}{limit:>10}  {bar.unit:11} {bar.verdict}")


def interleaved(n_rounds: int, table: Table, measures: Mapping[str, Callable[[], float]]) -> None:
    """Take one sample of each measure in every round, beginning with another one each time, and going back and forth, so that
    noise falls on all alike, and what one leaves to be done on each of the others.
    """
    names = list(measures)
    for turn in range(n_rounds):
        at = turn % len(names)
        order = names[at:] + names[:at]
        taken = {name: measures[name]() for name in (order if turn % 2 else order[::-1])}
        for name in names:
            table.add(name, taken[name])
