# SPDX-License-Identifier: Apache-2.0
"""Notes faults of clients. If the client is known, the fault is written to the record. The fault of an unknown client is logged
or only counted.

Law: nobody can fill the record or the log, because the number of notes and of lines is limited for each account.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from jitd.core.effects import Moment
from jitd.core.law import ByDoor
from jitd.core.party import Party
from jitd.core.subject import Identity
from jitd.failures import Failure, count
from jitd.log import log
from jitd.server.acceptor import CannotNote, NoKey, NoKeyFor, NotAuthenticated, WrongClock
from jitd.store import StoreError
from jitd.verbs.limits import Pace

LINES, LINES_PER_SECOND = 20.0, 1 / 3  # lines of the log that one account may cause at once, and how many more each second

UNPROVED = (
    "unproved: any account can send a made-up ticket, so see jitd doctor, which asks the KDC, before you change a key; such "
    "lines of one account are paced"
)
"""What is said of the sender of a ticket that jitd cannot decrypt."""


class Complaints:
    """Notes faults of clients. ``note`` writes an event to the record. The arguments of ``note`` are the event's name, the
    author, the author's user id, and the values. While ``has_room`` returns False, faults are only counted.
    """

    def __init__(
        self,
        note: Callable[[str, str, int | None, dict[str, object]], None],
        now: Callable[[], Moment],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.note = note
        self._has_room = has_room
        self._now = now
        self._pace = Pace()
        self._lines = Pace(LINES_PER_SECOND, LINES)
        self._n_strangers = self._n_unlogged = 0

    def broke_protocol(self, who: Identity | None, fault: str, way: ByDoor | None = None) -> None:
        """Record that a client broke the protocol. If it came by ``way`` through the door, its carrier may have done it. If the
        client is not known, or breaks the protocol too often, only count the fault.
        """
        count(Failure.CLIENT)
        if who is None or not self._pace.may(who.party, self._now().boot) or not self._has_room():
            self._n_strangers += 1
            return
        with suppress(StoreError):
            self.note("connection.broken", *who.author, {"fault": fault, **({} if way is None else {"peer": way.told()})})

    def warn(self, party: Party, event: str, /, **values: object) -> None:
        """Log the fault of an unknown client of ``party``. If it causes too many lines, only count them."""
        if self._lines.may(party, self._now().boot):
            log(event, **values)
        else:
            self._n_unlogged += 1

    def unproved(self, party: Party, fault: NotAuthenticated | NoKey) -> None:
        """Log an authentication that failed if an administrator has to mend a key or a clock, and count others."""
        match fault:
            case CannotNote():
                self.warn(party, "no replay cache", fault=fault)
            case NoKeyFor():
                self.warn(party, "no key for a ticket", **party.told(), fault=fault, sender=UNPROVED)
            case NoKey():
                self.warn(party, "no key", fault=fault)
            case WrongClock():
                self.warn(party, "wrong clock", **party.told(), fault=fault)
            case _:
                self.broke_protocol(None, str(fault))

    def n_strangers(self) -> int:
        """Return how many protocol violations were counted since the last call of this method. A violation is counted if the
        client is unknown, or breaks the protocol too often.
        """
        n, self._n_strangers = self._n_strangers, 0
        return n

    def n_unlogged(self) -> int:
        """Return how many lines were left out of the log since the last call of this method."""
        n, self._n_unlogged = self._n_unlogged, 0
        return n
