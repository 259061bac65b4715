# SPDX-License-Identifier: Apache-2.0
"""Follows each object (a request, a grant, a run, …) through its records, and compares what is stored with its last record.

Law: the memory that this takes grows with the objects that are open at one time, and not with the length of the record. What a
whole record needs is not kept: sums of keyed digests tell whether the ended objects in the record are those in the store. If they
are not, the record is read again with a temporary file on the disk, to name which.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import dataclass as mutable
from typing import Any, Protocol, TypedDict, TypeGuard

import msgspec

from jitd.audit.findings import Flaw, Report, Wrong
from jitd.audit.moves import Held, Illegal, Link, Together, fault_of, held_of, is_id, link_of, step_of, wider
from jitd.audit.receipted import ISSUED
from jitd.core.chain import SET_ASIDE, detail_of, life_of
from jitd.core.moves import MAY_BE_SET_ASIDE, MOVES, NOTHING, RETURNED
from jitd.core.sought import seconds_of

OPEN: dict[str, frozenset[str]] = {
    life: frozenset(state for state, row in moves.items() if state != NOTHING and row) for life, moves in MOVES.items()
}
"""Maps the name of a life cycle to the states in which an object can still change."""
ASIDE = "set aside"  # stands for the state of an object after which no record of it may come
MOST_OPEN = 100_000  # if a record has more open objects at one time, the verifier keeps them on the disk
MOST_GAPS = 1000  # places at which it is looked whether missing records come later
MOST_NAMED = 3  # so many of the objects that are wrong in the same way are named in one finding

Document = tuple[str, str, bytes]  # the life cycle, the id and the stored bytes of an object


class Doubt(Exception):
    """Something is wrong, or cannot be told without more memory: read again with ``OnDisk``."""


def doubt(_: Flaw) -> None:
    """Is a ``Report``. Raises Doubt."""
    raise Doubt


@dataclass(frozen=True, slots=True)
class Last:
    """The latest record about one object. ``document`` is the SHA-256 of its document in hexadecimal digits."""

    number: int
    version: int
    state: str
    document: str


class Latest(Protocol):
    """Knows the latest record about each object."""

    def get(self, life: str, id: str) -> Last | None:
        """Return the latest record about an object, or None if there is none."""

    def put(self, life: str, id: str, last: Last, *, is_open: bool) -> None:
        """Remember ``last`` as the latest record about an object, which can change no more if ``is_open`` is false."""

    def compare(self, documents: Iterable[Document], report: Report) -> None:
        """Report each object that is not stored as its latest record left it."""


class InMemory:
    """Forgets an object when it has ended, and raises Doubt where it would have had to remember it."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Last] = {}
        self._key = secrets.token_bytes(32)
        self._sum = 0

    def get(self, life: str, id: str) -> Last | None:
        return self._open.get((life, id))

    def put(self, life: str, id: str, last: Last, *, is_open: bool) -> None:
        if is_open:
            self._open[life, id] = last
            if len(self._open) > MOST_OPEN:
                raise Doubt
        else:
            self._open.pop((life, id), None)
            self._sum += sum_of(self._key, life, id, last.document)

    def compare(self, documents: Iterable[Document], report: Report) -> None:
        found = 0
        for life, id, document in documents:
            digest = hashlib.sha256(document).hexdigest()
            told = self._open.pop((life, id), None)
            if told is None:
                found += sum_of(self._key, life, id, digest)
            elif told.document != digest:
                raise Doubt
        if self._open or found != self._sum:
            raise Doubt


def sum_of(key: bytes, life: str, id: str, document: str) -> int:
    """Return a number that nobody foresees without ``key``. Their sums are the same for the same objects alone, in any order."""
    said = f"{document} {life} {id}".encode("utf-8", "surrogatepass")  # an id may have spaces, where the host lies
    return int.from_bytes(hashlib.blake2b(said, digest_size=32, key=key).digest(), "big")


class OnDisk:
    """Remembers every object, in a temporary file that nobody else can open and that ends with this object."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA cache_size = -16384;"
            "CREATE TABLE last (life, id, number, version, state, document, stored, PRIMARY KEY (life, id)) WITHOUT ROWID"
        )

    def get(self, life: str, id: str) -> Last | None:
        query = "SELECT number, version, state, document FROM last WHERE life = ? AND id = ?"
        row = self._db.execute(query, (life, _text(id))).fetchone()
        return None if row is None else Last(row[0], row[1], row[2], row[3])

    def put(self, life: str, id: str, last: Last, *, is_open: bool) -> None:
        row = (life, _text(id), last.number, last.version, _text(last.state), _text(last.document))
        self._db.execute("INSERT OR REPLACE INTO last VALUES (?, ?, ?, ?, ?, ?, 0)", row)

    def compare(self, documents: Iterable[Document], report: Report) -> None:
        newer: list[tuple[int, str]] = []
        untold: list[str] = []
        for life, id, document in documents:
            told = self.get(life, id)
            if told is None:
                untold.append(f"{life} {_shown(id)}")
                continue
            mark = "UPDATE last SET stored = stored + 1 WHERE life = ? AND id = ? RETURNING stored"
            ((n_stored,),) = self._db.execute(mark, (life, _text(id))).fetchall()
            if n_stored > 1:
                report(Flaw(Wrong.STORE_DIFFERS, told.number, f"{life} {_shown(id)} is stored twice"))
            elif hashlib.sha256(document).hexdigest() != told.document:
                if _version(document) > told.version:
                    newer.append((told.number, f"{life} {_shown(id)}"))
                else:
                    text = f"{life} {_shown(id)} is not as record {told.number} left it"
                    report(Flaw(Wrong.STORE_DIFFERS, told.number, text))
        for number, life, id in self._db.execute("SELECT number, life, id FROM last WHERE stored = 0 ORDER BY number"):
            report(Flaw(Wrong.STORE_DIFFERS, number, f"{life} {_shown(id)} is missing: record {number} tells of it"))
        if newer:
            names = [*(name for _, name in newer), *untold]
            named = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
            text = f"records are missing: more has happened to {named} than the record tells"
            report(Flaw(Wrong.CUT_TAIL, max(number for number, _ in newer), text))
            return
        for name in untold:
            report(Flaw(Wrong.STORE_DIFFERS, 0, f"{name} is stored, and no record tells of it"))

    def compare_told(self, document: Callable[[str, str], bytes | None], report: Report) -> None:
        """Report each object that is not stored as its latest record left it, as ``document`` returns what is stored of an object
        by its life and id. What no record tells of is not looked at.
        """
        for number, life, id, told in self._db.execute("SELECT number, life, id, document FROM last ORDER BY number"):
            stored = document(life, id)
            if stored is None:
                report(Flaw(Wrong.STORE_DIFFERS, number, f"{life} {_shown(id)} is missing: record {number} tells of it"))
            elif hashlib.sha256(stored).hexdigest() != told:
                report(Flaw(Wrong.STORE_DIFFERS, number, f"{life} {_shown(id)} is not as record {number} left it"))


@mutable(slots=True)
class _Gap:
    """Record ``number`` is about ``name`` and lacks the versions ``missing``. A later one, ``found_at`` or 0, has one of them."""

    number: int
    name: str
    missing: range
    found_at: int = 0


class Lives:
    """Follows the objects of a whole record. ``document`` returns what is stored of an object by its life and id. ``n_open``
    counts the open objects of each owner of values.
    """

    def __init__(self, latest: Latest, report: Report, document: Callable[[str, str], bytes | None]) -> None:
        self._latest = latest
        self._report = report
        self._document = document
        self._together = Together()
        self._clock = _Clock(report)
        self._gaps: list[_Gap] = []
        self._held: dict[str, Held] = {}  # the open grants of which the issue is known
        self.n_open: Counter[str] = Counter()

    def take(self, number: int, content: Any) -> None:
        """Check that record ``number`` can follow the records before it."""
        if not isinstance(content, dict):
            self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} is not a record of jitd"))
            return
        self._clock.tick(number, content)
        life = life_of(content)
        if content.get("event") == SET_ASIDE:
            self._set_aside(number, detail_of(content))
            return
        if "id" not in content:
            if life in OPEN:
                text = f"record {number} is about a {life} and does not say which"
                self._report(Flaw(Wrong.NOT_A_RECORD, number, text))
            return
        id, version, state, document = content["id"], content.get("version"), content.get("state"), content.get("document")
        if life not in OPEN or type(id) is not str or not is_version(version) or not is_digest(document):
            self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} is not a record of jitd"))
            return
        if not is_id(life, id):
            text = f"record {number} is about {life} {_shown(id)}: jitd gives no such id"
            self._report(Flaw(Wrong.NOT_A_RECORD, number, text))
            return
        state = str(state)
        before = self._latest.get(life, id)
        is_open = state in OPEN[life]
        self._follow(number, f"{life} {_shown(id)}", version, before, OPEN[life])
        if before is None or (version == before.version + 1 and before.state in OPEN[life]):
            self._check_move(number, f"{life} {_shown(id)}", before, content)
        self._latest.put(life, id, Last(number, version, state, document), is_open=is_open)
        if life == "grant" and not is_open and (held := self._held.pop(id, None)) is not None:
            self._check_left(number, id, held)
        if before is None and is_open:
            self.n_open[id.partition(".")[0]] += 1
        elif before is not None and not is_open:
            self._ends(id)

    def _check_move(self, number: int, name: str, before: Last | None, content: dict[str, Any]) -> None:
        """Check that ``content`` may follow ``before``. Without it, nothing came before, or what came is not known."""
        state = before.state if before is not None else NOTHING if content["version"] == 1 else None
        fault, wrong = fault_of(state, content), Wrong.NOT_A_RECORD
        if not fault and (link := link_of(content)) is not None:
            fault, wrong = self._missing(content, link), Wrong.REMOVED
        try:
            self._use(content)
        except Illegal as illegal:
            fault, wrong = (fault, wrong) if fault else (str(illegal), Wrong.NOT_A_RECORD)
        if fault:
            self._report(Flaw(wrong, number, f"record {number}, about {name}, {fault}"))

    def _missing(self, content: Mapping[str, Any], link: Link) -> str:
        return self._together.take(content.get("at"), link)

    def _use(self, content: Mapping[str, Any]) -> None:
        """Raises Illegal."""
        id = content["id"]
        if content["event"] == ISSUED:
            self._held[id] = stored_grant(content, self._document)[1]
        elif (held := self._held.get(id)) is not None and (step := step_of(content)) is not None:
            held.take(step)

    def _check_left(self, number: int, id: str, held: Held) -> None:
        try:
            held.end()
        except Illegal as illegal:
            self._report(Flaw(Wrong.STORE_DIFFERS, number, f"record {number}, about grant {id}, {illegal}"))

    def _set_aside(self, number: int, detail: Mapping[str, Any]) -> None:
        """The object that ``detail`` names was damaged: it ends as its last record left it."""
        for life, id in detail.items():
            if life in OPEN and life not in MAY_BE_SET_ASIDE:
                self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} sets aside a {life}, which jitd does not do"))
            before = self._latest.get(life, id) if life in OPEN and type(id) is str else None
            if before is None or before.state not in OPEN[life]:
                continue
            self._latest.put(life, id, replace(before, number=number, state=ASIDE), is_open=False)
            if life == "grant":
                self._held.pop(id, None)
            elif life == "run":
                self._together.set_aside(id)
            self._ends(id)

    def _ends(self, id: str) -> None:
        owner = id.partition(".")[0]
        self.n_open[owner] -= 1
        if not self.n_open[owner]:
            del self.n_open[owner]

    def _follow(self, number: int, name: str, version: int, before: Last | None, open: frozenset[str]) -> None:
        expected = 1 if before is None else before.version + 1
        gap = next((gap for gap in self._gaps if gap.name == name and version in gap.missing), None)
        if gap is not None:
            gap.found_at = number
        elif before is not None and before.state not in open:
            text = f"record {number}: {name} had ended already ({before.state}) with record {before.number}"
            self._report(Flaw(Wrong.ADDED, number, text))
        elif version > expected:
            self._report_gap(_Gap(number, name, range(expected, version)))
        elif version < expected:
            text = f"record {number} is there twice, or was put in: {name} had version {version} before"
            self._report(Flaw(Wrong.ADDED, number, text))

    def _report_gap(self, gap: _Gap) -> None:
        """What is missing may come later, so it is reported at the end."""
        if self._report is doubt:
            raise Doubt
        if len(self._gaps) < MOST_GAPS:
            self._gaps.append(gap)

    def end(self) -> None:
        """Report what was missing and did not come later, and what is stored of an open grant beside its record."""
        for id, held in self._held.items():
            last = self._latest.get("grant", id)
            self._check_left(0 if last is None else last.number, id, held)
        for gap in self._gaps:
            if gap.found_at:
                text = f"records {gap.number} and {gap.found_at}, about {gap.name}, stand in each other's places"
                self._report(Flaw(Wrong.EXCHANGED, gap.number, text))
            else:
                text = f"before record {gap.number}, a record about {gap.name} is missing: version {gap.missing[0]} of it"
                self._report(Flaw(Wrong.REMOVED, gap.number, text))

    def compare(self, documents: Iterable[Document]) -> None:
        """Compare the stored objects with the records. Call this after the last record."""
        self._latest.compare(documents, self._report)


class LaterLives(Lives):
    """Follows the objects of the end of a record. What happened to an object before that is not missing."""

    def __init__(self, latest: Latest, report: Report, document: Callable[[str, str], bytes | None]) -> None:
        super().__init__(latest, report, document)
        self._together = Together(is_begun=True)

    def _missing(self, content: Mapping[str, Any], link: Link) -> str:
        """A run may have been set aside before."""
        fault = super()._missing(content, link)
        return "" if content["event"] == RETURNED else fault

    def _report_gap(self, gap: _Gap) -> None:
        if gap.missing.start > 1:
            super()._report_gap(gap)


def stored_grant(issued: Mapping[str, Any], document: Callable[[str, str], bytes | None]) -> tuple[str, Held]:
    """Return how the grant that ``document`` returns as the stored one differs from the record of its issue, as the end of a
    sentence about the record, or "", and the grant itself. That it is missing is found where objects are compared. Raises
    Illegal.
    """
    held = held_of(issued)
    found = document("grant", str(issued.get("id")))
    try:
        stored = None if found is None else _terms(found)
    except (ValueError, RecursionError):
        return "issues a grant that, as it is stored, cannot be read", held
    if stored is None or (fault := wider(issued, held, stored)):
        return "" if stored is None else fault, held
    held.left = stored.get("left")
    return "", held


def is_version(version: Any) -> TypeGuard[int]:
    """True if a store can have ``version`` of an object."""
    return type(version) is int and 0 < version < 1 << 63


_DIGEST = re.compile("[0-9a-f]{64}")


def is_digest(document: Any) -> TypeGuard[str]:
    """True if ``document`` is written as the SHA-256 of a document."""
    return type(document) is str and _DIGEST.fullmatch(document) is not None


class _Terms(TypedDict, total=False):
    """What a stored grant has of the terms that the record of its issue has."""

    holder: dict[str, Any]
    uses: Any
    left: Any
    begins_at: Any
    ends_at: Any
    ends_boot: Any
    terms: dict[str, Any]


_terms = msgspec.json.Decoder(_Terms).decode


class _Clock:
    """Within a boot, the clock goes forward. Once a new boot has records, no later one may be of an earlier boot."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._boot_id: str | None = None
        self._boot = 0.0
        self._past: set[str] = set()

    def tick(self, number: int, content: dict[str, Any]) -> None:
        """Check the time of the next record."""
        try:
            boot_id, boot = str(content["boot_id"]), float(content["boot"])
        except (KeyError, TypeError, ValueError, OverflowError):
            boot_id, boot = "", math.nan
        if not math.isfinite(boot):
            self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} has no time"))
            return
        if seconds_of(content.get("at")) is None:
            self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} has a time that no calendar has"))
        if boot_id != self._boot_id:
            if boot_id in self._past:
                text = f"record {number} is from a boot of this host that had ended before record {number - 1}"
                self._report(Flaw(Wrong.EXCHANGED, number, text))
            if self._boot_id is not None:
                self._past.add(self._boot_id)
            self._boot_id = boot_id
        elif boot < self._boot:
            self._report(Flaw(Wrong.EXCHANGED, number, f"record {number} is older than the record before it"))
        self._boot = boot


def _version(document: bytes) -> int:
    try:
        version = json.loads(document)["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if type(version) is int else 0


def _text(text: str) -> str:
    """SQLite's texts cannot contain half of a surrogate pair."""
    return text if text.isascii() else ascii(text)


def _shown(id: str) -> str:
    """An id of a true record has only letters, digits, hyphens and a full stop."""
    return id if id.isascii() and id.isprintable() else ascii(id)
