# SPDX-License-Identifier: Apache-2.0
"""What ``jitd audit verify`` takes, beside sha256sum of the same database.

Law: the record is that of a year of real lives, of which the head was signed as the daemon signs it. No daemon runs.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from people import Failed
from table import Table, interleaved

from jitd.audit.signing import EVERY, Signing
from jitd.store.opening import file_of, read_store
from tests.evidence.year import Life
from tests.scene import HOST

SUM, ONE, ALL = "sha256sum of the database", "jitd audit verify, on one processor", "jitd audit verify"


class Past(Life):
    """A year whose head is signed. What is not committed durably costs the same to read."""

    def __init__(self, directory: Path, n_requests: int) -> None:
        super().__init__(directory, 3, n_requests)
        self._signing = Signing(self.store, HOST, directory, self.now, self.lifecycle.note)
        self._signing.sign()
        self._signed = 0
        self.store._db.execute("PRAGMA synchronous = OFF")

    def do(self, *events: Any) -> None:
        super().do(*events)
        if (number := self.store.head().number) >= self._signed + EVERY:
            self._signing.sign()
            self._signed = number


def took(words: list[str], *, on_one: bool = False) -> tuple[float, float]:
    """The seconds that ``words`` take, and those of all processors together. Raises Failed if they fail."""
    began_at = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        try:
            if on_one:
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            nothing = os.open("/dev/null", os.O_WRONLY)
            os.dup2(nothing, 1)
            os.execv(words[0], words)
        finally:
            os._exit(127)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise Failed(f"{words[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began_at, used.ru_utime + used.ru_stime


def measure_verification(n_requests: int, n_rounds: int) -> list[Table]:
    """The processor time of a verification, and its time."""
    with TemporaryDirectory(dir="/var/tmp") as name:
        past = Past(Path(name), n_requests)
        past.lived()
        past.store.close()
        database = file_of(Path(name))
        with closing(read_store(database)) as store:
            n_records = store.head().number
        verify = ["/usr/bin/jitd", "audit", "verify", str(database)]
        both = Table("", "")
        times: dict[str, list[float]] = {}

        def measured(row: str, words: list[str], *, on_one: bool = False) -> float:
            wall, processor = took(words, on_one=on_one)
            times.setdefault(row, []).append(wall)
            return processor

        interleaved(
            n_rounds,
            both,
            {
                SUM: lambda: measured(SUM, ["/usr/bin/sha256sum", str(database)]),
                ONE: lambda: measured(ONE, verify, on_one=True),
                ALL: lambda: measured(ALL, verify),
            },
        )
        what = f"{n_records:,} records, {database.stat().st_size >> 20} MB"
    return [
        Table(f"{what}: processor time", "s", peer=SUM, rows=both.rows),
        Table(
            f"{what}: time",
            "s",
            peer=SUM,
            rows={row: times[row] for row in both.rows},
            notes=[f"{len(os.sched_getaffinity(0))} processors"],
        ),
    ]
