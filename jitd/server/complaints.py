# SPDX-License-Identifier: Apache-2.0
"""What clients do wrong, as it is kept: in the record, where they are known; in the log or as a number, where they are not.

Law: nobody fills either: each account has a pace.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from jitd.core.effects import Moment
from jitd.core.subject import Subject
from jitd.log import log
from jitd.store import StoreError
from jitd.verbs.limits import Pace


class Complaints:
    """``note`` writes an event to the record: its name, who caused it, their uid, and more."""

    def __init__(self, note: Callable[[str, str, int, dict[str, object]], None], now: Callable[[], Moment]) -> None:
        self.note = note
        self._now = now
        self._pace = Pace()
        self._n_strangers = 0

    def broke_protocol(self, who: Subject | None, fault: str) -> None:
        """Record it, or only count it where ``who`` is not known, or does it all the time."""
        if who is None or not self._pace.may(who.uid, self._now().boot):
            self._n_strangers += 1
            return
        with suppress(StoreError):
            self.note("connection.broken", who.principal, who.uid, {"fault": fault})

    def warn(self, uid: int, event: str, /, **values: object) -> None:
        """Log what a stranger of account ``uid`` did, as long as they do not do it all the time."""
        if self._pace.may(uid, self._now().boot):
            log(event, **values)

    def n_strangers(self) -> int:
        """How often the protocol was broken by somebody who is not known, since this was last asked."""
        n, self._n_strangers = self._n_strangers, 0
        return n
