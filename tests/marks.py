# SPDX-License-Identifier: Apache-2.0
"""Four marks of tests: what promises a time, what is too long for every day, what one executor alone does, and both alike.

Law: ``timed`` is for what the product promises in seconds and cannot be shown otherwise; such a test runs when all
others have ended, and proves no attack of docs/threats.md stopped. ``full`` is for what ``make test-full`` alone runs.
contrib/docs/marks.py prints the tests that have them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import cycle, islice
from typing import Any

import pytest

direct = pytest.mark.direct
"""Only the executor that needs no systemd does this, or no executor at all: not played where one is process 1."""
alike = pytest.mark.alike
"""The monitor does this, which is the same program under both executors: under systemd, ``make test-full`` plays it."""


def timed(reason: str) -> pytest.MarkDecorator:
    """The test compares a time with a bound; ``reason`` says which promise that is."""
    return pytest.mark.timed(reason)


def full(reason: str) -> pytest.MarkDecorator:
    """Left to ``make test-full``; ``reason`` says why nothing is lost every day."""
    return pytest.mark.full(reason)


def once_each(*columns: Collection[Any]) -> Sequence[tuple[Any, ...]]:
    """So few rows of a grid that each word of each column is in one or more."""
    return list(islice(zip(*map(cycle, columns), strict=False), max(map(len, columns))))


def by_day(rows: Iterable[Any], every_day: Collection[Any], others: pytest.MarkDecorator) -> list[Any]:
    """The ``rows`` of a test, of which those that are not in ``every_day`` have the mark ``others``."""
    rows = list(rows)
    assert set(every_day) <= set(rows), "each of them is a row"
    return [row if row in every_day else pytest.param(*(row if isinstance(row, tuple) else (row,)), marks=others) for row in rows]
