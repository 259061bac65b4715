# SPDX-License-Identifier: Apache-2.0
"""The verifier: a record of real lives verifies, and whatever single thing is done to it afterwards is found."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit.findings import Flaw, Wrong
from jitd.audit.forms import Checkpoint
from jitd.audit.verify import verify
from jitd.core import run
from jitd.core.chain import GENESIS, Seal, canonical, seal
from jitd.core.effects import Moment
from jitd.core.law import MONITOR
from jitd.core.request import Verdict
from jitd.core.run import Ending, Outcome
from jitd.core.values import Entry, Values
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import StoreError
from jitd.store.sqlite import SqliteStore
from tests.any_index import AnyIndex
from tests.scene import asked, moment, permit, person, review, screened, submit, too_late, withdraw

Record = tuple[int, bytes, bytes]
Document = tuple[str, str, bytes]


@dataclass
class Past:
    """What is stored: records and documents, to be tampered with. The values are those of ``entries``."""

    records: list[Record]
    documents: list[Document]
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = [json.loads(body) for _, body, _ in self.records]

    def sealed_anew(self, bodies: list[bytes]) -> list[Record]:
        """A chain over ``bodies``: what somebody makes who knows how, and can write the whole database."""
        at, records = GENESIS, []
        for body in bodies:
            at = seal(at, body)
            records.append((at.number, body, at.digest))
        return records


@dataclass
class Stored:
    """What the verifier reads of a database."""

    rows: list[Record]
    kept: list[Document]
    entries: dict[str, list[Entry]]

    def head(self) -> Seal:
        return Seal(self.rows[-1][0], self.rows[-1][2]) if self.rows else GENESIS

    def records(self, after: int = 0) -> Iterator[Record]:
        return (row for row in self.rows if row[0] > after)

    def documents(self) -> Iterator[Document]:
        return iter(self.kept)

    def document(self, life: str, id: str) -> bytes | None:
        return next((document for kind, one, document in self.kept if (kind, one) == (life, id)), None)

    def objects(self) -> Iterator[tuple[str, str, bytes, str | None]]:
        return ((*object, None) for object in self.kept)

    def misfiled(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def indexed(self, after: int) -> AnyIndex:
        return AnyIndex()

    def is_indexed(self, last: int, names: int) -> bool:
        return True

    def misindexed(self) -> Iterator[int]:
        return iter(())

    def standing(self, digest: str) -> bytes | None:
        return None

    def policy_document(self, digest: str) -> bytes | None:
        return None

    def faults(self) -> Iterator[str]:
        return iter(())

    def said(self, texts: Collection[str] = ()) -> Iterator[Values]:
        return (Values(id, of, bytes) for id, of in self.entries.items())

    def committed(self, id: str) -> frozenset[bytes]:
        return frozenset(entry.committed.hex().encode() for entry in self.entries.get(id, ()))

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        return iter(())

    def last_checkpoint(self) -> Checkpoint | None:
        return None


def found_in(past: Past, records: list[Record], documents: list[Document]) -> list[Flaw]:
    found: list[Flaw] = []
    verify(Stored(records, documents, past.entries), found.append)
    return found


def found_in_store(store: SqliteStore) -> list[Flaw]:
    found: list[Flaw] = []
    verify(store, found.append)
    return found


def live(path: Path) -> None:
    """Some lives in a database: approved and run, denied, withdrawn, expired, one that still waits."""
    store = SqliteStore(path)
    clock = iter(range(10_000))
    lifecycle = Lifecycle(store, lambda: moment(next(clock)), lambda: "policy-1")
    lifecycle.note("daemon.started", "root", 0, {"rules": 1})
    ids = ["AAAA-0001", "AAAA-0002", "AAAA-0003", "AAAA-0004", "AAAA-0005"]
    for id in ids:
        request = asked(id)
        lifecycle.handle(submit(request))
        lifecycle.handle(screened(request, permit()))
    waiting = [store.request(id) for id in ids]
    first, second, third, fourth, _ = (request for request in waiting if request is not None)
    lifecycle.handle(review(first, person("bob")))
    lifecycle.handle(run.Started(first.id, MONITOR, 4711))
    lifecycle.handle(run.Ended(first.id, MONITOR, Outcome(Ending.EXITED, 0)))
    lifecycle.handle(review(second, person("carol"), Verdict.DENY, comment="no"))
    lifecycle.handle(withdraw(third))
    lifecycle.handle(too_late(fourth))
    lifecycle.note("daemon.stopped", "root", 0, {})
    store.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "jitd.db"
    live(path)
    return path


@pytest.fixture(scope="module")
def past(database: Path) -> Past:
    store = SqliteStore.reading(database)
    try:
        records, documents = list(store.records()), list(store.documents())
        return Past(records, documents, {id: list(store.values(id)) for _, id, _ in documents})
    finally:
        store.close()


def test_a_true_record_verifies(past: Past) -> None:
    found: list[Flaw] = []
    verified = verify(Stored(past.records, past.documents, past.entries), found.append)
    assert (verified.head.number, verified.head.digest, found) == (len(past.records), past.records[-1][2], [])
    assert len(past.records) > 20 and any(past.entries.values())


def test_an_empty_record_verifies() -> None:
    found: list[Flaw] = []
    assert verify(Stored([], [], {}), found.append).head == GENESIS
    assert found == []


# --- one change, of every kind, at every place ---------------------------------------------------------------------------


def edit(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One bit of a record's body."""
    records = list(past.records)
    number, body, digest = records[at % len(records)]
    changed = bytearray(body)
    changed[bit // 8 % len(body)] ^= 1 << bit % 8
    records[at % len(records)] = (number, bytes(changed), digest)
    return records, past.documents


def edit_digest(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One bit of a record's digest."""
    records = list(past.records)
    number, body, digest = records[at % len(records)]
    changed = bytearray(digest)
    changed[bit // 8 % len(digest)] ^= 1 << bit % 8
    records[at % len(records)] = (number, body, bytes(changed))
    return records, past.documents


def delete(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One record, not the last one."""
    at %= len(past.records) - 1
    return past.records[:at] + past.records[at + 1 :], past.documents


def swap(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """Two neighbours, bodies and digests under the old numbers."""
    at %= len(past.records) - 1
    records = list(past.records)
    one, other = records[at], records[at + 1]
    records[at], records[at + 1] = (one[0], *other[1:]), (other[0], *one[1:])
    return records, past.documents


def cut(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """The end, with at least one thing that happened to something."""
    return past.records[: at % (len(past.records) - 1)], past.documents


def forge(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """The last record about something tells of another document, and all is sealed anew."""
    last = {(body["event"].partition(".")[0], body["id"]): n for n, body in enumerate(past.bodies) if "id" in body}
    place = sorted(last.values())[at % len(last)]
    bodies = [body for _, body, _ in past.records]
    bodies[place] = canonical({**past.bodies[place], "document": hashlib.sha256(b"%d" % bit).hexdigest()})
    return past.sealed_anew(bodies), past.documents


def leave_out(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One record about something, and all is sealed anew."""
    places = [n for n, body in enumerate(past.bodies) if "id" in body]
    place = places[at % len(places)]
    return past.sealed_anew([body for n, (_, body, _) in enumerate(past.records) if n != place]), past.documents


def repeat(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One record about something happens twice, and all is sealed anew."""
    places = [n for n, body in enumerate(past.bodies) if "id" in body]
    bodies = [body for _, body, _ in past.records]
    place = places[at % len(places)]
    return past.sealed_anew([*bodies[: place + 1], *bodies[place:]]), past.documents


def put_back(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One record is moved to before something older, and all is sealed anew."""
    bodies = [body for _, body, _ in past.records]
    place = at % (len(bodies) - 1)
    return past.sealed_anew([*bodies[:place], bodies[-1], *bodies[place:-1]]), past.documents


def change_document(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One bit of a stored object."""
    documents = list(past.documents)
    life, id, document = documents[at % len(documents)]
    changed = bytearray(document)
    changed[bit // 8 % len(document)] ^= 1 << bit % 8
    documents[at % len(documents)] = (life, id, bytes(changed))
    return past.records, documents


def remove_document(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """One stored object."""
    at %= len(past.documents)
    return past.records, past.documents[:at] + past.documents[at + 1 :]


def add_document(past: Past, at: int, bit: int) -> tuple[list[Record], list[Document]]:
    """An object that nobody recorded."""
    life, _, document = past.documents[at % len(past.documents)]
    return past.records, [*past.documents, (life, "ZZZZ-9999", document)]


TAMPERINGS: list[Callable[[Past, int, int], tuple[list[Record], list[Document]]]] = [
    edit, edit_digest, delete, swap, cut, forge, leave_out, repeat, put_back, change_document, remove_document, add_document,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 100_000))
def test_any_single_change_is_found(tamper: Callable[..., Any], past: Past, at: int, bit: int) -> None:
    found = found_in(past, *tamper(past, at, bit))
    assert found
    assert all(0 <= one.number <= len(past.records) + 1 and str(one).isprintable() for one in found)


def test_every_record_that_is_wrong_is_named(past: Past) -> None:
    records, documents = edit(past, 17, 5)
    twelfth, _ = edit(past, 11, 5)
    records[11] = twelfth[11]
    assert [(one.wrong, one.number) for one in found_in(past, records, documents)] == [(Wrong.EDITED, 12), (Wrong.EDITED, 18)]


def test_an_object_that_was_changed_is_named_with_its_last_record(past: Past) -> None:
    (found,) = found_in(past, *change_document(past, 0, 9))
    assert found.wrong is Wrong.STORE_DIFFERS and found.sentence.startswith("request AAAA-0001 is not as record")
    assert past.bodies[found.number - 1]["id"] == "AAAA-0001"


# --- things that only a forger with the whole database writes -------------------------------------------------------------


def test_nothing_happens_after_an_end(past: Past) -> None:
    """What the tables of the core do not let happen is no true record, however well it is sealed."""
    ended = next(body for body in reversed(past.bodies) if body["event"] == "request.deadline_passed")
    extra = {**ended, "event": "request.withdrawn", "version": ended["version"] + 1, "boot": past.bodies[-1]["boot"]}
    bodies = [*(body for _, body, _ in past.records), canonical(extra)]
    (found,) = found_in(past, past.sealed_anew(bodies), past.documents)
    assert found.wrong is Wrong.ADDED and "had ended already (expired)" in found.sentence


def note_at(now: Moment) -> dict[str, Any]:
    return {"event": "policy.loaded", "at": now.at.isoformat(), "boot": f"{now.boot:.6f}", "boot_id": now.boot_id}


@pytest.mark.parametrize(
    ("moments", "sentence"),
    [
        ([moment(5), moment(4)], "older than the record before"),
        ([moment(5), moment(1, "boot-2"), moment(6)], "from a boot of this host that had ended"),
    ],
)
def test_time_does_not_go_back(moments: list[Moment], sentence: str) -> None:
    records = Past([], []).sealed_anew([canonical(note_at(now)) for now in moments])
    (found,) = found_in(Past([], []), records, [])
    assert found.wrong is Wrong.EXCHANGED and sentence in found.sentence


@pytest.mark.parametrize("at", ["2026-13-02T09:00:00+00:00", "2026-02-30T09:00:00+00:00", "yesterday", None, 7])
def test_a_time_that_no_calendar_has_is_found(past: Past, at: object) -> None:
    """verify.py finds it in a pack, too."""
    bodies = [body for _, body, _ in past.records]
    bodies[4] = canonical({**past.bodies[4], "at": at})
    (found,) = found_in(past, past.sealed_anew(bodies), past.documents)
    assert str(found) == "not a record: record 5 has a time that no calendar has"


def test_a_new_boot_begins_its_clock_anew() -> None:
    moments = (moment(50), moment(1, "boot-2"), moment(1, "boot-2"))
    records = Past([], []).sealed_anew([canonical(note_at(now)) for now in moments])
    assert found_in(Past([], []), records, []) == []


@pytest.mark.parametrize(
    "body",
    [[], "x", 5, {}, {"event": "daemon.started"}, {"event": "daemon.started", "boot_id": "b", "boot": None},
     {"event": "request.submitted", "boot_id": "b", "boot": "1"},
     {"event": "lock.set", "id": "X", "boot_id": "b", "boot": "1"},
     {"event": "request.submitted", "id": "X", "version": True, "document": "", "boot_id": "b", "boot": "1"},
     {"event": "request.submitted", "id": 5, "version": 1, "document": "", "boot_id": "b", "boot": "1"}],
)  # fmt: skip
def test_what_is_no_record_is_a_finding_and_no_crash(body: Any) -> None:
    (found,) = found_in(Past([], []), Past([], []).sealed_anew([canonical(body)]), [])
    assert found.wrong is Wrong.NOT_A_RECORD


# --- the database --------------------------------------------------------------------------------------------------------


def test_a_change_made_by_sql_is_found(tmp_path: Path) -> None:
    """THREATS A-04: whoever can drop the triggers is found out."""
    path = tmp_path / "jitd.db"
    live(path)
    forger = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        forger.execute("UPDATE requests SET document = replace(document, 'true', 'evil') WHERE id = 'AAAA-0001'")
    forger.execute("DROP TRIGGER requests_move")
    forger.execute(
        "UPDATE requests SET document = CAST(replace(CAST(document AS TEXT), 'alice', 'eve') AS BLOB) WHERE id = 'AAAA-0001'"
    )
    forger.commit()
    forger.close()
    store = SqliteStore.reading(path)
    (found,) = found_in_store(store)
    assert found.wrong is Wrong.STORE_DIFFERS and "request AAAA-0001 is not as record" in found.sentence
    store.close()


def test_reading_sees_one_moment_and_can_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jitd.db"
    live(path)
    reader = SqliteStore.reading(path)
    before = reader.head()
    writer = SqliteStore(path)
    Lifecycle(writer, lambda: moment(20_000), lambda: "p").handle(submit(asked("BBBB-0001")))
    found: list[Flaw] = []
    assert (verify(reader, found.append).head, found) == (before, [])
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM chain")
    reader.close()
    writer.close()


def test_a_database_without_anything_of_ours_is_said_to_be_so(tmp_path: Path) -> None:
    """A copy of the file without its write-ahead log may hold no table at all."""
    path = tmp_path / "copy.db"
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(StoreError, match="not a jitd database"):
        SqliteStore.reading(path)
