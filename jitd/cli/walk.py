# SPDX-License-Identifier: Apache-2.0
"""``jitd approve`` without an id shows the requests that wait for the person, one after the other. It begins with the oldest
request. Several requests that are alike come together, as a table (``alike``).

Law: the list of waiting requests is fetched again after each answer, and never while a question is open. Each answer about a
table is sent for each of its requests, with the fingerprint of this request as it is in the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitd.cli.alike import alike, table
from jitd.cli.answer import Row, say, words
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.decide import Deed, decide, review, why_denied
from jitd.cli.naming import awaits_me, reviewable
from jitd.cli.question import LEAVE
from jitd.cli.reading import Reading
from jitd.cli.verdict import fetched
from jitpam.client import RefusedByDaemon

ENDINGS = ("forbidden", "late", "unknown")
"""Codes of errors. After an error with one of these codes, the person cannot decide about the request any more."""
APPROVE, EACH, DENY = "aod"
"""The keys below a table: approve all of its requests, look at each of them, deny all of them."""


class Walk:
    """A walk through the requests that wait. ``comment`` is sent with each approval."""

    def __init__(self, comment: str) -> None:
        self._comment = comment
        self._over: set[str] = set()
        """Ids of requests that are not shown again."""
        self._each: set[str] = set()
        """Ids of requests that come in no table."""
        self._n_skipped = 0

    def go(self) -> int:
        """Show the requests until none waits, or until the person leaves. Return the exit status.

        Raises the errors of ``connect``, and KeyboardInterrupt on Ctrl-C.
        """
        while waiting := [row for row in reviewable() if awaits_me(row) and words(row, "id") not in self._over]:
            rows = alike([row for row in waiting if words(row, "id") not in self._each])
            together = self._fetched(rows) if rows and rows[0] is waiting[0] else []
            if len(alike(together)) > 1:
                is_left = self._table(alike(together))
            else:
                found = self._fetched(waiting[:1])
                is_left = bool(found) and self._one(found[0], len(waiting))
            if is_left:
                return 0
        more = " more" if self._over else ""
        but = f", but for the {self._n_skipped} that you skipped" if self._n_skipped else ""
        say(f"nothing{more} waits for you{but}")
        return 0

    def _fetched(self, rows: Sequence[Row]) -> list[Row]:
        """Ask jitd for the whole rows of ``rows``. Leave out those about which the person cannot decide any more."""
        found = []
        with called_as_reviewer() as daemon:
            for id in (words(row, "id") for row in rows):
                try:
                    row = fetched(daemon, id)
                except (NotDone, RefusedByDaemon) as fault:
                    self._tell(fault)
                    self._over.add(id)
                    continue
                if awaits_me(row):
                    found.append(row)
                else:  # somebody else has answered first
                    self._over.add(id)
        return found

    def _tell(self, fault: NotDone | RefusedByDaemon) -> None:
        """If the reason for ``fault`` is that the person could not be authenticated, raise ``fault`` again. Every other request
        would fail in the same way. For all other reasons, print ``fault``.
        """
        if fault.code == "unauthenticated":
            raise fault
        say(str(fault))

    def _one(self, row: Row, n_waiting: int) -> bool:
        """Let the person decide about ``row``. Return True if they leave."""
        id = words(row, "id")
        try:
            decided = decide(row, self._comment, f"1 of {n_waiting}: " if n_waiting > 1 else "")
        except (NotDone, RefusedByDaemon) as fault:
            self._tell(fault)
            if fault.code in ENDINGS or not row.get("fingerprint"):
                self._over.add(id)
            return False
        if decided.said:
            say(decided.said)
        self._over.add(id)
        self._n_skipped += decided.deed is Deed.SKIPPED
        return decided.deed is Deed.LEFT

    def _table(self, rows: Sequence[Row]) -> bool:
        """Let the person decide about all of ``rows``, which are alike. Return True if they leave."""
        shown = Reading(lambda width: table(rows, width))
        most = [(EACH, "one by one"), (DENY, f"deny all {len(rows)}"), ("q", "quit")]
        print()
        while True:
            pressed = shown.key(lambda is_read: [(APPROVE, f"approve all {len(rows)}"), *most] if is_read else most)
            if pressed == EACH:
                self._each |= {words(row, "id") for row in rows}
                return False
            if pressed in ("q", LEAVE):
                return True
            if pressed == APPROVE:
                self._review_all(rows, "approve", self._comment)
                return False
            if because := why_denied(f"deny all {len(rows)}", words(rows[0], "account")):
                self._review_all(rows, "deny", because)
                return False

    def _review_all(self, rows: Sequence[Row], verdict: str, comment: str) -> None:
        """Send the answer about each of ``rows``, and tell what became of it. Whichever was not done is shown by itself."""
        for row in rows:
            try:
                say(review(row, verdict, comment))
            except (NotDone, RefusedByDaemon) as fault:
                self._tell(fault)
                if fault.code not in ENDINGS:
                    self._each.add(words(row, "id"))
                    continue
            self._over.add(words(row, "id"))


def walk(comment: str) -> int:
    """Show the requests that wait for the person, one after the other. Each approval is sent with ``comment``. Return the exit
    status.

    Raises the errors of ``connect``, and KeyboardInterrupt on Ctrl-C.
    """
    return Walk(comment).go()
