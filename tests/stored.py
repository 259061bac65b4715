# SPDX-License-Identifier: Apache-2.0
"""Objects as a store has them: the document with its values."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from jitd.core.values import Value, Values
from jitd.store import Change, Store, documents

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def no_values(id: str = "K7QM-2XVD") -> Values:
    """The values of an object of which none was stored."""
    return Values(id, (), lambda: secrets.token_bytes(32))


def round_trip(life: Any) -> Any:
    """What is read of ``life`` after it was written."""
    values = no_values(life.id)
    return documents.read(type(life), documents.write(life, values), lambda id: values)


def put(store: Store, *lives: Any, expected: int = 0, records: Any = ()) -> None:
    """Store ``lives`` past the one door, in the place of their version ``expected``."""
    changes, said = [], []
    for life in lives:
        values = store.values(life.id)
        if any(known.id == life.id for known, _ in said):
            values = next(known for known, _ in said if known.id == life.id)
        changes.append(Change(life, expected, documents.write(life, values)))
        said.append((values, AT))
    store.commit(changes, records, said)


class _Full:
    """A database on a disk that is full when it commits."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    def execute(self, statement: str, *parameters: Any) -> Any:
        if statement == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return self._whole.execute(statement, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


@contextmanager
def full_at_commit(store: Any) -> Iterator[None]:
    whole, store._db = store._db, _Full(store._db)
    try:
        yield
    finally:
        store._db = whole


def in_clear(detail: Any) -> Any:
    """The ``detail`` of an event with its values in clear."""
    if isinstance(detail, Value):
        return detail.content
    if isinstance(detail, dict):
        return {name: in_clear(part) for name, part in detail.items()}
    if isinstance(detail, list) and any(isinstance(part, Value) and part.field == "argv" for part in detail):
        return [detail[0], *detail[1].content]
    return [in_clear(part) for part in detail] if isinstance(detail, list) else detail
