# SPDX-License-Identifier: Apache-2.0
"""Counts the failures of this process, by what has failed. ``jitd metrics`` and ``jitd status`` tell the counts.

Law: a failure is counted where it is noticed first, and once. Counting never fails.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from enum import StrEnum


class Failure(StrEnum):
    STORE = "store"  # the database could not be read or written
    KDC = "kdc"  # no KDC has said whether a principal is valid
    GATEKEEPER = "gatekeeper"  # a gatekeeper has not given a valid answer
    PROVIDER = "provider"  # a provider has not given valid facts
    GIVER = "giver"  # a thing could not be given, taken back or given again
    CHANNEL = "channel"  # a notice could not be sent
    SINK = "sink"  # records could not be handed to a sink
    SIGNING = "signing"  # the head of the record could not be signed
    MONITOR = "monitor"  # a run could not be started, or what starts runs had a fault
    LANE = "lane"  # given up because it took too long, such as a look-up in a silent directory of accounts
    CLIENT = "client"  # a client broke the protocol
    JITD = "jitd"  # a defect of jitd itself. The log has the details.


_counts: Counter[Failure] = Counter()
_last: dict[Failure, float] = {}
_lock = threading.Lock()  # failures are noticed in worker threads, too


def count(failure: Failure) -> None:
    with _lock:
        _counts[failure] += 1
        _last[failure] = time.monotonic()


def counted() -> dict[Failure, int]:
    """Return how often each kind of failure was counted since the process began."""
    with _lock:
        return {failure: _counts[failure] for failure in Failure}


def last() -> dict[Failure, float]:
    """Return how many seconds ago each kind of failure was counted last. Kinds that were not counted are left out."""
    now = time.monotonic()
    with _lock:
        return {failure: now - at for failure, at in _last.items()}
