# SPDX-License-Identifier: Apache-2.0
"""Counts the objects that have not ended, for metrics. Law: only the indexes of open objects lead to what is read. The chain is
not read.
"""

from __future__ import annotations

from jitd.store import LiveCounts
from jitd.store.columns import COLUMNS
from jitd.store.link import Link
from jitd.store.readable import IS_JSON, STATE, extract, is_hidden

_DOCUMENT = "CAST(document AS TEXT)"
_STATE = f"CAST(coalesce({extract(_DOCUMENT, STATE)}, '') AS BLOB)"
_IS_OPEN = f"is_open = 1 AND {IS_JSON.format('document')}"  # without it, a damaged document would end the count of all


class LiveObjects(Link):
    """The part of the store that counts open objects. The methods are described in ``Store``."""

    def live_counts(self) -> LiveCounts:
        with self._told():
            requests = self._db.execute(
                f"SELECT coalesce(rule, ''), {is_hidden(_DOCUMENT)}, {_STATE}, count(*) FROM requests INDEXED BY requests_open"
                f" WHERE {_IS_OPEN} GROUP BY 1, 2, 3"
            ).fetchall()
            others = {
                table: {
                    state.decode("utf-8", "replace"): n
                    for state, n in self._db.execute(
                        f"SELECT {_STATE}, count(*) FROM {table} INDEXED BY {table}_open WHERE {_IS_OPEN} GROUP BY 1"
                    ).fetchall()
                }
                for table in (columns.table for columns in COLUMNS.values())
                if table != "requests"
            }
        of_requests = {(rule, bool(is_hidden), state.decode("utf-8", "replace")): n for rule, is_hidden, state, n in requests}
        return LiveCounts(of_requests, others)
