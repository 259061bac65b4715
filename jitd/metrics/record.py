# SPDX-License-Identifier: Apache-2.0
"""How much of the record is signed, countersigned, and with its sinks. Law: at most one record is read for each witness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from jitd.audit.countersigned import convictions, differs, file_of, stored
from jitd.core.public_key import PublicKey
from jitd.metrics.meters import MICRO, Family, gauge, gauges
from jitd.sinks.feed import Lag
from jitd.store import Store


def signatures(store: Store, state: Path, witnesses: Iterable[PublicKey]) -> Iterator[Family]:
    """Yield what is known of the last checkpoint and of the last countersignature of each of ``witnesses``. Before the first
    checkpoint, nothing is told of it. A witness that has countersigned nothing has done so in 1970. Raises OSError, StoreError.
    """
    head, checkpoint = store.head(), store.last_checkpoint()
    if checkpoint is not None:
        yield gauge(
            "jitd_checkpoint_timestamp_seconds",
            "When the head of the record was signed last, in seconds since 1970.",
            round(checkpoint.at.timestamp() * MICRO),
            unit="seconds",
        )
        yield gauge("jitd_records_unsigned", "Records after the last checkpoint.", max(0, head.number - checkpoint.number))
    newest = stored(file_of(state), witnesses)
    seen = {(key.fingerprint,): newest.get(key) for key in witnesses}
    convicted = {(key.fingerprint,) for key in convictions(file_of(state), witnesses)}
    if not seen:
        return
    yield Family(
        "jitd_countersignature_timestamp_seconds",
        "gauge",
        "When a witness has countersigned last, in seconds since 1970.",
        tuple(("", key, 0 if line is None else round(line.at.timestamp() * MICRO)) for key, line in seen.items()),
        ("witness",),
        "seconds",
    )
    yield gauges(
        "jitd_witness_disagrees",
        "Whether the record is not the one that a witness has countersigned, or the witness has convicted this host.",
        ("witness",),
        [
            (key, int(key in convicted or (line is not None and bool(differs(line, head, store.records(line.number - 1))))))
            for key, line in seen.items()
        ],
    )


def sinks(lags: Mapping[str, Lag]) -> Iterator[Family]:
    """Yield how far each sink is behind the record. Without sinks, nothing is told."""
    if not lags:
        return
    behind = [((name,), lag.n_records) for name, lag in lags.items()]
    yield gauges("jitd_sink_lag_records", "Records that a sink does not have yet.", ("sink",), behind)
    yield Family(
        "jitd_sink_lag_seconds",
        "gauge",
        "Time since a sink had the whole record.",
        tuple(("", (name,), round(lag.seconds * MICRO)) for name, lag in lags.items()),
        ("sink",),
        "seconds",
    )
    refused = tuple(("_total", (name,), lag.n_refused) for name, lag in lags.items())
    yield Family("jitd_sink_refused", "counter", "Records that a sink has refused for ever.", refused, ("sink",))
