# SPDX-License-Identifier: Apache-2.0
"""Remembers for a short time that a question to a provider or a gatekeeper failed. Without this module, jitd would send the same
question again and again to a provider or gatekeeper that fails at once.

Law: a failure is kept for ``KEPT_FOR`` seconds. During this time, jitd does not send the same question again. Other questions
are not affected. A kept failure has the same effect as a missing answer: it never permits a request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

KEPT_FOR = 1.0  # seconds: an administrator who repairs a program wants to test it soon
MOST_KEPT = 256  # failures in memory. The oldest failures are dropped first.


class Failures:
    """Keeps the latest failures. ``now`` returns seconds on a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: OrderedDict[Hashable, tuple[float, str]] = OrderedDict()

    def keep(self, question: Hashable, why: str) -> None:
        """Remember that ``question`` failed now. ``why`` is the reason, in words that can follow ``did not answer:``."""
        self._kept[question] = (self._now() + KEPT_FOR, why)
        self._kept.move_to_end(question)
        self._drop()

    def of(self, question: Hashable) -> str | None:
        """If ``question`` failed less than ``KEPT_FOR`` seconds ago, return the reason for the failure. Otherwise return None."""
        self._drop()
        kept = self._kept.get(question)
        return None if kept is None else kept[1]

    def forget(self) -> None:
        self._kept.clear()

    def _drop(self) -> None:
        while self._kept and (len(self._kept) > MOST_KEPT or next(iter(self._kept.values()))[0] <= self._now()):
            self._kept.popitem(last=False)
