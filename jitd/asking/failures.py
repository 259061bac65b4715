# SPDX-License-Identifier: Apache-2.0
"""Failures of providers and gatekeepers, kept for a moment: who failed at once would otherwise be asked with every question.

Law: a failure is kept for ``KEPT_FOR`` and for the same question only. It stands for no answer, and no answer never permits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

KEPT_FOR = 1.0
"""Seconds that a failure is kept. Whoever mends a program may try it at once."""
MOST_KEPT = 256
"""Failures that are kept at most. The oldest go first."""


class Failures:
    """Failures of late. ``now`` returns seconds on a clock that only goes forward."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: OrderedDict[Hashable, tuple[float, str]] = OrderedDict()

    def keep(self, question: Hashable, why: str) -> None:
        """Keep that ``question`` failed now. ``why`` is the rest of the sentence ``… did not answer: …``."""
        self._kept[question] = (self._now() + KEPT_FOR, why)
        self._kept.move_to_end(question)
        self._drop()

    def of(self, question: Hashable) -> str | None:
        """Return why ``question`` failed less than ``KEPT_FOR`` ago; None if it did not."""
        self._drop()
        kept = self._kept.get(question)
        return None if kept is None else kept[1]

    def forget(self) -> None:
        """Drop all."""
        self._kept.clear()

    def _drop(self) -> None:
        while self._kept and (len(self._kept) > MOST_KEPT or next(iter(self._kept.values()))[0] <= self._now()):
            self._kept.popitem(last=False)
