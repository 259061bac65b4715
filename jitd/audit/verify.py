# SPDX-License-Identifier: Apache-2.0
"""Verification of the record. The verifier walks the chain once, and then compares the stored objects with what was recorded of
them.

Law: pure. The first fault is told with the number of its record and a sentence. One thing cannot be found here: that records at
the end were cut off together with all that they changed. To find such a cut, a head that is kept elsewhere is needed. For the
live database, the daemon notes the head (``jitd/lifecycle/integrity.py``). For any other database, somebody has to keep the head
(SECURITY.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jitd.core import grant, holding, lock, owed_review, request, run
from jitd.core.chain import GENESIS, follow

_OPEN: dict[str, frozenset[str]] = {
    life: frozenset(str(state) for state, events in law.items() if events)
    for life, law in (
        ("request", request.LAW),
        ("grant", grant.LAW),
        ("run", run.LAW),
        ("lock", lock.LAW),
        ("holding", holding.LAW),
        ("owed_review", owed_review.LAW),
    )
}
"""life → the states in which something can still happen to an object."""


class Finding(Exception):
    """The chain itself holds, but does not agree with the stored objects. ``number`` is the number of the record; 0 for none."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


@dataclass(frozen=True, slots=True)
class Verified:
    """The result: ``n`` records hold, and ``head`` (32 bytes) is the digest of the last seal. A copy of ``head`` that is kept
    elsewhere proves these records again later.
    """

    n: int
    head: bytes


@dataclass(slots=True)
class _Last:
    """What was last recorded of one object."""

    number: int
    version: int
    state: str
    document: str


def verify(
    records: Iterable[tuple[int, bytes, bytes]],
    documents: Iterable[tuple[str, str, bytes]],
    misfiled: Iterable[tuple[str, str]] = (),
) -> Verified:
    """Verify the whole record. A record is (number, body, digest). A document is (life, id, stored bytes), read at the same
    moment. ``misfiled`` are life and id of objects that the store would not find by what their documents say.

    Raises chain.Broken if the chain itself does not hold, and Finding if the chain and the stored objects do not agree.
    """
    head = GENESIS
    last: dict[tuple[str, str], _Last] = {}
    clock = _Clock()
    for head, content in follow(records):
        if not isinstance(content, dict):
            raise Finding(head.number, f"record {head.number} is not a record of jitd")
        clock.tick(head.number, content)
        _take(head.number, content, last)
    _compare(last, documents)
    for life, id in misfiled:
        raise Finding(0, f"the columns of {life} {id} differ from its document, so it is not found, or found wrongly")
    return Verified(head.number, head.digest)


class _Clock:
    """The boot clock in the records. The clock must not go back within one boot. After a record of another boot, no record of the
    first boot may follow.
    """

    def __init__(self) -> None:
        self.boot_id: str | None = None
        self.boot = 0.0
        self.past: set[str] = set()

    def tick(self, number: int, content: dict[str, Any]) -> None:
        """Check the time of the next record. Raises Finding."""
        try:
            boot_id, boot = content["boot_id"], float(content["boot"])
        except (KeyError, TypeError, ValueError):
            raise Finding(number, f"record {number} does not tell its time") from None
        if boot_id != self.boot_id:
            if boot_id in self.past:
                raise Finding(number, f"record {number} is of a boot that had ended before the record before it")
            if self.boot_id is not None:
                self.past.add(self.boot_id)
            self.boot_id = boot_id
        elif boot < self.boot:
            raise Finding(number, f"record {number} is older than the one before it")
        self.boot = boot


def _take(number: int, content: dict[str, Any], last: dict[tuple[str, str], _Last]) -> None:
    """Note what record ``number`` tells of its object, if the record is about an object. Raises Finding."""
    life = str(content.get("event")).partition(".")[0]
    if "id" not in content:
        if life in _OPEN:
            raise Finding(number, f"record {number} is about a {life} and does not say which")
        return
    id, version, state, document = (content.get(name) for name in ("id", "version", "state", "document"))
    if life not in _OPEN or not isinstance(id, str) or type(version) is not int or not isinstance(document, str):
        raise Finding(number, f"record {number} is not a record of jitd")
    before = last.get((life, id))
    if before is not None and before.state not in _OPEN[life]:
        raise Finding(number, f"record {number}: {life} {id} had ended as {before.state} with record {before.number}")
    expected = 1 if before is None else before.version + 1
    if version != expected:
        raise Finding(number, f"record {number}: {life} {id} gets version {version}, and version {expected} was due")
    last[life, id] = _Last(number, version, str(state), document)


def _compare(last: dict[tuple[str, str], _Last], documents: Iterable[tuple[str, str, bytes]]) -> None:
    """Compare the stored objects with what was last recorded of each. Raises the Finding with the lowest number."""
    found: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for life, id, document in documents:
        told = last.get((life, id))
        if told is None:
            found.append(Finding(0, f"{life} {id} is stored, and no record tells of it"))
        elif (life, id) in seen:
            found.append(Finding(told.number, f"{life} {id} is stored twice"))
        elif hashlib.sha256(document).hexdigest() != told.document:
            found.append(Finding(told.number, f"{life} {id} is not as record {told.number} left it"))
        seen.add((life, id))
    for (life, id), told in last.items():
        if (life, id) not in seen:
            found.append(Finding(told.number, f"{life} {id} is missing: record {told.number} tells of it"))
    if found:
        raise min(found, key=lambda finding: finding.number)
