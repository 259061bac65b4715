# SPDX-License-Identifier: Apache-2.0
"""A database with a long past: requests of many people over many days, with all records of each. It is written in one
transaction, by the store's own statements, since nobody waits for each commit of two years here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from jitd.core import chain
from jitd.core.chain import GENESIS
from jitd.core.law import name_of
from jitd.core.request import Request
from jitd.core.values import Values
from jitd.store import Change, documents
from jitd.store.sqlite import SqliteStore
from tests.scene import START, asked, moment, person, submit

EVENTS = ("screened", "reviewed", "reviewed")
OF_A_RUN = ("grant.issued", "run.starting", "run.started", "run.ended")
PER_REQUEST = 1 + len(EVENTS) + len(OF_A_RUN)
DAY = 86400


def build(path: Path, n_records: int, n_people: int = 200, n_days: int = 400) -> None:
    """Write about ``n_records`` records at ``path``. On each day, each of the people asks equally often."""
    store = SqliteStore(path)
    n_requests = n_records // PER_REQUEST
    names = ["alice", "bob", *(f"person{n:03}" for n in range(2, n_people))]
    people = [person(name, principal=f"{name}@EXAMPLE.TEST", user=name, person=name) for name in names]
    step = n_days * DAY / n_requests
    head = GENESIS
    with store._told():
        store._db.execute("BEGIN IMMEDIATE")
        for n in range(n_requests):
            who, at = people[n % n_people], n * step
            id = f"{_letters(n // 32**4)}-{_letters(n)}"
            made = replace(asked(id, who, rule="p"), submitted_at=START + timedelta(seconds=at))
            values = store.values(id)
            store._write(Change(made, 0, documents.write(made, values)))
            all = bodies(made, at, values)
            store._add(values, made.submitted_at)
            for body in all:
                head = chain.seal(head, body)
                store._db.execute("INSERT INTO chain VALUES (?, ?, ?)", (head.number, body, head.digest))
                store._index(head.number, body)
        store._db.execute("COMMIT")
    store.close()


def bodies(made: Request, at: float, values: Values) -> list[bytes]:
    event: Any = submit(made)
    first = chain.record(event, moment(at), "screening", 1, b"", made.fingerprint, "policy-1", values, random=bytes(16))
    assert name_of(event) == "request.submitted"
    told = json.loads(first)
    later = [{**told, "event": name, "actor": "monitor", "detail": {"pid": 7}} for name in OF_A_RUN]
    reviews = [{**told, "event": f"request.{name}", "actor": "carol@EXAMPLE.TEST", "detail": {}} for name in EVENTS]
    return [first, *map(chain.canonical, (*reviews, *later))]


def _letters(n: int) -> str:
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[n >> 5 * place & 31] for place in (3, 2, 1, 0))
