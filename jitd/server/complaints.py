# SPDX-License-Identifier: Apache-2.0
"""Notes what clients do wrong: in the record if the client is known, else in the log or as a number.

Law: nobody can fill record or log, since each account has a pace.
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
    """Notes what clients do wrong. ``note`` writes an event to the record: its name, who caused it, their user id, and values."""

    def __init__(self, note: Callable[[str, str, int, dict[str, object]], None], now: Callable[[], Moment]) -> None:
        self.note = note
        self._now = now
        self._pace = Pace()
        self._n_strangers = 0

    def broke_protocol(self, who: Subject | None, fault: str) -> None:
        """Record that a client broke the protocol. Only count it if the client is not known, or does it too often."""
        if who is None or not self._pace.may(who.uid, self._now().boot):
            self._n_strangers += 1
            return
        with suppress(StoreError):
            self.note("connection.broken", who.principal, who.uid, {"fault": fault})

    def warn(self, uid: int, event: str, /, **values: object) -> None:
        """Log what an unknown client of account ``uid`` did, unless that account does it too often."""
        if self._pace.may(uid, self._now().boot):
            log(event, **values)

    def n_strangers(self) -> int:
        """Return how often unknown clients (or clients beyond their pace) broke the protocol since the last call."""
        n, self._n_strangers = self._n_strangers, 0
        return n
