# SPDX-License-Identifier: Apache-2.0
"""Notes faults of clients. If the client is known, the fault is written to the record. The fault of an unknown client is logged
or only counted.

Law: nobody can fill the record or the log, because the number of notes is limited for each account.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from jitd.core.effects import Moment
from jitd.core.subject import Subject
from jitd.failures import Failure, count
from jitd.log import log
from jitd.store import StoreError
from jitd.verbs.limits import Pace


class Complaints:
    """Notes faults of clients. ``note`` writes an event to the record. The arguments of ``note`` are the event's name, the
    author, the author's user id, and the values. While ``has_room`` returns False, faults are only counted.
    """

    def __init__(
        self,
        note: Callable[[str, str, int, dict[str, object]], None],
        now: Callable[[], Moment],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.note = note
        self._has_room = has_room
        self._now = now
        self._pace = Pace()
        self._n_strangers = 0

    def broke_protocol(self, who: Subject | None, fault: str) -> None:
        """Record that a client broke the protocol. If the client is not known, or breaks the protocol too often, only count the
        fault.
        """
        count(Failure.CLIENT)
        if who is None or not self._pace.may(who.uid, self._now().boot) or not self._has_room():
            self._n_strangers += 1
            return
        with suppress(StoreError):
            self.note("connection.broken", who.principal, who.uid, {"fault": fault})

    def warn(self, uid: int, event: str, /, **values: object) -> None:
        """Log the fault of an unknown client of account ``uid``. Do not log the fault if the account causes too many log
        entries.
        """
        if self._pace.may(uid, self._now().boot):
            log(event, **values)

    def n_strangers(self) -> int:
        """Return how many protocol violations were counted since the last call of this method. A violation is counted if the
        client is unknown, or breaks the protocol too often.
        """
        n, self._n_strangers = self._n_strangers, 0
        return n
