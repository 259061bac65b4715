# SPDX-License-Identifier: Apache-2.0
"""Verifies the record. The verifier reads the chain once from start to end. After that, the verifier compares the stored objects
with their records in the chain.

Law: pure. The verifier reports the first fault that it finds, with a sentence and the number of the record. There are two attacks
that the verifier cannot detect. An attacker can remove the last records of the chain, and undo in the stored objects what these
records describe. An attacker can also change a record, and compute all later seals again, because a seal needs no key. To detect
these attacks, a copy of the head of the chain must be stored in another place. The head is the seal of the last record. The
daemon stores such a copy for the live database (``jitd/lifecycle/integrity.py``). For every other database, an administrator
must keep a copy of the head (SECURITY.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from jitd.core import grant, holding, lock, owed_review, request, run
from jitd.core.chain import GENESIS, follow
from jitd.core.frozen import dataclass

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
"""Maps the name of a life cycle to the states in which an object can still change."""


class Finding(Exception):
    """Raised if the seals of the chain are intact, but a record is wrong, or does not agree with the stored objects. ``number``
    is the number of the record with the fault. ``number`` is 0 if the fault does not belong to one record.
    """

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a successful verification. ``n`` is the number of records, which are all intact. ``head`` is the digest of
    the last seal (32 bytes). Keep a copy of ``head`` in another place: a later verification can then prove that nobody has
    changed these records.
    """

    n: int
    head: bytes


@dataclass(slots=True)
class _Last:
    """The latest record about one object."""

    number: int
    version: int
    state: str
    document: str


def verify(
    records: Iterable[tuple[int, bytes, bytes]],
    documents: Iterable[tuple[str, str, bytes]],
    misfiled: Iterable[tuple[str, str]] = (),
) -> Verified:
    """Verify the whole record. Each record is a tuple (number, body, digest). A document is an object in its stored form. Each
    item of ``documents`` is a tuple (life, id, stored bytes). All documents must be read at the same moment. Some values of a
    document are also stored in columns of the database. The store uses these columns to find an object. ``misfiled`` contains
    the life cycle and the id of each object whose columns differ from its document. The store might not find such an object.

    Raises chain.Broken if a seal of the chain is wrong. Raises Finding for every other fault.
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
    """Checks the boot clock times in the records. Within one boot, the times must not go backwards. When the records of a new
    boot have begun, no later record may belong to an earlier boot.
    """

    def __init__(self) -> None:
        self.boot_id: str | None = None
        self.boot = 0.0
        self.past: set[str] = set()

    def tick(self, number: int, content: dict[str, Any]) -> None:
        """Check the boot clock time of the next record, ``content``. Raises Finding if this time cannot follow the time of the
        record before it.
        """
        try:
            boot_id, boot = content["boot_id"], float(content["boot"])
        except (KeyError, TypeError, ValueError):
            raise Finding(number, f"record {number} has no time") from None
        if boot_id != self.boot_id:
            if boot_id in self.past:
                raise Finding(number, f"record {number} is from a boot of this host that had ended before record {number - 1}")
            if self.boot_id is not None:
                self.past.add(self.boot_id)
            self.boot_id = boot_id
        elif boot < self.boot:
            raise Finding(number, f"record {number} is older than the record before it")
        self.boot = boot


def _take(number: int, content: dict[str, Any], last: dict[tuple[str, str], _Last]) -> None:
    """If record ``number`` is about an object, remember it in ``last`` as the latest record about this object. Raises Finding if
    the record cannot follow the earlier records about the object.
    """
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
        raise Finding(number, f"record {number}: {life} {id} had ended already ({before.state}) with record {before.number}")
    expected = 1 if before is None else before.version + 1
    if version != expected:
        raise Finding(number, f"record {number}: {life} {id} gets version {version}, but the next version is {expected}")
    last[life, id] = _Last(number, version, str(state), document)


def _compare(last: dict[tuple[str, str], _Last], documents: Iterable[tuple[str, str, bytes]]) -> None:
    """Compare each stored object with the latest record about it. If there are several faults, raises the Finding with the lowest
    record number.
    """
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
