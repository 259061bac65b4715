# SPDX-License-Identifier: Apache-2.0
"""What ``jitd status`` and ``jitd metrics`` say of the journal and of sinks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence

from jitd.core.condition import MICRO, Family, Line, gauges
from jitd.core.duration import roughly
from jitd.core.wording import count
from jitd_sinks.sinks.feed import Lag


def journal(why: str, n_behind: int, n_left_out: int) -> Line:
    """Return the line about the journal of the host. ``why`` says why it takes no lines, or is empty. ``n_behind`` is the number
    of records that have no line there yet, and ``n_left_out`` of those that will never have one.
    """
    if why == os.strerror(errno.ENOENT):
        return Line("journal", "this host has neither a journal nor a syslog; the record is whole")
    if why:
        told = f"{count(n_behind, 'record')} have no line in it: {why}; the record is whole"
        return Line("journal", f"{told}; see what systemd-journald does", False)
    if n_left_out:
        told = f"{count(n_left_out, 'record')} will never have a line in it; the record is whole"
        return Line("journal", f"{told}; which ones: journalctl JITD_EVENT=journal.behind", False)
    return Line("journal", "takes what is recorded")


def sinks(rows: Sequence[tuple[str, float, str, int, int]]) -> Iterator[Line]:
    """Yield a line for each sink. A row has its name, since how many seconds it is in trouble (0 if it is not), the reason or its
    last fault, and how many records it lacks and has refused.
    """
    for name, since, why, n_lacking, n_refused in rows:
        refused = f"; it has refused {count(n_refused, 'record')} for ever: journalctl -u jitd" if n_refused else ""
        told = f"lacks {count(n_lacking, 'record')}" if n_lacking or since else "has the record"
        if since:
            told += f", in trouble for {roughly(since)}: {why}"
        elif n_lacking:
            told += f", and is sent them now{'; ' if why else ''}{why}"
        yield Line("sink", f"{name}: {told}{refused}", not (since or n_refused))


def lags(lag_of: Mapping[str, Lag]) -> Iterator[Family]:
    """Yield how far each sink is behind the record. Without sinks, nothing is told."""
    if not lag_of:
        return
    behind = [((name,), lag.n_records) for name, lag in lag_of.items()]
    yield gauges("jitd_sink_lag_records", "Records that a sink does not have yet.", ("sink",), behind)
    yield Family(
        "jitd_sink_lag_seconds",
        "gauge",
        "Time since a sink had the whole record.",
        tuple(("", (name,), round(lag.seconds * MICRO)) for name, lag in lag_of.items()),
        ("sink",),
        "seconds",
    )
    refused = tuple(("_total", (name,), lag.n_refused) for name, lag in lag_of.items())
    yield Family("jitd_sink_refused", "counter", "Records that a sink has refused for ever.", refused, ("sink",))
