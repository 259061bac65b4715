# SPDX-License-Identifier: Apache-2.0
"""How much of the record is signed and countersigned. Law: at most one record is read for each witness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from jitd.audit.countersigned import convictions, differs, file_of, stored
from jitd.core.condition import MICRO, Family, gauge, gauges
from jitd.core.public_key import PublicKey
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
