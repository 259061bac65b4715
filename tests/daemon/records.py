# SPDX-License-Identifier: Apache-2.0
"""The record as an operator or auditor reads it, of a house whose parts stand for themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from jitd.core.naming import Naming
from jitd.core.subject import Subject
from jitd.deciding.ground import Ground
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.records import Records
from jitd.workers import Workers
from jitpam.wire.messages import Audit
from tests.scene import moment

REALM = "EXAMPLE.TEST"


def records_of(access: Access, store: Store, opened: Callable[[], Store], workers: Workers, lifecycle: Any = None) -> Records:
    config: Any = SimpleNamespace(host="db1.example.test", naming=Naming(frozenset({REALM})))
    rules: Any = None
    return Records(Ground(config, rules, store, opened, workers, moment, REALM, "0.0"), access, lifecycle)


def lines_in(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that the texts of ``rows`` are, as objects."""
    text = "".join(row["text"] for row in rows)
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


async def read(records: Records, reader: Subject, /, **fields: Any) -> list[dict[str, Any]]:
    async def again() -> Subject:
        return reader

    return lines_in([row async for row in records.show(reader, Audit(**fields), again)])
