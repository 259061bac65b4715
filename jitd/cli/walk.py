# SPDX-License-Identifier: Apache-2.0
"""``jitd approve`` without an id shows the requests that wait for the person, one after the other. It begins with the oldest
request. Several requests that are alike come together, as a table (``alike``).

Of many hosts, each has its turn: what one of them says takes no place from the others, and its faults are told, and end nothing.

Law: the list of waiting requests is fetched again after each answer, and never while a question is open. Each answer about a
table is sent for each of its requests, with the fingerprint of this request as it is in the table.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from jitd.cli import far
from jitd.cli.alike import alike, table
from jitd.cli.answer import say
from jitd.cli.call import OF_ONE_HOST, NotDone, called_as_reviewer
from jitd.cli.decide import Deed, decide, review, why_denied
from jitd.cli.everywhere import ended
from jitd.cli.hosts import in_turn
from jitd.cli.naming import awaits_me, oldest_first, reviewable
from jitd.cli.question import LEAVE
from jitd.cli.reading import Reading
from jitd.cli.verdict import fetched
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire.messages import List
from jitpam.wire.rows import IN_HARDWARE, Listed, Request

ENDINGS = ("forbidden", "late", "unknown")  # after these errors, the person cannot decide about the request any more
TOLD_WITHIN = 30.0  # seconds in which one of many hosts has to tell all of the requests that come next
APPROVE, EACH, DENY = "aod"  # the keys below a table: approve all of its requests, look at each of them, deny all of them


REQUESTS = List(what="requests", ended=False)
Key = tuple[str, str]  # what names a request among those of several hosts: its host and its id


def key(row: Listed) -> Key:
    """Return what names the request in ``row``."""
    return row.host, row.id


class Walk:
    """A walk through the requests that wait. ``comment`` is sent with each approval."""

    def __init__(self, comment: str) -> None:
        self._comment = comment
        self._over: set[Key] = set()  # requests that are not shown again
        self._each: set[Key] = set()  # requests that come in no table
        hosts = far.many()
        self._desk = None if hosts is None else far.known().everywhere(hosts)
        self._hosts: Collection[str] | None = None  # those of many on which something waited, asked next. None: all
        self._n_skipped = 0

    def go(self) -> int:
        """Show the requests until none waits, or until the person leaves. Return the exit status.

        Raises the errors of ``connect``, NotDone if one of many hosts has not answered, and KeyboardInterrupt on Ctrl-C.
        """
        with nullcontext() if self._desk is None else ended(self._desk):
            self._go()
        return 0

    def _go(self) -> None:
        while waiting := self._waiting():
            rows = alike([row for row in waiting if key(row) not in self._each])
            together = self._fetched(rows) if rows and rows[0] is waiting[0] else []
            if len(alike(together)) > 1:
                is_left = self._table(alike(together))
            else:
                found = self._fetched(waiting[:1])
                is_left = bool(found) and self._one(found[0], len(waiting))
            if is_left:
                break
        else:
            self._say_that_nothing_waits()

    def _say_that_nothing_waits(self) -> None:
        more = " more" if self._over else ""
        but = f", but for the {self._n_skipped} that you skipped" if self._n_skipped else ""
        none = f"nothing{more} waits for you"
        say(f"{none if self._desk is None else self._desk.nothing(none)}{but}")

    def _waiting(self) -> list[Request]:
        """Return what waits and is not over. Of many hosts, all are asked again once nothing waits on those asked last."""
        if self._desk is None:
            return self._not_over(reviewable())
        while True:
            hosts, self._hosts = self._hosts, None
            rows = self._not_over(oldest_first(map(Request.read, self._desk.answers(REQUESTS, among=hosts)[0])))
            if rows:
                self._hosts = {row.host for row in rows}
            if rows or hosts is None:
                return rows

    def _not_over(self, rows: Iterable[Request]) -> list[Request]:
        waits = [row for row in rows if awaits_me(row) and key(row) not in self._over]
        return waits if self._desk is None else in_turn(waits, Counter(host for host, _ in self._over))

    def _fetched(self, rows: Sequence[Request]) -> list[Request]:
        """Ask jitd for the whole rows of ``rows``. Leave out those about which the person cannot decide any more."""
        found = []
        at = {key(row): number for number, row in enumerate(rows)}
        for host in dict.fromkeys(row.host for row in rows):
            until = time.monotonic() + TOLD_WITHIN
            with self._at(host, rows), called_as_reviewer() as daemon:
                for waits in (row for row in rows if row.host == host):
                    if self._desk is not None and time.monotonic() > until:
                        raise Unreachable(f"it has not told what waits there within {TOLD_WITHIN:.0f} s")
                    try:
                        row = self._meant(waits, fetched(daemon, waits.id))
                    except (NotDone, RefusedByDaemon) as fault:
                        self._tell(fault)
                        self._over.add(key(waits))
                        continue
                    if awaits_me(row):
                        found.append(row)
                    else:  # somebody else has answered first
                        self._over.add(key(waits))
        return sorted(found, key=lambda row: at[key(row)])

    def _meant(self, waits: Request, row: Request) -> Request:
        """Return ``row``, which a host tells of ``waits``, under the name of this host, whatever it says. Of many hosts, it would
        otherwise be this row that says where the answer goes. Raises NotDone if it is another request.
        """
        if self._desk is None:
            return row
        if row.id != waits.id:
            raise NotDone(f"asked about {waits.id}, the host tells of another request", "unknown")
        return Request.read({**row.came, "host": waits.host})

    @contextmanager
    def _at(self, host: str, rows: Sequence[Request]) -> Iterator[None]:
        """Send to ``host``, if it is one of many, what follows. If it cannot be reached any more, say so, and leave out those of
        ``rows`` that are on it: one host does not end a walk over others.
        """
        try:
            with far.at(far.of(host)):
                yield
        except (Unreachable, NotAuthenticated) as fault:
            if self._desk is None or (isinstance(fault, NotAuthenticated) and fault.cause not in OF_ONE_HOST):
                raise
            say(f"{host}: {fault}")
            self._over |= {key(row) for row in rows if row.host == host}

    def _tell(self, fault: NotDone | RefusedByDaemon) -> None:
        """Print ``fault``. Raise it again if the person could not be authenticated: all other requests would fail so, too."""
        if fault.code == "unauthenticated" and self._desk is None:
            raise fault
        say(str(fault))

    def _ends(self, fault: NotDone | RefusedByDaemon) -> bool:
        """True if the person can decide no more about this request. One of many hosts with another ticket is not asked again."""
        return fault.code in ENDINGS or (fault.code == "unauthenticated" and self._desk is not None)

    def _one(self, row: Request, n_waiting: int) -> bool:
        """Let the person decide about ``row``. Return True if they leave."""
        decided = None
        with self._at(row.host, [row]):
            try:
                decided = decide(row, self._comment, f"1 of {n_waiting}: " if n_waiting > 1 else "")
            except (NotDone, RefusedByDaemon) as fault:
                self._tell(fault)
                if self._ends(fault) or not row.fingerprint:
                    self._over.add(key(row))
                return False
            if decided.said:
                say(decided.said)
        self._over.add(key(row))
        if decided is None:  # the host could not be reached
            return False
        self._n_skipped += decided.deed is Deed.SKIPPED
        return decided.deed is Deed.LEFT

    def _table(self, rows: Sequence[Request]) -> bool:
        """Let the person decide about all of ``rows``, which are alike. Return True if they leave."""
        shown = Reading(lambda width: table(rows, width))
        most = [(EACH, "one by one"), (DENY, f"deny all {len(rows)}"), ("q", "quit")]
        touches = f" ({len(rows)} touches)" if rows[0].signed in IN_HARDWARE else ""  # each has a receipt of its own
        print()
        while True:
            pressed = shown.key(lambda is_read: [(APPROVE, f"approve all {len(rows)}{touches}"), *most] if is_read else most)
            if pressed == EACH:
                self._each |= set(map(key, rows))
                return False
            if pressed in ("q", LEAVE):
                return True
            if pressed == APPROVE:
                self._review_all(rows, "approve", self._comment)
                return False
            if because := why_denied(f"deny all {len(rows)}", rows[0].account):
                self._review_all(rows, "deny", because)
                return False

    def _review_all(self, rows: Sequence[Request], verdict: str, comment: str) -> None:
        """Send the answer about each of ``rows``, and tell what became of it. Whichever was not done is shown by itself."""
        for row in rows:
            with self._at(row.host, [row]):
                try:
                    say(review(row, verdict, comment))
                except (NotDone, RefusedByDaemon) as fault:
                    self._tell(fault)
                    if not self._ends(fault):
                        self._each.add(key(row))
                        continue
            self._over.add(key(row))


def walk(comment: str) -> int:
    """Show the requests that wait for the person, one after the other. Each approval is sent with ``comment``. Return the exit
    status.

    Raises the errors of ``connect``, and KeyboardInterrupt on Ctrl-C.
    """
    return Walk(comment).go()
