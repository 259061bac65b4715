# SPDX-License-Identifier: Apache-2.0
"""The verb ``metrics``: what the daemon counts, as metric families of OpenMetrics.

Law: only operators and auditors get it, and no row names a person, an account, a command or a reason. What is not in memory is
counted by indexes, in a worker.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from jitd.core import grant, holding, lock, owed_review, run
from jitd.core.condition import Family, gauge, gauges
from jitd.core.rights import Act
from jitd.core.subject import Subject
from jitd.deciding.ground import Ground
from jitd.store import LiveCounts, Store
from jitd.store.opening import file_of
from jitd.verbs.access import Access
from jitd.verbs.rows import Row
from jitd_sinks.metrics.meters import Meters
from jitpam.wire.shown import shown

AT_ONCE = 50  # samples in one row, so that a row with the longest names of rules fits into a frame


def _open(law: Mapping[Any, object]) -> tuple[str, ...]:
    """Return the states of ``law`` that have not ended: something may follow them."""
    return tuple(state for state, events in law.items() if events)


_LIVE = {
    "grants": (_open(grant.LAW), "jitd_grants_live", "Grants that have not ended, by state."),
    "runs": (_open(run.LAW), "jitd_runs_live", "Runs that have not ended, by state."),
    "holdings": (_open(holding.LAW), "jitd_holdings_live", "Given things that are not taken back yet, by state."),
    "locks": (_open(lock.LAW), "jitd_locks_active", "Locks that are in force."),
    "owed_reviews": (_open(owed_review.LAW), "jitd_reviews_owed", "Reviews of broken glass that nobody has given yet, by state."),
}
"""For each table, the states of its objects, and the name and the description of the gauge."""


class Metrics:
    """Tells the metrics: ``of_record`` returns further families in a worker, ``own`` on the loop, where it must not block."""

    def __init__(
        self,
        access: Access,
        meters: Meters,
        ground: Ground,
        of_record: Callable[[Store], Iterable[Family]],
        own: Callable[[], Iterable[Family]],
    ) -> None:
        self._access = access
        self._meters = meters
        self._store = ground.store
        self._opened = ground.opened
        self._workers = ground.workers
        self._file = file_of(ground.config.state)
        self._of_record = of_record
        self._own_families = own

    def rows(self, who: Subject) -> AsyncIterator[Row]:
        """Yield the metrics. Raises Refusal."""
        self._access.refuse(Act.READ_METRICS, who)
        return self._rows(who)

    async def _rows(self, who: Subject) -> AsyncIterator[Row]:
        live, record, n_bytes, resident = await self._workers.kept.run(who.party, self._read)
        families = [*self._meters.families(), *self._live(live), *self._own(n_bytes, resident), *record]
        for family in [*families, *self._own_families()]:
            for row in _rows_of(family):
                yield row

    def _read(self) -> tuple[LiveCounts, list[Family], int, int]:
        with closing(self._opened()) as store:
            live, record = store.live_counts(), list(self._of_record(store))
        n_bytes = 0
        for end in ("", "-wal"):
            with suppress(FileNotFoundError):
                n_bytes += self._file.with_name(f"{self._file.name}{end}").stat().st_size
        resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return live, record, n_bytes, resident

    def _live(self, live: LiveCounts) -> Iterator[Family]:
        waiting: Counter[tuple[str, ...]] = Counter()
        for (rule, is_hidden, state), n in live.requests.items():
            waiting[self._meters.rule_of(rule, is_hidden=is_hidden), state] += n
        yield gauges("jitd_requests_open", "Requests that have not ended, by rule.", ("rule", "state"), sorted(waiting.items()))
        for table, (states, name, help) in _LIVE.items():
            found = live.others[table]
            if len(states) == 1:
                yield gauge(name, help, found.get(states[0], 0))
            else:
                yield gauges(name, help, ("state",), [((state,), found.get(state, 0)) for state in states])

    def _own(self, n_bytes: int, resident: int) -> Iterator[Family]:
        yield gauge("jitd_chain_records", "Records in the chain.", self._store.head().number)
        yield gauge("jitd_database_bytes", "Size of the database and its log.", n_bytes, unit="bytes")
        yield gauge(
            "jitd_recordings_bytes",
            "Size of all recordings, as it was at most ten minutes ago.",
            self._meters.n_recorded,
            unit="bytes",
        )
        yield gauge("jitd_resident_memory_bytes", "Memory of the daemon (RSS).", resident, unit="bytes")
        loads = [lane.load for lane in self._workers.lanes]
        for name, help, numbers in (
            ("jitd_lane_threads", "Most threads that a lane of blocking work may use.", [load.n_threads for load in loads]),
            ("jitd_lane_busy", "Pieces of work that a lane does now.", [load.n_busy for load in loads]),
            ("jitd_lane_waiting", "Pieces of work that wait for a thread of a lane.", [load.n_waiting for load in loads]),
        ):
            yield gauges(name, help, ("lane",), [((load.lane,), n) for load, n in zip(loads, numbers, strict=True)])


def _rows_of(family: Family) -> Iterator[Row]:
    """Yield ``family`` in rows that fit into frames. A family without samples has one row."""
    for start in range(0, max(1, len(family.samples)), AT_ONCE):
        yield {
            "name": family.name,
            "type": family.kind,
            "unit": family.unit,
            "help": family.help,
            "labels": [*family.labels, *(["le"] if family.kind == "histogram" else [])],
            "samples": [
                [suffix, [shown(str(value)) for value in values], number]
                for suffix, values, number in family.samples[start : start + AT_ONCE]
            ],
        }
