# SPDX-License-Identifier: Apache-2.0
"""What ``jitd audit verify FILE`` finds in a store, without a process."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from jitd.audit.findings import Flaw
from jitd.audit.verify import Stored
from jitd.audit.verify import verify as walk
from jitd.store.sqlite import SqliteStore


class NotWhole(Exception):
    """The record of a store is not whole. The text is all findings, one on each line."""


def findings(store: Stored, **more: Any) -> list[Flaw]:
    found: list[Flaw] = []
    walk(store, found.append, **more)
    return found


def findings_in(database: Path) -> list[Flaw]:
    """As another process reads it."""
    with closing(SqliteStore.reading(database)) as store:
        return findings(store)


def verify(store: Stored) -> int:
    """Return the number of records. Raises NotWhole if there is a finding."""
    found: list[Flaw] = []
    verified = walk(store, found.append)
    if found:
        raise NotWhole("\n".join(map(str, found)))
    return verified.head.number
