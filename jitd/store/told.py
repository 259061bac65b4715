# SPDX-License-Identifier: Apache-2.0
"""Stores told marks and mutes in the SQLite file. A told mark says that jitd has sent a notice of an event of a request to an
address. A mute notes that a person wants no notices.
Law: all marks of one call are written, or none of them. Marks are not in the chain. A forged mark could suppress a notice, but a
forged mark cannot permit anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from jitd.store import Told
from jitd.store.link import Link

_ROWS = "SELECT request, channel, address, event, at, is_open FROM told"


def _spell(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


class ToldMarks(Link):
    """The part of the store that keeps told marks (``Told``) and mutes. The methods are described in ``Store``."""

    def tell(self, marks: Iterable[Told]) -> None:
        rows = [(m.request, m.channel, m.address, m.event, _spell(m.at), int(m.is_open)) for m in marks]
        ends = [row[:3] for row in rows if not row[5]]
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?)", rows)
                self._db.executemany("UPDATE told SET is_open = 0 WHERE request = ? AND channel = ? AND address = ?", ends)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def told(self, request: str) -> list[Told]:
        with self._told():
            rows = self._db.execute(f"{_ROWS} WHERE request = ? ORDER BY at, channel, address", (request,)).fetchall()
        return [Told(id, channel, to, event, datetime.fromisoformat(at), bool(n)) for id, channel, to, event, at, n in rows]

    def told_open(self) -> list[str]:
        with self._told():
            return [id for (id,) in self._db.execute("SELECT DISTINCT request FROM told WHERE is_open = 1").fetchall()]

    def mute(self, person: str, until: datetime | None) -> None:
        with self._told():
            if until is None:
                self._db.execute("DELETE FROM muted WHERE person = ?", (person,))
            else:
                self._db.execute("INSERT OR REPLACE INTO muted VALUES (?, ?)", (person, _spell(until)))

    def muted(self) -> dict[str, datetime]:
        with self._told():
            rows = self._db.execute("SELECT person, until FROM muted").fetchall()
        return {person: datetime.fromisoformat(until) for person, until in rows}
